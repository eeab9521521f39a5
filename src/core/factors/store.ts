import type { Sql } from '../../database/database.ts';
import { LARGEST_LEAD_MS } from '../../platform/clock.ts';
import { idList } from '../../platform/id.ts';

/*
 * A row of `factors` is a second factor of an account:
 *
 *   sealed_secret   the seed of a TOTP, sealed under the master secret; bound to the id of the row. A passkey has none: ''
 *   last_step       the last time step whose code was spent: no code of it or of an earlier one is good any more
 *   confirmed_at    when its first code was proven; none while it waits for that, and then it is no factor yet
 *   expires_at      until when it waits
 *
 * A row of `recovery_codes` is a code that is not spent: spending it deletes the row, so of many who try one succeeds.
 * `users.second_factors` repeats the kinds of the confirmed factors. Each change of factors locks the user's row first.
 */

/** A kind of second factor that a row of `factors` can be. */
export type StoredKind = 'TOTP' | 'PASSKEY';

/** A row of `factors`; moments are ms since 1970. */
export interface FactorRecord {
  readonly id: string;
  readonly userId: string;
  readonly kind: StoredKind;
  readonly name: string | null;
  readonly sealedSecret: string;
  readonly lastStep: number;
  readonly createdAt: number;
  readonly confirmedAt: number | null;
  readonly lastUsedAt: number | null;
}

const COLUMNS = `id, user_id AS "userId", kind, name, sealed_secret AS "sealedSecret", last_step AS "lastStep",
  created_at AS "createdAt", confirmed_at AS "confirmedAt", last_used_at AS "lastUsedAt"`;

/** Waits for its first code, in the place of one that waited before. A confirmed one stays. */
export function putEnrolment(
  sql: Sql,
  enrolment: {
    id: string;
    userId: string;
    kind: StoredKind;
    sealedSecret: string;
    now: number;
    expiresAt: number;
  },
): Promise<number> {
  return sql.run(
    `INSERT INTO factors (id, user_id, kind, sealed_secret, last_step, created_at, expires_at)
     VALUES (:id, :userId, :kind, :sealedSecret, 0, :now, :expiresAt)
     ON CONFLICT (user_id, kind) WHERE confirmed_at IS NULL DO UPDATE SET
       id = excluded.id, sealed_secret = excluded.sealed_secret, created_at = excluded.created_at,
       expires_at = excluded.expires_at`,
    enrolment,
  );
}

export function findEnrolment(
  sql: Sql,
  enrolment: { userId: string; kind: StoredKind; now: number },
): Promise<FactorRecord | undefined> {
  return sql.get(
    `SELECT ${COLUMNS} FROM factors WHERE user_id = :userId AND kind = :kind AND confirmed_at IS NULL
       AND expires_at > :now AND created_at - ${LARGEST_LEAD_MS} <= :now`,
    enrolment,
  );
}

/** Makes a factor of it, with the step of the code that proved it. No row when another request came first. */
export function confirmEnrolment(
  sql: Sql,
  proof: { id: string; name: string | null; step: number; now: number },
): Promise<FactorRecord | undefined> {
  return sql.get(
    `UPDATE factors SET name = :name, last_step = :step, confirmed_at = :now, last_used_at = :now, expires_at = NULL
     WHERE id = :id AND confirmed_at IS NULL RETURNING ${COLUMNS}`,
    proof,
  );
}

/** A factor that is confirmed from the first: a registration proved it. */
export async function insertFactor(
  sql: Sql,
  factor: { id: string; userId: string; kind: StoredKind; name: string | null; now: number },
): Promise<FactorRecord> {
  const inserted = await sql.get<FactorRecord>(
    `INSERT INTO factors (id, user_id, kind, name, sealed_secret, last_step, created_at, confirmed_at, last_used_at)
     VALUES (:id, :userId, :kind, :name, '', 0, :now, :now, :now) RETURNING ${COLUMNS}`,
    factor,
  );
  if (inserted === undefined) throw new Error('an insert without a condition made no row');
  return inserted;
}

/** The confirmed factors of a user, the oldest first. */
export function listFactors(sql: Sql, userId: string): Promise<FactorRecord[]> {
  return sql.all(
    `SELECT ${COLUMNS} FROM factors WHERE user_id = :userId AND confirmed_at IS NOT NULL ORDER BY confirmed_at, id`,
    { userId },
  );
}

/** Those of several users. */
export function listFactorsOf(sql: Sql, userIds: readonly string[]): Promise<FactorRecord[]> {
  const { list, params } = idList(userIds);
  return sql.all(
    `SELECT ${COLUMNS} FROM factors WHERE user_id IN (${list}) AND confirmed_at IS NOT NULL ORDER BY confirmed_at, id`,
    params,
  );
}

/** How many recovery codes each of several users has left; those without any are not among them. */
export function countRecoveryCodesOf(
  sql: Sql,
  userIds: readonly string[],
): Promise<{ userId: string; count: number }[]> {
  const { list, params } = idList(userIds);
  return sql.all(
    `SELECT user_id AS "userId", CAST(COUNT(*) AS INTEGER) AS count FROM recovery_codes
     WHERE user_id IN (${list}) GROUP BY user_id`,
    params,
  );
}

