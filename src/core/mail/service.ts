import { randomUUID } from 'node:crypto';
import { createKeyring } from '../../crypto/keyring.ts';
import { createSealer } from '../../crypto/seal.ts';
import type { Database, Transaction } from '../../database/database.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import { type Letter, MailError, type Mailer } from '../../platform/mailer.ts';
import { sweep } from '../../platform/sweep.ts';
import { HOUR_MS, MINUTE_MS, type RateLimits } from '../rate-limits/service.ts';
import { linkTo } from './link.ts';
import { createSender, LONGEST_DELAY_MS, type Sender } from './sender.ts';
import * as store from './store.ts';
import type { MailTemplate, Templates, Values } from './templates.ts';

const DAY_MS = 24 * HOUR_MS;
/** A notice that could not be sent for so long is news to nobody. */
const NOTICE_LIFETIME_MS = 3 * DAY_MS;
/** Notices to one address in an hour. */
const NOTICES = { name: 'address-notices', max: 10, windowMs: HOUR_MS };
/** How long a dead letter can be looked at. */
const KEEP_FAILED_MS = 30 * DAY_MS;
const PAGE = 500;
const FORGET_BATCH = 5_000;

export interface MailOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly secrets: readonly Buffer[];
  readonly templates: Templates;
  readonly rateLimits: Pick<RateLimits, 'window' | 'mayCount'>;
  /** What links begin with. Where there is none, no mail is sent. */
  readonly appUrl?: string | undefined;
}

export interface Message {
  readonly to: string;
  readonly template: MailTemplate;
  /** Where the link leads below the app's URL, with the token in its fragment: `/verify-email#token=…`. */
  readonly path?: string | undefined;
  readonly code?: string | undefined;
  /** When the link and the code stop working, in ms since 1970: from then on the mail is not sent any more. */
  readonly expiresAt?: number | undefined;
  /** Whose account it is about; its deletion deletes the mail. */
  readonly userId?: string | undefined;
  /** Written down like any other, and never sent: for whoever must not tell from outside that there is nobody. */
  readonly isDecoy?: boolean | undefined;
}

/** A mail as its operator sees it; moments are ms since 1970. */
export interface MailSummary extends Omit<store.MailRecord, 'sealedContent'> {
  /** Unknown once the content is erased, or sealed with a secret that is gone. */
  readonly to: string | undefined;
}

/** What is sealed. */
type Content = Pick<Message, 'to' | 'path' | 'code'>;

export type Mail = ReturnType<typeof createMail>;

/**
 * Mail that neither leaks nor gets lost: written down with its cause, sent after the answer, tried again while the
 * mail server is away (CR-8). Whom it is to and the tokens in it are sealed until it is sent, and then gone.
 */
