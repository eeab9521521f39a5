import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import Sqlite from 'better-sqlite3';
import { engines, type FreshDatabase, freshDatabase } from '../support/databases.ts';
import { startServerProcess } from '../support/server-process.ts';
import { useBuild, useCleanups } from '../support/setup.ts';
import { type SilentProxy, startSilentProxy } from '../support/silent-proxy.ts';
import { type Client, createClient, openSessions, REFRESH } from './support/client.ts';
import { freePort, type Server, startServer } from './support/server.ts';

/*
 * A network between the server and PostgreSQL that swallows answers: what was asked is done, and the server does not
 * hear of it.
 */

/** No wait for the database is longer. */
const ANSWERED_WITHIN_MS = 10_000;
/** More than the pool has connections. */
const CROWD = 15;
/** Reads the session's row each time. */
const SESSIONS = '{ sessions { id } }';
const TIME_LIMIT_MS = 60_000;
const SECRET = randomBytes(32).toString('base64url');

const onPostgres = engines.includes('postgres') ? describe : describe.skip;

onPostgres('a database whose answers are lost', () => {
  const build = useBuild();
  const cleanups = useCleanups();

  it(
    'a refresh that was done but whose database answer is lost costs one retry, and no session (RT-4, RT-10)',
    async () => {
      const { client, server, proxy, fresh } = await start();
      const [tokens] = await openSessions(client, server.origin, 1);
      const refresh = (refreshToken: string | undefined) =>
        client.postOnce(server.origin, { query: REFRESH, variables: { input: { refreshToken } } });
      const generation = () =>
        fresh.database.get('SELECT generation FROM sessions WHERE revoked_at IS NULL AND generation > 0');

      proxy.silenceNext('UPDATE sessions');
      expect((await refresh(tokens?.refreshToken)).code).toBe('UNAVAILABLE');
      expect(await generation()).toEqual({ generation: 1 });

      const retried = await refresh(tokens?.refreshToken);
      expect(retried.code).toBe('OK');
      expect((await refresh(retried.data.refreshToken.refreshToken)).code).toBe('OK');
      expect(await generation()).toEqual({ generation: 2 });
      const thefts = `SELECT name FROM audit_events WHERE name = 'authn_token_reuse'`;
      expect(await fresh.database.all(thefts)).toEqual([]);
    },
    TIME_LIMIT_MS,
  );

  it(
    'a server whose database is silent is not ready, answers UNAVAILABLE, and recovers by itself (DOS-5)',
    async () => {
      const { client, server, proxy } = await start();
      const [tokens] = await openSessions(client, server.origin, 1);
      const askedBy = (count: number) =>
        Promise.all(
          Array.from({ length: count }, () =>
            client.postOnce(server.origin, { query: SESSIONS, bearer: tokens?.accessToken ?? '' }),
          ),
        );
      // So that the whole pool is there, and silent.
      await askedBy(CROWD);

      proxy.silenceAll();
      const answers = await askedBy(CROWD);
      expect([...new Set(answers.map(({ code }) => code))]).toEqual(['UNAVAILABLE']);
      expect(await readiness(server.origin)).toBe(503);
      expect(await Promise.all([readiness(server.origin), ...(await askedBy(1))])).toMatchObject([
        503,
        { code: 'UNAVAILABLE' },
      ]);

      proxy.allowNew();
      while ((await readiness(server.origin)) !== 200);
      const [answer] = await askedBy(1);
      expect(answer?.code).toBe('OK');
    },
    TIME_LIMIT_MS,
  );

  it.each([1, 2])(
    'a silent database does not keep %d processes from stopping with exit code 0 (CR-3)',
    async (workers) => {
      const { databaseUrl, proxy } = await prepare();
      // It says where it listens once all of its processes do.
      const server = await startServerProcess([process.execPath, build.cli, 'serve'], {
        cwd: tmpdir(),
        env: {
          NODE_ENV: 'development',
          DATABASE_URL: databaseUrl,
          LATCHKEY_SECRET: SECRET,
          LATCHKEY_WORKERS: String(workers),
        },
      });
      cleanups.push(server.stop);
      const { origin } = new URL(server.url);
      const client = patientClient();
      const [tokens] = await openSessions(client, origin, 1);
      proxy.silenceAll();
      const answers = Array.from({ length: CROWD }, () =>
        client.postOnce(origin, { query: SESSIONS, bearer: tokens?.accessToken ?? '' }),
      );
      // What was sent before is under way when this is answered.
      await readiness(origin);
      const stoppedWithin = AbortSignal.timeout(ANSWERED_WITHIN_MS);
      expect(await server.stop()).toBe(0);
      expect(stoppedWithin.aborted).toBe(false);
      expect((await Promise.all(answers)).map(({ code }) => code)).toEqual(answers.map(() => 'UNAVAILABLE'));
      expect(server.lines.filter((line) => /"level":[56]0/.test(line))).toEqual([]);
    },
    TIME_LIMIT_MS,
  );

  async function prepare(): Promise<{ databaseUrl: string; proxy: SilentProxy; fresh: FreshDatabase }> {
    const fresh = await freshDatabase('postgres');
    cleanups.push(fresh.drop);
    const proxy = await startSilentProxy(fresh.url);
    cleanups.push(proxy.close);
    return { databaseUrl: proxy.url, proxy, fresh };
  }

  async function start(): Promise<{
    client: Client;
    server: Server;
    proxy: SilentProxy;
    fresh: FreshDatabase;
  }> {
    const { databaseUrl, proxy, fresh } = await prepare();
    const server = await startServer(build, { databaseUrl, secret: SECRET, port: await freePort() });
    cleanups.push(server.kill);
    return { client: patientClient(), server, proxy, fresh };
  }

  function patientClient(): Client {
    const client = createClient({ patienceMs: ANSWERED_WITHIN_MS });
    cleanups.push(client.close);
    return client;
  }

  async function readiness(origin: string): Promise<number> {
    const signal = AbortSignal.timeout(ANSWERED_WITHIN_MS);
    return (await fetch(`${origin}/readyz`, { signal })).status;
  }
});

describe('an SQLite file that another process has locked', () => {
  const build = useBuild();
  const cleanups = useCleanups();

  it(
    'a locked SQLite file makes writes UNAVAILABLE in time, and does not keep the server from stopping (CR-3, CR-5)',
    async () => {
      const fresh = await freshDatabase('sqlite');
      cleanups.push(fresh.drop);
      const server = await startServer(build, {
        databaseUrl: fresh.url,
        secret: SECRET,
        port: await freePort(),
      });
      cleanups.push(server.kill);
      const client = createClient({ patienceMs: ANSWERED_WITHIN_MS });
      cleanups.push(client.close);
      const [tokens] = await openSessions(client, server.origin, 1);
      const refresh = () => {
        const input = { refreshToken: tokens?.refreshToken };
        return client.postOnce(server.origin, { query: REFRESH, variables: { input } });
      };

      const other = new Sqlite(fileURLToPath(fresh.url));
      cleanups.push(() => other.close());
      other.exec('BEGIN IMMEDIATE');
      expect((await refresh()).code).toBe('UNAVAILABLE');
      const waiting = Array.from({ length: CROWD }, refresh);
      const others = await Promise.all(waiting);
      expect([...new Set(others.map(({ code }) => code))]).toEqual(['UNAVAILABLE']);
      const { code, ms } = await server.stop();
      expect(code).toBe(0);
      expect(ms).toBeLessThan(ANSWERED_WITHIN_MS);
      expect(server.complaints).toEqual([]);
    },
    TIME_LIMIT_MS,
  );
});
