import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import type { Database } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/open.ts';
import { noteStatements } from './statements.ts';

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
  return opened(await (engine === 'sqlite' ? createFolder() : createSchema()));
}

const templates: Partial<Record<Engine, Promise<Template>>> = {};

/** The same with every table. Migrations are run once in each test file: they take longer than most tests. */
export async function migratedDatabase(engine: Engine): Promise<FreshDatabase> {
  templates[engine] ??= makeTemplate(engine);
  const place = await (engine === 'sqlite' ? createFolder() : createSchema());
  await place.fill(await templates[engine]);
  return opened(place);
}

async function opened({ url, remove }: Place): Promise<FreshDatabase> {
  const handles: Database[] = [];

  async function open(options?: Parameters<typeof openDatabase>[1]): Promise<Database> {
    const handle = await openDatabase(url, { refusesOuterUse: true, ...options });
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

/** What every table is made with: a file, or statements. */
interface Template {
  readonly file?: Buffer;
  readonly script?: string;
}

interface Place {
  readonly url: string;
  /** Before it is opened. */
  fill(template: Template): Promise<void>;
  remove(): Promise<void>;
}

async function makeTemplate(engine: Engine): Promise<Template> {
  const { url, database, drop } = await freshDatabase(engine);
  const statements: string[] = [];
  const noting = noteStatements(database, (text) => {
    if (/^(CREATE|ALTER|DROP|UPDATE)\b/m.test(text)) statements.push(text);
    return text;
  });
  await migrate(noting.database);
  const ledger = await database.all<{ name: string }>('SELECT name FROM latchkey_migrations');
  const rows = ledger.map(({ name }) => `('${name}', 0)`);
  await database.close();
  const file = engine === 'sqlite' ? await readFile(new URL(url)) : undefined;
  await drop();
  return file
    ? { file }
    : { script: [...statements, `INSERT INTO latchkey_migrations VALUES ${rows}`].join(';\n') };
}

async function createFolder(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-'));
  const path = join(folder, 'data', 'latchkey.db');
  return {
    url: `file:${path}`,
    async fill({ file = Buffer.of() }) {
      await mkdir(dirname(path), { mode: 0o700 });
      await writeFile(path, file, { mode: 0o600 });
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function createSchema(): Promise<Place> {
  const server = process.env.TEST_DATABASE_URL;
  if (!server) throw new Error('TEST_DATABASE_URL is not set: the test run started no PostgreSQL server.');

  const schema = `test_${randomBytes(8).toString('hex')}`;
  await administer(server, `CREATE SCHEMA ${schema}`);
  const url = new URL(server);
  url.searchParams.set('options', `-c search_path=${schema}`);
  return {
    url: url.href,
    fill: ({ script = '' }) => administer(url.href, script),
    remove: () => administer(server, `DROP SCHEMA ${schema} CASCADE`),
  };
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
