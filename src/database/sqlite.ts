import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { LRUCache } from 'lru-cache';
import { AuthError } from '../errors.ts';
import { assertInTime, type Deadline, NO_DEADLINE } from '../platform/deadline.ts';
import { CLOSE_MS, type Database, type Params, type Sql, type Transaction } from './database.ts';
import { createSql, createTransactionGuard, type Done, finish, requireValue, unavailable } from './driver.ts';
import { createPrivateFile, rememberFiles } from './sqlite-files.ts';

/*
 * Two connections
 *
 * Writes, and everything inside a transaction, go to the writer. Reads outside of transactions go to a read-only
 * connection: on the writer they would see rows that are not committed. In WAL mode the two do not wait for each
 * other. A database in memory has the writer only, and its reads queue with the writes.
 *
 * Group commit
 *
 * An fsync costs a hundred statements, so the jobs that arrive in one turn of the event loop share one:
 *
 *   BEGIN IMMEDIATE    retried without blocking the loop while another process writes
 *     statement        a job: one statement outside of a transaction
 *     SAVEPOINT        a job: one transaction(work)
 *       statement …
 *     RELEASE          or ROLLBACK TO, when work rejects
 *     …
 *   COMMIT             one fsync for all of them
 *
 * What always holds:
 *
 *   1. Nobody is answered before COMMIT, neither good nor bad: a refusal may rest on what a neighbour wrote, and
 *      the neighbour's row is not there yet.
 *   2. A job that fails loses only itself: SQLite undoes the statement, or we go back to the savepoint.
 *   3. Some errors, a full disk above all, make SQLite roll back everything. `inTransaction` tells, and is asked
 *      after every job that fails. Then the whole batch is UNAVAILABLE and nothing more of it runs: outside of a
 *      transaction its statements would commit one by one. (A transaction's own statements end with the first
 *      that fails: driver.ts sees to it.)
 *   4. Only one batch is under way. What arrives meanwhile is the next one.
 *   5. Nothing is acknowledged that went into a file which is no longer in its place: after COMMIT the files are looked
 *      at once more.
 *
 * A transaction is therefore BEGIN IMMEDIATE from its first statement: a deferred one that reads, then writes, can
 * be refused its write after another process wrote.
 */

/** How long a statement waits for the writes of other processes. */
const BUSY_TIMEOUT_MS = 5_000;
/** A locked database blocks the event loop for this long; above it, tries are spread out. */
const BLOCKING_TIMEOUT_MS = 10;
const RETRY_EVERY_MS = 40;
const GATHER_TURNS = 2;
/** As many statements as the stores have, with room to spare. */
const CACHED_STATEMENTS = 500;

const BUSY = /^SQLITE_(BUSY|LOCKED|PROTOCOL)(_|$)/;
const UNAVAILABLE = /^SQLITE_(BUSY|LOCKED|PROTOCOL|FULL|IOERR|READONLY|CANTOPEN|NOTADB|CORRUPT)(_|$)/;

export interface SqliteOptions {
  readonly busyTimeoutMs?: number;
  /** Hears of what only an operator can mend, once. */
  readonly onFault?: ((problem: string) => void) | undefined;
}

interface Limits {
  readonly deadline: Deadline;
  readonly busyTimeoutMs: number;
}

