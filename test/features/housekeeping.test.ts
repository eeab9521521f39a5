import { expect, it } from '@jest/globals';
import type { Database } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import { type FreshDatabase, freshDatabase } from '../support/databases.ts';
import { LOGIN, REGISTER, register } from '../support/documents.ts';
import { gate } from '../support/gate.ts';
import { useCleanups } from '../support/setup.ts';
import { createFrozenClock, describeApp, PASSWORD, START } from '../support/start-app.ts';
import { until } from '../support/until.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Rows that a sweep finds, each in a millisecond of its own. */
const LEFTOVERS: Record<string, string> = {
  sessions: `INSERT INTO sessions (id, user_id, client_id, scope, amr, secret_hash, generation, skipped_generations,
      rotated_at, burst_from, burst_at, created_at, authenticated_at, idle_expires_at, expires_at, revoked_at)
    SELECT 'session-' || i, users.id, 'first-party', '', 'pwd', 'x', 0, 0, 0, 0, 0, 0, 0, at, at,
      CASE WHEN i % 2 = 0 THEN at END FROM rows_of, users`,
  throttles: `INSERT INTO throttles (key, count, started_at, blocked_until, max, window_ms)
    SELECT 'throttle-' || i, 1, at, 0, 5, 0 FROM rows_of`,
  one_time_tokens: `INSERT INTO one_time_tokens (token_hash, purpose, subject, email, email_canonical, payload,
      tries_left, created_at, expires_at)
    SELECT 'token-' || i, 'reset-password', 'subject-' || i, '', '', '', 5, at, at FROM rows_of`,
  mails: `INSERT INTO mails (id, template, sealed_content, created_at, expires_at, next_try_at, failed_at)
    SELECT 'decoy-' || i, 'reset-password', 'x', at, at, at, CAST(NULL AS BIGINT) FROM rows_of
    UNION ALL SELECT 'letter-' || i, 'reset-password', 'x', at, at + 1, at, at FROM rows_of`,
};

/** 250 of them, the first one from `at`. */
async function leave(database: Database, table: string, at: number): Promise<void> {
  await database.run(`DELETE FROM ${table}`);
  await database.run(
    `WITH RECURSIVE rows_of (i, at) AS (
       SELECT 1, CAST(:at AS BIGINT) UNION ALL SELECT i + 1, at + 1 FROM rows_of WHERE i < 250)
     ${LEFTOVERS[table]}`,
    { at },
  );
}

/** The same database; `intercept` gets each statement that writes outside of a transaction, and sends it. */
function intercepting(
  inner: Database,
  intercept: (text: string, send: () => Promise<number>) => Promise<number>,
): Database {
  return { ...inner, run: (text, params) => intercept(text, () => inner.run(text, params)) };
}

describeApp('housekeeping', (start, engine) => {
  const cleanups = useCleanups();

  async function migrated(): Promise<FreshDatabase> {
    const fresh = await freshDatabase(engine);
    cleanups.push(fresh.drop);
    await migrate(fresh.database);
    return fresh;
  }

  /** Two processes on one database, with one time. */
  async function startTwo() {
    const clock = createFrozenClock();
    const first = await start({ clock });
    const second = await start({ clock, database: first.database });
    return { clock, first, second, database: first.database };
  }

  it('of two processes, only one does the housekeeping', async () => {
    const { first, second } = await startTwo();
    const turns = await Promise.all([first.housekeeping.turn(), second.housekeeping.turn()]);
    expect(turns.filter(Boolean)).toHaveLength(1);
  });

  it('housekeeping stays with the process that does it, and goes to another when that process is gone', async () => {
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

  it('a process that stops hands the housekeeping on at once', async () => {
    const { first, second } = await startTwo();
    expect(await first.housekeeping.turn()).toBe(true);
    await first.housekeeping.close();
    expect(await second.housekeeping.turn()).toBe(true);
    expect(await first.housekeeping.turn()).toBe(false);
    // A process that gave its lease back cannot give it back again.
    await first.housekeeping.close();
    expect(await first.database.all('SELECT name FROM leases')).toHaveLength(1);
  });

  it('a lease that a wrong clock wrote does not hold up the housekeeping (CR-7)', async () => {
    const { clock, first, second } = await startTwo();
    clock.travel(365 * DAY_MS);
    expect(await first.housekeeping.turn()).toBe(true);
    clock.travel(-365 * DAY_MS);
    expect(await second.housekeeping.turn()).toBe(true);
  });

  it('a sweep deletes ended sessions and audit events past their retention', async () => {
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

  it('a sweep of a long backlog takes steps of at most 100 rows', async () => {
    const { database } = await migrated();
    const steps: Record<string, number[]> = {};
    const counting = intercepting(database, async (text, send) => {
      const [, table = ''] = /^(?:DELETE FROM|UPDATE) (\w+)/.exec(text) ?? [];
      const count = await send();
      steps[table] = [...(steps[table] ?? []), count];
      return count;
    });
    const app = await start({ database: counting });
    await register(app);
    const tables = Object.keys(LEFTOVERS);
    for (const table of tables) await leave(database, table, START - 60 * DAY_MS);
    for (const table of tables) steps[table] = [];

    await app.housekeeping.turn();
    for (const table of tables) {
      const left = await database.all(`SELECT 1 FROM ${table}`);
      expect({ table, left, longest: Math.max(...(steps[table] ?? [])) }).toEqual({
        table,
        left: [],
        longest: 100,
      });
    }
  });

  it('a long sweep holds up neither the chain of the audit trail nor the signing keys', async () => {
    const { database } = await migrated();
    const [reached, sweeping] = [gate(), gate()];
    const slow = intercepting(database, async (text, send) => {
      if (!text.startsWith('DELETE FROM sessions')) return send();
      reached.open();
      await sweeping.opened;
      return send();
    });
    const app = await start({ database: slow });
    await register(app);
    const first = app.housekeeping.turn();
    await reached.opened;

    await app.send(LOGIN, { input: { email: 'ada@example.com', password: 'a wrong one altogether' } });
    app.clock.travel(30 * DAY_MS);
    const unchained = `SELECT id FROM audit_events WHERE batch IS NULL AND name = 'authn_login_fail'`;
    // A turn leaves a chore alone that the turn before is still at.
    await until(async () => {
      expect(await app.housekeeping.turn()).toBe(true);
      const isChained = (await database.all(unchained)).length === 0;
      return (isChained && app.tokens.jwks().keys.length === 2) || undefined;
    });
    sweeping.open();
    expect(await first).toBe(true);
  });

  it('the signing keys are rotated on schedule by one process, and every other process only loads them (KEY-2)', async () => {
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

  it('a chore that fails is named in the log, and the other chores are done all the same', async () => {
    const app = await start();
    await app.database.run('ALTER TABLE throttles RENAME TO throttles_away');
    expect(await app.housekeeping.turn()).toBe(true);
    expect(app.lines.join('')).toContain('"chore":"stale throttles"');
    expect(await app.database.all('SELECT id FROM audit_events WHERE batch IS NULL')).toEqual([]);
  });

  it(`the leases table keeps one row per lease on ${engine}`, async () => {
    const { clock, first, second, database } = await startTwo();
    for (let turn = 0; turn < 5; turn += 1) {
      await Promise.all([first.housekeeping.turn(), second.housekeeping.turn()]);
      clock.travel(40_000);
    }
    const rows = await database.all<{ expiresAt: number }>('SELECT expires_at AS "expiresAt" FROM leases');
    expect(rows).toEqual([{ expiresAt: START + 4 * 40_000 + 30_000 }]);
  });
});
