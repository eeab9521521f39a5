import type { Sql } from '../../database/database.ts';

/*
 * A row of `passkeys` belongs to a factor of the kind PASSKEY, and goes with it. Bytes are base64url.
 *
 *   credential_id       what the authenticator calls it; no two accounts have the same
 *   public_key          a COSE_Key (RFC 9052 §7)
 *   sign_count          what the authenticator counted last; 0 for those that do not count
 *   is_backup_eligible  whether copies may be kept of it; this never changes
 *   is_backed_up        whether they were, at the last use
 *   transports          how to reach the authenticator, space-separated
 *   aaguid              the model of the authenticator, as the browser said
 *
 * `passkey_users.user_handle` is what authenticators know the account by: random, and the same for all of its passkeys.
 * A row of `spent_passkey_challenges` is the SHA-256 of a challenge that was answered: writing it spends the challenge.
 */

/** A row of `passkeys`, with whose it is. */
export interface PasskeyRecord {
  readonly factorId: string;
  readonly userId: string;
  readonly userHandle: string;
  readonly credentialId: string;
  readonly publicKey: string;
  readonly signCount: number;
  /** 1 or 0. */
  readonly isBackupEligible: number;
  /** 1 or 0. */
  readonly isBackedUp: number;
  readonly transports: string;
  readonly aaguid: string;
}

const RECORDS = `SELECT factor_id AS "factorId", factors.user_id AS "userId", user_handle AS "userHandle",
    credential_id AS "credentialId", public_key AS "publicKey", sign_count AS "signCount",
    is_backup_eligible AS "isBackupEligible", is_backed_up AS "isBackedUp", transports, aaguid
  FROM passkeys
  JOIN factors ON factors.id = passkeys.factor_id
  JOIN passkey_users ON passkey_users.user_id = factors.user_id`;

/** None when the credential is unknown. */
export function findPasskey(sql: Sql, credentialId: string): Promise<PasskeyRecord | undefined> {
  return sql.get(`${RECORDS} WHERE credential_id = :credentialId`, { credentialId });
}

export function findPasskeyOf(sql: Sql, factorId: string): Promise<PasskeyRecord | undefined> {
  return sql.get(`${RECORDS} WHERE factor_id = :factorId`, { factorId });
}

/** The passkeys of a user, the oldest first. */
export function listPasskeys(sql: Sql, userId: string): Promise<PasskeyRecord[]> {
  return sql.all(`${RECORDS} WHERE factors.user_id = :userId ORDER BY factors.confirmed_at, factor_id`, {
    userId,
  });
}

/** 0 when some account has the credential: the unique index decides, however many register it at once. */
export function insertPasskey(
  sql: Sql,
  passkey: Omit<PasskeyRecord, 'userId' | 'userHandle'>,
): Promise<number> {
  return sql.run(
    `INSERT INTO passkeys (factor_id, credential_id, public_key, sign_count, is_backup_eligible, is_backed_up,
       transports, aaguid)
     VALUES (:factorId, :credentialId, :publicKey, :signCount, :isBackupEligible, :isBackedUp, :transports, :aaguid)
     ON CONFLICT (credential_id) DO NOTHING`,
    passkey,
  );
}

/** What the authenticator says now. 0 when another request brought a later count, or the passkey is gone. */
export function advancePasskey(
  sql: Sql,
  use: { factorId: string; signCount: number; isBackedUp: number },
): Promise<number> {
  return sql.run(
    `UPDATE passkeys SET sign_count = :signCount, is_backed_up = :isBackedUp
     WHERE factor_id = :factorId AND (sign_count < :signCount OR (sign_count = 0 AND :signCount = 0))`,
    use,
  );
}

export function markUsed(sql: Sql, use: { factorId: string; now: number }): Promise<number> {
  return sql.run('UPDATE factors SET last_used_at = :now WHERE id = :factorId', use);
}

/** The handle of a user who has none yet. */
export function insertUserHandle(sql: Sql, user: { userId: string; userHandle: string }): Promise<number> {
  return sql.run('INSERT INTO passkey_users (user_id, user_handle) VALUES (:userId, :userHandle)', user);
}

export async function findUserHandle(sql: Sql, userId: string): Promise<string | undefined> {
  const row = await sql.get<{ userHandle: string }>(
    'SELECT user_handle AS "userHandle" FROM passkey_users WHERE user_id = :userId',
    { userId },
  );
  return row?.userHandle;
}

/** Spends a challenge: 1 for the first request of all processes, 0 for all others. */
export function insertSpentChallenge(
  sql: Sql,
  challenge: { challengeHash: string; expiresAt: number },
): Promise<number> {
  return sql.run(
    `INSERT INTO spent_passkey_challenges (challenge_hash, expires_at) VALUES (:challengeHash, :expiresAt)
     ON CONFLICT (challenge_hash) DO NOTHING`,
    challenge,
  );
}

/** One bounded batch of those that expired before `expiredBefore`. */
export function deleteSpentChallenges(
  sql: Sql,
  batch: { expiredBefore: number; limit: number },
): Promise<number> {
  return sql.run(
    `DELETE FROM spent_passkey_challenges WHERE challenge_hash IN (
       SELECT challenge_hash FROM spent_passkey_challenges WHERE expires_at < :expiredBefore
       ORDER BY expires_at LIMIT :limit)`,
    batch,
  );
}
