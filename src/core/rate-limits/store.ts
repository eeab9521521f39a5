import type { Sql } from '../../database/database.ts';
import { MINUTE_MS } from '../../platform/durations.ts';

/*
 * A row of `throttles` counts attempts under a key. Its window says how:
 *
 *   window_ms > 0   a window: `max` attempts within it, then none until it ends
 *   window_ms = 0   a run with a back-off: after `max` in a row, each next one waits twice as long as the one before
 *   window_ms < 0   a tally: it counts and never blocks; `max` only says how long the row is worth keeping
 *
 *   count           the attempts in the window, or in a row
 *   started_at      when the window began; of a run or a tally, when its last attempt was; ms since 1970
 *   blocked_until   no attempt is let through before
 *   reported_until  the block that the audit trail knows of
 *
 * A clock that was wrong may have written any of these times (CR-7). A block that ends later than one that is made now
 * does not count. A window that begins in the future is over.
 */

/** What is counted under a key. */
export interface Count {
  readonly key: string;
  readonly max: number;
  readonly windowMs: number;
}

/** A row as one attempt left it. */
export interface Counted {
  readonly key: string;
  readonly count: number;
  readonly startedAt: number;
}

/** The `windowMs` of a run with a back-off. */
export const RUN = 0;
/** The `windowMs` of a tally. */
export const TALLY = -1;

/** The longest wait of a back-off. */
export const LONGEST_BACKOFF_MS = 15 * MINUTE_MS;
/** A back-off stops here: 2^9 s is the last step below the longest wait. */
const LAST_DOUBLING = 10;
/** By how much the clocks of two processes may differ. */
const CLOCK_SKEW_MS = MINUTE_MS;

/** The row lets no attempt through at the moment `now`. */
function isBlocked(now: string): string {
  return `throttles.blocked_until > ${now} AND throttles.blocked_until <= ${now} + ${CLOCK_SKEW_MS}
    + CASE WHEN throttles.window_ms > 0 THEN throttles.window_ms ELSE ${LONGEST_BACKOFF_MS} END`;
}

/** The window that the row counts in has ended. */
const IS_OVER = `excluded.window_ms > 0 AND (throttles.started_at + excluded.window_ms <= excluded.started_at
    OR throttles.started_at > excluded.started_at + ${CLOCK_SKEW_MS})`;

/**
 * Counts an attempt under every key, or under none when one of them is blocked: the check and the increment are
 * one statement, so a burst cannot slip through between them (LOG-3). The first `WHERE` refuses what is blocked;
 * the one of the conflict asks again for the row as it is locked, because PostgreSQL reads the first from a
 * snapshot.
 *
 * @param attempt.asked keys that must not be blocked either, and are not counted.
 * @param attempt.closed keys that must have counted less than `at` before.
 * @returns the rows that were counted: fewer than were given is a refusal.
 */
export async function countAttempt(
  sql: Sql,
  attempt: {
    counts: readonly Count[];
    asked?: readonly string[] | undefined;
    closed?: { readonly keys: readonly string[]; readonly at: number } | undefined;
    now: number;
  },
): Promise<Counted[]> {
  const { counts, asked = [], closed = { keys: [], at: 0 }, now } = attempt;
  // In one order, so that two attempts never wait for each other's rows.
  const sorted = [...counts].sort((a, b) => (a.key < b.key ? -1 : 1));
  const values = sorted.map(
    (_, i) => `(CAST(:key${i} AS TEXT), CAST(:max${i} AS BIGINT), CAST(:windowMs${i} AS BIGINT))`,
  );
  const params = sorted.flatMap((count, i) => [
    [`key${i}`, count.key] as const,
    [`max${i}`, count.max] as const,
    [`windowMs${i}`, count.windowMs] as const,
  ]);
  const guarded = listOf([...sorted.map(({ key }) => key), ...asked]);
  const shut = listOf(closed.keys, 'closed');
  const isOpen =
    closed.keys.length === 0
      ? ''
      : `AND NOT EXISTS (SELECT 1 FROM throttles WHERE key IN (${shut.list}) AND count >= :closedAt)`;
  return sql.all(
    `INSERT INTO throttles (key, count, started_at, blocked_until, max, window_ms)
     SELECT given.column1, 1, CAST(:now AS BIGINT), CASE WHEN given.column2 > 1 OR given.column3 < 0 THEN 0
       WHEN given.column3 > 0 THEN :now + given.column3 ELSE :now + 1000 END, given.column2, given.column3
     FROM (VALUES ${values.join(', ')}) AS given
     WHERE NOT EXISTS (SELECT 1 FROM throttles WHERE key IN (${guarded.list}) AND ${isBlocked(':now')}) ${isOpen}
     ON CONFLICT (key) DO UPDATE SET
       count = CASE WHEN ${IS_OVER} THEN 1 ELSE throttles.count + 1 END,
       started_at = CASE WHEN ${IS_OVER} OR excluded.window_ms <= 0 THEN excluded.started_at
         ELSE throttles.started_at END,
       blocked_until = CASE
         WHEN ${IS_OVER} THEN excluded.blocked_until
         WHEN excluded.window_ms < 0 OR throttles.count + 1 < excluded.max THEN 0
         WHEN excluded.window_ms > 0 THEN throttles.started_at + excluded.window_ms
         WHEN throttles.count + 1 - excluded.max >= ${LAST_DOUBLING} THEN excluded.started_at + ${LONGEST_BACKOFF_MS}
         ELSE excluded.started_at + (CAST(1000 AS BIGINT) << CAST(throttles.count + 1 - excluded.max AS INTEGER)) END,
       max = excluded.max,
       window_ms = excluded.window_ms
     WHERE NOT (${isBlocked('excluded.started_at')})
     RETURNING key, count, started_at AS "startedAt"`,
    {
      now,
      ...Object.fromEntries(params),
      ...guarded.params,
      ...shut.params,
      closedAt: closed.at,
    },
  );
}

