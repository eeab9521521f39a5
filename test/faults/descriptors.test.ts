import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { cleanEnvironment, startServerProcess } from '../support/server-process.ts';
import { useBuild, useCleanups } from '../support/setup.ts';

/*
 * Processes that run out of file descriptors. `prlimit` of util-linux takes them away from one that runs, so this is for
 * Linux alone.
 */

const LIMIT = 256;
/** More than two processes can have open with that limit. */
const CROWD = 2 * LIMIT;
/** Fewer than any of these processes has open already. */
const NONE_LEFT = 8;
const AS_BEFORE = 1_024;
const TIME_LIMIT_MS = 60_000;

const build = useBuild();
const cleanups = useCleanups();

(process.platform === 'linux' ? describe : describe.skip)('servers without file descriptors', () => {
  it.each([1, 2])(
    'a server of %d processes closes the connections it has no descriptors for, serves the others, and exits with 0',
    async (workers) => {
      const server = await start({ workers, limit: LIMIT });
      const [, room = ''] = /leaves room for (\d+) connections/.exec(server.lines.join('\n')) ?? [];
      expect(Number(room)).toBeGreaterThan(0);
      expect(Number(room)).toBeLessThan(LIMIT);

      const sockets = await Promise.all(Array.from({ length: CROWD }, () => open(server.url)));
      const served = (await Promise.all(sockets.map(ask))).filter(Boolean);
      // The primary process closes some, too, when all come at once: each is its own until a worker takes it.
      expect(served.length).toBeGreaterThan(0);
      expect(served.length).toBeLessThanOrEqual(Number(room) * workers);
      if (workers === 1) await server.printed('others are closed');
      expect(await server.stop()).toBe(0);
    },
    TIME_LIMIT_MS,
  );

  it(
    'a server that ran out of descriptors takes connections again once others are gone',
    async () => {
      const server = await start({ workers: 2, limit: LIMIT });
      const sockets = await Promise.all(Array.from({ length: CROWD }, () => open(server.url)));
      await Promise.all(sockets.map(ask));
      for (const socket of sockets) socket.destroy();
      while (!(await ask(await open(server.url))));
      expect(server.lines.join('\n')).not.toMatch(/A worker (takes|ended)/);
    },
    TIME_LIMIT_MS,
  );

  it(
    'a worker with no descriptors left to take a connection is replaced',
    async () => {
      const server = await start({ workers: 2 });
      const first = workersOf(server.pid);
      for (const pid of first) limitOpenFiles(pid, NONE_LEFT);
      // Each of them is handed one that it cannot take.
      const lost = await Promise.all(first.map(() => open(server.url)));
      await server.printed('A worker takes no connections any more', first.length);
      // Their clients hear of it, and ask again.
      expect(await Promise.all(lost.map(ask))).toEqual(first.map(() => false));
      while (!(await ask(await open(server.url))));
      expect(await server.stop()).toBe(0);
    },
    TIME_LIMIT_MS,
  );

  it(
    'a server with no descriptors left to replace a killed worker serves on, and replaces it when it has some',
    async () => {
      const server = await start({ workers: 2 });
      const [victim = Number.NaN, survivor] = workersOf(server.pid);
      limitOpenFiles(server.pid, NONE_LEFT);
      process.kill(victim, 'SIGKILL');
      await server.printed('A worker could not be started: EMFILE', 2);
      limitOpenFiles(server.pid, AS_BEFORE);
      const isBack = () => {
        const pids = workersOf(server.pid);
        return pids.length === 2 && pids.includes(survivor ?? Number.NaN);
      };
      while (!isBack()) await pause(50);
      while (!(await ask(await open(server.url))));
      expect(await server.stop()).toBe(0);
    },
    TIME_LIMIT_MS,
  );

  it('a server with too few descriptors does not start, and says how many it needs', async () => {
    for (const limit of [64, 128, 255])
      await expect(start({ limit })).rejects.toThrow(/^It ended with 1: latchkey: [^\n]*256[^\n]*\n$/);
  });

  async function start({ workers = 1, limit = AS_BEFORE }: { workers?: number; limit?: number }) {
    const cwd = mkdtempSync(join(tmpdir(), 'latchkey-descriptors-'));
    cleanups.push(() => rmSync(cwd, { recursive: true, force: true }));
    const command = `ulimit -n ${limit}; exec "$0" "$1" serve`;
    const server = await startServerProcess(['sh', '-c', command, process.execPath, build.cli], {
      cwd,
      env: { NODE_ENV: 'test', LATCHKEY_WORKERS: String(workers) },
    });
    cleanups.push(server.stop);
    return server;
  }

  async function open(url: string): Promise<Socket> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    cleanups.push(() => socket.destroy());
    // A connection that is refused may be reset.
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  }

  /** Whether it is answered. */
  function ask(socket: Socket): Promise<boolean> {
    return new Promise((resolve) => {
      if (socket.destroyed) resolve(false);
      socket.once('data', () => resolve(true));
      socket.once('close', () => resolve(false));
      socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
    });
  }

  function workersOf(pid: number): number[] {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  }

  function limitOpenFiles(pid: number, count: number): void {
    execFileSync('prlimit', ['--pid', String(pid), `--nofile=${count}:`], { env: cleanEnvironment() });
  }
});
