import { Socket } from 'node:net';
import { Client, type ClientConfig, Pool, type PoolClient, types } from 'pg';
import type { PostgresUrl } from '../platform/postgres-url.ts';
import type { PoolLoad } from './database.ts';
import { unavailable } from './driver.ts';
import { DatabaseProblem } from './failure.ts';
import { clientConfigs } from './postgres-config.ts';
import type { ConnectionOptions } from './postgres-connection.ts';
import { openSession, type Session } from './postgres-session.ts';

/*
 * Connections to a server of PostgreSQL. A new one is greeted first: who answers is it, PostgreSQL or a pooler, and does
 * it take writes?
 *
 * Of several hosts one is in use: the first that takes connections and writes. When it does so no longer, the next one
 * is tried, and connections to the one before are closed.
 */

const POOL_SIZE = 10;
/** Waiting for a free connection, or for a new one. */
const ACQUIRE_TIMEOUT_MS = 2_000;
/** Finding out who answers, on a new connection. */
const GREETING_TIMEOUT_MS = 2_000;

const BIGINT_OID = 20;

const OPTIONS_ARE_LOST =
  'The parameter options of DATABASE_URL does not get through the pooler to PostgreSQL. Use schema instead, or settings of the role.';

export interface PoolOptions {
  readonly poolSize?: number;
  readonly acquireTimeoutMs?: number;
  readonly lockTimeoutMs?: number;
}

/** A client of the pool that has been greeted. */
interface Greeted {
  readonly client: PoolClient;
  readonly session: Session;
}

/** A connection that is nobody else's until it is released. */
export interface Lent extends Greeted {
  readonly onFault: ConnectionOptions['onFault'];
  /** Returns the connection to the pool, or closes it when it failed or is of no use to the next one. */
  release(after: { isLost: boolean }): void;
}

/** Connects when the first connection is asked for. */
export function createConnectionPool(url: PostgresUrl, options: PoolOptions) {
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

  /** @throws AuthError `UNAVAILABLE` with why the last host that was tried is of no use. */
  async function acquire(): Promise<Lent> {
    const startedAt = performance.now();
    for (let tries = 1; ; tries += 1) {
      const host = current;
      try {
        return lent(await connect());
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

  function lent({ client, session }: Greeted): Lent {
    const host = hostOf.get(client);
    return {
      client,
      session,
      onFault(fault) {
        if (fault === 'names are mixed up') mustBePooled = true;
        else useNext(host);
      },
      release: ({ isLost }) => client.release(isLost || isOutdated(client, session)),
    };
  }

  return {
    acquire,
    load: (): PoolLoad => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),

    /** Resolves when every connection was released and has said goodbye. */
    end: () => pool.end(),

    /** A server that does not answer does not answer a goodbye either. */
    breakOff(): void {
      isOver = true;
      for (const socket of sockets) socket.destroy();
    },

    /** Whether it was broken off: what still gets a connection then must not use it. */
    isOver: () => isOver,
  };
}
