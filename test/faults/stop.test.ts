import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { startServerProcess } from '../support/server-process.ts';
import { useBuild, useCleanups } from '../support/setup.ts';

const BUSY_ON_STOP = fileURLToPath(new URL('./support/busy-on-stop.cjs', import.meta.url));
const CLIENTS = 20;
const TIME_LIMIT_MS = 60_000;

const build = useBuild();
const cleanups = useCleanups();

describe('a server that is told to stop', () => {
  it.each([1, 2])(
    'a server that stops while its %d processes are busy answers clients that connected meanwhile, and exits with 0 (CR-3)',
    async (workers) => {
      const folder = temporaryFolder();
      const release = join(folder, 'release');
      const server = await startIn(folder, ['--require', BUSY_ON_STOP, build.cli, 'serve'], {
        LATCHKEY_WORKERS: String(workers),
        BUSY_UNTIL: release,
      });

      const stopped = server.stop();
      const busy = () => (existsSync(`${release}-busy`) ? readFileSync(`${release}-busy`).length : 0);
      while (busy() < (workers === 1 ? 1 : workers + 1)) await pause(20);
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => openClient(server.url)));
      writeFileSync(release, '');
      for (const { answer } of clients) expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
      expect(await stopped).toBe(0);
    },
    TIME_LIMIT_MS,
  );
});

describe('signals to a server', () => {
  it.each([
    ['SIGINT', 1],
    ['SIGHUP', 1],
    ['SIGQUIT', 1],
    ['SIGUSR2', 1],
    ['SIGHUP', 2],
  ] as const)(
    '%s makes a server of %d processes drain and exit with 0 (CR-3)',
    async (signal, workers) => {
      const server = await start(workers);
      process.kill(-server.pid, signal);
      await server.printed(`Stopping after ${signal}`);
      expect(await server.stop()).toBe(0);
    },
    TIME_LIMIT_MS,
  );

  it(
    'SIGUSR1 opens no debugger, and the server serves on',
    async () => {
      const server = await start(1);
      process.kill(server.pid, 'SIGUSR1');
      expect((await fetch(new URL('/livez', server.url))).status).toBe(200);
      expect(await server.stop()).toBe(0);
      expect(server.complaints()).toBe('');
    },
    TIME_LIMIT_MS,
  );

  function start(workers: number) {
    return startIn(temporaryFolder(), [build.cli, 'serve'], { LATCHKEY_WORKERS: String(workers) });
  }
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-stop-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function startIn(cwd: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const server = await startServerProcess([process.execPath, ...args], {
    cwd,
    env: { NODE_ENV: 'test', ...env },
  });
  cleanups.push(server.stop);
  return server;
}

/** A connection that is made, and has sent a request; `answer` is all that comes back. */
async function openClient(url: string): Promise<{ readonly answer: Promise<string> }> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  cleanups.push(() => socket.destroy());
  await once(socket, 'connect');
  socket.write('GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  return { answer: text(socket) };
}
