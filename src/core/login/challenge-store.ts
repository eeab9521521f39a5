import type { Sql } from '../../database/database.ts';
import { LARGEST_LEAD_MS } from '../../platform/clock.ts';

/*
 * A row of `mfa_challenges` is a login whose first factor is proven, for as long as it can be completed: completing it
 * deletes the row. `token_hash` is the SHA-256 of the `mfaToken`, which its bearer alone has. The versions are those of
 * the user's row: a change of what proves the owner ends the login. The rest is what the session is to be opened with.
 */

/** A row of `mfa_challenges`; moments are ms since 1970. */
export interface Challenge {
  readonly tokenHash: string;
  readonly userId: string;
  readonly passwordVersion: number;
  readonly credentialVersion: number;
  /** What was shown, space-separated (RFC 8176 §2). */
  readonly amr: string;
  /** What the login asked for, space-separated; null is all that the roles allow. */
  readonly scope: string | null;
  readonly deviceName: string | null;
  readonly deviceId: string | null;
  readonly expiresAt: number;
}

const COLUMNS = `token_hash AS "tokenHash", user_id AS "userId", password_version AS "passwordVersion",
  credential_version AS "credentialVersion", amr, scope, device_name AS "deviceName", device_id AS "deviceId",
  expires_at AS "expiresAt"`;

const IS_USABLE = `expires_at > :now AND created_at - ${LARGEST_LEAD_MS} <= :now`;

export function insertChallenge(
  sql: Sql,
  challenge: Challenge & { readonly triesLeft: number; readonly now: number },
): Promise<number> {
  return sql.run(
    `INSERT INTO mfa_challenges (token_hash, user_id, password_version, credential_version, amr, scope, device_name,
       device_id, tries_left, created_at, expires_at)
     VALUES (:tokenHash, :userId, :passwordVersion, :credentialVersion, :amr, :scope, :deviceName,
       :deviceId, :triesLeft, :now, :expiresAt)`,
    { ...challenge },
  );
}

export function findChallenge(
  sql: Sql,
  challenge: { tokenHash: string; now: number },
): Promise<Challenge | undefined> {
  return sql.get(
    `SELECT ${COLUMNS} FROM mfa_challenges WHERE token_hash = :tokenHash AND ${IS_USABLE} AND tries_left > 0`,
    challenge,
  );
}

/** Takes one of the tries before a code is compared, so that no burst has more (ASVS 6.6.3). */
export function takeTry(
  sql: Sql,
  challenge: { tokenHash: string; now: number },
): Promise<Challenge | undefined> {
  return sql.get(
    `UPDATE mfa_challenges SET tries_left = tries_left - 1
     WHERE token_hash = :tokenHash AND ${IS_USABLE} AND tries_left > 0
     RETURNING ${COLUMNS}`,
    challenge,
  );
}

/** Gives a try back that compared nothing. */
export function giveTryBack(sql: Sql, tokenHash: string): Promise<number> {
  return sql.run('UPDATE mfa_challenges SET tries_left = tries_left + 1 WHERE token_hash = :tokenHash', {
    tokenHash,
  });
}

/** Spends it: 1 for the first request, 0 for all others. */
export function deleteChallenge(sql: Sql, challenge: { tokenHash: string; now: number }): Promise<number> {
  return sql.run(`DELETE FROM mfa_challenges WHERE token_hash = :tokenHash AND ${IS_USABLE}`, challenge);
}

/** One bounded batch of those that expired before `expiredBefore`. */
export function deleteExpiredChallenges(
  sql: Sql,
  batch: { expiredBefore: number; limit: number },
): Promise<number> {
  return sql.run(
    `DELETE FROM mfa_challenges WHERE token_hash IN (
       SELECT token_hash FROM mfa_challenges WHERE expires_at < :expiredBefore ORDER BY expires_at LIMIT :limit)`,
    batch,
  );
}

/** One bounded batch of all there are. */
export function deleteChallenges(sql: Sql, limit: number): Promise<number> {
  return sql.run(
    'DELETE FROM mfa_challenges WHERE token_hash IN (SELECT token_hash FROM mfa_challenges LIMIT :limit)',
    { limit },
  );
}
