import type { PoolClient } from 'pg';

/*
 * The limits of statements are PostgreSQL's to keep, and how they are set depends on who answers.
 *
 * PostgreSQL itself keeps a session for each connection, and the limits are set in it once.
 *
 * A pooler (PgBouncer in transaction mode, or the like) lends a session of its own for each transaction. What is set in
 * one is lost with the next, and meets strangers who are lent it afterwards. So nothing is set in the session there:
 * each transaction sets its own limits, a single statement becomes a transaction for that, unless the role has
 * the limits already, and no statement is prepared under a name.
 */

export const STATEMENT_TIMEOUT_MS = 5_000;
const LOCK_TIMEOUT_MS = 2_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000;
const ISOLATION = 'read committed';

export interface Session {
  readonly isPooled: boolean;
  readonly isReadOnly: boolean;
  readonly namesStatements: boolean;
  /** Whether a single statement keeps to the limits, or to its own of `statementMs`. */
  hasLimits(statementMs: number | undefined): boolean;
  /** Begins a transaction with its limits. */
  beginText(statementMs: number | undefined): string;
}

interface SessionOptions {
  readonly lockTimeoutMs?: number | undefined;
  readonly searchPath: string | undefined;
  /** Whether a pooler has shown itself that looks like PostgreSQL. */
  readonly mustBePooled: boolean;
}

/** Finds out who answers, and sets the limits of the session where it is one's own. */
export async function openSession(
  client: PoolClient,
  { lockTimeoutMs = LOCK_TIMEOUT_MS, searchPath, mustBePooled }: SessionOptions,
): Promise<Session> {
  const limits = {
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: lockTimeoutMs,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
  };
  const { rows } = await client.query<{ pid: number; readOnly: string }>(
    `SELECT pg_backend_pid() AS pid, current_setting('transaction_read_only') AS "readOnly"`,
  );
  const [server] = rows;
  if (server === undefined) throw new Error('PostgreSQL does not say who it is.');
  // A pooler greets with a process of its own making, so that it can find the real one when a query is cancelled.
  const { processID } = client as PoolClient & { readonly processID: number };
  const isPooled = mustBePooled || processID !== server.pid;
  const isReadOnly = server.readOnly === 'on';

  if (!isPooled) {
    // By statements and not in the startup packet, so that neither the role's settings nor the URL's win.
    const path = searchPath === undefined ? '' : `SET search_path TO ${searchPath};`;
    await client.query(
      `SET default_transaction_isolation TO '${ISOLATION}'; ${path} ${setAll('SET', limits)}`,
    );
    return {
      isPooled,
      isReadOnly,
      namesStatements: true,
      hasLimits: (statementMs = STATEMENT_TIMEOUT_MS) => statementMs <= STATEMENT_TIMEOUT_MS,
      beginText: (statementMs) =>
        statementMs === undefined
          ? 'BEGIN'
          : `BEGIN; ${setAll('SET LOCAL', { statement_timeout: statementMs })}`,
    };
  }

  const roleHasLimits = searchPath === undefined && (await hasRoleLimits(client, limits));
  const path = searchPath === undefined ? '' : `SET LOCAL search_path TO ${searchPath};`;
  return {
    isPooled,
    isReadOnly,
    namesStatements: false,
    hasLimits: (statementMs = STATEMENT_TIMEOUT_MS) => roleHasLimits && statementMs <= STATEMENT_TIMEOUT_MS,
    beginText: (statementMs = STATEMENT_TIMEOUT_MS) =>
      `BEGIN ISOLATION LEVEL ${ISOLATION}; ${path} ${setAll('SET LOCAL', { ...limits, statement_timeout: statementMs })}`,
  };
}

/** Whether what a session of this role begins with keeps to the limits. Not what it is at: that may be a stranger's. */
async function hasRoleLimits(client: PoolClient, limits: Readonly<Record<string, number>>): Promise<boolean> {
  const names = [...Object.keys(limits), 'default_transaction_isolation'];
  const { rows } = await client.query<{ name: string; reset_val: string }>({
    text: 'SELECT name, reset_val FROM pg_settings WHERE name = ANY ($1)',
    values: [names],
  });
  const values = new Map(rows.map(({ name, reset_val }) => [name, reset_val]));
  const isKept = ([name, most]: [string, number]) => {
    const value = Number(values.get(name));
    return value > 0 && value <= most;
  };
  return Object.entries(limits).every(isKept) && values.get('default_transaction_isolation') === ISOLATION;
}

function setAll(command: 'SET' | 'SET LOCAL', values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${command} ${name} TO ${value};`)
    .join(' ');
}
