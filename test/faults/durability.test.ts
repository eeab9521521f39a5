import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import Sqlite from 'better-sqlite3';
import { useBuild, useCleanups } from '../support/setup.ts';
import { PASSWORD } from '../support/start-app.ts';
import {
  type Client,
  createClient,
  LOGIN,
  LOGOUT,
  openSessions,
  REFRESH,
  REGISTER,
} from './support/client.ts';
import { freePort, startServer } from './support/server.ts';

const PROBE = pathToFileURL(new URL('./support/durability-probe.js', import.meta.url).pathname).href;
const REFRESHES = 20;
const WORKERS = 2;
const TRIES = 100;
const FULL = 2;

const build = useBuild();
const cleanups = useCleanups();

describe('durability on SQLite', () => {
  it('a write to SQLite is in the files when its answer comes (CR-1)', async () => {
    const { folder, file, origin } = await start();
    const client = createClient();
    cleanups.push(client.close);
    let copies = 0;

    /** The files as they are now, opened as they would be after the machine went down. */
    function afterCrash<Row>(text: string): Row | undefined {
      const copy = join(folder, `copy-${copies++}.db`);
      for (const suffix of ['', '-wal']) copyFileSync(file + suffix, copy + suffix);
      const database = new Sqlite(copy);
      try {
        return database.prepare<[], Row>(text).get();
      } finally {
        database.close();
      }
    }

    const input = { email: 'ada@example.com', password: PASSWORD };
    await client.post(origin, { query: REGISTER, variables: { input } });
    expect(afterCrash('SELECT email FROM users')).toEqual({ email: input.email });
    const { data } = await client.post(origin, { query: LOGIN, variables: { input } });
    expect(afterCrash('SELECT COUNT(*) AS sessions FROM sessions')).toEqual({ sessions: 2 });

    const { id } = data.login.session;
    let { refreshToken } = data.login;
    for (let generation = 1; generation <= REFRESHES; generation += 1) {
      refreshToken = await refresh(client, origin, refreshToken);
      expect(afterCrash(`SELECT generation FROM sessions WHERE id = '${id}'`)).toEqual({ generation });
    }

    await client.post(origin, { query: LOGOUT, variables: { input: { refreshToken } } });
    const ended = afterCrash(`SELECT revoked_reason AS reason FROM sessions WHERE id = '${id}'`);
    expect(ended).toEqual({ reason: 'logout' });
  });

  it('SQLite syncs what it acknowledges: synchronous is FULL after a write, on every connection of every worker (CR-1)', async () => {
    const { folder, origin } = await start({ LATCHKEY_WORKERS: String(WORKERS) });
    const probe = () => {
      const lines = readFileSync(join(folder, 'probe'), 'utf8').trim().split('\n');
      return lines.map((line) => JSON.parse(line) as { pid: number; readonly: boolean; synchronous: number });
    };
    const processes = () => new Set(probe().map(({ pid }) => pid)).size;
    // Each new socket is the next worker's, once they all listen. One more is the process that migrated.
    for (let tries = 0; tries < TRIES && processes() < 1 + WORKERS; tries += 1) {
      const client = createClient();
      cleanups.push(client.close);
      await openSessions(client, origin, 1);
      await pause(100);
    }

    const seen = probe();
    expect(processes()).toBe(1 + WORKERS);
    expect(new Set(seen.map(({ readonly }) => readonly))).toEqual(new Set([false, true]));
    expect(new Set(seen.map(({ synchronous }) => synchronous))).toEqual(new Set([FULL]));
  });
});

async function start(settings: Readonly<Record<string, string>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-durability-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'latchkey.db');
  const server = await startServer(build, {
    databaseUrl: `file:${file}`,
    secret: randomBytes(32).toString('base64url'),
    port: await freePort(),
    env: { ...settings, NODE_OPTIONS: `--import=${PROBE}`, DURABILITY_PROBE: join(folder, 'probe') },
  });
  cleanups.push(server.kill);
  return { folder, file, origin: server.origin };
}

async function refresh(client: Client, origin: string, refreshToken: string): Promise<string> {
  const { code, data } = await client.post(origin, {
    query: REFRESH,
    variables: { input: { refreshToken } },
  });
  expect(code).toBe('OK');
  return data.refreshToken.refreshToken;
}
