import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Client, type QueryResult } from 'pg';
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
  const template = await templates[engine];
  return opened(engine === 'sqlite' ? await filled(createFolder(), template) : await emptySchema(template));
}

async function filled(creation: Promise<Place>, template: Template): Promise<Place> {
  const place = await creation;
  await place.fill(template);
  return place;
}

/** Schemas that tests of this file are done with, as good as new. */
const spare: Place[] = [];
/** How a new schema is made up. */
let asNew: string | undefined;
/** Jest alone says when a file ends. */
const { afterAll: atEnd } = globalThis as { afterAll?: (work: () => Promise<void>) => void };
atEnd?.(async () => {
  for (const place of spare.splice(0)) await place.remove();
});

/**
 * A schema with every table and no row. To make one and to drop it takes longer than most tests, so a test hands its own
 * on to the next one in its file, unless it changed more than rows.
 */
async function emptySchema(template: Template): Promise<Place> {
  const place = spare.pop() ?? (await filled(createSchema(), template));
  asNew ??= await shapeOf(place.url);
  return {
    ...place,
    async remove() {
      if (atEnd !== undefined && (await isRenewed(place.url))) spare.push(place);
      else await place.remove();
    },
  };
}

/** False also where a table is gone, and for a role that may not put constraints aside. */
async function isRenewed(url: string): Promise<boolean> {
  try {
    await administer(url, DELETE_ROWS);
    return (await shapeOf(url)) === asNew;
  } catch {
    return false;
  }
}

const DELETE_ROWS = `
  SET session_replication_role = replica;
  DO $$ DECLARE name text; BEGIN
    FOR name IN
      SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'latchkey_migrations'
    LOOP EXECUTE format('DELETE FROM %I', name); END LOOP;
  END $$`;

/** Tables, indexes, columns, constraints, triggers and functions of a schema, and the migrations that it says it has. */
async function shapeOf(url: string): Promise<string> {
  const { rows } = await administer(
    url,
    `WITH here AS (SELECT current_schema()::regnamespace AS oid)
     SELECT md5(concat(
       (SELECT string_agg(concat_ws(' ', relname, relkind, relhastriggers), ',' ORDER BY relname)
        FROM pg_class, here WHERE relnamespace = here.oid),
       (SELECT string_agg(concat_ws(' ', relname, attname, atttypid, attnotnull), ',' ORDER BY relname, attnum)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid, here WHERE relnamespace = here.oid AND attnum > 0),
       (SELECT string_agg(conname, ',' ORDER BY conname) FROM pg_constraint, here WHERE connamespace = here.oid),
       (SELECT string_agg(proname, ',' ORDER BY proname) FROM pg_proc, here WHERE pronamespace = here.oid),
       (SELECT string_agg(name, ',' ORDER BY name) FROM latchkey_migrations))) AS shape`,
  );
  return rows[0].shape;
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
  fill(template: Template): Promise<unknown>;
  remove(): Promise<unknown>;
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

async function administer(url: string, statement: string): Promise<QueryResult> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(statement);
  } finally {
    await client.end();
  }
}
