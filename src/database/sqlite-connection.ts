import Sqlite from 'better-sqlite3';
import { LRUCache } from 'lru-cache';
import { AuthError } from '../errors.ts';
import type { Params, Sql } from './database.ts';
import { requireValue, unavailable } from './driver.ts';

/** A locked database blocks the event loop for this long; above it, tries are spread out. */
const BLOCKING_TIMEOUT_MS = 10;
/** As many statements as the stores have, with room to spare. */
const CACHED_STATEMENTS = 500;

const BUSY = /^SQLITE_(BUSY|LOCKED|PROTOCOL)(_|$)/;
const UNAVAILABLE = /^SQLITE_(BUSY|LOCKED|PROTOCOL|FULL|IOERR|READONLY|CANTOPEN|NOTADB|CORRUPT)(_|$)/;

export interface SqliteConnection {
  execute(kind: keyof Sql, text: string, params: Params): unknown;
  /** Executes a statement that has neither parameters nor rows. */
  control(text: string): void;
  isReadOnly(text: string): boolean;
  inTransaction(): boolean;
  close(): void;
}

/** @throws AuthError `UNAVAILABLE` when the file at `path` is no database, or cannot be opened or locked. */
export function connect(path: string, { readonly }: { readonly: boolean }): SqliteConnection {
  const connection = mapErrors(() => open(path, { readonly }));
  const statements = new LRUCache<string, Sqlite.Statement<[Params], unknown>>({ max: CACHED_STATEMENTS });

  function prepare(text: string) {
    const cached = statements.get(text);
    if (cached) return cached;
    const statement = connection.prepare<[Params], unknown>(text);
    statements.set(text, statement);
    return statement;
  }

  return {
    execute: (kind, text, params) =>
      mapErrors(() => {
        for (const name of Object.keys(params)) requireValue(params, name);
        const statement = prepare(text);
        return kind === 'run' ? statement.run(params).changes : statement[kind](params);
      }),
    control: (text) => {
      mapErrors(() => prepare(text).run({}));
    },
    isReadOnly: (text) => mapErrors(() => prepare(text).readonly),
    inTransaction: () => connection.inTransaction,
    close: () => {
      connection.close();
    },
  };
}

function open(path: string, { readonly }: { readonly: boolean }) {
  const connection = new Sqlite(path, { readonly, timeout: BLOCKING_TIMEOUT_MS });
  try {
    connection.pragma('journal_mode = WAL');
    // After the line above: better-sqlite3 reads FULL there, and drops to NORMAL at the first write, where a
    // commit can be lost with the power (https://sqlite.org/pragma.html#pragma_synchronous).
    connection.pragma('synchronous = FULL');
    connection.pragma('foreign_keys = ON');
    // Checkpoints write single pages all over a large file and wait for them: every 16 MiB of the log, not every 4.
    connection.pragma('wal_autocheckpoint = 4000');
    // What a savepoint would undo is kept in memory: by default it goes through a temporary file, page by page.
    connection.pragma('temp_store = MEMORY');
    connection.pragma('trusted_schema = OFF');
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

function mapErrors<Result>(operation: () => Result): Result {
  try {
    return operation();
  } catch (error) {
    throw UNAVAILABLE.test(codeOf(error)) ? unavailable(error) : error;
  }
}

/** Whether another process holds the lock that a statement needs. */
export function isBusy(error: unknown): boolean {
  return error instanceof AuthError && BUSY.test(codeOf(error.cause));
}

// By its code: the class of a native module's errors is not always the one that was imported.
function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : '';
}
