import { expect, it } from '@jest/globals';
import { REGISTER } from '../support/documents.ts';
import { createFrozenClock, describeApp, PASSWORD, START } from '../support/start-app.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

describeApp('housekeeping', (start, engine) => {
  /** Two processes on one database, with one time. */
  async function startTwo() {
    const clock = createFrozenClock();
    const first = await start({ clock });
    const second = await start({ clock, database: first.database });
    return { clock, first, second, database: first.database };
  }

  it('is done by one process alone', async () => {
    const { first, second } = await startTwo();
    const turns = await Promise.all([first.housekeeping.turn(), second.housekeeping.turn()]);
    expect(turns.filter(Boolean)).toHaveLength(1);
  });

  it('stays with the process that does it, and goes to another when that one is gone', async () => {
    const { clock, first, second } = await startTwo();
    expect(await first.housekeeping.turn()).toBe(true);
    clock.travel(20_000);
    expect(await first.housekeeping.turn()).toBe(true);
    clock.travel(20_000);
    expect(await second.housekeeping.turn()).toBe(false);
    clock.travel(10_000);
    expect(await second.housekeeping.turn()).toBe(true);
    expect(await first.housekeeping.turn()).toBe(false);
  });

  it('is handed on at once by a process that stops', async () => {
    const { first, second } = await startTwo();
    expect(await first.housekeeping.turn()).toBe(true);
    await first.housekeeping.close();
    expect(await second.housekeeping.turn()).toBe(true);
    expect(await first.housekeeping.turn()).toBe(false);
    // What it gave back once is not its own to give again.
    await first.housekeeping.close();
    expect(await first.database.all('SELECT name FROM leases')).toHaveLength(1);
  });

  it('is not held up by a lease that a wrong clock wrote (CR-7)', async () => {
    const { clock, first, second } = await startTwo();
    clock.travel(365 * DAY_MS);
    expect(await first.housekeeping.turn()).toBe(true);
    clock.travel(-365 * DAY_MS);
    expect(await second.housekeeping.turn()).toBe(true);
  });

  it('sweeps out ended sessions and audit events past their retention', async () => {
    const app = await start({ config: { auditRetentionSeconds: (60 * DAY_MS) / 1_000 } });
    const register = (email: string) => app.send(REGISTER, { input: { email, password: PASSWORD } });
    const counts = async () => {
      const [sessions, events] = await Promise.all([
        app.database.all('SELECT id FROM sessions'),
        app.database.all(`SELECT id FROM audit_events WHERE name = 'user_created'`),
      ]);
      return { sessions: sessions.length, events: events.length };
    };
    await register('ada@example.com');
    await app.housekeeping.turn();
    app.clock.travel(40 * DAY_MS);
    await register('grace@example.com');
    await app.housekeeping.turn();
    expect(await counts()).toEqual({ sessions: 1, events: 2 });
    app.clock.travel(20 * DAY_MS);
    await app.housekeeping.turn();
    expect(await counts()).toEqual({ sessions: 1, events: 2 });
    app.clock.travel(10 * MINUTE_MS);
    await app.housekeeping.turn();
    expect(await counts()).toEqual({ sessions: 1, events: 1 });
  });

  it('rotates the signing keys by their schedule, and every other process only loads them (KEY-2)', async () => {
    const { clock, first, second } = await startTwo();
    await first.housekeeping.turn();
    clock.travel(30 * DAY_MS);
    await second.tokens.reload();
    expect(second.tokens.jwks().keys).toHaveLength(1);
    await first.housekeeping.turn();
    await second.tokens.reload();
    expect(second.tokens.jwks().keys).toHaveLength(2);
    expect(await second.housekeeping.turn()).toBe(false);
  });

  it('says what failed, and does the rest all the same', async () => {
    const app = await start();
    await app.database.run('ALTER TABLE throttles RENAME TO throttles_away');
    expect(await app.housekeeping.turn()).toBe(true);
    expect(app.lines.join('')).toContain('"chore":"stale throttles"');
    expect(await app.database.all('SELECT id FROM audit_events WHERE batch IS NULL')).toEqual([]);
  });

  it(`keeps one row per lease on ${engine}`, async () => {
    const { clock, first, second, database } = await startTwo();
    for (let turn = 0; turn < 5; turn += 1) {
      await Promise.all([first.housekeeping.turn(), second.housekeeping.turn()]);
      clock.travel(40_000);
    }
    const rows = await database.all<{ expiresAt: number }>('SELECT expires_at AS "expiresAt" FROM leases');
    expect(rows).toEqual([{ expiresAt: START + 4 * 40_000 + 30_000 }]);
  });
});
