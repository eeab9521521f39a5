import { readdir, readFile } from 'node:fs/promises';
import { HOUR_MS } from '../platform/durations.ts';
import type { Database, Sql } from './database.ts';
import { encodingProblem } from './encoding.ts';
import { DatabaseProblem } from './failure.ts';

const MIGRATIONS = new URL('./migrations/', import.meta.url);

/** Any number, the same in every version: who migrates holds the lock of this number. */
const ADVISORY_LOCK = 7_105_481;

/** An index of a large table takes a while to make, and so does waiting for another process that makes it. */
const STATEMENT_MS = HOUR_MS;
/** Says which migrations are applied. */
const LEDGER = 'latchkey_migrations';
/**
 * The ledger of databases that an earlier version made. Rails, golang-migrate and others have a table of that name,
 * too; a database keeps the ledger that it began with, because the version before and its backups know no other.
 */
const EARLIER_LEDGER = 'schema_migrations';
/** Applied where the database was empty. */
export const FIRST_MIGRATION = '0001_initial';

interface Migration {
  readonly name: string;
  readonly statements: readonly string[];
}

/**
 * Applies what is missing of `migrations/*.sql`, those for one engine alone among them, in the order of the names, each
 * together with its row in the ledger, and returns the names applied. Two processes may start at once: one applies, the
 * other one waits. A migration that this version does not know belongs to a newer one and is left alone, so the version
 * before keeps working during a deployment (CR-4).
 *
 * @throws DatabaseProblem, and makes nothing, where the database is not made for text of every kind, or a table of
 * another program has a name that is needed.
 */
export async function migrate(database: Database): Promise<string[]> {
  const migrations = await readMigrations(database.dialect);
  const patient = database.within(STATEMENT_MS);
  const problem = await encodingProblem(patient);
  if (problem !== undefined) throw new DatabaseProblem(problem);
  const ledger = await patient.transaction(async (sql) => {
    await lock(sql, database.dialect);
    const obstacle = await findObstacle(sql, database.dialect, migrations);
    if (obstacle !== undefined) throw new DatabaseProblem(obstacle);
    return (await findLedger(sql, database.dialect)) ?? createLedger(sql);
  });

  const applied: string[] = [];
  for (const migration of migrations) {
    const isApplied = await patient.transaction(async (sql) => {
      await lock(sql, database.dialect);
      return apply(sql, ledger, migration);
    });
    if (isApplied) applied.push(migration.name);
  }
  return applied;
}

/** The names of the migrations that `migrate` would apply. */
export async function pendingMigrations(database: Database): Promise<string[]> {
  const migrations = await readMigrations(database.dialect);
  return (await pendingOf(database, database.dialect, migrations)).map(({ name }) => name);
}

/** Why `migrate` would refuse, in a sentence for the operator. */
export async function migrationObstacle(database: Database): Promise<string | undefined> {
  return findObstacle(database, database.dialect, await readMigrations(database.dialect));
}

async function pendingOf(
  sql: Sql,
  dialect: Database['dialect'],
  migrations: readonly Migration[],
): Promise<Migration[]> {
  const ledger = await findLedger(sql, dialect);
  const rows = ledger === undefined ? [] : await sql.all<{ name: string }>(`SELECT name FROM ${ledger}`);
  const applied = new Set(rows.map(({ name }) => name));
  return migrations.filter(({ name }) => !applied.has(name));
}

async function findLedger(sql: Sql, dialect: Database['dialect']): Promise<string | undefined> {
  const columns = await sql.all<{ table: string; name: string }>(
    dialect === 'sqlite'
      ? `SELECT tables.name AS "table", columns.name FROM sqlite_schema tables, pragma_table_info(tables.name) columns
         WHERE tables.name IN ('${LEDGER}', '${EARLIER_LEDGER}')`
      : `SELECT table_name AS "table", column_name AS name FROM information_schema.columns
         WHERE table_schema = current_schema() AND table_name IN ('${LEDGER}', '${EARLIER_LEDGER}')`,
  );
  const columnsOf = (ledger: string) =>
    columns
      .filter(({ table }) => table === ledger)
      .map(({ name }) => name)
      .sort()
      .join();
  if (columnsOf(EARLIER_LEDGER) === 'applied_at,name') {
    const first = await sql.get(`SELECT name FROM ${EARLIER_LEDGER} WHERE name = '${FIRST_MIGRATION}'`);
    if (first !== undefined) return EARLIER_LEDGER;
  }
  return columnsOf(LEDGER) === '' ? undefined : LEDGER;
}

