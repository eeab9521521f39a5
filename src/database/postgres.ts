import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { DatabaseError, Pool, type PoolClient, types } from 'pg';
import { assertInTime, type Deadline, NO_DEADLINE } from '../deadline.ts';
import type { Database, Params, Sql, Transaction } from './database.ts';
import { createSql, createTransactionGuard, type Done, finish, requireValue, unavailable } from './driver.ts';

/*
 * A statement outside of a transaction takes a connection from the pool, and so does a transaction; a statement is
 * never sent twice, because one whose answer was lost may have been committed. Only a transaction that the server
 * itself undid, for a deadlock or a conflict, begins again.
 *
 * A connection that failed is closed, not returned: the next statement opens another one, so the server's restart
 * needs none of ours.
 */

const POOL_SIZE = 10;
/** Waiting for a free connection, or for a new one. */
const ACQUIRE_TIMEOUT_MS = 2_000;
const LOCK_TIMEOUT_MS = 2_000;
const STATEMENT_TIMEOUT_MS = 5_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000;
/** The server's own limits end a statement long before this; it is for a network that swallows the answer. */
const ANSWER_TIMEOUT_MS = 60_000;
const TRANSACTION_TRIES = 4;
/** Before a transaction begins again, so that the one it was undone for gets past it. */
const TRY_AGAIN_AFTER_MS = 20;
/** As many statements as the stores have, with room to spare. */
const CACHED_STATEMENTS = 500;

/*
 * SQLSTATE: connection exceptions, insufficient resources, the server shutting down or starting, a system error;
 * then lock_timeout, statement_timeout, idle in transaction, a standby that takes no writes, serialization failure
 * and deadlock (https://www.postgresql.org/docs/current/errcodes-appendix.html).
 */
const UNAVAILABLE = /^(08...|53...|57P..|58...|55P03|57014|25P03|25006|40001|40P01)$/;
const CONNECTION_LOST = /^(08...|57P..|25P03|25006)$/;
const UNDONE_BY_THE_SERVER = /^(40001|40P01)$/;

const BIGINT_OID = 20;

export interface PostgresOptions {
  readonly poolSize?: number;
  readonly acquireTimeoutMs?: number;
  readonly lockTimeoutMs?: number;
}

/**
 * Opens a pool of connections to a `postgres://` URL, whose TLS parameters are those of node-postgres. Connects when
 * the first statement comes.
 */
export async function openPostgres(url: string, options: PostgresOptions = {}): Promise<Database> {
  const {
    poolSize = POOL_SIZE,
    acquireTimeoutMs = ACQUIRE_TIMEOUT_MS,
    lockTimeoutMs = LOCK_TIMEOUT_MS,
  } = options;

  const pool = new Pool({
    connectionString: url,
    fallback_application_name: 'latchkey',
    max: poolSize,
    connectionTimeoutMillis: acquireTimeoutMs,
    query_timeout: ANSWER_TIMEOUT_MS,
    keepAlive: true,
    types: {
      // node-postgres leaves BIGINT a string. Times in ms and counters are far below 2^53.
      getTypeParser: (oid, format) => (oid === BIGINT_OID ? Number : types.getTypeParser(oid, format)),
    },
    onConnect: async (client) => {
      // By statements and not in the startup packet, so that neither the role's settings nor the URL's win.
      await client.query(`
        SET default_transaction_isolation TO 'read committed';
        SET statement_timeout TO ${STATEMENT_TIMEOUT_MS};
        SET lock_timeout TO ${lockTimeoutMs};
        SET idle_in_transaction_session_timeout TO ${IDLE_IN_TRANSACTION_TIMEOUT_MS};
      `);
    },
  });
  // Without a listener a connection that dies, idle or between two statements, ends the process. Its next statement
  // fails, or the pool has dropped it already.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));

  const guard = createTransactionGuard();
  const underWay = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  /** Lends a connection to `use`, if one is there in time, and counts it as under way. */
  async function withConnection<Result>(
    deadline: Deadline,
    use: (connection: Connection) => Promise<Result>,
  ): Promise<Result> {
    guard.assertOutside();
    if (closing) throw unavailable(new Error('The database is closed.'));

    const operation = (async () => {
      const connection = createConnection(await acquire());
      try {
        assertInTime(deadline);
        return await use(connection);
      } finally {
        connection.release();
      }
    })();
    underWay.add(operation);
    try {
      return await operation;
    } finally {
      underWay.delete(operation);
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
      await connection.execute('run', 'COMMIT', {});
      return done;
    } catch (error) {
      await connection.rollback();
      throw error;
    }
  }

  async function close(): Promise<void> {
    guard.assertOutside();
    closing ??= (async () => {
      await Promise.allSettled(underWay);
      await pool.end();
    })();
    return closing;
  }

  function before(deadline: Deadline): Database {
    return {
      dialect: 'postgres',
      poolLoad: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),

      ...createSql((kind, text, params) =>
        withConnection(deadline, ({ execute }) => execute(kind, text, params)),
      ),

      transaction: (work) =>
        withConnection(deadline, async (connection) => {
          for (let tries = 1; ; tries += 1) {
            try {
              return finish(await tryTransaction(connection, work));
            } catch (error) {
              if (tries === TRANSACTION_TRIES || !connection.canBeginAgain()) throw error;
            }
            await pause(TRY_AGAIN_AFTER_MS * tries);
            assertInTime(deadline);
          }
        }),

      before,
      close,
    };
  }

  return before(NO_DEADLINE);
}

