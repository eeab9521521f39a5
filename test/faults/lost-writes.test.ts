import { expect, it } from '@jest/globals';
import type { Auth } from '../support/documents.ts';
import { refresh, refreshed, register } from '../support/documents.ts';
import { eventsOf } from '../support/events.ts';
import { describeApp, type TestApp } from '../support/start-app.ts';

/*
 * A replica that lost the last writes takes over: every session is n generations back, while its client holds, and
 * was told, the later token.
 */

const MINUTE_MS = 60_000;
const CLIENTS = 10;

describeApp('a replica that lost the last writes', (start) => {
  it.each([1, 2, 7])(
    'a replica that lost the last writes lets clients that are %d generations ahead go on (RT-10)',
    async (lost) => {
      const app = await start();
      const clients = await registerAll(app);
      const before = await rotate(app, clients, 3);
      const replica = await snapshot(app);
      const ahead = await rotate(app, before, lost);
      await restore(app, replica);

      const after = await rotate(app, ahead, 1);
      expect(await generations(app)).toEqual(new Array(CLIENTS).fill(3 + lost + 1));
      expect(await rotate(app, after, 1)).toHaveLength(CLIENTS);
      const skips = await eventsOf(app, 'authn_token_skip');
      expect(skips.map(({ details }) => JSON.parse(details))).toEqual(
        new Array(CLIENTS).fill({ skipped: lost }),
      );
    },
  );

  it('the tabs of a client that is ahead of a replica get one successor, after a repeat of an older token (RT-5)', async () => {
    const app = await start();
    const [first] = await registerAll(app);
    if (first === undefined) throw new Error('nobody');
    const replica = await snapshot(app);
    const [parent] = await rotate(app, [first], 4);
    const current = await refreshed(app, parent?.refreshToken ?? '');
    await restore(app, replica);

    // A tab that repeats an answer that was lost moves the row to where the client is.
    const repeated = await refreshed(app, parent?.refreshToken ?? '');
    expect(repeated.refreshToken).toBe(current.refreshToken);
    const answers = await Promise.all([1, 2, 3, 4].map(() => refreshed(app, current.refreshToken)));
    expect(new Set(answers.map(({ refreshToken }) => refreshToken)).size).toBe(1);
    expect(await eventsOf(app, 'authn_token_reuse')).toEqual([]);
  });

  it('a token from before lost writes still counts as stolen once its client went on (RT-3)', async () => {
    const app = await start();
    const clients = await registerAll(app);
    const replica = await snapshot(app);
    const ahead = await rotate(app, clients, 3);
    await restore(app, replica);
    await rotate(app, ahead, 1);
    app.clock.travel(MINUTE_MS);
    for (const { refreshToken } of clients)
      expect((await refresh(app, refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    expect(await eventsOf(app, 'authn_token_reuse')).toHaveLength(CLIENTS);
  });
});

function registerAll(app: TestApp): Promise<Auth[]> {
  const ips = Array.from({ length: CLIENTS }, (_, index) => `192.0.2.${index}`);
  return Promise.all(ips.map((ip, index) => register(app, `${index}@example.com`, { ip })));
}

/** The tokens after so many rotations, each a minute after the one before. */
async function rotate(app: TestApp, clients: readonly Auth[], times: number): Promise<Auth[]> {
  let current = [...clients];
  for (let rotation = 0; rotation < times; rotation += 1) {
    app.clock.travel(MINUTE_MS);
    current = await Promise.all(current.map(({ refreshToken }) => refreshed(app, refreshToken)));
  }
  return current;
}

type Row = Record<string, string | number | null>;

function snapshot(app: TestApp): Promise<Row[]> {
  return app.database.all<Row>('SELECT * FROM sessions');
}

async function restore(app: TestApp, rows: readonly Row[]): Promise<void> {
  for (const row of rows) {
    const columns = Object.keys(row).filter((name) => name !== 'id');
    const assignments = columns.map((name) => `${name} = :${name}`).join(', ');
    await app.database.run(`UPDATE sessions SET ${assignments} WHERE id = :id`, row);
  }
}

async function generations(app: TestApp): Promise<number[]> {
  const rows = await app.database.all<{ generation: number }>('SELECT generation FROM sessions');
  return rows.map(({ generation }) => generation);
}
