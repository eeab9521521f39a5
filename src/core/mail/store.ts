import type { Sql } from '../../database/database.ts';

/*
 * A row is a mail that is still to be sent, or a dead letter: one that no process tries to send any more. A mail that
 * was sent has no row. Moments are ms since 1970.
 *
 *   sealed_content   whom it is to and the values of its template, bound to the id; null once they are of no use
 *   expires_at       it is not sent from then on; a decoy expired when it was made
 *   tries            how often a process claimed it, in order to send it
 *   unsettled_tries  how many of those may have delivered it: it is under way, its process died, or the mail server
 *                    took it in and never answered. At two of them no process claims it again
 *   next_try_at      no process claims it before: back-off, or the end of the claim that is on
 *   rank             0 for a link or a code, which is sent before the notices of rank 1
 *   failed_at        since when it is a dead letter
 *   failure          why the last try failed, in words of this program and codes of the mail server's
 */

/** How often a mail may be delivered, should every answer be lost. */
export const MOST_DELIVERIES = 2;

/** The ranks, the one that is sent first before the other. */
export const RANKS = [0, 1] as const;
export type Rank = (typeof RANKS)[number];

const IS_DUE = `rank = :rank AND failed_at IS NULL AND next_try_at <= :now AND expires_at > :now
  AND unsettled_tries < ${MOST_DELIVERIES}`;

export interface ClaimedMail {
  readonly id: string;
  readonly template: string;
  readonly sealedContent: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** This one is counted already. */
  readonly tries: number;
  readonly unsettledTries: number;
}

/** Adds a mail that is due at once. */
export function insertMail(
  sql: Sql,
  mail: {
    id: string;
    template: string;
    userId: string | null;
    sealedContent: string;
    rank: Rank;
    now: number;
    expiresAt: number;
  },
): Promise<number> {
  return sql.run(
    `INSERT INTO mails (id, template, user_id, sealed_content, rank, created_at, expires_at, next_try_at)
     VALUES (:id, :template, :userId, :sealedContent, :rank, :now, :expiresAt, :now)`,
    mail,
  );
}

/**
 * Claims the mail of a rank whose turn it is until `claimedUntil`, in one statement. Of two processes that want the same one,
 * PostgreSQL lets the second wait and then look at the row again: it is not due any more, and the second gets none.
 */
export function claimMail(
  sql: Sql,
  claim: { rank: Rank; now: number; claimedUntil: number },
): Promise<ClaimedMail | undefined> {
  return sql.get(
    `UPDATE mails SET tries = tries + 1, unsettled_tries = unsettled_tries + 1, next_try_at = :claimedUntil
     WHERE id = (SELECT id FROM mails WHERE ${IS_DUE} ORDER BY next_try_at LIMIT 1) AND ${IS_DUE}
     RETURNING id, template, sealed_content AS "sealedContent", created_at AS "createdAt",
       expires_at AS "expiresAt", tries, unsettled_tries AS "unsettledTries"`,
    claim,
  );
}

/** Deletes a mail that was sent, even if another process has claimed it by now. */
export function deleteMail(sql: Sql, id: string): Promise<number> {
  return sql.run('DELETE FROM mails WHERE id = :id', { id });
}

/**
 * Settles a try that failed: the mail's next one, or none. Changes nothing when the claim has lapsed and another one
 * was made.
 */
export function settleTry(
  sql: Sql,
  failed: {
    id: string;
    tries: number;
    /** 1 when the mail server surely did not take the mail, else 0. */
    undelivered: 0 | 1;
    nextTryAt: number;
    failedAt: number | null;
    failure: string;
  },
): Promise<number> {
  return sql.run(
    `UPDATE mails SET unsettled_tries = unsettled_tries - :undelivered, next_try_at = :nextTryAt,
       failed_at = :failedAt, failure = :failure
     WHERE id = :id AND tries = :tries AND failed_at IS NULL`,
    failed,
  );
}

