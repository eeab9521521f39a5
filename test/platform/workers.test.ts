import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { migrate } from '../../src/database/migrate.ts';
import { engines, freshDatabase } from '../support/databases.ts';
import { LOGIN, ME, REGISTER } from '../support/documents.ts';
import { startServerProcess } from '../support/server-process.ts';
import { useBuild, useCleanups } from '../support/setup.ts';
import { PASSWORD } from '../support/start-app.ts';
import { until } from '../support/until.ts';

/** Starting processes is slow where cores are few; nothing here is about how slow. */
const PATIENCE_MS = 120_000;
const CONNECTIONS = 8;
/** So few that one worker, which may get them all, hashes them before any has waited too long. */
const LOGINS = 8;
const input = { email: 'ada@example.com', password: PASSWORD };

const build = useBuild();
const cleanups = useCleanups();

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-workers-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function start(cwd: string, env: Readonly<Record<string, string>>) {
  const server = await startServerProcess([process.execPath, build.cli, 'serve'], {
    cwd,
    env: { NODE_ENV: 'test', ...env },
  });
  cleanups.push(() => server.stop());
  return server;
}

interface Reply {
  readonly data: { readonly login?: { readonly accessToken: string } } | null;
  readonly errors?: readonly { readonly extensions: { readonly code: string } }[];
}

/** How many operations a test has sent. */
let asked = 0;
beforeEach(() => {
  asked = 0;
});

/** One operation on a connection of its own, which may go to any worker. */
async function ask(url: string, query: string, variables = {}, token = ''): Promise<Reply> {
  asked += 1;
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      connection: 'close',
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as Reply;
}

/** The workers that answered something, two at least, but for those of old: their last lines may come late. */
function workersOf(
  { url, lines }: Awaited<ReturnType<typeof start>>,
  old: ReadonlySet<number> = new Set(),
): Promise<ReadonlySet<number>> {
  return until(async () => {
    await ask(url, '{ __typename }').catch(() => {});
    const requests = lines.filter((text) => text.includes('"msg":"request"'));
    const pids = new Set(requests.map((text) => (JSON.parse(text) as { pid: number }).pid));
    for (const pid of old) pids.delete(pid);
    return pids.size >= 2 ? pids : undefined;
  });
}