/** A key that lets no attempt through. */
export interface Block {
  readonly key: string;
  /** ms since 1970. */
  readonly blockedUntil: number;
  /** The block that was reported last. */
  readonly reportedUntil: number;
}

export function listBlocks(
  sql: Sql,
  { keys, now }: { keys: readonly string[]; now: number },
): Promise<Block[]> {
  const { list, params } = listOf(keys);
  // In one order, so that two who report them never wait for each other's rows.
  return sql.all(
    `SELECT key, blocked_until AS "blockedUntil", reported_until AS "reportedUntil"
     FROM throttles WHERE key IN (${list}) AND ${isBlocked('CAST(:now AS BIGINT)')} ORDER BY key`,
    { ...params, now },
  );
}

/** 1 for the first who reports the block of a key, 0 for all others. */
export function reportBlock(sql: Sql, { key, blockedUntil }: Block): Promise<number> {
  return sql.run(
    `UPDATE throttles SET reported_until = :blockedUntil
     WHERE key = :key AND blocked_until = :blockedUntil AND reported_until <> :blockedUntil`,
    { key, blockedUntil },
  );
}

/**
 * Takes one attempt back that turned out right, and with it the block that it may have begun. A window that began
 * after the attempt does not know of it.
 */
export function takeBack(sql: Sql, { key, startedAt }: Counted): Promise<number> {
  return sql.run(
    `UPDATE throttles SET count = count - 1, blocked_until = 0
     WHERE key = :key AND count > 0 AND (window_ms <= 0 OR started_at = :startedAt)`,
    { key, startedAt },
  );
}

/** The highest count of some keys; 0 where none has a row. */
export async function highestCount(sql: Sql, keys: readonly string[]): Promise<number> {
  const { list, params } = listOf(keys);
  const row = await sql.get<{ count: number | null }>(
    `SELECT MAX(count) AS count FROM throttles WHERE key IN (${list})`,
    params,
  );
  return row?.count ?? 0;
}

/** What the rows of some keys have counted, and until when each lets nothing through. */
export function readCounts(
  sql: Sql,
  { keys, now }: { keys: readonly string[]; now: number },
): Promise<{ key: string; count: number; blockedUntil: number }[]> {
  const { list, params } = listOf(keys);
  return sql.all(
    `SELECT key, count, CASE WHEN ${isBlocked('CAST(:now AS BIGINT)')} THEN blocked_until ELSE 0 END AS "blockedUntil"
     FROM throttles WHERE key IN (${list})`,
    { ...params, now },
  );
}

/** Ends a run of failures, however long. */
export function endRun(sql: Sql, key: string): Promise<number> {
  return sql.run('DELETE FROM throttles WHERE key = :key', { key });
}

/** Ends a tally that has not counted more than `cap`. */
export function endTally(sql: Sql, key: string, cap: number): Promise<number> {
  return sql.run('DELETE FROM throttles WHERE key = :key AND count <= :cap', { key, cap });
}

/**
 * Where a step of the sweep ends that looks at `limit` rows; `undefined` when there are none. It is bounded by what it
 * looks at, not by what it deletes: rows that stay would be read again by every step.
 *
 * @returns the latest `started_at` of the step, in ms since 1970.
 */
export async function findEndOfStep(
  sql: Sql,
  step: { from: number; before: number; limit: number },
): Promise<number | undefined> {
  const row = await sql.get<{ until: number | null }>(
    `SELECT MAX(started_at) AS until FROM (
       SELECT started_at FROM throttles WHERE started_at >= :from AND started_at < :before
       ORDER BY started_at LIMIT :limit) AS step`,
    step,
  );
  return row?.until ?? undefined;
}

/**
 * Deletes, of the rows of a step that are a day old, those that say nothing any more: windows and short runs of
 * failures, and longer runs after a month. What has disabled a password or closed a lane stays.
 */
export function deleteStale(
  sql: Sql,
  step: { from: number; until: number; now: number; monthAgo: number; disableAfter: number },
): Promise<number> {
  return sql.run(
    `DELETE FROM throttles
     WHERE started_at >= :from AND started_at <= :until AND blocked_until < :now
       AND (window_ms > 0 OR (count < :disableAfter AND (count < max OR started_at < :monthAgo)))`,
    step,
  );
}

/** Keys as the parameters of an `IN`, by names that no other list of the statement has. */
function listOf(keys: readonly string[], name = 'key'): { list: string; params: Record<string, string> } {
  return {
    list: keys.map((_, i) => `:${name}${i}`).join(', '),
    params: Object.fromEntries(keys.map((key, i) => [`${name}${i}`, key])),
  };
}