export function createMail({ database, clock, logger, secrets, templates, rateLimits, appUrl }: MailOptions) {
  const sealer = createSealer(createKeyring(secrets, 'mail'));
  const notices = rateLimits.window(NOTICES);
  let sender: Sender | undefined;

  function valuesOf({ to, path, code }: Content, expiresAt: number | undefined): Values {
    if (appUrl === undefined) throw new Error('There is no mail without an app.');
    return {
      app: new URL(appUrl).host,
      email: to,
      code,
      // From the configuration alone, whatever host a request was for (WEB-6).
      link: path === undefined ? undefined : linkTo(appUrl, path),
      lifetime: expiresAt === undefined ? undefined : inWords(expiresAt - clock.now()),
    };
  }

  function open({ id, sealedContent }: { id: string; sealedContent: string | null }): Content | undefined {
    const opened = sealedContent === null ? undefined : sealer.open(sealedContent, id);
    return opened && JSON.parse(opened.toString());
  }

  function compose(mail: store.ClaimedMail): Letter {
    const content = open(mail);
    if (content === undefined) throw new MailError('deferred', 'UNREADABLE');
    const rendered = templates.render(mail.template, valuesOf(content, mail.expiresAt));
    if (rendered === undefined) throw new MailError('deferred', 'NO TEMPLATE');
    return { id: mail.id, to: content.to, ...rendered };
  }

  async function* readAll(): AsyncGenerator<store.MailRecord> {
    let afterId = '';
    for (;;) {
      const page = await store.listMails(database, { afterId, limit: PAGE });
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) return;
      afterId = last.id;
    }
  }

  /**
   * Queues a mail inside the transaction of its cause, so that there is never one without the other, and looks at the
   * outbox soon after it is on disk. Where no mail is sent it queues nothing.
   *
   * @throws Error when the template needs a value that is not there.
   */
  async function enqueue(tx: Transaction, message: Message): Promise<void> {
    if (appUrl === undefined) return;
    tx.afterCommit(() => sender?.wake());
    const { to, template, path, code, expiresAt, userId = null, isDecoy = false } = message;
    templates.assertComplete(template, valuesOf(message, expiresAt));
    const id = randomUUID();
    const now = clock.now();
    await store.insertMail(tx, {
      id,
      template,
      userId,
      sealedContent: sealer.seal(Buffer.from(JSON.stringify({ to, path, code } satisfies Content)), id),
      rank: path === undefined ? 1 : 0,
      now,
      expiresAt: isDecoy ? now : (expiresAt ?? now + NOTICE_LIFETIME_MS),
    });
  }

  return {
    /** Whether mail is sent at all. */
    isOn: appUrl !== undefined,

    enqueue,

    /**
     * Tells the owner of an account what happened to it. An address that was never verified may be a stranger's, and
     * gets no notice; a verified one gets a few in an hour, however often something happens. The audit trail has it all.
     */
    async notify(
      tx: Transaction,
      owner: { readonly id: string; readonly email: string; readonly emailVerifiedAt: number | null },
      template: MailTemplate,
    ): Promise<void> {
      if (appUrl === undefined || owner.emailVerifiedAt === null) return;
      if (await rateLimits.mayCount(tx, notices(owner.email.toLowerCase())))
        await enqueue(tx, { to: owner.email, template, userId: owner.id });
    },

    /** What mail is sent with, at each `turn`. */
    start(mailer: Mailer): void {
      sender = createSender({ database, clock, logger, mailer, compose });
    },

    /** From now on this process sends by itself, as servers do and commands do not: when it is woken, and what others left behind. */
    watch(): void {
      sender?.watch();
    },

    /** Sends all that is due; resolves when that is done. */
    async turn(): Promise<void> {
      await sender?.turn();
    },

    /** Every mail that is still to be sent, and every dead letter. */
    async *list(): AsyncGenerator<MailSummary> {
      for await (const { sealedContent, ...mail } of readAll())
        yield { ...mail, to: open({ id: mail.id, sealedContent })?.to };
    },

    /**
     * Makes dead letters due again, all of them unless one is named; how many. Those that expired stay dead. One
     * that may have been delivered before begins anew, because its operator said so.
     */
    async retry(id?: string): Promise<number> {
      const ids = id === undefined ? [] : [id];
      if (id === undefined)
        for await (const { id, failedAt } of readAll()) if (failedAt !== null) ids.push(id);
      let count = 0;
      for (const one of ids) count += await store.reviveMail(database, { id: one, now: clock.now() });
      return count;
    },

    /** Moves every sealed mail that opens onto the first master secret; how many. */
    async reseal(): Promise<number> {
      let moved = 0;
      for await (const { id, sealedContent } of readAll()) {
        if (sealedContent === null || sealer.isCurrent(sealedContent)) continue;
        const content = sealer.open(sealedContent, id);
        if (content === undefined) continue;
        const change = { id, asRead: sealedContent, sealedContent: sealer.seal(content, id) };
        moved += await store.replaceSealedContent(database, change);
      }
      return moved;
    },

    /** After a restore: what was queued before it may have been sent since. Each statement is short. */
    async forget(): Promise<void> {
      while ((await store.deleteAny(database, FORGET_BATCH)) === FORGET_BATCH);
    },

    /** Erases what is of no use any more, and deletes dead letters after 30 days. */
    async prune(): Promise<void> {
      const now = clock.now();
      await sweep((limit) => store.deleteDecoys(database, { now, limit }));
      await sweep((limit) => store.hastenMails(database, { now, latest: now + LONGEST_DELAY_MS, limit }));
      await sweep((limit) => store.eraseExpired(database, { now, failure: 'EXPIRED', limit }));
      await sweep((limit) => store.buryUnsettled(database, { now, failure: 'UNSETTLED', limit }));
      await sweep((limit) => store.deleteFailed(database, { failedBefore: now - KEEP_FAILED_MS, limit }));
    },

    /** Claims nothing more, and gives what is being sent three seconds. */
    async close(): Promise<void> {
      await sender?.close();
    },
  };
}

/** A length of time as people say it, rounded. */
function inWords(ms: number): string {
  const [size, unit] =
    ms >= 2 * DAY_MS ? [DAY_MS, 'day'] : ms >= 2 * HOUR_MS ? [HOUR_MS, 'hour'] : [MINUTE_MS, 'minute'];
  const count = Math.max(1, Math.round(ms / (size as number)));
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
