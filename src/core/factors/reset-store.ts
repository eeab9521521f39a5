import type { Sql } from '../../database/database.ts';

/** A removal of all factors that waits until `dueAt`; moments are ms since 1970. */
export interface FactorReset {
  readonly userId: string;
  /** That of the user's row when it was asked for. With another one there, it happens no more. */
  readonly credentialVersion: number;
  /** When the delay began. */
  readonly countedFrom: number;
  readonly dueAt: number;
  /** When its owner is told the next time; `dueAt` when they were told often enough. */
  readonly nextNoticeAt: number;
}

const COLUMNS = `user_id AS "userId", credential_version AS "credentialVersion", counted_from AS "countedFrom",
  due_at AS "dueAt", next_notice_at AS "nextNoticeAt"`;

/** In the place of one that happens no more. One that waits stays, with the time that it is due. */
export function putReset(sql: Sql, reset: FactorReset): Promise<number> {
  return sql.run(
    `INSERT INTO factor_resets (user_id, credential_version, counted_from, due_at, next_notice_at)
     VALUES (:userId, :credentialVersion, :countedFrom, :dueAt, :nextNoticeAt)
     ON CONFLICT (user_id) DO UPDATE SET credential_version = excluded.credential_version,
       counted_from = excluded.counted_from, due_at = excluded.due_at, next_notice_at = excluded.next_notice_at
     WHERE factor_resets.credential_version <> excluded.credential_version`,
    { ...reset },
  );
}

export function findReset(sql: Sql, userId: string): Promise<FactorReset | undefined> {
  return sql.get(`SELECT ${COLUMNS} FROM factor_resets WHERE user_id = :userId`, { userId });
}

/** Those that there is something to be done for: to tell the owner, or to remove the factors. */
export function listResets(sql: Sql, page: { now: number; limit: number }): Promise<FactorReset[]> {
  return sql.all(
    `SELECT ${COLUMNS} FROM factor_resets WHERE next_notice_at <= :now ORDER BY next_notice_at LIMIT :limit`,
    page,
  );
}

/** 1 for the process that tells the owner, 0 for all others. */
export function postponeNotice(
  sql: Sql,
  notice: Omit<FactorReset, 'credentialVersion'> & { asRead: number },
): Promise<number> {
  return sql.run(
    `UPDATE factor_resets SET counted_from = :countedFrom, due_at = :dueAt, next_notice_at = :nextNoticeAt
     WHERE user_id = :userId AND next_notice_at = :asRead`,
    notice,
  );
}

/** One that happens no more, and not another that was asked for since. */
export function deleteVoidReset(
  sql: Sql,
  { userId, credentialVersion }: Pick<FactorReset, 'userId' | 'credentialVersion'>,
): Promise<number> {
  return sql.run(
    'DELETE FROM factor_resets WHERE user_id = :userId AND credential_version = :credentialVersion',
    { userId, credentialVersion },
  );
}

/** 1 when one was waiting. @param reset.dueBy only if it is due by then. */
export function deleteReset(sql: Sql, reset: { userId: string; dueBy?: number }): Promise<number> {
  return sql.run('DELETE FROM factor_resets WHERE user_id = :userId AND due_at <= :dueBy', {
    dueBy: Number.MAX_SAFE_INTEGER,
    ...reset,
  });
}

/** All there are: few accounts have one. */
export function deleteResets(sql: Sql): Promise<number> {
  return sql.run('DELETE FROM factor_resets');
}
