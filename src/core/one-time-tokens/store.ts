import type { Sql } from '../../database/database.ts';
import { LARGEST_LEAD_MS } from '../../platform/clock.ts';

/*
 * A token is one row for as long as it can be used, and none afterwards: spending it deletes the row, so of many who
 * try one succeeds. `token_hash` is the SHA-256 of its text, which is in the mail alone. A subject has one token of a
 * purpose: the next one is written over it. Only changes of an address can be undone each for itself, because a
 * thief of an account could change its address twice.
 *
 * Strangers can ask for links to the address of an owner, so the row counts the mails of its purpose:
 *
 *   mailed          what was mailed: 'link', a notice in its place, or 'nothing'
 *   mail_count      how many mails, since `counted_since`
 *   counted_since   when the count began, ms since 1970
 *
 * Past the limit nothing more is mailed, and the token that is out stays as it is. A count is never longer than the
 * token lives, and spending or ending the token deletes it with the row. Links are counted apart from what is mailed in
 * their place. So an owner who is refused a link holds one that works. One statement decides all this, so many who ask
 * at once do not get past it.
 */

/** The purpose of which a subject may have several tokens. The unique index names it, too. */
export const UNDO = 'undo-email-change';

/** A row of `one_time_tokens`; moments are ms since 1970. */
export interface OneTimeToken {
  readonly tokenHash: string;
  /** The name of what it is good for. */
  readonly purpose: string;
  /** A user's id, or a keyed hash of an address that has no account. */
  readonly subject: string;
  /** Where it was mailed to: its return proves this address. */
  readonly email: string;
  readonly emailCanonical: string;
  /** What its issuer needs to know when it comes back. */
  readonly payload: string;
  /** A keyed hash of the code that stands for the token where a person types; none for most. */
  readonly codeHash: string | null;
  readonly createdAt: number;
  readonly expiresAt: number;
}

const COLUMNS = `token_hash AS "tokenHash", purpose, subject, email, email_canonical AS "emailCanonical", payload,
  code_hash AS "codeHash", created_at AS "createdAt", expires_at AS "expiresAt"`;

const IS_USABLE = `expires_at > :now AND created_at - ${LARGEST_LEAD_MS} <= :now`;

/** How many mails of one purpose there may be for a subject, within a time. */
export interface MailLimit {
  /** To one address. */
  readonly most: number;
  /** To all addresses together. */
  readonly mostInAll: number;
  /** No longer than the token lives. */
  readonly windowMs: number;
}

/** A mail of the same kind, while the count goes on. A count that begins in the future was begun by a wrong clock. */
const IS_COUNTED = `one_time_tokens.mailed = excluded.mailed AND one_time_tokens.counted_since <= excluded.created_at
    AND one_time_tokens.counted_since + :windowMs > excluded.created_at`;

/**
 * Adds a token, in the place of the one that its subject had for the purpose: 1, or 0 when that one stays. It stays
 * when enough was mailed for it, and when nothing is mailed for the new one.
 */
export function putToken(
  sql: Sql,
  token: Omit<OneTimeToken, 'createdAt'> &
    MailLimit & { readonly triesLeft: number; readonly mailed: string; readonly now: number },
): Promise<number> {
  return sql.run(
    `INSERT INTO one_time_tokens (token_hash, purpose, subject, email, email_canonical, payload,
       code_hash, tries_left, created_at, expires_at, mailed, mail_count, counted_since)
     VALUES (:tokenHash, :purpose, :subject, :email, :emailCanonical, :payload,
       :codeHash, :triesLeft, :now, :expiresAt, :mailed, 1, :now)
     ON CONFLICT (subject, purpose) WHERE purpose <> '${UNDO}' DO UPDATE SET
       token_hash = excluded.token_hash, email = excluded.email, email_canonical = excluded.email_canonical,
       payload = excluded.payload, code_hash = excluded.code_hash, tries_left = excluded.tries_left,
       created_at = excluded.created_at, expires_at = excluded.expires_at, mailed = excluded.mailed,
       mail_count = CASE WHEN ${IS_COUNTED} THEN one_time_tokens.mail_count + 1 ELSE 1 END,
       counted_since = CASE WHEN ${IS_COUNTED} THEN one_time_tokens.counted_since ELSE excluded.counted_since END
     WHERE NOT (excluded.mailed = 'nothing' AND one_time_tokens.mailed <> 'nothing'
       OR ${IS_COUNTED} AND one_time_tokens.mail_count >= CASE
         WHEN one_time_tokens.email_canonical = excluded.email_canonical THEN CAST(:most AS BIGINT)
         ELSE CAST(:mostInAll AS BIGINT) END)`,
    { ...token },
  );
}

