import { assertInTime, NO_DEADLINE } from '../platform/deadline.ts';
import { CLOSE_MS, type Database, type Transaction } from './database.ts';
import {
  createSql,
  createTransactionGuard,
  type Done,
  finish,
  type GuardOptions,
  unavailable,
} from './driver.ts';
import { createGroupCommit, type Limits } from './group-commit.ts';
import { connect } from './sqlite-connection.ts';
import { createPrivateFile, rememberFiles } from './sqlite-files.ts';
import { createPatience } from './sqlite-patience.ts';

/*
 * Writes, and everything inside a transaction, go to the writer. Reads outside of transactions go to a read-only
 * connection: on the writer they would see rows that are not committed. In WAL mode the two do not wait for each
 * other. A database in memory has the writer only, and its reads queue with the writes.
 */

/** How long a statement waits for the writes of other processes. */
const BUSY_TIMEOUT_MS = 5_000;

export interface SqliteOptions extends GuardOptions {
  readonly busyTimeoutMs?: number;
  /** Hears of what only an operator can mend, once. */
  readonly onFault?: ((problem: string) => void) | undefined;
}

/**
 * Opens the database file at `path`, or `:memory:`. Creates the file, readable by its owner alone, when there is
 * none.
 *
 * @throws AuthError `UNAVAILABLE` when the file is no database, or cannot be opened or locked.
 */
export async function openSqlite(
  path: string,
  { busyTimeoutMs = BUSY_TIMEOUT_MS, onFault = () => {}, ...guarding }: SqliteOptions = {},
): Promise<Database> {
  if (path !== ':memory:') create(path);
  const guard = createTransactionGuard(guarding);
  const patience = createPatience();
  let closing: Promise<void> | undefined;

  const writer = await patience.attempt(busyTimeoutMs, () => connect(path, { readonly: false }));
  const reader =
    path === ':memory:'
      ? undefined
      : await patience.attempt(busyTimeoutMs, () => connect(path, { readonly: true }));

  const files = path === ':memory:' ? undefined : rememberFiles(path);
  let isInPlace = true;
  const commits = createGroupCommit({ writer, patience, assertInPlace });

  function assertInPlace(): void {
    const change = files?.whatIsWrong();
    const problem =
      change &&
      `The files of the database were ${change} while it was in use: put them back, or start again.`;
    if (problem !== undefined && isInPlace) onFault(problem);
    isInPlace = problem === undefined;
    if (problem !== undefined) throw new Error(problem);
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

  async function close(): Promise<void> {
    guard.assertOutside();
    closing ??= (async () => {
      patience.endIn(CLOSE_MS);
      await commits.idle();
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
        if (!reader?.isReadOnly(text))
          return commits.enqueue(limits, () => writer.execute(kind, text, params));
        return patience.attempt(limits.busyTimeoutMs, () => {
          assertOpen();
          assertInTime(limits.deadline);
          return reader.execute(kind, text, params);
        });
      }),

      async transaction(work) {
        assertUsable();
        return finish(await commits.enqueue(limits, () => performTransaction(work)));
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