export async function findTotp(sql: Sql, userId: string): Promise<FactorRecord | undefined> {
  return (await listFactors(sql, userId)).find(({ kind }) => kind === 'TOTP');
}

/** Spends a step, and with it every earlier one: 1 for the first request of all processes, 0 for all others. */
export function spendStep(sql: Sql, spent: { id: string; step: number; now: number }): Promise<number> {
  return sql.run(
    `UPDATE factors SET last_step = :step, last_used_at = :now
     WHERE id = :id AND confirmed_at IS NOT NULL AND last_step < :step`,
    spent,
  );
}

/** No row when it is not a factor of the user. */
export function renameFactor(
  sql: Sql,
  change: { id: string; userId: string; name: string | null },
): Promise<FactorRecord | undefined> {
  return sql.get(
    `UPDATE factors SET name = :name WHERE id = :id AND user_id = :userId AND confirmed_at IS NOT NULL
     RETURNING ${COLUMNS}`,
    change,
  );
}

/** One of a user's factors. */
export function deleteFactor(sql: Sql, factor: { id: string; userId: string }): Promise<{ id: string }[]> {
  return sql.all(
    'DELETE FROM factors WHERE id = :id AND user_id = :userId AND confirmed_at IS NOT NULL RETURNING id',
    factor,
  );
}

/** Those that were confirmed since a moment, and those that wait. @returns the confirmed ones. */
export async function deleteFactorsSince(
  sql: Sql,
  factors: { userId: string; since: number },
): Promise<{ id: string }[]> {
  await sql.run('DELETE FROM factors WHERE user_id = :userId AND confirmed_at IS NULL', {
    userId: factors.userId,
  });
  return sql.all(
    'DELETE FROM factors WHERE user_id = :userId AND confirmed_at >= :since RETURNING id',
    factors,
  );
}

/** One bounded batch of those that waited and expired before `expiredBefore`. */
export function deleteExpiredEnrolments(
  sql: Sql,
  batch: { expiredBefore: number; limit: number },
): Promise<number> {
  return sql.run(
    `DELETE FROM factors WHERE id IN (
       SELECT id FROM factors WHERE expires_at < :expiredBefore ORDER BY expires_at LIMIT :limit)`,
    batch,
  );
}

/** A page of all seals, in the order of ids. */
export function listSealedSecrets(
  sql: Sql,
  page: { afterId: string; limit: number },
): Promise<Pick<FactorRecord, 'id' | 'sealedSecret'>[]> {
  return sql.all(
    `SELECT id, sealed_secret AS "sealedSecret" FROM factors
     WHERE id > :afterId AND kind = 'TOTP' ORDER BY id LIMIT :limit`,
    page,
  );
}

/** Writes over the very envelope that was read. */
export function replaceSealedSecret(
  sql: Sql,
  change: { id: string; asRead: string; sealedSecret: string },
): Promise<number> {
  return sql.run(
    'UPDATE factors SET sealed_secret = :sealedSecret WHERE id = :id AND sealed_secret = :asRead',
    change,
  );
}

/** In one statement: ten rows, or none. */
export function insertRecoveryCodes(
  sql: Sql,
  { userId, codeHashes, now }: { userId: string; codeHashes: readonly string[]; now: number },
): Promise<number> {
  const values = codeHashes.map((_, i) => `(:userId, :hash${i}, :now)`);
  const hashes = Object.fromEntries(codeHashes.map((hash, i) => [`hash${i}`, hash]));
  return sql.run(`INSERT INTO recovery_codes (user_id, code_hash, created_at) VALUES ${values.join(', ')}`, {
    userId,
    now,
    ...hashes,
  });
}

export async function countRecoveryCodes(sql: Sql, userId: string): Promise<number> {
  const row = await sql.get<{ count: number }>(
    'SELECT CAST(COUNT(*) AS INTEGER) AS count FROM recovery_codes WHERE user_id = :userId',
    { userId },
  );
  return row?.count ?? 0;
}

export async function hasRecoveryCode(
  sql: Sql,
  code: { userId: string; codeHash: string },
): Promise<boolean> {
  const row = await sql.get(
    'SELECT 1 AS found FROM recovery_codes WHERE user_id = :userId AND code_hash = :codeHash',
    code,
  );
  return row !== undefined;
}

/** Spends a code: 1 for the first request of all processes, 0 for all others. */
export function deleteRecoveryCode(sql: Sql, code: { userId: string; codeHash: string }): Promise<number> {
  return sql.run('DELETE FROM recovery_codes WHERE user_id = :userId AND code_hash = :codeHash', code);
}

/** A user's recovery codes that were made since a moment. */
export function deleteRecoveryCodes(sql: Sql, codes: { userId: string; since: number }): Promise<number> {
  return sql.run('DELETE FROM recovery_codes WHERE user_id = :userId AND created_at >= :since', codes);
}
