import { randomUUID } from 'node:crypto';
import type { Database, Transaction } from '../../database/database.ts';
import type { Clock } from '../../platform/clock.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../platform/durations.ts';
import type { Logger } from '../../platform/logger.ts';
import { type Letter, MailError, type Mailer } from '../../platform/mailer.ts';
import type { RateLimits } from '../rate-limits/service.ts';
import { linkTo } from './link.ts';
import { type Content, createOutbox } from './outbox.ts';
import { createSender, type Sender } from './sender.ts';
import { type ClaimedMail, insertMail } from './store.ts';
import type { MailTemplate, Templates, Values } from './templates.ts';

/** A notice that could not be sent for so long is no news any more. */
const NOTICE_LIFETIME_MS = 3 * DAY_MS;
/** Notices to one address in an hour. */
const NOTICES = { name: 'address-notices', max: 10, windowMs: HOUR_MS };
export interface MailOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly secrets: readonly Buffer[];
  readonly templates: Pick<Templates, 'assertComplete' | 'render'>;
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
  /** Queued like any other and never sent, so that a stranger cannot tell from outside that there is no account. */
  readonly isDecoy?: boolean | undefined;
}

export type Mail = ReturnType<typeof createMail>;

/**
 * Mail that neither leaks nor gets lost: written down with its cause, sent after the answer, tried again while the
 * mail server is away (CR-8). Whom it is to and the tokens in it are sealed until it is sent, and then gone.
 */
export function createMail({ database, clock, logger, secrets, templates, rateLimits, appUrl }: MailOptions) {
  const { seal, open, ...outbox } = createOutbox({ database, clock, secrets });
  const notices = rateLimits.window(NOTICES);
  let sender: Sender | undefined;

  function valuesOf({ to, path, code }: Content, expiresAt: number | undefined): Values {
    if (appUrl === undefined) throw new Error('There is no mail without an app.');
    return {
      app: new URL(appUrl).host,
      email: to,
      code,
      // From the configuration alone: the host that a request names is the client's word (WEB-6).
      link: path === undefined ? undefined : linkTo(appUrl, path),
      lifetime: expiresAt === undefined ? undefined : inWords(expiresAt - clock.now()),
    };
  }

  function compose(mail: ClaimedMail): Letter {
    const content = open(mail);
    if (content === undefined) throw new MailError('deferred', 'UNREADABLE');
    const rendered = templates.render(mail.template, valuesOf(content, mail.expiresAt));
    if (rendered === undefined) throw new MailError('deferred', 'NO TEMPLATE');
    return { id: mail.id, to: content.to, ...rendered };
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
    templates.assertComplete(template.name, valuesOf(message, expiresAt));
    const id = randomUUID();
    const now = clock.now();
    await insertMail(tx, {
      id,
      template: template.name,
      userId,
      sealedContent: seal({ to, path, code }, id),
      rank: path === undefined && code === undefined ? 1 : 0,
      now,
      expiresAt: isDecoy ? now : (expiresAt ?? now + NOTICE_LIFETIME_MS),
    });
  }

  return {
    ...outbox,
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

    /**
     * From now on this process sends by itself, as servers do and commands do not: what it queues, and what other
     * processes left behind.
     */
    watch(): void {
      sender?.watch();
    },

    /** Sends all that is due; resolves when that is done. */
    async turn(): Promise<void> {
      await sender?.turn();
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
