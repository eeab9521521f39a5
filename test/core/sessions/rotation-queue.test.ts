import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Sqlite from 'better-sqlite3';
import { Client } from 'pg';
import { createRotationQueue, type RotationQueue } from '../../../src/core/sessions/rotation-queue.ts';
import { findSession, type Rotation } from '../../../src/core/sessions/store.ts';
import { NO_DEADLINE } from '../../../src/platform/deadline.ts';
import { engines, type FreshDatabase, freshDatabase } from '../../support/databases.ts';
import { login, refreshed, register } from '../../support/documents.ts';
import { describeApp, startApp, type TestApp } from '../../support/start-app.ts';
import { noteStatements, verbAndTable } from '../../support/statements.ts';

const IP = '192.0.2.';

describe.each(engines)('rotations that arrive at once, on %s', (engine) => {
  let app: TestApp;
  let queue: RotationQueue;
  let statements: string[];
  /** Of three sessions of one user, each from a place of its own. */
  let rotations: Rotation[];

  beforeEach(async () => {
    app = await startApp({ engine });
    await register(app);
    for (let more = 0; more < 2; more += 1) await login(app);
    const counted = noteStatements(app.database, verbAndTable);
    statements = counted.statements;
    queue = createRotationQueue(counted.database);
    const rows = await app.database.all<{ sessionId: string; secretHash: string }>(
      'SELECT id AS "sessionId", secret_hash AS "secretHash" FROM sessions ORDER BY id',
    );
    const now = app.clock.now();
    rotations = rows.map((row, index) => ({
      ...row,
      spent: 0,
      now,
      burstLimit: now - 30_000,
      newIdleExpiresAt: now + 60_000 + index,
      newUserAgent: index === 0 ? null : `"browser" ${index}`,
      newIp: IP + index,
    }));
  });
  afterEach(() => app.stop());

  const rotateAll = (changes: readonly Partial<Rotation>[] = []) =>
    Promise.all(rotations.map((rotation, i) => queue.rotate({ ...rotation, ...changes[i] }, NO_DEADLINE)));

  it('rotations that arrive at once move each row by its own values, and share a statement on PostgreSQL', async () => {
    const now = app.clock.now();
    const moved = (index: number) => ({
      id: rotations[index]?.sessionId,
      generation: 1,
      rotatedAt: now,
      burstFrom: 0,
      burstAt: now,
      idleExpiresAt: now + 60_000 + index,
      userAgent: index === 0 ? null : `"browser" ${index}`,
      ip: IP + index,
    });
    expect(await rotateAll()).toMatchObject([moved(0), moved(1), moved(2)]);
    const said = Array(engine === 'postgres' ? 1 : 3).fill('UPDATE sessions');
    expect(statements).toEqual(said);
    await rotateAll(rotations.map(() => ({ spent: 1 })));
    expect(statements).toEqual([...said, ...said]);
    for (const { sessionId } of rotations)
      expect(await findSession(app.database, sessionId)).toMatchObject({ generation: 2 });
  });

  it.each<[string, Partial<Rotation>]>([
    ['spent', { spent: -1 }],
    ['of another secret', { secretHash: 'another' }],
    ['of no session', { sessionId: 'nobody' }],
    ['past its idle life', { now: Number.MAX_SAFE_INTEGER }],
  ])(
    'a refresh token that is %s is not rotated, and those that arrive with it are (RT-2)',
    async (_, change) => {
      const [first, second, third] = await rotateAll([{}, change, {}]);
      expect([first?.generation, second, third?.generation]).toEqual([1, undefined, 1]);
      const rows = await app.database.all('SELECT id FROM sessions WHERE generation = 1 ORDER BY id');
      expect(rows).toEqual([{ id: rotations[0]?.sessionId }, { id: rotations[2]?.sessionId }]);
    },
  );

  it('a refresh token that arrives twice at once is rotated once, and both requests are answered (RT-2)', async () => {
    rotations = [...rotations, ...rotations];
    const rotated = await rotateAll();
    expect(rotated.filter((row) => row !== undefined).map(({ generation }) => generation)).toEqual([1, 1, 1]);
  });

  it('a rotation whose deadline has passed fails as UNAVAILABLE and is not made, while the one beside it is', async () => {
    const { rotate } = createRotationQueue(app.database);
    const late = rotate(rotations[0] as Rotation, { hasPassed: () => true });
    const inTime = rotate(rotations[1] as Rotation, NO_DEADLINE);
    await expect(late).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await inTime).toMatchObject({ generation: 1 });
    expect(await findSession(app.database, rotations[0]?.sessionId ?? '')).toMatchObject({ generation: 0 });
  });

  it('rotations that arrive at once all fail when their statement does, and succeed when they come again', async () => {
    await app.database.run('ALTER TABLE sessions RENAME TO elsewhere');
    const failed = await Promise.allSettled(rotations.map((rotation) => queue.rotate(rotation, NO_DEADLINE)));
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await app.database.run('ALTER TABLE elsewhere RENAME TO sessions');
    expect(await rotateAll()).toMatchObject([{ generation: 1 }, { generation: 1 }, { generation: 1 }]);
  });
});

describeApp('refreshToken while another process writes the session', (start, engine) => {
  let fresh: FreshDatabase;
  beforeEach(async () => {
    fresh = await freshDatabase(engine);
  });
  afterEach(() => fresh.drop());

  /** Another process writes the row of a session, until it is let go. */
  async function holdSession(id: string): Promise<() => Promise<void>> {
    if (engine === 'sqlite') {
      const other = new Sqlite(fileURLToPath(fresh.url));
      other.exec('BEGIN IMMEDIATE');
      other.prepare('UPDATE sessions SET ip = ip WHERE id = ?').run(id);
      return async () => {
        other.exec('COMMIT');
        other.close();
      };
    }
    const other = new Client({ connectionString: fresh.url });
    await other.connect();
    await other.query('BEGIN');
    await other.query('UPDATE sessions SET ip = ip WHERE id = $1', [id]);
    return async () => {
      await other.query('COMMIT');
      await other.end();
    };
  }

  it('refreshToken waits for another process that writes its session, and holds up no other session on PostgreSQL', async () => {
    const app = await start({ database: fresh.database });
    const held = await register(app, 'held@example.com');
    const free = await register(app, 'free@example.com');
    const letGo = await holdSession(held.session.id);
    let isHeld = true;
    const wasHeld = refreshed(app, held.refreshToken).then((next) => ({ next, isHeld }));
    const other = refreshed(app, free.refreshToken);
    if (engine === 'postgres') {
      expect((await other).refreshToken).not.toBe(free.refreshToken);
    } else await pause(100);
    isHeld = false;
    await letGo();
    expect((await wasHeld).isHeld).toBe(false);
    expect((await wasHeld).next.refreshToken).not.toBe(held.refreshToken);
    expect((await other).refreshToken).not.toBe(free.refreshToken);
  });
});
