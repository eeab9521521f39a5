import type { Params, Sql } from '../../database/database.ts';
import type { Part } from './keyset.ts';

export interface EventFilter {
  readonly userId?: string | undefined;
  readonly name?: string | undefined;
  readonly outcome?: 'success' | 'fail' | undefined;
  /** ms since 1970. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

const COLUMNS = `id, occurred_at AS "occurredAt", name, outcome, user_id AS "userId", session_id AS "sessionId", ip,
  user_agent AS "userAgent", request_id AS "requestId", details`;

/** The trail, the newest event first. An index answers the account, or the name, or the time alone. */
export function eventsPart({ userId, name, outcome, from, to }: EventFilter): Part {
  const conditions: (string | undefined)[] = [
    userId === undefined ? undefined : 'user_id = :userId',
    // An account has few events beside the trail's.
    name === undefined ? undefined : `name ${userId === undefined ? '=' : "|| '' ="} :name`,
    outcome === undefined ? undefined : 'outcome = :outcome',
    from === undefined ? undefined : 'occurred_at >= :from',
    to === undefined ? undefined : 'occurred_at < :to',
  ];
  const given = Object.entries({ userId, name, outcome, from, to }).filter(
    ([, value]) => value !== undefined,
  );
  return {
    columns: COLUMNS,
    from: 'audit_events',
    conditions: conditions.filter((condition) => condition !== undefined),
    params: Object.fromEntries(given) as Params,
    key: 'occurred_at',
    isDescending: true,
  };
}

/** How many events of some names there are in each interval; those without any are not among them. */
export function countEvents(
  sql: Sql,
  { names, from, to, intervalMs }: { names: readonly string[]; from: number; to: number; intervalMs: number },
): Promise<{ interval: number; name: string; count: number }[]> {
  const params = Object.fromEntries(names.map((name, i) => [`name${i}`, name]));
  return sql.all(
    `SELECT CAST((occurred_at - CAST(:from AS BIGINT)) / CAST(:intervalMs AS BIGINT) AS INTEGER) AS interval, name,
       CAST(COUNT(*) AS INTEGER) AS count
     FROM audit_events
     WHERE name IN (${names.map((_, i) => `:name${i}`).join(', ')}) AND occurred_at >= :from AND occurred_at < :to
     GROUP BY 1, 2`,
    { ...params, from, to, intervalMs },
  );
}
