import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { Database } from '../../src/database/database.ts';
import { openDatabase } from '../../src/database/open.ts';

export type Engine = Database['dialect'];

/** What every suite that touches the database runs on. */
export const engines: readonly Engine[] =
  process.env.TEST_POSTGRES === 'off' ? ['sqlite'] : ['sqlite', 'postgres'];

export interface FreshDatabase {
  readonly url: string;
  readonly database: Database;
  /** Another handle on the same database, as another process would have. */
  open(options?: Parameters<typeof openDatabase>[1]): Promise<Database>;
  /** Closes every handle and removes what they wrote. */
  drop(): Promise<void>;
}

/** A database of its own, without a table: a file in a new folder, or a new schema of the test run's server. */
export async function freshDatabase(engine: Engine): Promise<FreshDatabase> {
  const { url, remove } = await (engine === 'sqlite' ? createFolder() : createSchema());
  const handles: Database[] = [];

  async function open(options?: Parameters<typeof openDatabase>[1]): Promise<Database> {
    const handle = await openDatabase(url, options);
    handles.push(handle);
    return handle;
  }

  return {
    url,
    database: await open(),
    open,
    async drop() {
      for (const handle of handles.splice(0)) await handle.close();
      await remove();
    },
  };
}

async function createFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-'));
  return {
    url: `file:${join(folder, 'data', 'latchkey.db')}`,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function createSchema() {
  const server = process.env.TEST_DATABASE_URL;
  if (!server) throw new Error('TEST_DATABASE_URL is not set: the test run started no PostgreSQL server.');

  const schema = `test_${randomBytes(8).toString('hex')}`;
  await administer(server, `CREATE SCHEMA ${schema}`);
  const url = new URL(server);
  url.searchParams.set('options', `-c search_path=${schema}`);
  return { url: url.href, remove: () => administer(server, `DROP SCHEMA ${schema} CASCADE`) };
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