/** One bounded batch of mails that wait longer than any may: a clock that was wrong wrote that. They are due at once. */
export function hastenMails(
  sql: Sql,
  batch: { now: number; latest: number; limit: number },
): Promise<number> {
  return sql.run(
    `UPDATE mails SET next_try_at = :now WHERE id IN (
       SELECT id FROM mails WHERE failed_at IS NULL AND next_try_at > :latest LIMIT :limit)`,
    batch,
  );
}

/** One bounded batch of mails that no process may claim any more, and whose last try was not settled. */
export function buryUnsettled(sql: Sql, batch: { now: number; failure: string; limit: number }) {
  return sql.run(
    `UPDATE mails SET failed_at = :now, failure = :failure WHERE id IN (
       SELECT id FROM mails WHERE failed_at IS NULL AND next_try_at <= :now
         AND unsettled_tries >= ${MOST_DELIVERIES} LIMIT :limit)`,
    batch,
  );
}

/**
 * One bounded batch of mails whose content is of no use any more, dead letters too: it is erased. Decoys keep theirs
 * until they are deleted.
 */
export function eraseExpired(sql: Sql, batch: { now: number; failure: string; limit: number }) {
  return sql.run(
    `UPDATE mails SET sealed_content = NULL, failed_at = COALESCE(failed_at, :now),
       failure = COALESCE(failure, :failure)
     WHERE id IN (
       SELECT id FROM mails WHERE sealed_content IS NOT NULL AND expires_at <= :now AND expires_at > created_at
       ORDER BY expires_at LIMIT :limit)`,
    batch,
  );
}

/**
 * One bounded batch of dead letters. The outer condition asks again for the row as it is locked: an operator may have
 * it sent at that moment.
 */
export function deleteFailed(sql: Sql, batch: { failedBefore: number; limit: number }): Promise<number> {
  return sql.run(
    `DELETE FROM mails WHERE failed_at < :failedBefore AND id IN (
       SELECT id FROM mails WHERE failed_at < :failedBefore ORDER BY failed_at LIMIT :limit)`,
    batch,
  );
}

/** One bounded batch of everything that is still to be sent, and of every dead letter. */
export function deleteAny(sql: Sql, limit: number): Promise<number> {
  return sql.run('DELETE FROM mails WHERE id IN (SELECT id FROM mails LIMIT :limit)', { limit });
}

/** One bounded batch of what was never to be sent. */
export function deleteDecoys(sql: Sql, batch: { now: number; limit: number }): Promise<number> {
  return sql.run(
    `DELETE FROM mails WHERE id IN (
       SELECT id FROM mails WHERE sealed_content IS NOT NULL AND expires_at <= :now AND expires_at <= created_at
       ORDER BY expires_at LIMIT :limit)`,
    batch,
  );
}

export interface MailRecord {
  readonly id: string;
  readonly template: string;
  readonly sealedContent: string | null;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly tries: number;
  readonly nextTryAt: number;
  readonly failedAt: number | null;
  readonly failure: string | null;
}

/** A page of all mails, by id. */
export function listMails(sql: Sql, page: { afterId: string; limit: number }): Promise<MailRecord[]> {
  return sql.all(
    `SELECT id, template, sealed_content AS "sealedContent", created_at AS "createdAt", expires_at AS "expiresAt",
       tries, next_try_at AS "nextTryAt", failed_at AS "failedAt", failure
     FROM mails WHERE id > :afterId AND expires_at > created_at ORDER BY id LIMIT :limit`,
    page,
  );
}

/** Makes a dead letter a mail that is due, unless its content is of no use any more. */
export function reviveMail(sql: Sql, mail: { id: string; now: number }): Promise<number> {
  return sql.run(
    `UPDATE mails SET failed_at = NULL, tries = 0, unsettled_tries = 0, next_try_at = :now
     WHERE id = :id AND failed_at IS NOT NULL AND sealed_content IS NOT NULL AND expires_at > :now`,
    mail,
  );
}

/** Writes over the very envelope that was read. */
export function replaceSealedContent(
  sql: Sql,
  change: { id: string; asRead: string; sealedContent: string },
): Promise<number> {
  return sql.run(
    'UPDATE mails SET sealed_content = :sealedContent WHERE id = :id AND sealed_content = :asRead',
    change,
  );
}
