import { copyFileSync, rmSync } from 'node:fs';
import { afterEach, describe, expect, it } from '@jest/globals';
import { backupSqlite } from '../../../src/database/backup.ts';
import type { Database } from '../../../src/database/database.ts';
import { sqliteFile } from '../../../src/platform/database-url.ts';
import { complete, enrol, mfaTokenOf } from '../../support/authenticator.ts';
import { engines, type FreshDatabase, freshDatabase } from '../../support/databases.ts';
import { LOGIN, LOGOUT, login, ME, refresh, refreshed, register } from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { createFrozenClock, PASSWORD, startApp, type TestApp } from '../../support/start-app.ts';
import { noteStatements } from '../../support/statements.ts';

/** What a dump of PostgreSQL holds; tables that others refer to come first. */
const TABLES = ['users', 'sessions', 'signing_keys', 'audit_events'];

describe.each(engines)('a restore on %s', (engine) => {
  const clock = createFrozenClock();
  const running: { stop(): Promise<void> }[] = [];
  const fresh: FreshDatabase[] = [];
  afterEach(async () => {
    for (const app of running.splice(0)) await app.stop();
    for (const database of fresh.splice(0)) await database.drop();
  });

  async function start(database: Database): Promise<TestApp> {
    const app = await startApp({ engine, database, clock });
    running.push(app);
    return app;
  }

  it('finishing a restore ends every session and replaces the signing keys that the backup brought back (CR-6)', async () => {
    const storage = await freshDatabase(engine);
    fresh.push(storage);
    const before = await start(storage.database);
    const ada = await register(before);
    const eve = await register(before, 'eve@example.com');
    const oldKeys = before.tokens.jwks().keys.map(({ kid }) => kid);
    const restore = await takeBackup(storage);

    clock.travel(60_000);
    const later = await refreshed(before, ada.refreshToken);
    await before.send(LOGOUT, {}, { token: eve.accessToken });
    await before.tokens.rotateKeys({ emergency: true });
    const newer = await login(before, { email: 'eve@example.com' });
    await before.stop();

    const after = await start(await restore());
    // The danger: a session that was alive in the backup works again.
    expect((await after.send(ME, {}, { token: eve.accessToken })).code).toBe('OK');

    expect(await after.admin.finishRestore()).toBe(2);
    const another = await start(await storage.open());
    for (const app of [after, another]) {
      for (const { refreshToken, accessToken } of [ada, eve, later, newer]) {
        expect((await refresh(app, refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
        expect((await app.send(ME, {}, { token: accessToken })).code).toBe('UNAUTHENTICATED');
      }
      const kids = app.tokens.jwks().keys.map(({ kid }) => kid);
      expect(kids).toHaveLength(1);
      expect(oldKeys).not.toContain(kids[0]);
    }
    const { accessToken } = await login(another);
    expect((await after.send(ME, {}, { token: accessToken })).code).toBe('OK');
    expect((await eventsOf(after, 'authz_admin')).map(({ details }) => JSON.parse(details))).toEqual([
      { by: 'operator', reason: 'restore', count: 2 },
    ]);
  });

  it('finishing a restore ends logins that wait for a second factor, and removals of factors (CR-6)', async () => {
    const storage = await freshDatabase(engine);
    fresh.push(storage);
    const app = await startApp({
      engine,
      database: storage.database,
      clock,
      config: { factorResetSeconds: 86_400 },
    });
    running.push(app);
    const account = await enrol(app, (await register(app)).accessToken);
    await app.database.run('UPDATE users SET email_verified_at = 1');
    const input = { email: 'ada@example.com', password: PASSWORD };
    const mfaToken = mfaTokenOf(await app.send(LOGIN, { input }));
    const request =
      'mutation ($input: RequestFactorResetInput!) { requestFactorReset(input: $input) { expiresIn } }';
    expect((await app.send(request, { input: { mfaToken } })).code).toBe('OK');

    await app.admin.finishRestore();
    expect((await complete(app, mfaToken, { totpCode: account.nextCode() })).code).toBe('INVALID_TOKEN');
    clock.travel(86_400_000);
    await app.housekeeping.turn();
    expect(await app.database.all('SELECT kind FROM factors')).toEqual([{ kind: 'TOTP' }]);
  });

  it('finishing a restore ends over 10,000 sessions of any age, each of them once (CR-6)', async () => {
    const storage = await freshDatabase(engine);
    fresh.push(storage);
    const app = await start(storage.database);
    const { session } = await register(app);
    await app.database.run(
      `WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < 10001)
       INSERT INTO sessions (id, user_id, client_id, scope, amr, secret_hash, generation, skipped_generations,
         rotated_at, burst_from, burst_at, created_at, authenticated_at, idle_expires_at, expires_at)
       SELECT '0e000000-0000-4000-8000-' || CAST(100000000000 + i AS TEXT), user_id, client_id, scope, amr,
         secret_hash, 0, 0, 0, 0, 0, 0, 0, i, i
       FROM numbers, sessions WHERE id = :id`,
      { id: session.id },
    );

    expect(await app.admin.finishRestore()).toBe(10_002);
    expect(await app.admin.finishRestore()).toBe(0);
    const live = await app.database.all('SELECT id FROM sessions WHERE revoked_at IS NULL');
    expect(live).toEqual([]);
  });

  it('finishing a restore deletes over 10,000 links and queued mails without a large transaction (CR-6)', async () => {
    const storage = await freshDatabase(engine);
    fresh.push(storage);
    const { database, statements } = noteStatements(storage.database);
    const app = await start(database);
    await register(app);
    for (const insert of [
      `INSERT INTO one_time_tokens (token_hash, purpose, subject, email, email_canonical, payload, tries_left,
         created_at, expires_at) SELECT 'token-' || i, 'reset-password', 'user-' || i, '', '', '', 5, 0, 1`,
      `INSERT INTO mails (id, template, sealed_content, created_at, expires_at, next_try_at)
         SELECT 'mail-' || i, 'reset-password', 'x', 0, 1, 0`,
    ])
      await database.run(
        `WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < 10001)
         ${insert} FROM numbers`,
      );

    statements.length = 0;
    await app.admin.finishRestore();
    const transactions = statements.filter((statement) => statement.startsWith('transaction'));
    expect(transactions.join()).not.toMatch(/ sessions|one_time_tokens|mails/);
    for (const table of ['one_time_tokens', 'mails'])
      expect(await database.all(`SELECT 1 FROM ${table}`)).toEqual([]);
  });

  /** Resolves to a function that puts the database back as it is now. */
  async function takeBackup({ url, database, open }: FreshDatabase): Promise<() => Promise<Database>> {
    const file = sqliteFile(url);
    if (file === undefined) {
      for (const table of TABLES) await database.run(`CREATE TABLE backup_of_${table} AS TABLE ${table}`);
      return async () => {
        await database.run(`TRUNCATE ${TABLES.join(', ')} CASCADE`);
        for (const table of TABLES) await database.run(`INSERT INTO ${table} TABLE backup_of_${table}`);
        return database;
      };
    }
    await backupSqlite({ source: file, target: `${file}.backup` });
    return async () => {
      await database.close();
      for (const suffix of ['-wal', '-shm']) rmSync(file + suffix, { force: true });
      copyFileSync(`${file}.backup`, file);
      return open();
    };
  }
});
