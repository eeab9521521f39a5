import { readdir, readFile } from 'node:fs/promises';
import type { Database, Sql } from './database.ts';

/** From src/database and from dist/database alike. */
const MIGRATIONS = new URL('../../src/database/migrations/', import.meta.url);

/** Any number, the same in every version: who migrates holds the lock of this number. */
const ADVISORY_LOCK = 7_105_481;

/** An index of a large table takes a while to make, and so does waiting for another process that makes it. */
const STATEMENT_MS = 60 * 60_000;

interface Migration {
  readonly name: string;
  readonly statements: readonly string[];
}

/**
 * Applies what is missing of `migrations/*.sql`, those for one engine alone among them, in the order of the names, each
 * together with its row in `schema_migrations`, and returns the names applied. Two processes may start at once: one
 * applies, the other one waits. A migration that this version does not know belongs to a newer one and is left alone,
 * so the version before keeps working during a deployment (CR-4).
 */
export async function migrate(database: Database): Promise<string[]> {
  const patient = database.within(STATEMENT_MS);
  await patient.transaction(async (sql) => {
    await lock(sql, database.dialect);
    await sql.run(
      'CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT PRIMARY KEY, applied_at BIGINT NOT NULL)',
    );
  });

  const applied: string[] = [];
  for (const migration of await readMigrations(database.dialect)) {
    const isApplied = await patient.transaction(async (sql) => {
      await lock(sql, database.dialect);
      return apply(sql, migration);
    });
    if (isApplied) applied.push(migration.name);
  }
  return applied;
}

/** The names of the migrations that `migrate` would apply. */
export async function pendingMigrations(database: Database): Promise<string[]> {
  const migrations = await readMigrations(database.dialect);
  const rows = await database.all<{ name: string }>('SELECT name FROM schema_migrations');
  const applied = new Set(rows.map(({ name }) => name));
  return migrations.map(({ name }) => name).filter((name) => !applied.has(name));
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

async function apply(sql: Sql, { name, statements }: Migration): Promise<boolean> {
  const row = await sql.get('SELECT name FROM schema_migrations WHERE name = :name', { name });
  if (row) return false;

  for (const statement of statements) await sql.run(statement);
  await sql.run('INSERT INTO schema_migrations (name, applied_at) VALUES (:name, :now)', {
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
