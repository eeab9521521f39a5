import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

export interface RunningServer {
  /** The GraphQL endpoint. */
  readonly url: string;
  /** From the start of the process to the first line that names its address. */
  readonly startMs: number;
  /** Resident memory of the process. */
  rssBytes(): Promise<number>;
  /** CPU time of the process and its workers so far, user and system. */
  cpuSeconds(): Promise<number>;
  /** CPU time so far of the thread that the event loop runs on. */
  loopMs(): Promise<number>;
  /** What it has printed so far. */
  output(): Promise<string>;
  stop(): Promise<void>;
}

/** Apollo and Fastify alone. */
export function startBare({ core }: { core?: number } = {}): Promise<RunningServer> {
  return startServer(['--import', 'tsx', join(ROOT, 'bench/bare-server.ts')], { core, env: {} });
}

/** The built server, in production mode. On a fresh SQLite file with synchronous FULL, unless a URL is given. */
export async function startLatchkey({
  core,
  databaseUrl,
  env = {},
}: {
  core?: number;
  databaseUrl?: string;
  env?: Record<string, string>;
} = {}): Promise<RunningServer> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-'));
  const server = await startServer([join(ROOT, 'dist/cli/latchkey.cjs'), 'serve'], {
    core,
    env: {
      NODE_ENV: 'production',
      PORT: '0',
      LATCHKEY_SECRET: randomBytes(32).toString('hex'),
      LATCHKEY_ISSUER: 'https://auth.example.com',
      // All the load comes from one address: the throttles count it, and let it pass.
      LATCHKEY_ACCOUNT_FAILURES: '100',
      LATCHKEY_NETWORK_FAILURES: '100000',
      LATCHKEY_NETWORK_CHECKS: '100000',
      LATCHKEY_NETWORK_REGISTRATIONS: '100000',
      DATABASE_URL: databaseUrl ?? `file:${join(folder, 'latchkey.db')}`,
      ...env,
    },
  });
  return {
    ...server,
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Runs node with these arguments, on one core if asked, until it prints where it listens. */
async function startServer(
  args: string[],
  { core, env }: { core?: number | undefined; env: Record<string, string> },
): Promise<RunningServer> {
  const command = [process.execPath, ...args];
  const pinned = core === undefined ? command : ['taskset', '-c', String(core), ...command];
  // Into a file: reading a pipe would take the load's own time.
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-log-'));
  const log = join(folder, 'log');
  const output = openSync(log, 'a');
  const startedAt = performance.now();
  const child = spawn(pinned[0] ?? '', pinned.slice(1), {
    stdio: ['ignore', output, 'inherit'],
    env: { PATH: process.env.PATH ?? '', ...env },
  });
  closeSync(output);
  // A bench that fails midway leaves no server behind.
  function cleanUp(): void {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
  process.once('exit', cleanUp);
  const url = await addressOf(child, log);
  const startMs = performance.now() - startedAt;
  return {
    url,
    startMs,
    rssBytes: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1_024;
    },
    cpuSeconds: () => cpuSecondsOf(child.pid, { family: true }),
    loopMs: async () => {
      const [nanoseconds] = (await readFile(`/proc/${child.pid}/task/${child.pid}/schedstat`, 'utf8')).split(
        ' ',
      );
      return Number(nanoseconds) / 1e6;
    },
    output: () => readFile(log, 'utf8'),
    async stop() {
      await stopChild(child);
      process.off('exit', cleanUp);
      cleanUp();
    },
  };
}

/** CPU time of a process so far, user and system; `family` adds its children, those that ended among them. */
export async function cpuSecondsOf(pid: number | undefined, { family = false } = {}): Promise<number> {
  const children = family ? await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8') : '';
  const ofChildren = await Promise.all(
    // One that ends meanwhile is counted below.
    [...children.matchAll(/\d+/g)].map(([child]) => cpuSecondsOf(Number(child)).catch(() => 0)),
  );
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, family ? 15 : 13).map(Number);
  return [...ofChildren, ...ticks.map((count) => count / 100)].reduce((total, seconds) => total + seconds, 0);
}

async function addressOf(child: ChildProcess, log: string): Promise<string> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    const [url] = /http:\/\/[^\s"]+\/graphql/.exec(await readFile(log, 'utf8')) ?? [];
    if (url !== undefined) return url;
    if (child.exitCode !== null) throw new Error(`the server exited with ${child.exitCode}`);
    await pause(5);
  }
  throw new Error('the server does not say where it listens');
}

function stopChild(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
