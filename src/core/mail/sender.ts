import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '../../database/database.ts';
import type { Clock } from '../../platform/clock.ts';
import { HOUR_MS, MINUTE_MS } from '../../platform/durations.ts';
import type { Logger } from '../../platform/logger.ts';
import { type Letter, MailError, type Mailer } from '../../platform/mailer.ts';
import { type ClaimedMail, claimMail, deleteMail, MOST_DELIVERIES, RANKS, settleTry } from './store.ts';

/*
 * Mail goes out of the table in three steps: claim, send, delete. What happens in between decides the next try:
 *
 *   sent                                 the row goes
 *   refused for good (5xx)               a dead letter
 *   deferred (4xx), or not handed over   tried again, after longer and longer
 *   handed over, and no answer           tried again, once
 *   this process died, or its database   tried again, once, when the claim has lapsed
 *
 * So a mail is delivered twice when an answer was lost, and never three times.
 */

/** Longer than a mailer takes for one mail. */
const CLAIM_MS = 5 * MINUTE_MS;
/** Mails that one process sends at once. */
const CONCURRENCY = 4;
/** How long a mail server that does not answer is left alone, so that an outage costs few mails a try. */
const PAUSE_MS = 5_000;
const FIRST_DELAY_MS = 10_000;
/** Longer than any claim. */
export const LONGEST_DELAY_MS = HOUR_MS;
/** The last one about seven hours after the first. */
const MOST_TRIES = 16;
const POLL_MS = 10_000;
/** By then the answer to the request that caused the mail is out. Mails that are queued meanwhile go along. */
const WAKE_DELAY_MS = 250;
/** How long a process that stops waits for its mail server. */
const DRAIN_MS = 3_000;

export interface SenderOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly mailer: Mailer;
  /** @throws MailError when this process cannot make a letter of it; another one, or a later version, may. */
  readonly compose: (mail: ClaimedMail) => Letter;
}

export type Sender = ReturnType<typeof createSender>;

/** Sends what is due, in this process and in every other that shares the database. */
export function createSender({ database, clock, logger, mailer, compose }: SenderOptions) {
  const underWay = new Set<Promise<void>>();
  let claiming: Promise<void> | undefined;
  let pausedUntil = 0;
  let isOver = false;
  let waking: NodeJS.Timeout | undefined;
  let polling: NodeJS.Timeout | undefined;

  function look(): void {
    claimDue().catch((error: unknown) => {
      if (!isOver) logger.warn({ chore: 'mail', err: error }, 'a chore failed');
    });
  }

  function claimDue(): Promise<void> {
    claiming ??= claimAll().finally(() => {
      claiming = undefined;
    });
    return claiming;
  }

  /** One claim at a time, so that those of this process do not collide. */
  async function claimAll(): Promise<void> {
    for (;;) {
      if (underWay.size >= CONCURRENCY) await Promise.race(underWay);
      const now = clock.now();
      if (isOver || now < pausedUntil) return;
      const mail = await claimNext({ now, claimedUntil: now + CLAIM_MS });
      if (mail === undefined) return;
      const delivery = deliver(mail).finally(() => underWay.delete(delivery));
      underWay.add(delivery);
    }
  }

  /** The next link, and when there is none, the next notice. */
  async function claimNext(claim: { now: number; claimedUntil: number }): Promise<ClaimedMail | undefined> {
    for (const rank of RANKS) {
      if (isOver) break;
      const mail = await claimMail(database, { rank, ...claim });
      if (mail !== undefined) return mail;
    }
    return undefined;
  }

  async function deliver(mail: ClaimedMail): Promise<void> {
    const { id, template } = mail;
    try {
      const error = await send(mail);
      if (error === undefined) await deleteMail(database, id);
      else await settle(mail, error);
    } catch (error) {
      // The claim lapses by itself.
      logger.warn({ mailId: id, template, err: error }, 'what became of a mail could not be recorded');
    }
  }

  async function send(mail: ClaimedMail): Promise<MailError | undefined> {
    try {
      await mailer.send(compose(mail));
      return undefined;
    } catch (error) {
      if (error instanceof MailError) return error;
      throw error;
    }
  }

  async function settle(mail: ClaimedMail, { kind, message: failure }: MailError): Promise<void> {
    const { id, template, tries, unsettledTries } = mail;
    const now = clock.now();
    const isServers = kind === 'unreachable' || kind === 'unanswered';
    if (isServers) pausedUntil = now + PAUSE_MS;

    const isLast =
      kind === 'refused' ||
      tries >= MOST_TRIES ||
      (kind === 'unanswered' && unsettledTries >= MOST_DELIVERIES);
    await settleTry(database, {
      id,
      tries,
      undelivered: kind === 'unanswered' ? 0 : 1,
      nextTryAt: now + Math.min(FIRST_DELAY_MS * 2 ** (tries - 1), LONGEST_DELAY_MS),
      failedAt: isLast ? now : null,
      failure,
    });
    const consequence = isLast ? 'is a dead letter now: see `latchkey mail list`' : 'is tried again';
    logger.warn({ mailId: id, template, tries, failure }, `a mail was not sent and ${consequence}`);
  }

  function wake(): void {
    if (isOver || polling === undefined) return;
    waking ??= setTimeout(() => {
      waking = undefined;
      look();
    }, WAKE_DELAY_MS).unref();
  }

  return {
    wake,

    /** Looks now, because another process may have left something behind, and from then on. */
    watch(): void {
      polling = setInterval(look, POLL_MS).unref();
      wake();
    },

    /** Sends all that is due; resolves when that is done. */
    async turn(): Promise<void> {
      await claiming;
      await claimDue();
      await Promise.all(underWay);
    },

    /** Claims nothing more, and gives what is being sent three seconds. */
    async close(): Promise<void> {
      isOver = true;
      clearInterval(polling);
      clearTimeout(waking);
      // A claim that is being made has its delivery, too.
      const drained = Promise.allSettled([claiming]).then(() => Promise.all(underWay));
      await Promise.race([drained, pause(DRAIN_MS, undefined, { ref: false })]);
      // What is still under way fails now, and says so to the database.
      mailer.close();
      await drained;
    },
  };
}
