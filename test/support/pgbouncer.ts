import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { cleanEnvironment } from './server-process.ts';

/** Whether Debian's pgbouncer, or another one, is installed here. */
export const hasPgbouncer = spawnSync('pgbouncer', ['--version'], { env: cleanEnvironment() }).status === 0;

/** So few connections to the server that clients change between them all the time. */
const POOL_SIZE = 2;
const START_TIMEOUT_MS = 10_000;

/** PgBouncer in transaction mode in front of a PostgreSQL server, and the same database's URL through it. */
export async function startPgbouncer(databaseUrl: string): Promise<{ url: URL; stop(): Promise<void> }> {
  const server = new URL(databaseUrl);
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-pgbouncer-'));
  const file = join(folder, 'pgbouncer.ini');
  writeFileSync(
    file,
    `[databases]
* = host=${server.hostname} port=${server.port} user=${server.username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${POOL_SIZE}
max_client_conn = 200
ignore_startup_parameters = options
`,
  );
  // It refuses to run as root.
  const user = process.getuid?.() === 0 ? nobody() : undefined;
  for (const path of user ? [folder, file] : []) chownSync(path, user?.uid ?? 0, user?.gid ?? 0);
  const child = spawn('pgbouncer', [file], {
    cwd: folder,
    env: cleanEnvironment(),
    stdio: 'ignore',
    ...user,
  });
  const ended = once(child, 'close');

  const url = new URL(databaseUrl);
  url.port = String(port);
  url.search = '';
  await answers(url.href);
  return {
    url,
    async stop() {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function answers(url: string): Promise<void> {
  for (const deadline = Date.now() + START_TIMEOUT_MS; ; ) {
    const client = new Client({ connectionString: url });
    try {
      await client.connect();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    } finally {
      await client.end();
    }
    await pause(50);
  }
}

function nobody(): { uid: number; gid: number } {
  const [, uid, gid] = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8')) ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