describe.each(engines)('several workers on %s', (engine) => {
  it(
    'workers serve one port together, are replaced when they die, and drain together (CR-3)',
    async () => {
      const database = await freshDatabase(engine);
      cleanups.push(() => database.drop());
      const server = await start(temporaryFolder(), {
        DATABASE_URL: database.url,
        LATCHKEY_WORKERS: '2',
        LATCHKEY_THROTTLES: 'off',
        LATCHKEY_METRICS: 'on',
        LATCHKEY_METRICS_PORT: '0',
      });
      const { url, lines } = server;
      await ask(url, REGISTER, { input });
      const { data } = await ask(url, LOGIN, { input });
      const token = data?.login?.accessToken;
      const first = await workersOf(server);
      expect(first.has(server.pid)).toBe(false);
      for (let count = 0; count < 4; count += 1)
        expect(await ask(url, ME, {}, token)).toMatchObject({ data: { me: { email: input.email } } });

      // What the workers counted, added up; a request is counted just after its answer.
      const metricsUrl = /http:[^"]+\/metrics/.exec(lines.join('\n'))?.[0] ?? '';
      const counted = `latchkey_requests_total{route="/graphql",code="OK"} ${asked}\n`;
      const metrics = await until(async () => {
        const text = await (await fetch(metricsUrl)).text();
        return text.includes(counted) ? text : undefined;
      });
      expect(metrics).toContain('latchkey_hashing_tasks{state="waiting"} 0\n');

      // Both at once: the port stays the same, and what was acknowledged is there.
      for (const pid of first) process.kill(pid, 'SIGKILL');
      expect((await workersOf(server, first)).size).toBe(2);
      expect(lines.filter((line) => line.includes('A worker ended with SIGKILL'))).toHaveLength(2);
      expect(await ask(url, ME, {}, token)).toMatchObject({ data: { me: { email: input.email } } });

      // Twice to each process, as Ctrl-C in a terminal under npm does.
      const logins = Array.from({ length: LOGINS }, () => ask(url, LOGIN, { input }));
      await Promise.race(logins);
      process.kill(-server.pid, 'SIGTERM');
      await until(() => lines.find((line) => line.includes('Stopping after SIGTERM')));
      const stopped = server.stop();
      expect((await Promise.all(logins)).map(({ errors }) => errors)).toEqual(logins.map(() => undefined));
      expect(await stopped).toBe(0);
    },
    PATIENCE_MS,
  );

  it(
    'two servers that start together on an old database migrate it once (CR-4)',
    async () => {
      const { database, url, drop } = await freshDatabase(engine);
      cleanups.push(drop);
      await migrate(database);
      await database.run('DROP TABLE leases');
      await database.run(`DELETE FROM latchkey_migrations WHERE name = '0002_leases'`);

      const folder = temporaryFolder();
      const servers = await Promise.all([
        start(folder, { DATABASE_URL: url }),
        start(folder, { DATABASE_URL: url }),
      ]);
      const migrated = servers.flatMap(({ lines }) =>
        lines.filter((line) => line.includes('Migrated the database')),
      );
      expect(migrated).toHaveLength(1);
      expect(migrated[0]).toContain('0002_leases');
      for (const server of servers)
        expect(await ask(server.url, '{ __typename }')).toEqual({ data: { __typename: 'Query' } });
    },
    PATIENCE_MS,
  );
});

describe('workers that die', () => {
  it(
    'connections that were handed to a worker but not taken yet are closed when the worker dies',
    async () => {
      const server = await start(temporaryFolder(), { LATCHKEY_WORKERS: '2' });
      const pids = await workersOf(server);

      // Frozen ones take nothing; the primary process hands each of them a connection all the same.
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      const closed: Promise<unknown>[] = [];
      for (let count = 0; count < CONNECTIONS; count += 1) {
        const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
        cleanups.push(() => socket.destroy());
        await once(socket, 'connect');
        // By a reset or not.
        socket.on('error', () => {});
        closed.push(new Promise((resolve) => socket.once('close', resolve)));
      }
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      expect(await Promise.all(closed)).toHaveLength(CONNECTIONS);
    },
    PATIENCE_MS,
  );
});

describe('one of two workers', () => {
  it(
    'a worker that gets a signal of its own drains, and is replaced',
    async () => {
      const server = await start(temporaryFolder(), { LATCHKEY_WORKERS: '2' });
      const [first = Number.NaN] = await workersOf(server);
      process.kill(first, 'SIGTERM');
      await server.printed('A worker ended with 0');
      const others = await workersOf(server, new Set([first]));
      expect(others.size).toBe(2);
      expect(await server.stop()).toBe(0);
    },
    PATIENCE_MS,
  );

  it(
    'a worker that stopped for good is replaced, and does not keep the others from ending',
    async () => {
      const server = await start(temporaryFolder(), { LATCHKEY_WORKERS: '2' });
      const [frozen = Number.NaN] = await workersOf(server);
      process.kill(frozen, 'SIGSTOP');
      // One of them is handed to it.
      const asked = [1, 2].map(() => ask(server.url, '{ __typename }').catch(() => undefined));
      await server.printed('A worker takes no connections any more');
      const others = await workersOf(server, new Set([frozen]));
      expect(others.size).toBe(2);
      expect(await server.stop()).toBe(0);
      await Promise.all(asked);
    },
    PATIENCE_MS,
  );
});

describe('workers that cannot start', () => {
  it.each(['1', '3'])(
    'a server with LATCHKEY_WORKERS=%s on a port in use says the reason once, and ends with exit code 1',
    async (workers) => {
      const occupant = createServer().listen(0, '127.0.0.1');
      await once(occupant, 'listening');
      cleanups.push(() => occupant.close());
      const { port } = occupant.address() as { port: number };

      const failure = start(temporaryFolder(), { PORT: String(port), LATCHKEY_WORKERS: workers });
      const { message } = await failure.then(
        () => new Error('It started.'),
        (error: Error) => error,
      );
      expect(message).toMatch(/^It ended with 1: /);
      // The worker's own, with the reason, and the primary's: the other workers were not even started.
      expect(message.match(/"level":60/g)).toHaveLength(workers === '1' ? 1 : 2);
      expect(
        message.match(new RegExp(`"Another program listens at 127.0.0.1:${port}: end it`, 'g')),
      ).toHaveLength(1);
      expect(message).not.toContain('stack');
    },
    PATIENCE_MS,
  );
});