export function findToken(
  sql: Sql,
  token: { tokenHash: string; now: number },
): Promise<OneTimeToken | undefined> {
  return sql.get(
    `SELECT ${COLUMNS} FROM one_time_tokens WHERE token_hash = :tokenHash AND ${IS_USABLE}`,
    token,
  );
}

/** The newest of what one of the subjects has. */
export function findTokenOf(
  sql: Sql,
  { subjects, ...token }: { subjects: readonly string[]; purpose: string; now: number },
): Promise<OneTimeToken | undefined> {
  const { list, params } = listOf(subjects);
  return sql.get(
    `SELECT ${COLUMNS} FROM one_time_tokens
     WHERE subject IN (${list}) AND purpose = :purpose AND ${IS_USABLE}
     ORDER BY created_at DESC LIMIT 1`,
    { ...token, ...params },
  );
}

/** Takes one of the tries at a code before the code is compared, so that no burst has more (ASVS 6.6.3). */
export function takeTry(
  sql: Sql,
  token: { subject: string; purpose: string; now: number },
): Promise<OneTimeToken | undefined> {
  return sql.get(
    `UPDATE one_time_tokens SET tries_left = tries_left - 1
     WHERE subject = :subject AND purpose = :purpose AND ${IS_USABLE} AND tries_left > 0
     RETURNING ${COLUMNS}`,
    token,
  );
}

/** Spends a token: 1 for the first request, 0 for all others. */
export function deleteToken(sql: Sql, token: { tokenHash: string; now: number }): Promise<number> {
  return sql.run(`DELETE FROM one_time_tokens WHERE token_hash = :tokenHash AND ${IS_USABLE}`, token);
}

/** What subjects have of a purpose. */
export function deleteTokensFor(
  sql: Sql,
  { subjects, purpose }: { subjects: readonly string[]; purpose: string },
): Promise<number> {
  const { list, params } = listOf(subjects);
  return sql.run(`DELETE FROM one_time_tokens WHERE subject IN (${list}) AND purpose = :purpose`, {
    purpose,
    ...params,
  });
}

/** All that a subject has, but the ways back to an address before. */
export function deleteTokensOf(sql: Sql, subject: string): Promise<number> {
  return sql.run(`DELETE FROM one_time_tokens WHERE subject = :subject AND purpose <> '${UNDO}'`, {
    subject,
  });
}

/** The ways back to the addresses that a subject gave up since a moment. */
export function deleteUndosOf(sql: Sql, undos: { subject: string; since: number }): Promise<number> {
  return sql.run(
    `DELETE FROM one_time_tokens
     WHERE subject = :subject AND purpose = '${UNDO}' AND created_at >= :since`,
    undos,
  );
}

/** Whether the account that gave the address up can still go back to it. */
export async function isFormerAddress(
  sql: Sql,
  address: { emailCanonical: string; now: number },
): Promise<boolean> {
  const row = await sql.get(
    `SELECT 1 AS found FROM one_time_tokens
     WHERE email_canonical = :emailCanonical AND purpose = '${UNDO}' AND ${IS_USABLE}`,
    address,
  );
  return row !== undefined;
}

/** One bounded batch of those that expired before `expiredBefore`. */
export function deleteExpiredTokens(
  sql: Sql,
  batch: { expiredBefore: number; limit: number },
): Promise<number> {
  return sql.run(
    `DELETE FROM one_time_tokens WHERE token_hash IN (
       SELECT token_hash FROM one_time_tokens WHERE expires_at < :expiredBefore ORDER BY expires_at LIMIT :limit)`,
    batch,
  );
}

/** One bounded batch of all there are. */
export function deleteTokens(sql: Sql, limit: number): Promise<number> {
  return sql.run(
    'DELETE FROM one_time_tokens WHERE token_hash IN (SELECT token_hash FROM one_time_tokens LIMIT :limit)',
    { limit },
  );
}

/** Subjects as the parameters of an `IN`. */
function listOf(subjects: readonly string[]): { list: string; params: Record<string, string> } {
  return {
    list: subjects.map((_, i) => `:subject${i}`).join(', '),
    params: Object.fromEntries(subjects.map((subject, i) => [`subject${i}`, subject])),
  };
}
