import { setTimeout as pause } from 'node:timers/promises';
import { assertInTime, type Deadline, NO_DEADLINE } from '../platform/deadline.ts';
import type { PostgresUrl } from '../platform/postgres-url.ts';
import { CLOSE_MS, type Database, type Sql, type Transaction } from './database.ts';
import {
  createSql,
  createTransactionGuard,
  type Done,
  finish,
  type GuardOptions,
  unavailable,
} from './driver.ts';
import { createConnection, type PostgresConnection } from './postgres-connection.ts';
import { createConnectionPool, type PoolOptions } from './postgres-pool.ts';
import { STATEMENT_TIMEOUT_MS } from './postgres-session.ts';

/*
 * A statement outside of a transaction takes a connection from the pool, and so does a transaction; a statement is
 * never sent twice, because one whose answer was lost may have been committed. Only what the server itself undid, for a
 * deadlock or a conflict, begins again.
 *
 * A connection that failed is closed, not returned: the next statement opens another one, so the server's restart
 * needs none of ours. So is one whose answer is late: the answer may still come, and would be taken for that to the
 * next statement.
 *
 * PostgreSQL ends statements by itself. The limits that this process keeps are for a network that swallows answers, and
 * so short that a client can send its refresh again while the retry window is open.
 */

/** A whole statement or transaction, once it has a connection. PostgreSQL's own limit is heard of before. */
const OPERATION_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 1_000;
/** All of it, whatever was waited for. */
const TOTAL_TIMEOUT_MS = 9_500;
const TRIES = 4;
/** Before it begins again, so that the one it was undone for gets past it. */
const TRY_AGAIN_AFTER_MS = 20;

interface Limits {
  readonly deadline: Deadline;
  /** Of each statement; without it a whole transaction has `OPERATION_TIMEOUT_MS`. */
  readonly statementMs?: number;
}

/** Opens a pool of connections. Connects when the first statement comes. */
export async function openPostgres(
  url: PostgresUrl,
  options: PoolOptions & GuardOptions = {},
): Promise<Database> {
  const pool = createConnectionPool(url, options);
  const guard = createTransactionGuard(options);
  const underWay = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  /** Lends a connection to `use`, if one is there in time, and counts it as under way. */
  async function withConnection<Result>(
    limits: Limits,
    use: (connection: PostgresConnection) => Promise<Result>,
  ): Promise<Result> {
    guard.assertOutside();
    if (closing) throw closed();

    const operation = lend(limits, use);
    underWay.add(operation);
    try {
      return await operation;
    } finally {
      underWay.delete(operation);
    }
  }

  async function lend<Result>(
    { deadline, statementMs }: Limits,
    use: (connection: PostgresConnection) => Promise<Result>,
  ): Promise<Result> {
    const startedAt = performance.now();
    const { client, session, onFault, release } = await pool.acquire();
    const connection = createConnection(client, { session, statementMs, onFault });
    try {
      if (pool.isOver()) throw closed();
      assertInTime(deadline);
      if (statementMs !== undefined) return await use(connection);
      const left = TOTAL_TIMEOUT_MS - (performance.now() - startedAt);
      return await connection.inTime(Math.min(OPERATION_TIMEOUT_MS, left), () => use(connection));
    } finally {
      release({ isLost: connection.isLost() });
    }
  }

  async function tryTransaction<Result>(
    connection: PostgresConnection,
    work: (tx: Transaction) => Promise<Result>,
  ): Promise<Result> {
    await connection.begin();
    let done: Done<Result>;
    try {
      done = await guard.run(connection.execute, work);
      await connection.commit();
    } catch (error) {
      await connection.rollback();
      throw error;
    }
    return finish(done);
  }

  /** Begins a statement or a transaction again that the server undid. */
  async function untilDone<Result>(
    connection: PostgresConnection,
    { deadline }: Limits,
    attempt: () => Promise<Result>,
  ): Promise<Result> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (tries === TRIES || !connection.takeUndone()) throw error;
      }
      await pause(TRY_AGAIN_AFTER_MS * tries);
      assertInTime(deadline);
    }
  }

  async function close(): Promise<void> {
    guard.assertOutside();
    closing ??= (async () => {
      const patience = setTimeout(pool.breakOff, CLOSE_MS);
      await Promise.allSettled(underWay);
      await pool.end();
      clearTimeout(patience);
    })();
    return closing;
  }

  function limitedBy(limits: Limits): Database {
    return {
      dialect: 'postgres',
      poolLoad: pool.load,
      pooling: () =>
        withConnection(limits, async ({ session }) => {
          if (!session.isPooled) return 'none';
          return session.hasLimits(undefined) ? 'with limits' : 'without limits';
        }),

      ...createSql((kind, text, params) =>
        withConnection(limits, (connection) =>
          untilDone(connection, limits, () =>
            connection.hasLimits
              ? connection.execute(kind, text, params)
              : tryTransaction(connection, (sql): Promise<unknown> => sql[kind](text, params)),
          ),
        ),
      ),

      transaction: (work) =>
        withConnection(limits, (connection) =>
          untilDone(connection, limits, () => tryTransaction(connection, work)),
        ),

      before: (deadline) => limitedBy({ ...limits, deadline }),
      within: (statementMs) => limitedBy({ ...limits, statementMs }),
      close,
    };
  }

  return limitedBy({ deadline: NO_DEADLINE });
}

/** The server's clock, in ms since 1970: what several processes can agree on. */
export async function databaseTimeMs(sql: Sql): Promise<number> {
  const row = await sql.get<{ now: number }>(
    'SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now',
  );
  if (!row) throw new Error('The database did not tell its time.');
  return row.now;
}

function closed(): Error {
  return unavailable(new Error('The database is closed.'));
}
