import type { Sql } from '../../database/database.ts';
import { LARGEST_LEAD_MS } from '../../platform/clock.ts';

/*
 * A row of `external_starts` is a login, or a link to the account of a live session, from its beginning to its end. It goes
 * through these states, and each step is one conditional statement, so of many who try one succeeds:
 *
 *   started       called_back_at is null: the browser is at the provider, and comes back with the state
 *   called back   called_back_at is set: the callback asks the provider; what it learns is in no row yet
 *   answered      code_hash, issuer and subject are set: the client brings the code of the redirect
 *   unproven      registration_hash is set, and code_hash is null: the client has to prove an address first
 *
 * The row ends with the session that it opens, with the link that it makes, or with the refusal of the callback. `state`,
 * `code`, the secret that binds the row to who began it, and the registration token are in no row: their SHA-256 is.
 * Nothing of the provider's tokens is.
 */

/** A row of `external_starts`; moments are ms since 1970. */
export interface StartRecord {
  readonly id: string;
  readonly provider: string;
  readonly redirectTo: string;
  /** Of the secret that only who began it has. */
  readonly bindingHash: string;
  /** Where that secret is, and where the tokens go. */
  readonly delivery: 'BODY' | 'COOKIE';
  /** The account and the session that the login is to be linked to; null where it is to open a session. */
  readonly userId: string | null;
  readonly sessionId: string | null;
  readonly deviceName: string | null;
  /** What the login asked for, space-separated; null is all that the roles allow. */
  readonly scope: string | null;
  readonly issuer: string | null;
  readonly subject: string | null;
  /** As the provider said it. */
  readonly email: string | null;
  /** Whether the provider is authoritative for the address, and says that it is verified. */
  readonly emailIsProven: number;
  readonly name: string | null;
  readonly createdAt: number;
  readonly expiresAt: number;
}

/** What a provider said of who logged in there. */
export interface Answer {
  readonly issuer: string;
  readonly subject: string;
  readonly email: string | null;
  readonly emailIsProven: boolean;
  readonly name: string | null;
}

/** A start that a provider has answered. */
export type AnsweredStart = StartRecord & { readonly issuer: string; readonly subject: string };

const COLUMNS = `id, provider, redirect_to AS "redirectTo", binding_hash AS "bindingHash", delivery,
  user_id AS "userId", session_id AS "sessionId", device_name AS "deviceName", scope, issuer, subject, email,
  email_is_proven AS "emailIsProven", name, created_at AS "createdAt", expires_at AS "expiresAt"`;

const IS_USABLE = `expires_at > :now AND created_at - ${LARGEST_LEAD_MS} <= :now`;

export function insertStart(
  sql: Sql,
  start: Pick<
    StartRecord,
    | 'id'
    | 'provider'
    | 'redirectTo'
    | 'bindingHash'
    | 'delivery'
    | 'userId'
    | 'sessionId'
    | 'deviceName'
    | 'scope'
    | 'expiresAt'
  > & { readonly stateHash: string; readonly now: number },
): Promise<number> {
  return sql.run(
    `INSERT INTO external_starts (id, state_hash, provider, redirect_to, binding_hash, delivery, user_id, session_id,
       device_name, scope, created_at, expires_at)
     VALUES (:id, :stateHash, :provider, :redirectTo, :bindingHash, :delivery, :userId, :sessionId,
       :deviceName, :scope, :now, :expiresAt)`,
    { ...start },
  );
}

/** The first callback with a state takes it; no row for all others, and at the callback of another provider. */
export function takeState(
  sql: Sql,
  state: { stateHash: string; provider: string; now: number },
): Promise<StartRecord | undefined> {
  return sql.get(
    `UPDATE external_starts SET called_back_at = :now
     WHERE state_hash = :stateHash AND provider = :provider AND called_back_at IS NULL AND ${IS_USABLE}
     RETURNING ${COLUMNS}`,
    state,
  );
}

/** What the provider answered, and the code that stands for it until `expiresAt`. */
export function writeAnswer(
  sql: Sql,
  {
    emailIsProven,
    ...answer
  }: Answer & { readonly id: string; readonly codeHash: string; readonly expiresAt: number },
): Promise<number> {
  return sql.run(
    `UPDATE external_starts SET code_hash = :codeHash, issuer = :issuer, subject = :subject, email = :email,
       email_is_proven = :emailIsProven, name = :name, expires_at = :expiresAt
     WHERE id = :id`,
    { ...answer, emailIsProven: emailIsProven ? 1 : 0 },
  );
}

export function findByCode(
  sql: Sql,
  code: { codeHash: string; now: number },
): Promise<AnsweredStart | undefined> {
  return sql.get(`SELECT ${COLUMNS} FROM external_starts WHERE code_hash = :codeHash AND ${IS_USABLE}`, code);
}

/** Puts a registration token in the place of the code: 1, or 0 when another request spent the code first. */
export function beginRegistration(
  sql: Sql,
  start: { id: string; registrationHash: string; now: number; expiresAt: number },
): Promise<number> {
  return sql.run(
    `UPDATE external_starts SET code_hash = NULL, registration_hash = :registrationHash, expires_at = :expiresAt
     WHERE id = :id AND code_hash IS NOT NULL AND ${IS_USABLE}`,
    start,
  );
}

export function findByRegistration(
  sql: Sql,
  registration: { registrationHash: string; now: number },
): Promise<AnsweredStart | undefined> {
  return sql.get(
    `SELECT ${COLUMNS} FROM external_starts WHERE registration_hash = :registrationHash AND ${IS_USABLE}`,
    registration,
  );
}

/** Ends it: 1 for the first request, 0 for all others. */
export function deleteStart(sql: Sql, id: string): Promise<number> {
  return sql.run('DELETE FROM external_starts WHERE id = :id', { id });
}

/** One bounded batch of those that expired before `expiredBefore`. */
export function deleteExpiredStarts(
  sql: Sql,
  batch: { expiredBefore: number; limit: number },
): Promise<number> {
  return sql.run(
    `DELETE FROM external_starts WHERE id IN (
       SELECT id FROM external_starts WHERE expires_at < :expiredBefore ORDER BY expires_at LIMIT :limit)`,
    batch,
  );
}

/** One bounded batch of all there are. */
export function deleteStarts(sql: Sql, limit: number): Promise<number> {
  return sql.run('DELETE FROM external_starts WHERE id IN (SELECT id FROM external_starts LIMIT :limit)', {
    limit,
  });
}
