import { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Pool, type PoolClient, types } from 'pg';
import { assertInTime, type Deadline, NO_DEADLINE } from '../deadline.ts';
import { CLOSE_MS, type Database, type Sql, type Transaction } from './database.ts';
import { createSql, createTransactionGuard, type Done, finish, unavailable } from './driver.ts';
import { type Connection, createConnection, STATEMENT_TIMEOUT_MS } from './postgres-connection.ts';

/*
 * A statement outside of a transaction takes a connection from the pool, and so does a transaction; a statement is
 * never sent twice, because one whose answer was lost may have been committed. Only a transaction that the server
 * itself undid, for a deadlock or a conflict, begins again.
 *
 * A connection that failed is closed, not returned: the next statement opens another one, so the server's restart
 * needs none of ours. So is one whose answer is late: the answer may still come, and would be taken for that to the
 * next statement.
 *
 * PostgreSQL ends statements by itself. The limits that this process keeps are for a network that swallows answers, and
 * so short that a client can send its refresh again while the retry window is open.
 */

const POOL_SIZE = 10;
/** Waiting for a free connection, or for a new one. */
const ACQUIRE_TIMEOUT_MS = 2_000;
/** A whole statement or transaction, once it has a connection. PostgreSQL's own limit is heard of before. */
const OPERATION_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 1_000;
const TRANSACTION_TRIES = 4;
/** Before a transaction begins again, so that the one it was undone for gets past it. */
const TRY_AGAIN_AFTER_MS = 20;

const BIGINT_OID = 20;

export interface PostgresOptions {
  readonly poolSize?: number;
  readonly acquireTimeoutMs?: number;
  readonly lockTimeoutMs?: number;
}

interface Limits {
  readonly deadline: Deadline;
  /** Of each statement; without it a whole transaction has `OPERATION_TIMEOUT_MS`. */
  readonly statementMs?: number;
}

/**
 * Opens a pool of connections to a `postgres://` URL, whose TLS parameters are those of node-postgres. Connects when
 * the first statement comes.
 */
export async function openPostgres(url: string, options: PostgresOptions = {}): Promise<Database> {
  const { poolSize = POOL_SIZE, acquireTimeoutMs = ACQUIRE_TIMEOUT_MS, lockTimeoutMs } = options;

  const sockets = new Set<Socket>();
  const pool = new Pool({
    connectionString: url,
    fallback_application_name: 'latchkey',
    max: poolSize,
    connectionTimeoutMillis: acquireTimeoutMs,
    keepAlive: true,
    stream: openSocket,
    types: {
      // node-postgres leaves BIGINT a string. Times in ms and counters are far below 2^53.
      getTypeParser: (oid, format) => (oid === BIGINT_OID ? Number : types.getTypeParser(oid, format)),
    },
  });
  // Without a listener a connection that dies, idle or between two statements, ends the process. Its next statement
  // fails, or the pool has dropped it already.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));

  const guard = createTransactionGuard();
  const underWay = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;
  let isOver = false;

  function openSocket(): Socket {
    const socket = new Socket();
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    return socket;
  }

  /** Lends a connection to `use`, if one is there in time, and counts it as under way. */
  async function withConnection<Result>(
    limits: Limits,
    use: (connection: Connection) => Promise<Result>,
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
    use: (connection: Connection) => Promise<Result>,
  ): Promise<Result> {
    const connection = createConnection(await acquire(), { lockTimeoutMs, statementMs });
    async function prepareAndUse(): Promise<Result> {
      await connection.prepare();
      return use(connection);
    }
    try {
      if (isOver) throw closed();
      assertInTime(deadline);
      if (statementMs !== undefined) return await prepareAndUse();
      return await connection.inTime(OPERATION_TIMEOUT_MS, prepareAndUse);
    } finally {
      connection.release();
    }
  }

  async function acquire(): Promise<PoolClient> {
    try {
      return await pool.connect();
    } catch (error) {
      throw unavailable(error);
    }
  }

  async function tryTransaction<Result>(
    connection: Connection,
    work: (tx: Transaction) => Promise<Result>,
  ): Promise<Done<Result>> {
    await connection.begin();
    try {
      const done = await guard.run(connection.execute, work);
      await connection.commit();
      return done;
    } catch (error) {
      await connection.rollback();
      throw error;
    }
  }

  async function close(): Promise<void> {
    guard.assertOutside();
    closing ??= (async () => {
      const patience = setTimeout(breakOff, CLOSE_MS);
      await Promise.allSettled(underWay);
      await pool.end();
      clearTimeout(patience);
    })();
    return closing;
  }

  /** A server that does not answer does not answer a goodbye either. */
  function breakOff(): void {
    isOver = true;
    for (const socket of sockets) socket.destroy();
  }

  function limitedBy(limits: Limits): Database {
    // PostgreSQL is told of a longer limit than the session's in a transaction, and forgets it with that.
    const isLonger = (limits.statementMs ?? 0) > STATEMENT_TIMEOUT_MS;
    return {
      dialect: 'postgres',
      poolLoad: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),

      ...createSql((kind, text, params) =>
        withConnection(limits, (connection) =>
          isLonger
            ? tryTransaction(connection, (sql): Promise<unknown> => sql[kind](text, params))
            : connection.execute(kind, text, params),
        ),
      ),

      transaction: (work) =>
        withConnection(limits, async (connection) => {
          for (let tries = 1; ; tries += 1) {
            try {
              return finish(await tryTransaction(connection, work));
            } catch (error) {
              if (tries === TRANSACTION_TRIES || !connection.canBeginAgain()) throw error;
            }
            await pause(TRY_AGAIN_AFTER_MS * tries);
            assertInTime(limits.deadline);
          }
        }),

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