/** The server's clock, in ms since 1970: what several processes can agree on. */
export async function databaseTimeMs(sql: Sql): Promise<number> {
  const row = await sql.get<{ now: number }>(
    'SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now',
  );
  if (!row) throw new Error('The database did not tell its time.');
  return row.now;
}

type Connection = ReturnType<typeof createConnection>;

function createConnection(client: PoolClient) {
  let isLost = false;
  let isUndone = false;

  async function execute(kind: keyof Sql, text: string, params: Params): Promise<unknown> {
    const { name, numberedText, parameters } = translate(text);
    const values = parameters.map((parameter) => requireValue(params, parameter));
    try {
      const { rows, rowCount } = await client.query({ name, text: numberedText, values });
      if (kind === 'run') return rowCount ?? 0;
      return kind === 'get' ? rows[0] : rows;
    } catch (error) {
      // What the server did not say itself comes from the socket.
      const code = error instanceof DatabaseError ? (error.code ?? '') : '08000';
      isLost ||= CONNECTION_LOST.test(code);
      isUndone ||= UNDONE_BY_THE_SERVER.test(code);
      throw UNAVAILABLE.test(code) ? unavailable(error) : error;
    }
  }

  return {
    execute,

    async begin(): Promise<void> {
      isUndone = false;
      await execute('run', 'BEGIN', {});
    },

    async rollback(): Promise<void> {
      if (isLost) return;
      try {
        await execute('run', 'ROLLBACK', {});
      } catch {
        isLost = true;
      }
    },

    canBeginAgain: () => isUndone && !isLost,
    /** Returns the connection to the pool, or closes it when it failed. */
    release: () => client.release(isLost),
  };
}

interface Translation {
  /** What the server keeps the prepared statement under, at most 63 characters. */
  readonly name: string;
  readonly numberedText: string;
  /** The parameter of each number, from 1. */
  readonly parameters: readonly string[];
}

const translations = new LRUCache<string, Translation>({ max: CACHED_STATEMENTS });
/** Strings, quoted names, comments and casts, which are left alone, or a parameter. */
const TOKEN = /'(?:[^']|'')*'|"[^"]*"|--[^\n]*|\/\*[\s\S]*?\*\/|::|:([A-Za-z_]\w*)/g;

function translate(text: string): Translation {
  const cached = translations.get(text);
  if (cached) return cached;

  const parameters: string[] = [];
  const numberedText = text.replace(TOKEN, (token, parameter?: string) => {
    if (parameter === undefined) return token;
    if (!parameters.includes(parameter)) parameters.push(parameter);
    return `$${parameters.indexOf(parameter) + 1}`;
  });
  const translation = {
    name: createHash('sha256').update(text).digest('base64url'),
    numberedText,
    parameters,
  };
  translations.set(text, translation);
  return translation;
}
