import type { Sql } from '../../database/database.ts';

/**
 * What is counted under a key, and when it is too much. With a window: `max` within `windowMs`, then nothing
 * until the window ends. Without one: after `max` in a row, each next one waits twice as long as the one before.
 */
export interface Count {
  readonly key: string;
  readonly max: number;
  /** 0 for a back-off. */
  readonly windowMs: number;
}

/** The longest wait of a back-off. */
export const LONGEST_BACKOFF_MS = 15 * 60_000;
/** A back-off stops here: 2^9 s is the last step below the longest wait. */
const LAST_DOUBLING = 10;

/**
 * Counts an attempt under every key, or under none when one of them is blocked: the check and the increment are
 * one statement, so a burst cannot slip through between them (LOG-3). The first `WHERE` refuses what is blocked;
 * the one of the conflict asks again for the row as it is locked, because PostgreSQL reads the first from a
 * snapshot. Resolves to the rows that were counted: fewer than were given is a refusal.
 */
export async function countAttempt(
  sql: Sql,
  { counts, now }: { counts: readonly Count[]; now: number },
): Promise<{ key: string; count: number }[]> {
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
  return sql.all(
    `INSERT INTO throttles (key, count, started_at, blocked_until, max, window_ms)
     SELECT given.column1, 1, CAST(:now AS BIGINT), CASE WHEN given.column2 > 1 THEN 0 WHEN given.column3 > 0 THEN :now + given.column3
       ELSE :now + 1000 END, given.column2, given.column3
     FROM (VALUES ${values.join(', ')}) AS given
     WHERE NOT EXISTS (
       SELECT 1 FROM throttles WHERE key IN (${listOf(sorted.map(({ key }) => key)).list}) AND blocked_until > :now)
     ON CONFLICT (key) DO UPDATE SET
       count = CASE WHEN ${IS_OVER} THEN 1 ELSE throttles.count + 1 END,
       started_at = CASE WHEN ${IS_OVER} OR excluded.window_ms = 0 THEN excluded.started_at
         ELSE throttles.started_at END,
       blocked_until = CASE
         WHEN ${IS_OVER} OR throttles.count + 1 < excluded.max THEN 0
         WHEN excluded.window_ms > 0 THEN throttles.started_at + excluded.window_ms
         WHEN throttles.count + 1 - excluded.max >= ${LAST_DOUBLING} THEN excluded.started_at + ${LONGEST_BACKOFF_MS}
         ELSE excluded.started_at + (CAST(1000 AS BIGINT) << CAST(throttles.count + 1 - excluded.max AS INTEGER)) END,
       max = excluded.max,
       window_ms = excluded.window_ms
     WHERE throttles.blocked_until <= excluded.started_at
     RETURNING key, count`,
    { now, ...Object.fromEntries(params) },
  );
}

/** The window that the row counts in has ended. */
const IS_OVER = 'excluded.window_ms > 0 AND throttles.started_at + excluded.window_ms <= excluded.started_at';

/** A key that lets nobody through. */
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
     FROM throttles WHERE key IN (${list}) AND blocked_until > :now ORDER BY key`,
    { ...params, now },
  );
}

/** 1 for the first who reports the block of a key, 0 for all others. */
export function reportBlock(sql: Sql, { key, blockedUntil }: Block): Promise<number> {
  return sql.run(
    `UPDATE throttles SET reported_until = :blockedUntil
     WHERE key = :key AND blocked_until = :blockedUntil AND reported_until < :blockedUntil`,
    { key, blockedUntil },
  );
}

/** Takes one attempt back that turned out right, and with it the block that it may have begun. */
export function takeBack(sql: Sql, keys: readonly string[]): Promise<number> {
  const { list, params } = listOf(keys);
  const text = `UPDATE throttles SET count = count - 1, blocked_until = 0 WHERE key IN (${list}) AND count > 0`;
  return sql.run(text, params);
}

/** Ends runs of failures. */
export function clear(sql: Sql, keys: readonly string[]): Promise<number> {
  const { list, params } = listOf(keys);
  return sql.run(`DELETE FROM throttles WHERE key IN (${list})`, params);
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
 * failures, and longer runs after a month. A run that disabled a password stays.
 */
export function deleteStale(
  sql: Sql,
  step: { from: number; until: number; now: number; monthAgo: number; disableAfter: number },
): Promise<number> {
  return sql.run(
    `DELETE FROM throttles
     WHERE started_at >= :from AND started_at <= :until AND blocked_until < :now
       AND (window_ms > 0 OR count < max OR (started_at < :monthAgo AND count < :disableAfter))`,
    step,
  );
}

/** Keys as the parameters of an `IN`. */
function listOf(keys: readonly string[]): { list: string; params: Record<string, string> } {
  const names = keys.map((_, i) => `key${i}`);
  return {
    list: names.map((name) => `:${name}`).join(', '),
    params: Object.fromEntries(keys.map((key, i) => [`key${i}`, key])),
  };
}
