import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Build } from '../../support/build.ts';
import { cleanEnvironment } from '../../support/server-process.ts';

const READY_TIMEOUT_MS = 20_000;

const LEASH = fileURLToPath(new URL('leash.cjs', import.meta.url));

export interface ServerSettings {
  readonly databaseUrl: string;
  readonly secret: string;
  /** Stays the same over restarts. */
  readonly port: number;
  readonly env?: Readonly<Record<string, string>>;
}

export type Server = ReturnType<typeof spawnServer>;

/** A server process that can be asked, killed and buried. It may not be ready yet: see `ready`. */
export function spawnServer(build: Pick<Build, 'cli'>, { databaseUrl, secret, port, env }: ServerSettings) {
  const startedAt = performance.now();
  const child = spawn(process.execPath, ['--require', LEASH, build.cli, 'serve'], {
    cwd: tmpdir(),
    env: {
      ...cleanEnvironment(),
      NODE_ENV: 'development',
      PORT: String(port),
      DATABASE_URL: databaseUrl,
      LATCHKEY_SECRET: secret,
      // One for all servers that share a database, on any port: each takes the tokens of the others.
      LATCHKEY_ISSUER: 'http://localhost:4000',
      // So that the number of logins does not matter here.
      LATCHKEY_THROTTLES: 'off',
      LOG_LEVEL: 'warn',
      ...env,
    },
    stdio: 'pipe',
    // The leader of a group that its workers are in.
    detached: true,
  });
  const signal = (name: NodeJS.Signals) => process.kill(-(child.pid ?? Number.NaN), name);
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const origin = `http://127.0.0.1:${port}`;
  const complaints: string[] = [];
  createInterface(child.stderr).on('line', (line) => complaints.push(line));
  createInterface(child.stdout).on('line', (line) => {
    if (isComplaint(line)) complaints.push(line);
  });

  function hasEnded(): boolean {
    return child.exitCode !== null || child.signalCode !== null;
  }

  return {
    origin,
    pid: child.pid ?? Number.NaN,
    hasEnded,
    /** What it wrote to its standard error, and what it logged as an error: nothing, in any fault around it. */
    complaints,

    /** Resolves when `/readyz` says so, to the ms since the start; false when the process ended before. */
    async ready(): Promise<number | false> {
      while (!hasEnded()) {
        if (await isReady(origin)) return performance.now() - startedAt;
        if (performance.now() - startedAt > READY_TIMEOUT_MS) throw new Error('It does not get ready.');
        await pause(20);
      }
      return false;
    },

    /** Ends it as a crash of the machine would: nothing of its own runs any more. */
    async kill(): Promise<void> {
      child.kill('SIGKILL');
      await closed;
    },

    /** Keeps all of its processes from doing anything: what is sent meanwhile waits, signals too. */
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),

    /** Asks all of its processes to end, as a supervisor does. */
    async stop(): Promise<{ code: number | null; ms: number }> {
      const askedAt = performance.now();
      signal('SIGTERM');
      const [code] = await closed;
      return { code, ms: performance.now() - askedAt };
    },
  };
}

/** Like `spawnServer`, when it is ready. */
export async function startServer(
  build: Pick<Build, 'cli'>,
  settings: ServerSettings,
): Promise<Server & { readonly readyAfterMs: number }> {
  const server = spawnServer(build, settings);
  const readyAfterMs = await server.ready();
  if (readyAfterMs === false) throw new Error(`The server did not start: ${server.complaints.join('\n')}`);
  return { ...server, readyAfterMs };
}

export async function isReady(origin: string): Promise<boolean> {
  try {
    const { ok } = await fetch(`${origin}/readyz`, { signal: AbortSignal.timeout(5_000) });
    return ok;
  } catch {
    return false;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function isComplaint(line: string): boolean {
  const [, level] = /^\{"level":(\d+)/.exec(line) ?? [];
  return level === undefined || Number(level) >= 50;
}
