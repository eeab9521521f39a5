import { fileURLToPath } from 'node:url';
import type { Database } from './database.ts';
import type { PostgresOptions } from './postgres.ts';
import type { SqliteOptions } from './sqlite.ts';

/**
 * Opens the database of a `DATABASE_URL`: `file:data/latchkey.db`, `file:/absolute/path.db`, `file::memory:` or
 * `postgres://…`. Loads the driver of that engine alone.
 *
 * @throws Error that says what to do when the URL is of neither kind or the SQLite driver is not installed;
 * AuthError `UNAVAILABLE` when the database file cannot be opened.
 */
export async function openDatabase(
  url: string,
  options: SqliteOptions & PostgresOptions = {},
): Promise<Database> {
  if (/^postgres(ql)?:\/\//.test(url)) {
    const { openPostgres } = await import('./postgres.ts');
    return openPostgres(url, options);
  }
  // The URL may hold a password, so the message does not hold the URL.
  if (!url.startsWith('file:'))
    throw new Error('DATABASE_URL must begin with file:, postgres:// or postgresql://.');

  const path = url.startsWith('file://') ? fileURLToPath(url) : url.slice('file:'.length);
  if (path === '') throw new Error('DATABASE_URL names no file, as in file:data/latchkey.db.');
  try {
    const { openSqlite } = await import('./sqlite.ts');
    return await openSqlite(path, options);
  } catch (error) {
    if (!isDriverMissing(error)) throw error;
    throw new Error(
      'SQLite needs the optional package better-sqlite3, which is not installed or not built for this Node.js. ' +
        'Install it with its build script allowed (npm rebuild better-sqlite3), or set DATABASE_URL to a ' +
        'PostgreSQL database.',
      { cause: error },
    );
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

function isDriverMissing(error: unknown): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  if (code === 'ERR_DLOPEN_FAILED') return true;
  // The package is not there, or its compiled half is not.
  return /better-sqlite3|bindings file/.test(String(message)) && code !== 'UNAVAILABLE';
}
