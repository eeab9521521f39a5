import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
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
    'while %d processes are busy answers those who connected meanwhile, and ends with 0 (CR-3)',
    async (workers) => {
      const folder = mkdtempSync(join(tmpdir(), 'latchkey-stop-'));
      cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
      const release = join(folder, 'release');
      const server = await startServerProcess(
        [process.execPath, '--require', BUSY_ON_STOP, build.cli, 'serve'],
        { cwd: folder, env: { NODE_ENV: 'test', LATCHKEY_WORKERS: String(workers), BUSY_UNTIL: release } },
      );
      cleanups.push(server.stop);

      const stopped = server.stop();
      await server.printed('BUSY', workers === 1 ? 1 : workers + 1);
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => openClient(server.url)));
      writeFileSync(release, '');
      for (const { answer } of clients) expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
      expect(await stopped).toBe(0);
    },
    TIME_LIMIT_MS,
  );
});

/** A connection that is made, and has sent a request; `answer` is all that comes back. */
async function openClient(url: string): Promise<{ readonly answer: Promise<string> }> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  cleanups.push(() => socket.destroy());
  await once(socket, 'connect');
  socket.write('GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  return { answer: text(socket) };
}