interface Job {
  /** When it is told that the database is busy, in ms of the monotonic clock. */
  readonly givesUpAt: number;
  readonly perform: () => unknown;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Opens the database file at `path`, or `:memory:`. Creates the file, readable by its owner alone, when there is
 * none.
 *
 * @throws AuthError `UNAVAILABLE` when the file is no database, or cannot be opened or locked.
 */
export async function openSqlite(
  path: string,
  { busyTimeoutMs = BUSY_TIMEOUT_MS, onFault = () => {} }: SqliteOptions = {},
): Promise<Database> {
  if (path !== ':memory:') create(path);
  const guard = createTransactionGuard();
  const queue: Job[] = [];
  let draining: Promise<void> | undefined;
  let closing: Promise<void> | undefined;
  /** When nothing waits any longer, in ms of the monotonic clock. */
  let overAt = Number.POSITIVE_INFINITY;

  const writer = await patiently(busyTimeoutMs, () => connect(path, { readonly: false }));
  const reader =
    path === ':memory:' ? undefined : await patiently(busyTimeoutMs, () => connect(path, { readonly: true }));

  const files = path === ':memory:' ? undefined : rememberFiles(path);
  let isInPlace = true;

  function enqueue<Result>(
    { deadline, busyTimeoutMs }: Limits,
    work: () => Result | Promise<Result>,
  ): Promise<Result> {
    function perform() {
      assertInTime(deadline);
      return work();
    }
    return new Promise((resolve, reject) => {
      queue.push({ givesUpAt: performance.now() + busyTimeoutMs, perform, resolve, reject });
      draining ??= drain();
    });
  }

  async function drain(): Promise<void> {
    while (queue.length > 0) {
      await gather();
      await commitBatch();
    }
    draining = undefined;
  }

  /** As long as each turn of the event loop brings more jobs: who comes a moment too late waits for a whole commit. */
  async function gather(): Promise<void> {
    for (let left = GATHER_TURNS, known = 0; left > 0 && queue.length > known; left -= 1) {
      known = queue.length;
      await turn();
    }
  }

  async function commitBatch(): Promise<void> {
    const batch: Job[] = [];
    const answers: (() => void)[] = [];
    try {
      await begin();
      // Taken after the wait, so that what arrived meanwhile shares the commit.
      batch.push(...queue.splice(0));
      for (const job of batch) answers.push(await perform(job));
      writer.control('COMMIT');
      assertInPlace();
    } catch (error) {
      if (writer.inTransaction()) writer.control('ROLLBACK');
      for (const job of batch) job.reject(unavailable(error));
      return;
    }
    for (const answer of answers) answer();
  }

  function assertInPlace(): void {
    const change = files?.whatIsWrong();
    const problem =
      change &&
      `The files of the database were ${change} while it was in use: put them back, or start again.`;
    if (problem !== undefined && isInPlace) onFault(problem);
    isInPlace = problem === undefined;
    if (problem !== undefined) throw new Error(problem);
  }

  /** BEGIN IMMEDIATE, tried as long as a job has patience left; each is told of its end by itself. */
  async function begin(): Promise<void> {
    for (;;) {
      try {
        writer.control('BEGIN IMMEDIATE');
        return;
      } catch (error) {
        const canWait = isBusy(error);
        for (const job of queue.splice(0)) {
          if (canWait && !isLate(job.givesUpAt)) queue.push(job);
          else job.reject(unavailable(error));
        }
        if (queue.length === 0) throw error;
      }
      await pause(RETRY_EVERY_MS);
    }
  }

  /**
   * Performs one job and resolves to its answer, to be given after COMMIT.
   *
   * @throws when the transaction of the batch is gone.
   */
  async function perform(job: Job): Promise<() => void> {
    try {
      const result = await job.perform();
      return () => job.resolve(result as never);
    } catch (error) {
      if (!writer.inTransaction()) throw error;
      return () => job.reject(error);
    }
  }

  async function performTransaction<Result>(
    work: (tx: Transaction) => Promise<Result>,
  ): Promise<Done<Result>> {
    writer.control('SAVEPOINT job');
    try {
      const done = await guard.run(async (...statement) => writer.execute(...statement), work);
      writer.control('RELEASE job');
      return done;
    } catch (error) {
      if (writer.inTransaction()) undoTransaction();
      throw error;
    }
  }

  function undoTransaction(): void {
    try {
      writer.control('ROLLBACK TO job');
      writer.control('RELEASE job');
    } catch {
      // What cannot be undone alone is undone with the whole batch.
      writer.control('ROLLBACK');
    }
  }

  function assertUsable(): void {
    guard.assertOutside();
    assertOpen();
  }

  function assertOpen(): void {
    if (closing) throw unavailable(new Error('The database is closed.'));
  }

  /** Tries again, off the event loop, while another process holds the lock. */
  async function patiently<Result>(ms: number, operation: () => Result): Promise<Result> {
    const givesUpAt = performance.now() + ms;
    for (;;) {
      try {
        return operation();
      } catch (error) {
        if (!isBusy(error) || isLate(givesUpAt)) throw error;
      }
      await pause(RETRY_EVERY_MS);
    }
  }

  function isLate(givesUpAt: number): boolean {
    return performance.now() >= Math.min(givesUpAt, overAt);
  }

  async function close(): Promise<void> {
    guard.assertOutside();
    closing ??= (async () => {
      overAt = performance.now() + CLOSE_MS;
      await draining;
      reader?.close();
      writer.close();
    })();
    return closing;
  }

  function limitedBy(limits: Limits): Database {
    return {
      dialect: 'sqlite',

      ...createSql(async (kind, text, params) => {
        assertUsable();
        if (!reader?.isReadOnly(text)) return enqueue(limits, () => writer.execute(kind, text, params));
        return patiently(limits.busyTimeoutMs, () => {
          assertOpen();
          assertInTime(limits.deadline);
          return reader.execute(kind, text, params);
        });
      }),

      async transaction(work) {
        assertUsable();
        return finish(await enqueue(limits, () => performTransaction(work)));
      },

      before: (deadline) => limitedBy({ ...limits, deadline }),
      within: (statementMs) => limitedBy({ ...limits, busyTimeoutMs: statementMs }),
      close,
    };
  }

  return limitedBy({ deadline: NO_DEADLINE, busyTimeoutMs });
}

function create(path: string): void {
  try {
    createPrivateFile(path);
  } catch (error) {
    throw unavailable(error);
  }
}

function connect(path: string, { readonly }: { readonly: boolean }) {
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
    execute: (kind: keyof Sql, text: string, params: Params): unknown =>
      mapErrors(() => {
        for (const name of Object.keys(params)) requireValue(params, name);
        const statement = prepare(text);
        return kind === 'run' ? statement.run(params).changes : statement[kind](params);
      }),
    control: (text: string) => mapErrors(() => prepare(text).run({})),
    isReadOnly: (text: string) => mapErrors(() => prepare(text).readonly),
    inTransaction: () => connection.inTransaction,
    close: () => connection.close(),
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

function isBusy(error: unknown): boolean {
  return error instanceof AuthError && BUSY.test(codeOf(error.cause));
}

// By its code: the class of a native module's errors is not always the one that was imported.
function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : '';
}
