import type { Deadline } from '../platform/deadline.ts';

/**
 * What the server asks of a database, on every engine. Statements are text with `:name` parameters, in the
 * subset of SQL that SQLite and PostgreSQL share: times are integers in ms, booleans 0 and 1, ids text,
 * `RETURNING` names columns of the target only. Every statement outside a transaction stands alone: when its
 * promise resolves, what it wrote is on disk.
 *
 * @throws AuthError `UNAVAILABLE` when the database does not answer, is busy for too long, full or read-only;
 * a plain Error when the statement itself is wrong.
 */
export type Value = string | number | null;
export type Params = Readonly<Record<string, Value>>;

export interface Sql {
  /** The first row, or `undefined` when there is none. */
  get<Row>(text: string, params?: Params): Promise<Row | undefined>;
  all<Row>(text: string, params?: Params): Promise<Row[]>;
  /** How many rows the statement changed. */
  run(text: string, params?: Params): Promise<number>;
}

/** The inside of a transaction. */
export interface Transaction extends Sql {
  /**
   * Registers what has to happen once all of this is on disk, before the caller hears of it: a cache that is told, a
   * worker that is woken. Dropped when the transaction is undone or begins again. It must not throw or wait.
   */
  afterCommit(effect: () => void): void;
}

/** How many connections to the server there are, and how many statements and transactions wait for one. */
export interface PoolLoad {
  readonly total: number;
  readonly idle: number;
  readonly waiting: number;
}

/** Whether a pooler stands before PostgreSQL, and whether the role of this program has the limits of statements. */
export type Pooling = 'none' | 'with limits' | 'without limits';

export interface Database extends Sql {
  readonly dialect: 'sqlite' | 'postgres';
  /** Only where there can be a pooler. */
  readonly pooling?: () => Promise<Pooling>;
  /** For the metrics; only where there is a pool. */
  readonly poolLoad?: () => PoolLoad;
  /**
   * Runs `work` in one write transaction: all of it is on disk when the promise resolves, none of it when the
   * promise rejects. `work` awaits its own `tx` and nothing else: no hash, no mail, no network, and not the outer
   * database; a transaction that waits for one of them is undone with an Error. A statement that fails dooms the
   * transaction, even if `work` catches its error. `work` may run again after a deadlock, so it keeps nothing from
   * its first run.
   */
  transaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result>;
  /**
   * The same database for an operation with a deadline: a statement or a transaction that still waits then, for
   * another process's write or for a connection, is `UNAVAILABLE` and none of it is done.
   */
  before(deadline: Deadline): Database;
  /**
   * The same database for work that may take longer than a request's does, or less: each statement may wait this long
   * for its answer, and a transaction for each of its own. Without it a whole transaction has 6 seconds on PostgreSQL,
   * and 5 to begin on SQLite.
   */
  within(statementMs: number): Database;
  /** Refuses everything from now on; what is under way has two seconds to finish. */
  close(): Promise<void>;
}

/** How long what is under way may go on after `close`. */
export const CLOSE_MS = 2_000;

const UNIQUE_VIOLATION = /^(23505|SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY))$/;

/** Whether a statement failed for writing what only one row may have, and another one has. */
export function isUniqueViolation(error: unknown): boolean {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' && UNIQUE_VIOLATION.test(code);
}
