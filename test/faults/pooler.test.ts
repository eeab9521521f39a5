import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import type { Database, Sql } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import { databaseNotes, openDatabase } from '../../src/database/open.ts';
import { engines } from '../support/databases.ts';
import { hasPgbouncer, startPgbouncer } from '../support/pgbouncer.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.js';
import { cleanEnvironment } from '../support/server-process.ts';
import { useBuild, useCleanups } from '../support/setup.ts';
import { until } from '../support/until.ts';
import { createClient, ME, openSessions, REFRESH } from './support/client.ts';
import { freePort, startServer } from './support/server.ts';

/*
 * A pooler that lends another session of PostgreSQL for each transaction: PgBouncer in transaction mode, of a version
 * that knows no prepared statements.
 */

/** Many more than PgBouncer has connections to the server. */
const CROWD = 60;
const TIME_LIMIT_MS = 60_000;

if (!hasPgbouncer) console.warn('Skipped: there is no pgbouncer here.');
const behindPooler = hasPgbouncer && engines.includes('postgres') ? describe : describe.skip;

behindPooler('behind a pooler', () => {
  const build = useBuild();
  const cleanups = useCleanups();
  let postgres: PostgresServer;
  let pooler: Awaited<ReturnType<typeof startPgbouncer>>;
  beforeAll(async () => {
    postgres = await startPostgres();
    pooler = await startPgbouncer(postgres.url);
  }, TIME_LIMIT_MS);
  afterAll(async () => {
    await pooler?.stop();
    await postgres?.remove();
  });

  it('every statement and transaction works behind a pooler, in any session that it is lent', async () => {
    const { database } = await open();
    await database.run('CREATE TABLE items (id TEXT PRIMARY KEY, amount BIGINT NOT NULL)');
    const insert = 'INSERT INTO items (id, amount) VALUES (:id, :amount)';
    await Promise.all(
      Array.from({ length: CROWD }, (_, amount) =>
        amount % 2 === 0
          ? database.run(insert, { id: `${amount}`, amount })
          : database.transaction(async (sql) => {
              await sql.run(insert, { id: `${amount}`, amount });
              await sql.get('SELECT amount FROM items WHERE id = :id', { id: `${amount}` });
            }),
      ),
    );
    expect(await database.get('SELECT COUNT(*) AS count FROM items')).toEqual({ count: CROWD });
    await expect(database.run(insert, { id: '1', amount: 1 })).rejects.toHaveProperty('code', '23505');
    expect(await database.get('SELECT COUNT(*) AS count FROM items')).toEqual({ count: CROWD });
  });

  it('time limits behind a pooler are set for each of our statements and transactions, and for no other client', async () => {
    const { database } = await open();
    const limits = async (sql: Sql) => {
      const { setting } = (await sql.get<{ setting: string }>(SETTINGS)) ?? { setting: '' };
      return setting;
    };
    const found = await Promise.all(
      Array.from({ length: CROWD }, (_, index) =>
        index % 2 === 0 ? limits(database) : database.transaction(limits),
      ),
    );
    expect([...new Set(found)]).toEqual(['10s, 2s, 5s, read committed']);
    expect(await limits(database.within(60_000))).toBe('10s, 2s, 1min, read committed');

    for (let stranger = 0; stranger < 4; stranger += 1) {
      const client = new Client({ connectionString: pooler.url.href });
      await client.connect();
      cleanups.push(() => client.end());
      expect((await client.query(SETTINGS)).rows).toEqual([{ setting: '0, 0, 0, read committed' }]);
    }
  });

  it('a statement behind a pooler needs no transaction when its role has the time limits, which a note tells the operator', async () => {
    const database = await openDatabase(pooler.url.href);
    cleanups.push(() => database.close());
    expect(await databaseNotes(database)).toEqual([expect.stringContaining('ALTER ROLE')]);
    const inTransaction = `SELECT pg_current_xact_id_if_assigned() IS NULL AS none, now() = statement_timestamp() AS alone`;
    expect(await database.get(inTransaction)).toMatchObject({ alone: false });

    const administrator = new Client({ connectionString: postgres.url });
    await administrator.connect();
    cleanups.push(() => administrator.end());
    for (const setting of [
      `statement_timeout = '5s'`,
      `lock_timeout = '2s'`,
      `idle_in_transaction_session_timeout = '10s'`,
    ])
      await administrator.query(`ALTER ROLE latchkey SET ${setting}`);
    cleanups.push(() => administrator.query('ALTER ROLE latchkey RESET ALL'));
    // PgBouncer's own connections are of before.
    await administrator.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = $1',
      ['client backend'],
    );

    const later = await openDatabase(pooler.url.href);
    cleanups.push(() => later.close());
    // The pooler may hand one of the ended connections on before it sees its end.
    await until(() =>
      later.get('SELECT 1 AS one').then(
        () => true,
        () => undefined,
      ),
    );
    expect(await databaseNotes(later)).toEqual([expect.not.stringContaining('ALTER ROLE')]);
    expect(await later.get(inTransaction)).toMatchObject({ alone: true });
    expect(await later.get(SETTINGS)).toEqual({ setting: '10s, 2s, 5s, read committed' });
  });

  it('the schema of the URL is used behind a pooler, and other options of a session are refused', async () => {
    const { database, schema } = await open();
    await migrate(database);
    const tables = `SELECT DISTINCT table_schema AS name FROM information_schema.tables WHERE table_name = 'sessions'`;
    expect(await database.all(tables)).toEqual([{ name: schema }]);

    const url = new URL(pooler.url);
    url.searchParams.set('options', `-c search_path=${schema}`);
    const lost = await openDatabase(url.href);
    cleanups.push(() => lost.close());
    await expect(lost.get('SELECT 1 AS one')).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      cause: expect.objectContaining({ message: expect.stringContaining('options of DATABASE_URL') }),
    });
  });

  it(
    'a server behind a pooler answers many requests at once and is ready, and `doctor` notes the pooler',
    async () => {
      const { url } = await open();
      const secret = randomBytes(32).toString('base64url');
      const server = await startServer(build, { databaseUrl: url, secret, port: await freePort() });
      cleanups.push(server.kill);
      const client = createClient();
      cleanups.push(client.close);
      const sessions = await openSessions(client, server.origin, 8);
      const answers = await Promise.all(
        sessions.flatMap(({ refreshToken, accessToken }) => [
          client.post(server.origin, { query: REFRESH, variables: { input: { refreshToken } } }),
          client.post(server.origin, { query: ME, bearer: accessToken }),
        ]),
      );
      expect(answers.map(({ code }) => code)).toEqual(answers.map(() => 'OK'));
      expect((await fetch(`${server.origin}/readyz`)).status).toBe(200);
      expect(server.complaints).toEqual([]);

      const doctor = spawnSync(process.execPath, [build.cli, 'doctor'], {
        cwd: tmpdir(),
        env: { ...cleanEnvironment(), NODE_ENV: 'development', DATABASE_URL: url, LATCHKEY_SECRET: secret },
        encoding: 'utf8',
      });
      expect(doctor.stdout).toMatch(/^note: .*pooler/m);
      expect(doctor.status).toBe(0);
    },
    TIME_LIMIT_MS,
  );

  const SETTINGS = `SELECT string_agg(current_setting(name), ', ' ORDER BY name) AS setting
    FROM (VALUES ('idle_in_transaction_session_timeout'), ('lock_timeout'), ('statement_timeout'),
      ('transaction_isolation')) AS names (name)`;

  /** A database handle through the pooler, in a schema of its own. */
  async function open(): Promise<{ database: Database; url: string; schema: string }> {
    const schema = `test_${randomBytes(8).toString('hex')}`;
    const administrator = new Client({ connectionString: postgres.url });
    await administrator.connect();
    await administrator.query(`CREATE SCHEMA ${schema}`);
    await administrator.end();
    const url = new URL(pooler.url);
    url.searchParams.set('schema', schema);
    const database = await openDatabase(url.href);
    cleanups.push(() => database.close());
    return { database, url: url.href, schema };
  }
});