async function createLedger(sql: Sql): Promise<string> {
  await sql.run(`CREATE TABLE ${LEDGER} (name TEXT PRIMARY KEY, applied_at BIGINT NOT NULL)`);
  return LEDGER;
}

async function findObstacle(
  sql: Sql,
  dialect: Database['dialect'],
  migrations: readonly Migration[],
): Promise<string | undefined> {
  const pending = await pendingOf(sql, dialect, migrations);
  if (pending.length === 0) return undefined;
  if (dialect === 'postgres' && !(await hasSchema(sql)))
    return 'The search_path names no schema that is there: make it with CREATE SCHEMA, or name another one.';

  const taken = new Set(await namesTaken(sql, dialect));
  const wanted = namesMade(pending).filter((name) => taken.has(name));
  if (wanted.length === 0) return undefined;
  return (
    `The database belongs to another program, too, which has a name that Latchkey needs: ${wanted.join(', ')}. ` +
    'Give Latchkey a database of its own, or on PostgreSQL a schema of its own ' +
    '(?options=-c%20search_path%3Dlatchkey in DATABASE_URL).'
  );
}

async function hasSchema(sql: Sql): Promise<boolean> {
  const row = await sql.get<{ name: string | null }>('SELECT current_schema() AS name');
  return row !== undefined && row.name !== null;
}

/** The tables and indexes that are there when all of the migrations are applied, and were not before. */
function namesMade(migrations: readonly Migration[]): string[] {
  const statements = migrations.flatMap((migration) => migration.statements);
  const namesIn = (pattern: RegExp) => statements.flatMap((statement) => pattern.exec(statement)?.[1] ?? []);
  // An index that is made anew was there before.
  const dropped = namesIn(/^DROP INDEX (\w+)/m);
  return namesIn(/^CREATE (?:TABLE|(?:UNIQUE )?INDEX) (\w+)/m).filter((name) => !dropped.includes(name));
}

/** Of tables, views, indexes and types, which share their names. */
async function namesTaken(sql: Sql, dialect: Database['dialect']): Promise<string[]> {
  const rows = await sql.all<{ name: string }>(
    dialect === 'sqlite'
      ? 'SELECT name FROM sqlite_schema'
      : `SELECT relname AS name FROM pg_class WHERE relnamespace = CAST(current_schema() AS regnamespace)
         UNION SELECT typname FROM pg_type WHERE typnamespace = CAST(current_schema() AS regnamespace)`,
  );
  return rows.map(({ name }) => name);
}

/**
 * Lets one process at a time migrate, for the length of a transaction. On SQLite the transaction is that lock. On
 * PostgreSQL the limit made for requests would end the wait for the other process; but a table that is in use is
 * waited for briefly, because every request behind the wait waits too.
 */
async function lock(sql: Sql, dialect: Database['dialect']): Promise<void> {
  if (dialect === 'sqlite') return;
  await sql.run('SET LOCAL lock_timeout TO 0');
  await sql.get('SELECT pg_advisory_xact_lock(:lock)', { lock: ADVISORY_LOCK });
  await sql.run("SET LOCAL lock_timeout TO '2s'");
}

async function apply(sql: Sql, ledger: string, { name, statements }: Migration): Promise<boolean> {
  const row = await sql.get(`SELECT name FROM ${ledger} WHERE name = :name`, { name });
  if (row) return false;

  for (const statement of statements) await sql.run(statement);
  await sql.run(`INSERT INTO ${ledger} (name, applied_at) VALUES (:name, :now)`, {
    name,
    now: Date.now(),
  });
  return true;
}

/** Those for every engine, `name.sql`, and those for this one, `name.postgres.sql`. */
async function readMigrations(dialect: Database['dialect']): Promise<Migration[]> {
  const isOurs = new RegExp(`^\\w+(\\.${dialect})?\\.sql$`);
  const names = (await readdir(MIGRATIONS)).filter((name) => isOurs.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(name, MIGRATIONS), 'utf8');
      const statements = text.split(/;[ \t]*(?:\n|$)/).map((statement) => statement.trim());
      return {
        name: name.replace(/\..*$/, ''),
        statements: statements.filter((statement) => statement !== ''),
      };
    }),
  );
}
