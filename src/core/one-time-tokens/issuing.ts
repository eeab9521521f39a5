import { randomBytes, randomInt } from 'node:crypto';
import { sha256 } from '../../crypto/digest.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { HOUR_MS, HOUR_SECONDS } from '../../platform/durations.ts';
import type { RecordEvent } from '../audit/store.ts';
import type { Mail } from '../mail/service.ts';
import type { MailTemplate } from '../mail/templates.ts';
import type { RateLimits } from '../rate-limits/service.ts';
import { canonicalEmail } from '../users/service.ts';
import { findUserByEmail } from '../users/store.ts';
import type { Hashes } from './hashes.ts';
import type { Purpose } from './purpose.ts';
import { deleteTokensFor, putToken } from './store.ts';

/*
 * token = "lko_" ‖ base64url( 32 random bytes )
 *
 * It comes back from the page that its mail links to. The page reads it from the fragment and posts it. A scanner of
 * mail that merely opens links sends no fragment, so it spends nothing (OTT-5).
 */
const PREFIX = 'lko_';
export const SHAPE = /^lko_[A-Za-z0-9_-]{43}$/;

const CODE_DIGITS = 8;
/** Against a hundred million codes. */
const CODE_TRIES = 5;
const NOBODY = { email: '', emailCanonical: '' };
/** An owner may correct the address of a mail: so many times the mails to one address go out to all of them. */
const ADDRESSES = 4;

export interface IssuingOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly mail: Pick<Mail, 'isOn' | 'enqueue'>;
  readonly rateLimits: Pick<RateLimits, 'networkWindow' | 'pass'>;
  readonly hashes: Pick<Hashes, 'ofAddress' | 'ofCode'>;
  /** Off for load tests only. */
  readonly throttles: boolean;
  /** Mails that one network has sent in an hour. */
  readonly networkMails: number;
  /** Mails with a link of one purpose to one address, in an hour or while the link lives if that is shorter. */
  readonly addressMails: number;
}

/** The account that a token is for, and the address that it goes to: its return proves that address. */
export interface Recipient {
  readonly subject: string;
  /** What the subject of an address without an account was under the other master secrets. */
  readonly otherSubjects: readonly string[];
  readonly email: string;
  readonly emailCanonical: string;
  readonly userId?: string | undefined;
}

/** A token that is to be made and mailed. */
export interface NewToken {
  readonly purpose: Purpose;
  readonly recipient: Recipient;
  /** What its issuer needs to know when it comes back. */
  readonly payload?: string | undefined;
  /**
   * A notice that is mailed in its place, or nothing. The token is made all the same and then forgotten, so that a
   * stranger sees no difference (OTT-3).
   */
  readonly instead?: MailTemplate | 'nothing' | undefined;
}

