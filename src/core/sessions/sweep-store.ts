import type { Sql } from '../../database/database.ts';

/** One bounded batch of sessions that ended before `endedBefore`. */
export function deleteEndedSessions(
  sql: Sql,
  batch: { endedBefore: number; limit: number },
): Promise<number> {
  return sql.run(
    `DELETE FROM sessions WHERE id IN (
       SELECT id FROM sessions WHERE expires_at < :endedBefore OR revoked_at < :endedBefore LIMIT :limit)`,
    batch,
  );
}
