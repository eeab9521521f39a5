import { statSync } from 'node:fs';
import { isElsewhere, readDatabaseUrl, sqliteFile } from '../platform/database-url.ts';
import type { Database } from './database.ts';
import { DatabaseProblem } from './failure.ts';
import type { PoolOptions } from './postgres-pool.ts';
import type { SqliteOptions } from './sqlite.ts';

/**
 * Opens the database of a `DATABASE_URL`; see platform/database-url.ts for what that may be. Loads the driver of that engine alone.
 *
 * @throws DatabaseProblem that says what to do when the URL is not understood or the SQLite driver is not installed; AuthError
 * `UNAVAILABLE` when the database file cannot be opened.
 */
export async function openDatabase(
  text: string,
  options: SqliteOptions & PoolOptions = {},
): Promise<Database> {
  const url = read(text);
  if (url.engine === 'postgres') {
    const { openPostgres } = await import('./postgres.ts');
    return openPostgres(url, options);
  }
  try {
    const { openSqlite } = await import('./sqlite.ts');
    return await openSqlite(url.path ?? ':memory:', options);
  } catch (error) {
    if (!isDriverMissing(error)) throw error;
    throw new DatabaseProblem(
      'SQLite needs the optional package better-sqlite3, which is not installed or not built for this Node.js. ' +
        'Install it with its build script allowed (npm rebuild better-sqlite3), or set DATABASE_URL to a ' +
        'PostgreSQL database.',
      { cause: error },
    );
  }
}

function read(text: string): ReturnType<typeof readDatabaseUrl> {
  try {
    return readDatabaseUrl(text);
  } catch (error) {
    throw new DatabaseProblem(`DATABASE_URL ${(error as Error).message}.`);
  }
}

/** What the database server is set to that can lose an answered write (CR-1); SQLite is set by its driver. */
export async function durabilityWarnings(database: Database): Promise<string[]> {
  if (database.dialect === 'sqlite') return [];
  const settings = await database.all<{ name: string }>(
    `SELECT name FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit') AND setting = 'off' ORDER BY name`,
  );
  return settings.map(
    ({ name }) => `PostgreSQL runs with ${name} = off: a crash can undo logins, logouts and rotations.`,
  );
}

/** Who else may read or write the files of an SQLite database: looked at as they are, whatever they were made as. */
export function fileWarnings(text: string): string[] {
  const file = sqliteFile(text);
  if (file === undefined) return [];
  return ['', '-wal', '-shm']
    .map((suffix) => file + suffix)
    .filter((path) => ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o007) !== 0)
    .map((path) => `Every user of this machine can get at the database: chmod 600 ${path}`);
}

/** Whether what is said to a PostgreSQL server elsewhere can be read on its way. A pooler hides that of its own half. */
export async function encryptionWarnings(text: string, database: Database): Promise<string[]> {
  if (!isElsewhere(text) || (await database.pooling?.()) !== 'none') return [];
  const row = await database.get<{ ssl: boolean }>(
    'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
  );
  if (row?.ssl !== false) return [];
  return [
    'The connection to PostgreSQL is not encrypted: what passes between can read password hashes (sslmode=verify-full in DATABASE_URL).',
  ];
}

/** What stands between this program and its database that an operator should know of. */
export async function databaseNotes(database: Database): Promise<string[]> {
  switch (await database.pooling?.()) {
    case 'with limits':
      return ['PostgreSQL is behind a pooler: no statement is prepared under a name.'];
    case 'without limits':
      return [
        'PostgreSQL is behind a pooler: no statement is prepared under a name, and each one is a transaction that sets ' +
          'its own limits. A role that has them saves two of three round trips: ALTER ROLE … SET statement_timeout = ' +
          "'5s', SET lock_timeout = '2s', SET idle_in_transaction_session_timeout = '10s', each by itself, and no " +
          'schema in DATABASE_URL.',
      ];
    default:
      return [];
  }
}

function isDriverMissing(error: unknown): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  if (code === 'ERR_DLOPEN_FAILED') return true;
  // The package is not there, or its compiled half is not.
  return /better-sqlite3|bindings file/.test(String(message)) && code !== 'UNAVAILABLE';
}