/** Makes tokens and mails them. */
export function createIssuing(options: IssuingOptions) {
  const { database, clock, recordEvent, mail, rateLimits, hashes } = options;
  const most = options.throttles ? options.addressMails : Math.floor(Number.MAX_SAFE_INTEGER / ADDRESSES);
  const mailsOfNetwork = rateLimits.networkWindow({
    name: 'network-mails',
    max: options.networkMails,
    windowMs: HOUR_MS,
  });

  /** A user at an address; or for one without an account, the address itself. */
  function recipientOf({ id, email }: { id?: string; email: string }): Recipient {
    const emailCanonical = canonicalEmail(email);
    const [hash = '', ...otherSubjects] = hashes.ofAddress(emailCanonical);
    return { subject: id ?? hash, otherSubjects, email, emailCanonical, userId: id };
  }

  /**
   * Makes a token in the place of the one before and queues its mail, inside the transaction of what it is made for.
   * When enough was mailed, the one before stays and nothing is mailed. The statements are the same in every case.
   */
  async function issue(
    tx: Transaction,
    { purpose, recipient, payload = '', instead }: NewToken,
    caller: Caller,
  ): Promise<void> {
    const { ttlSeconds, template, path } = purpose;
    const { subject, otherSubjects, userId } = recipient;
    const text = PREFIX + randomBytes(32).toString('base64url');
    const code = purpose.hasCode ? randomCode() : undefined;
    const now = clock.now();
    const expiresAt = now + ttlSeconds * 1_000;
    const notice = instead === 'nothing' ? undefined : instead;
    const mailed = instead === 'nothing' ? instead : instead?.name;
    // An address that a stranger typed and that gets no mail is not kept.
    const { email, emailCanonical } = instead === 'nothing' ? NOBODY : recipient;

    // While master secrets change, an address without an account has a subject under each.
    if (otherSubjects.length > 0)
      await deleteTokensFor(tx, { subjects: otherSubjects, purpose: purpose.name });
    const wasPut = await putToken(tx, {
      tokenHash: sha256(text),
      purpose: purpose.name,
      subject,
      email,
      emailCanonical,
      payload,
      codeHash: code === undefined ? null : hashes.ofCode(subject, code),
      triesLeft: CODE_TRIES,
      now,
      expiresAt,
      mailed: mailed ?? 'link',
      most,
      mostInAll: most * ADDRESSES,
      windowMs: Math.min(ttlSeconds, HOUR_SECONDS) * 1_000,
    });
    const isEnough = wasPut === 0;
    await recordEvent(tx, {
      name: 'authn_token_created',
      outcome: mailed === undefined && !isEnough ? 'success' : 'fail',
      at: now,
      userId,
      caller,
      details: {
        purpose: purpose.name,
        ...(mailed !== undefined && { instead: mailed }),
        ...(isEnough && { reason: 'enough_mails' }),
      },
    });
    const isDecoy = isEnough || instead === 'nothing';
    await mail.enqueue(
      tx,
      notice === undefined
        ? {
            ...{ to: email, template, code, expiresAt, userId, isDecoy },
            path: path === undefined ? undefined : `${path}#token=${text}`,
          }
        : { to: email, template: notice, userId, isDecoy },
    );
  }

  /** Makes a token that no mail brings, in the place of the one before. */
  async function mint(tx: Transaction, { purpose, recipient, payload = '' }: NewToken): Promise<string> {
    const { subject, otherSubjects, email, emailCanonical } = recipient;
    const text = PREFIX + randomBytes(32).toString('base64url');
    const now = clock.now();
    await deleteTokensFor(tx, { subjects: [subject, ...otherSubjects], purpose: purpose.name });
    await putToken(tx, {
      ...{ tokenHash: sha256(text), purpose: purpose.name, subject, email, emailCanonical, payload },
      ...{ codeHash: null, triesLeft: CODE_TRIES, now, expiresAt: now + purpose.ttlSeconds * 1_000 },
      ...{ mailed: 'link', most: 1, mostInAll: 1, windowMs: 0 },
    });
    return text;
  }

  /** Mails a token, or does as much without a mail, along with `work`; how many seconds it works. */
  async function send(
    token: NewToken,
    caller: Caller,
    work?: (tx: Transaction) => Promise<void>,
  ): Promise<number> {
    await database.before(caller.deadline).transaction(async (tx) => {
      await work?.(tx);
      await issue(tx, token, caller);
    });
    return token.purpose.ttlSeconds;
  }

  /**
   * Lets a network have a mail sent; a decoy counts like a mail (OTT-3).
   *
   * @throws AuthError `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`.
   */
  async function beforeRequest(caller: Caller): Promise<void> {
    if (!mail.isOn) throw new AuthError('FEATURE_DISABLED');
    await rateLimits.pass({ checks: mailsOfNetwork(caller) }, { caller });
  }

  /**
   * Mails a token to the account of an address, if there is one that may log in: the same statements and the same
   * answer if there is none (OTT-3).
   *
   * @returns how many seconds it works.
   * @throws AuthError `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`.
   */
  async function request(purpose: Purpose, email: string, caller: Caller): Promise<number> {
    await beforeRequest(caller);
    const user = await findUserByEmail(database.before(caller.deadline), canonicalEmail(email));
    const instead = user?.disabledAt === null ? undefined : 'nothing';
    return send({ purpose, recipient: recipientOf(user ?? { email }), instead }, caller);
  }

  return { recipientOf, issue, mint, send, beforeRequest, request };
}

function randomCode(): string {
  return String(randomInt(10 ** CODE_DIGITS)).padStart(CODE_DIGITS, '0');
}
