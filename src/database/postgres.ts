import { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, type ClientConfig, Pool, type PoolClient, types } from 'pg';
import { assertInTime, type Deadline, NO_DEADLINE } from '../platform/deadline.ts';
import type { PostgresUrl } from '../platform/postgres-url.ts';
import { CLOSE_MS, type Database, type Sql, type Transaction } from './database.ts';
import { createSql, createTransactionGuard, type Done, finish, unavailable } from './driver.ts';
import { DatabaseProblem } from './failure.ts';
import { clientConfigs } from './postgres-config.ts';
import { type Connection, createConnection } from './postgres-connection.ts';
import { openSession, type Session, STATEMENT_TIMEOUT_MS } from './postgres-session.ts';

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
 *
 * Of several hosts one is in use: the first that takes connections and writes. When it does so no longer, the next one
 * is tried, and connections to the one before are closed.
 */

const POOL_SIZE = 10;
/** Waiting for a free connection, or for a new one. */
const ACQUIRE_TIMEOUT_MS = 2_000;
/** Finding out who answers, on a new connection. */
const GREETING_TIMEOUT_MS = 2_000;
/** A whole statement or transaction, once it has a connection. PostgreSQL's own limit is heard of before. */
const OPERATION_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 1_000;
/** All of it, whatever was waited for. */
const TOTAL_TIMEOUT_MS = 9_500;
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

/** A client of the pool that has been greeted. */
interface Greeted {
  readonly client: PoolClient;
  readonly session: Session;
}

/** Opens a pool of connections. Connects when the first statement comes. */
export async function openPostgres(url: PostgresUrl, options: PostgresOptions = {}): Promise<Database> {
  const { poolSize = POOL_SIZE, acquireTimeoutMs = ACQUIRE_TIMEOUT_MS, lockTimeoutMs } = options;

  const configs = clientConfigs(url);
  /** Which of them is in use. */
  let current = 0;
  const hostOf = new WeakMap<object, number>();
  const sessions = new WeakMap<PoolClient, Session>();
  let mustBePooled = false;

  const sockets = new Set<Socket>();
  const pool = new Pool({
    max: poolSize,
    connectionTimeoutMillis: acquireTimeoutMs,
    keepAlive: true,
    stream: openSocket,
    types: {
      // node-postgres leaves BIGINT a string. Times in ms and counters are far below 2^53.
      getTypeParser: (oid, format) => (oid === BIGINT_OID ? Number : types.getTypeParser(oid, format)),
    },
    Client: CurrentClient as unknown as new () => Client,
  });
  // Without a listener a connection that dies, idle or between two statements, ends the process. Its next statement
  // fails, or the pool has dropped it already.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));

  const guard = createTransactionGuard();
  const underWay = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;
  let isOver = false;

  /** What the pool makes its clients with, by `new`. */
  function CurrentClient(common: ClientConfig): Client {
    const client = new Client({ ...common, ...configs[current] });
    hostOf.set(client, current);
    return client;
  }

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
    const startedAt = performance.now();
    const { client, session } = await acquire();
    const host = hostOf.get(client);
    const connection = createConnection(client, {
      session,
      statementMs,
      onFault(fault) {
        if (fault === 'names are mixed up') mustBePooled = true;
        else useNext(host);
      },
    });
    try {
      if (isOver) throw closed();
      assertInTime(deadline);
      if (statementMs !== undefined) return await use(connection);
      const left = TOTAL_TIMEOUT_MS - (performance.now() - startedAt);
      return await connection.inTime(Math.min(OPERATION_TIMEOUT_MS, left), () => use(connection));
    } finally {
      // Returns the connection to the pool, or closes it when it failed or is of no use to the next one.
      client.release(connection.isLost() || isOutdated(client, session));
    }
  }

  /** @throws AuthError `UNAVAILABLE` with why the last host that was tried is of no use. */
  async function acquire(): Promise<Greeted> {
    const startedAt = performance.now();
    for (let tries = 1; ; tries += 1) {
      const host = current;
      try {
        return await connect();
      } catch (error) {
        const isLast = tries >= configs.length || performance.now() - startedAt >= 2 * acquireTimeoutMs;
        // When all connections are in use, it is no fault of the host.
        if (current === host || isLast) throw unavailable(error);
      }
    }
  }

  async function connect(): Promise<Greeted> {
    for (;;) {
      const isNew = pool.idleCount === 0 && pool.totalCount < poolSize;
      const host = current;
      let client: PoolClient;
      try {
        client = await pool.connect();
      } catch (error) {
        if (isNew) useNext(host);
        throw error;
      }
      const known = sessions.get(client);
      if (hostOf.get(client) !== current || (known && isOutdated(client, known))) client.release(true);
      else return { client, session: known ?? (await greet(client)) };
    }
  }

  async function greet(client: PoolClient): Promise<Session> {
    const host = hostOf.get(client);
    const timer = setTimeout(() => void client.end(), GREETING_TIMEOUT_MS);
    try {
      const session = await openSession(client, { lockTimeoutMs, searchPath: url.searchPath, mustBePooled });
      if (session.isPooled && url.options !== undefined) throw new DatabaseProblem(OPTIONS_ARE_LOST);
      if (session.isReadOnly && url.mustBeWritable) throw new Error('PostgreSQL takes no writes there.');
      sessions.set(client, session);
      return session;
    } catch (error) {
      useNext(host);
      client.release(true);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** From `host` on, unless somebody else has gone on already. */
  function useNext(host: number | undefined): void {
    if (host === current) current = (current + 1) % configs.length;
  }

  function isOutdated(client: PoolClient, { isPooled }: Session): boolean {
    return hostOf.get(client) !== current || (mustBePooled && !isPooled);
  }

  async function tryTransaction<Result>(
    connection: Connection,
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
    return {
      dialect: 'postgres',
      poolLoad: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
      pooling: () =>
        withConnection(limits, async ({ session }) => {
          if (!session.isPooled) return 'none';
          return session.hasLimits(undefined) ? 'with limits' : 'without limits';
        }),

      ...createSql((kind, text, params) =>
        withConnection(limits, (connection) =>
          connection.hasLimits
            ? connection.execute(kind, text, params)
            : tryTransaction(connection, (sql): Promise<unknown> => sql[kind](text, params)),
        ),
      ),

      transaction: (work) =>
        withConnection(limits, async (connection) => {
          for (let tries = 1; ; tries += 1) {
            try {
              return await tryTransaction(connection, work);
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

const OPTIONS_ARE_LOST =
  'The parameter options of DATABASE_URL does not get through the pooler to PostgreSQL. Use schema instead, or settings of the role.';

function closed(): Error {
  return unavailable(new Error('The database is closed.'));
}
