import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { cleanEnvironment } from '../support/server-process.ts';
import { useBuild, useCleanups } from '../support/setup.ts';
import { PASSWORD } from '../support/start-app.ts';
import {
  type Answer,
  createClient,
  LOGIN,
  ME,
  openSessions,
  REFRESH,
  REGISTER,
  type Tokens,
} from './support/client.ts';
import { freePort, isReady, startServer } from './support/server.ts';

const SESSIONS = 12;
const TIME_LIMIT_MS = 60_000;

const build = useBuild();
const cleanups = useCleanups();

describe('SQLite on a disk that is full', () => {
  const mount = canMount() ? it : skip('mounting a tmpfs is not allowed here');
  mount(
    'SQLite on a full disk refuses rotations unspent, goes on reading and verifying, and recovers by itself (CR-5, RT-10)',
    async () => {
      const folder = temporaryFolder();
      run('mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder);
      cleanups.push(() => run('umount', folder));
      const filler = join(folder, 'filler');
      await checkOutage(folder, { begin: () => fill(filler), end: () => rmSync(filler) });
    },
    TIME_LIMIT_MS,
  );
});

describe('SQLite on a file that turned read-only', () => {
  const lockable = canLock() ? it : skip('files cannot be made immutable here');
  lockable(
    'SQLite on a read-only file refuses rotations unspent, goes on reading and verifying, and recovers by itself (CR-5, RT-10)',
    async () => {
      const folder = temporaryFolder();
      const files = ['latchkey.db', 'latchkey.db-wal'].map((name) => join(folder, name));
      const unlock = () => run('chattr', '-i', ...files.filter(existsSync));
      cleanups.push(unlock);
      await checkOutage(folder, { begin: () => run('chattr', '+i', ...files), end: unlock });
    },
    TIME_LIMIT_MS,
  );
});

async function checkOutage(folder: string, outage: { begin(): void; end(): void }): Promise<void> {
  const server = await startServer(build, {
    databaseUrl: `file:${join(folder, 'latchkey.db')}`,
    secret: randomBytes(32).toString('base64url'),
    port: await freePort(),
  });
  cleanups.push(server.kill);
  const client = createClient();
  cleanups.push(client.close);
  const { origin } = server;

  const refresh = ({ refreshToken }: Tokens): Promise<Answer> =>
    client.post(origin, { query: REFRESH, variables: { input: { refreshToken } } });
  const me = ({ accessToken }: Tokens): Promise<Answer> =>
    client.post(origin, { query: ME, bearer: accessToken });
  const codesOf = async (answers: Promise<Answer>[]) =>
    [...new Set((await Promise.all(answers)).map(({ code }) => code))].join();

  const opened = await openSessions(client, origin, SESSIONS);
  const current = (await Promise.all(opened.map(refresh))).map(({ data }) => data.refreshToken as Tokens);

  outage.begin();
  // More than one batch, so that what a failed one leaves behind would show.
  for (let time = 0; time < 3; time += 1) {
    expect(await codesOf(current.map(refresh))).toBe('UNAVAILABLE');
    expect(await codesOf(current.map(me))).toBe('OK');
  }
  const input = { email: 'late@example.com', password: PASSWORD };
  expect(await codesOf([client.post(origin, { query: REGISTER, variables: { input } })])).toBe('UNAVAILABLE');
  // Logins and refreshes fail there, so it is not ready; other requests are answered all the same.
  while (await isReady(origin));
  expect((await fetch(`${origin}/.well-known/jwks.json`)).status).toBe(200);
  outage.end();

  // Unspent: the rotation that was refused is the next one, and not a retry of it.
  const next = await Promise.all(current.map(refresh));
  expect(next.map(({ code }) => code)).toEqual(current.map(() => 'OK'));
  const generations = new Set(next.map(({ data }) => generationOf(data.refreshToken)));
  expect([...generations]).toEqual([2]);
  expect(await codesOf([client.post(origin, { query: LOGIN, variables: { input } })])).toBe(
    'INVALID_CREDENTIALS',
  );
  expect(await codesOf([client.post(origin, { query: REGISTER, variables: { input } })])).toBe('OK');
  expect(server.hasEnded()).toBe(false);
  expect(server.complaints).toEqual([]);
}

/** From the layout of refresh-token.ts: version, key id, session id, then the generation. */
function generationOf({ refreshToken }: Tokens): number {
  return Buffer.from(refreshToken.slice('lkr_'.length), 'base64url').readUInt32BE(21);
}

/** Leaves not a byte. */
function fill(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (const bytes of [65_536, 4_096, 1]) {
      try {
        for (;;) writeSync(file, Buffer.alloc(bytes));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    }
  } finally {
    closeSync(file);
  }
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-disk-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function run(command: string, ...args: string[]): void {
  const { status, error, stderr } = spawnSync(command, args, { env: cleanEnvironment(), encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${error?.message ?? stderr}`);
}

function skip(reason: string): typeof it.skip {
  console.warn(`Skipped: ${reason}.`);
  return it.skip;
}

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-probe-'));
  try {
    run('mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder);
    run('umount', folder);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whether the file system refuses writes to an immutable file that is open already: ext4 and xfs do. */
function canLock(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-probe-'));
  const path = join(folder, 'file');
  writeFileSync(path, '');
  const file = openSync(path, 'w');
  try {
    run('chattr', '+i', path);
    try {
      writeSync(file, 'x');
      return false;
    } catch {
      return true;
    } finally {
      run('chattr', '-i', path);
    }
  } catch {
    return false;
  } finally {
    closeSync(file);
    rmSync(folder, { recursive: true, force: true });
  }
}
