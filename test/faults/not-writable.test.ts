import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { Client as PostgresClient } from 'pg';
import { engines, freshDatabase } from '../support/databases.ts';
import { startPostgres } from '../support/postgres-server.js';
import { useBuild, useCleanups } from '../support/setup.ts';
import { PASSWORD } from '../support/start-app.ts';
import { createClient, ME, openSessions, REGISTER } from './support/client.ts';
import { freePort, startServer } from './support/server.ts';

const TIME_LIMIT_MS = 60_000;
const input = { email: 'ada@example.com', password: PASSWORD };

const build = useBuild();
const cleanups = useCleanups();

async function start(databaseUrl: string) {
  const secret = randomBytes(32).toString('base64url');
  const server = await startServer(build, { databaseUrl, secret, port: await freePort() });
  cleanups.push(server.kill);
  const client = createClient();
  cleanups.push(client.close);
  const [tokens] = await openSessions(client, server.origin, 1);
  const write = () => client.post(server.origin, { query: REGISTER, variables: { input } });
  const read = () => client.post(server.origin, { query: ME, bearer: tokens?.accessToken ?? '' });

  /** Resolves once `/readyz` answers so, which it does at most once a second. */
  async function readiness(status: number): Promise<unknown> {
    for (;;) {
      const response = await fetch(`${server.origin}/readyz`);
      const body: unknown = await response.json();
      if (response.status === status) return body;
    }
  }
  return { server, write, read, readiness };
}

const NOT_WRITABLE = { database: true, writable: false, keys: true, migrations: true };

describe('a server whose database takes no writes', () => {
  it(
    'a server whose SQLite file was removed is not ready, acknowledges no write, and logs why',
    async () => {
      const fresh = await freshDatabase('sqlite');
      cleanups.push(fresh.drop);
      const { server, write, readiness } = await start(fresh.url);
      await rm(fileURLToPath(fresh.url));
      expect((await write()).code).toBe('UNAVAILABLE');
      expect(await readiness(503)).toEqual(NOT_WRITABLE);
      expect(server.complaints).toEqual([expect.stringContaining('The files of the database were removed')]);
    },
    TIME_LIMIT_MS,
  );

  (engines.includes('postgres') ? it : it.skip)(
    'a server on a read-only PostgreSQL is not ready, answers reads, and is ready again when PostgreSQL takes writes',
    async () => {
      const postgres = await startPostgres();
      cleanups.push(postgres.remove);
      const { server, write, read, readiness } = await start(postgres.url);
      const administrator = new PostgresClient({ connectionString: postgres.url });
      await administrator.connect();
      cleanups.push(() => administrator.end());
      const makeReadOnly = async (value: 'on' | 'off') => {
        await administrator.query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
        await administrator.query('SELECT pg_reload_conf()');
      };

      await makeReadOnly('on');
      expect(await readiness(503)).toEqual(NOT_WRITABLE);
      expect((await write()).code).toBe('UNAVAILABLE');
      expect((await read()).code).toBe('OK');
      await makeReadOnly('off');
      expect(await readiness(200)).toEqual({ ...NOT_WRITABLE, writable: true });
      expect((await write()).code).toBe('OK');
      expect(server.complaints).toEqual([]);
    },
    TIME_LIMIT_MS,
  );
});
