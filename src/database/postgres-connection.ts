import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { DatabaseError, type PoolClient } from 'pg';
import type { Params, Sql } from './database.ts';
import { requireValue, unavailable } from './driver.ts';

const LOCK_TIMEOUT_MS = 2_000;
export const STATEMENT_TIMEOUT_MS = 5_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000;
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

export interface ConnectionOptions {
  readonly lockTimeoutMs?: number | undefined;
  /** How long each statement may take, where that is not what a request's may. */
  readonly statementMs?: number | undefined;
}

export type Connection = ReturnType<typeof createConnection>;

/** Clients of the pool whose session has its limits. */
const prepared = new WeakSet<PoolClient>();

/** A client of the pool, for one statement or one transaction. */
export function createConnection(
  client: PoolClient,
  { lockTimeoutMs = LOCK_TIMEOUT_MS, statementMs }: ConnectionOptions,
) {
  let isLost = false;
  let isUndone = false;
  let lateAfterMs: number | undefined;

  async function execute(kind: keyof Sql, text: string, params: Params): Promise<unknown> {
    const { name, numberedText, parameters } = translate(text);
    const values = parameters.map((parameter) => requireValue(params, parameter));
    const { rows, rowCount } = await ask(() => client.query({ name, text: numberedText, values }));
    if (kind === 'run') return rowCount ?? 0;
    return kind === 'get' ? rows[0] : rows;
  }

  async function ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    try {
      return await (statementMs === undefined ? question() : inTime(statementMs, question));
    } catch (error) {
      if (lateAfterMs !== undefined)
        throw unavailable(new Error(`PostgreSQL did not answer within ${lateAfterMs} ms.`, { cause: error }));
      // What the server did not say itself comes from the socket.
      const code = error instanceof DatabaseError ? (error.code ?? '') : '08000';
      isLost ||= CONNECTION_LOST.test(code);
      isUndone ||= UNDONE_BY_THE_SERVER.test(code);
      throw UNAVAILABLE.test(code) ? unavailable(error) : error;
    }
  }

  /** Does `work`, and cuts the connection when that takes longer: what waits for its answer fails at once. */
  async function inTime<Result>(ms: number, work: () => Promise<Result>): Promise<Result> {
    const timer = setTimeout(() => {
      lateAfterMs = ms;
      isLost = true;
      void client.end();
    }, ms);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    execute,
    inTime,

    /** Gives a new session its limits. By statements and not in the startup packet, so that the role's never win. */
    async prepare(): Promise<void> {
      if (prepared.has(client)) return;
      await ask(() =>
        client.query(`
          SET default_transaction_isolation TO 'read committed';
          SET statement_timeout TO ${STATEMENT_TIMEOUT_MS};
          SET lock_timeout TO ${lockTimeoutMs};
          SET idle_in_transaction_session_timeout TO ${IDLE_IN_TRANSACTION_TIMEOUT_MS};
        `),
      );
      prepared.add(client);
    },

    async begin(): Promise<void> {
      isUndone = false;
      const limit = statementMs === undefined ? '' : `; SET LOCAL statement_timeout TO ${statementMs}`;
      await ask(() => client.query(`BEGIN${limit}`));
    },

    commit: () => execute('run', 'COMMIT', {}),

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
