import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { DatabaseError, type PoolClient } from 'pg';
import type { Params, Sql } from './database.ts';
import { requireValue, unavailable } from './driver.ts';
import type { Session } from './postgres-session.ts';

/** As many statements as the stores have, with room to spare. */
const CACHED_STATEMENTS = 500;

/*
 * SQLSTATE: connection exceptions, insufficient resources, the server shutting down or starting, a system error;
 * then lock_timeout, statement_timeout, idle in transaction, a standby that takes no writes, serialization failure
 * and deadlock (https://www.postgresql.org/docs/current/errcodes-appendix.html).
 */
const UNAVAILABLE = /^(08...|53...|57P..|58...|55P03|57014|25P03|25006|40001|40P01|26000|42P05)$/;
const CONNECTION_LOST = /^(08...|57P..|25P03|25006|26000|42P05)$/;
const UNDONE_BY_THE_SERVER = /^(40001|40P01)$/;
/** A prepared statement that is not there, or is there already: a pooler has changed the server's end. */
const STATEMENT_MIXED_UP = /^(26000|42P05)$/;
const READ_ONLY = '25006';

export interface ConnectionOptions {
  readonly session: Session;
  /** How long each statement may take, where that is not what a request's may. */
  readonly statementMs: number | undefined;
  /** Hears of what concerns later connections, too. */
  readonly onFault: (fault: 'names are mixed up' | 'read-only') => void;
}

export type PostgresConnection = ReturnType<typeof createConnection>;

/** A client of the pool, for one statement or one transaction. */
export function createConnection(client: PoolClient, { session, statementMs, onFault }: ConnectionOptions) {
  let isLost = false;
  let isUndone = false;
  let lateAfterMs: number | undefined;

  async function execute(kind: keyof Sql, text: string, params: Params): Promise<unknown> {
    const { name, numberedText, parameters } = translate(text);
    const values = parameters.map((parameter) => requireValue(params, parameter));
    const query = { text: numberedText, values, ...(session.namesStatements && { name }) };
    const { rows, rowCount } = await ask(() => client.query(query));
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
      if (STATEMENT_MIXED_UP.test(code)) onFault('names are mixed up');
      if (code === READ_ONLY) onFault('read-only');
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
    session,
    execute,
    inTime,

    /** Whether a single statement has the limits that it should, without a transaction that sets them. */
    hasLimits: session.hasLimits(statementMs),

    async begin(): Promise<void> {
      await ask(() => client.query(session.beginText(statementMs)));
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

    /** Whether the server undid what failed just now, so that it may begin again; asked once of each failure. */
    takeUndone(): boolean {
      const mayBeginAgain = isUndone && !isLost;
      isUndone = false;
      return mayBeginAgain;
    },

    isLost: () => isLost,
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
