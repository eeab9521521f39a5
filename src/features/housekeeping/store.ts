import type { Sql } from '../../database/database.ts';

/*
 * A lease is one row. `name` is what it is for, `holder` a random name of the process that has it. From `expires_at`
 * on, in ms since 1970, any process may take it.
 */

/**
 * Takes the lease or prolongs it, in one statement, so that of many processes one succeeds. A lease that expires
 * later than one taken now was written by a clock that was wrong: it binds no process.
 *
 * @returns 1 when the lease is the holder's now, else 0.
 */
export function takeLease(
  sql: Sql,
  lease: { name: string; holder: string; now: number; expiresAt: number },
): Promise<number> {
  return sql.run(
    `INSERT INTO leases (name, holder, expires_at) VALUES (:name, :holder, :expiresAt)
     ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
     WHERE leases.holder = excluded.holder OR leases.expires_at <= :now OR leases.expires_at > :expiresAt`,
    lease,
  );
}

/** Gives the lease back, unless another process has it by now. */
export function releaseLease(sql: Sql, lease: { name: string; holder: string }): Promise<number> {
  return sql.run('DELETE FROM leases WHERE name = :name AND holder = :holder', lease);
}
