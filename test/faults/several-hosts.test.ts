import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import type { Database } from '../../src/database/database.ts';
import { openDatabase } from '../../src/database/open.ts';
import { engines } from '../support/databases.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.js';
import { useCleanups } from '../support/setup.ts';
import { startSilentProxy } from '../support/silent-proxy.ts';

/*
 * A URL with several hosts, of which one takes writes. Which server answered is told by the row that each has of its own.
 */

const WHERE = 'SELECT name FROM place';
const WRITE = `UPDATE place SET name = name`;
const TIME_LIMIT_MS = 60_000;

const onPostgres = engines.includes('postgres') ? describe : describe.skip;

onPostgres('database URLs with several hosts', () => {
  const cleanups = useCleanups();
  let first: PostgresServer;
  let second: PostgresServer;
  beforeAll(async () => {
    [first, second] = await Promise.all([startPostgres(), startPostgres()]);
    await administer(first, `CREATE TABLE place AS SELECT 'first' AS name`);
    await administer(second, `CREATE TABLE place AS SELECT 'second' AS name`);
  }, TIME_LIMIT_MS);
  afterAll(async () => {
    await first?.remove();
    await second?.remove();
  });

  it('a database URL with several hosts uses the first host, and the next when nothing listens there', async () => {
    expect(await open(hostOf(first), hostOf(second)).then(where)).toBe('first');
    expect(await open('127.0.0.1:1', hostOf(second)).then(where)).toBe('second');
    expect(await open('127.0.0.1:1', 'nowhere.invalid', hostOf(second)).then(where)).toBe('second');
  });

  it('a database URL with several hosts uses the next host when one does not answer', async () => {
    const proxy = await startSilentProxy(first.url);
    cleanups.push(proxy.close);
    proxy.silenceAll();
    expect(await open(new URL(proxy.url).host, hostOf(second)).then(where)).toBe('second');
  });

  it('a database is UNAVAILABLE when no host of its URL can be reached', async () => {
    const database = await open('127.0.0.1:1', '127.0.0.1:2');
    await expect(database.get(WHERE)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('all connections move to the next host when the server in use no longer takes writes', async () => {
    const database = await open(hostOf(first), hostOf(second));
    const everywhere = async () =>
      new Set(await Promise.all(Array.from({ length: 10 }, () => where(database))));
    expect(await everywhere()).toEqual(new Set(['first']));
    cleanups.push(() => setReadOnly(first, false));
    await setReadOnly(first, true);
    await expect(database.run(WRITE)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await database.run(WRITE)).toBe(1);
    expect(await everywhere()).toEqual(new Set(['second']));
    // And is not begun with.
    expect(await open(hostOf(first), hostOf(second)).then(where)).toBe('second');
  });

  it('connections move to the next host when the server in use ends', async () => {
    const database = await open(hostOf(second), hostOf(first));
    expect(await where(database)).toBe('second');
    await second.stop('immediate');
    await database.run(WRITE).catch((error) => expect(error).toMatchObject({ code: 'UNAVAILABLE' }));
    expect(await database.run(WRITE)).toBe(1);
    expect(await where(database)).toBe('first');
  });

  it('a database URL with one host and target_session_attrs=read-write refuses a read-only server', async () => {
    cleanups.push(() => setReadOnly(first, false));
    await setReadOnly(first, true);
    const database = await openDatabase(`${first.url}?target_session_attrs=read-write`);
    cleanups.push(() => database.close());
    await expect(database.get(WHERE)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  async function open(...hosts: string[]): Promise<Database> {
    const database = await openDatabase(`postgres://latchkey@${hosts.join(',')}/postgres`);
    cleanups.push(() => database.close());
    return database;
  }

  async function where(database: Database): Promise<string | undefined> {
    return (await database.get<{ name: string }>(WHERE))?.name;
  }

  function hostOf(server: PostgresServer): string {
    return new URL(server.url).host;
  }

  /** What a standby is, as far as writes are concerned. */
  async function setReadOnly(server: PostgresServer, isReadOnly: boolean): Promise<void> {
    await administer(server, `ALTER SYSTEM SET default_transaction_read_only = ${isReadOnly ? 'on' : 'off'}`);
    await administer(server, 'SELECT pg_reload_conf()');
    for (const wanted = isReadOnly ? 'on' : 'off'; ; ) {
      const [row] = await administer(server, 'SHOW default_transaction_read_only');
      if (row?.default_transaction_read_only === wanted) return;
    }
  }

  async function administer(server: PostgresServer, statement: string): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: server.url });
    await client.connect();
    try {
      return (await client.query(statement)).rows;
    } finally {
      await client.end();
    }
  }
});
