import type { Sql } from '../../database/database.ts';
import { idList } from '../../platform/id.ts';
import { COLUMNS, IS_LIVE, IS_OF_THE_FUTURE, IS_SHOWN, type SessionRecord } from './store.ts';

/** The live sessions of several users, the most recently used first. */
export function listLiveSessionsOf(
  sql: Sql,
  { userIds, now }: { userIds: readonly string[]; now: number },
): Promise<SessionRecord[]> {
  const { list, params } = idList(userIds);
  return sql.all(
    `SELECT ${COLUMNS} FROM sessions WHERE user_id IN (${list}) AND ${IS_SHOWN} ORDER BY rotated_at DESC, id`,
    { ...params, now },
  );
}

export async function countLiveSessions(sql: Sql, now: number): Promise<number> {
  const row = await sql.get<{ count: number }>(
    `SELECT CAST(COUNT(*) AS INTEGER) AS count FROM sessions WHERE ${IS_LIVE} AND NOT ${IS_OF_THE_FUTURE}`,
    { now },
  );
  return row?.count ?? 0;
}

/** The end of an operator's impersonations of an account. */
export function endImpersonationsOf(
  sql: Sql,
  end: { userId: string; operatorId: string; now: number },
): Promise<{ id: string }[]> {
  return sql.all(
    `UPDATE sessions SET revoked_at = :now, revoked_reason = 'operator'
     WHERE user_id = :userId AND operator_id = :operatorId AND ${IS_LIVE} RETURNING id`,
    end,
  );
}
