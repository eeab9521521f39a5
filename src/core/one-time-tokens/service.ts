import { createHmac, randomBytes, randomInt } from 'node:crypto';
import { constantTimeEqual, sha256 } from '../../crypto/digest.ts';
import { createKeyring } from '../../crypto/keyring.ts';
import type { Database, Sql, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { sweep } from '../../platform/sweep.ts';
import type { RecordEvent } from '../audit/store.ts';
import type { Mail, Message } from '../mail/service.ts';
import { networksOf } from '../rate-limits/networks.ts';
import { HOUR_MS, NETWORK_WINDOW_MS, type RateLimits } from '../rate-limits/service.ts';
import { canonicalEmail } from '../users/service.ts';
import { findUserByEmail } from '../users/store.ts';
import * as store from './store.ts';

/*
 * token = "lko_" ‖ base64url( 32 random bytes )
 *
 * It comes back from the page that its mail links to, which reads it from the fragment and posts it: what merely opens
 * links, as scanners of mail do, sends no fragment and spends nothing (OTT-5).
 */
const PREFIX = 'lko_';
const SHAPE = /^lko_[A-Za-z0-9_-]{43}$/;

const MINUTE_SECONDS = 60;
const HOUR_SECONDS = 60 * MINUTE_SECONDS;
const DAY_SECONDS = 24 * HOUR_SECONDS;

/** How long a token of each purpose lives (OTT-1), which mail brings it, and where in the app that leads. */
const PURPOSES = {
  registration: { ttlSeconds: DAY_SECONDS, template: 'verify-email', path: '/verify-email' },
  'verify-email': { ttlSeconds: DAY_SECONDS, template: 'verify-email', path: '/verify-email' },
  'reset-password': { ttlSeconds: 30 * MINUTE_SECONDS, template: 'reset-password', path: '/reset-password' },
  'confirm-email': { ttlSeconds: DAY_SECONDS, template: 'confirm-email', path: '/confirm-email' },
  'undo-email-change': {
    ttlSeconds: 7 * DAY_SECONDS,
    template: 'email-changed',
    path: '/undo-email-change',
  },
  'magic-link': { ttlSeconds: 10 * MINUTE_SECONDS, template: 'magic-link', path: '/magic-link' },
} as const satisfies Record<
  store.Purpose,
  { readonly ttlSeconds: number; readonly template: Message['template']; readonly path: string }
>;

/** One-time tokens of one network that are good for nothing, in five minutes. */
const FAILURES = 30;
const CODE_DIGITS = 8;
/** Against a hundred million codes. */
const CODE_TRIES = 5;
/** As with sessions: what a wrong clock took for expired is still there when it is right again (CR-7). */
const KEEP_EXPIRED_MS = 7 * DAY_SECONDS * 1_000;
const END_ALL_BATCH = 5_000;
const NOBODY = { email: '', emailCanonical: '' };
/** How many times the mails to one address somebody may ask for who changes their mind about the address. */
const ADDRESSES = 4;

export interface OneTimeTokensOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly secrets: readonly Buffer[];
  readonly mail: Mail;
  readonly rateLimits: Pick<RateLimits, 'networkWindow' | 'failures' | 'pass'>;
  /** Off for load tests only. */
  readonly throttles: boolean;
  /** Mails that one network has sent in an hour. */
  readonly networkMails: number;
  /** Mails with a link of one purpose to one address, in an hour or while the link lives if that is shorter. */
  readonly addressMails: number;
}

/** Whom a token is for, and where it goes: whoever brings it back has proven that address. */
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
  readonly purpose: store.Purpose;
  readonly recipient: Recipient;
  /** What is to be known when it comes back. */
  readonly payload?: string | undefined;
  /**
   * What is mailed in its place to whom it is not for: a notice, or nothing. The token is made all the same, and nobody
   * ever learns it, so that a stranger sees no difference (OTT-3).
   */
  readonly instead?: Message['template'] | 'nothing' | undefined;
}

export type OneTimeTokens = ReturnType<typeof createOneTimeTokens>;

/** What is good for one thing, once, and proves a mailbox: the tokens and codes that are sent by mail. */
export function createOneTimeTokens(options: OneTimeTokensOptions) {
  const { database, clock, recordEvent, mail, rateLimits } = options;
  const keyring = createKeyring(options.secrets, 'one-time-tokens');
  const most = options.throttles ? options.addressMails : Math.floor(Number.MAX_SAFE_INTEGER / ADDRESSES);

  const mailsOfNetwork = rateLimits.networkWindow({
    name: 'network-mails',
    max: options.networkMails,
    windowMs: HOUR_MS,
  });
  const failures = rateLimits.failures({ name: 'one-time-tokens', windowMs: NETWORK_WINDOW_MS });

  /** For what could be guessed from its hash: a code, and an address. */
  function keyedHash(key: Buffer, ...parts: readonly string[]): string {
    return createHmac('sha256', key).update(JSON.stringify(parts)).digest('base64url');
  }

  /** A user at an address; or for one without an account, the address itself. */
  function recipientOf({ id, email }: { id?: string; email: string }): Recipient {
    const emailCanonical = canonicalEmail(email);
    const hashes = keyring.all.map(({ key }) => keyedHash(key, 'address', emailCanonical));
    const [hash = '', ...otherSubjects] = hashes;
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
    const { ttlSeconds, template, path } = PURPOSES[purpose];
    const { subject, otherSubjects, userId } = recipient;
    const text = PREFIX + randomBytes(32).toString('base64url');
    const code = purpose === 'magic-link' ? randomCode() : undefined;
    const now = clock.now();
    const expiresAt = now + ttlSeconds * 1_000;
    // What somebody typed and nobody gets is not kept.
    const { email, emailCanonical } = instead === 'nothing' ? NOBODY : recipient;

    // While master secrets change, an address without an account has a subject under each.
    if (otherSubjects.length > 0) await store.deleteTokensFor(tx, { subjects: otherSubjects, purpose });
    const wasPut = await store.putToken(tx, {
      tokenHash: sha256(text),
      purpose,
      subject,
      email,
      emailCanonical,
      payload,
      codeHash: code === undefined ? null : keyedHash(keyring.current.key, 'code', subject, code),
      triesLeft: CODE_TRIES,
      now,
      expiresAt,
      mailed: instead ?? 'link',
      most,
      mostInAll: most * ADDRESSES,
      windowMs: Math.min(ttlSeconds, HOUR_SECONDS) * 1_000,
    });
    const isEnough = wasPut === 0;
    await recordEvent(tx, {
      name: 'authn_token_created',
      outcome: instead === undefined && !isEnough ? 'success' : 'fail',
      at: now,
      userId,
      caller,
      details: {
        purpose,
        ...(instead !== undefined && { instead }),
        ...(isEnough && { reason: 'enough_mails' }),
      },
    });
    const isDecoy = isEnough || instead === 'nothing';
    await mail.enqueue(
      tx,
      instead === undefined || instead === 'nothing'
        ? { to: email, template, path: `${path}#token=${text}`, code, expiresAt, userId, isDecoy }
        : { to: email, template: instead, userId, isDecoy },
    );
  }

  /** Mails a token, or does as much for nobody, along with `work`; how many seconds it works. */
  async function send(
    token: NewToken,
    caller: Caller,
    work?: (tx: Transaction) => Promise<void>,
  ): Promise<number> {
    await database.before(caller.deadline).transaction(async (tx) => {
      await work?.(tx);
      await issue(tx, token, caller);
    });
    return PURPOSES[token.purpose].ttlSeconds;
  }

  /**
   * Lets a network have a mail sent, whether anybody gets it or not (OTT-3).
   *
   * @throws AuthError `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`.
   */
  async function beforeRequest(caller: Caller): Promise<void> {
    if (!mail.isOn) throw new AuthError('FEATURE_DISABLED');
    await rateLimits.pass({ checks: mailsOfNetwork(caller) }, { caller });
  }

  return {
    recipientOf,
    issue,
    send,
    beforeRequest,

    /**
     * Mails a token to the account of an address, if there is one that may log in: the same statements and the same
     * answer if there is none (OTT-3).
     *
     * @returns how many seconds it works.
     * @throws AuthError `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`.
     */
    async request(purpose: 'reset-password' | 'magic-link', email: string, caller: Caller): Promise<number> {
      await beforeRequest(caller);
      const user = await findUserByEmail(database.before(caller.deadline), canonicalEmail(email));
      const instead = user?.disabledAt === null ? undefined : 'nothing';
      return send({ purpose, recipient: recipientOf(user ?? { email }), instead }, caller);
    },

    /**
     * A token that came back, if it is good for one of the purposes; it is not spent yet. Only those that are good for
     * nothing are counted, so a network that brings too many of them still gets in with a good one. What has not the
     * shape of a token costs no look-up.
     *
     * @throws AuthError `INVALID_TOKEN`: unknown, spent, expired, superseded, or made for something else;
     * `TOO_MANY_REQUESTS` in its place, when the network has brought too many.
     */
    async present(
      text: string,
      purposes: readonly store.Purpose[],
      caller: Caller,
    ): Promise<store.OneTimeToken> {
      const token = SHAPE.test(text)
        ? await store.findToken(database.before(caller.deadline), {
            tokenHash: sha256(text),
            now: clock.now(),
          })
        : undefined;
      if (token !== undefined && purposes.includes(token.purpose)) return token;
      const networks = networksOf(caller, FAILURES);
      await failures.assertFew(networks, caller);
      failures.add(networks);
      throw new AuthError('INVALID_TOKEN');
    },

    /**
     * Spends a token inside the transaction of what it is good for, after the row of its user was written: of many
     * who try, one succeeds.
     *
     * @throws AuthError `INVALID_TOKEN`
     */
    async spend(sql: Sql, { tokenHash }: store.OneTimeToken): Promise<void> {
      if ((await store.deleteToken(sql, { tokenHash, now: clock.now() })) === 0)
        throw new AuthError('INVALID_TOKEN', { cause: 'spent meanwhile' });
    },

    /** The token that the code stands for, if it is right; not spent yet. One statement, whatever it is. */
    async tryCode(
      { subject }: Recipient,
      code: string,
      caller: Caller,
    ): Promise<store.OneTimeToken | undefined> {
      const bound = database.before(caller.deadline);
      const token = await store.takeTry(bound, { subject, purpose: 'magic-link', now: clock.now() });
      const expected = Buffer.from(token?.codeHash ?? '');
      const isRight = keyring.all.some(({ key }) =>
        constantTimeEqual(Buffer.from(keyedHash(key, 'code', subject, code)), expected),
      );
      return isRight ? token : undefined;
    },

    /** What waits for a token of this purpose to come back. */
    findPending: (
      { subject, otherSubjects }: Recipient,
      purpose: store.Purpose,
      caller: Caller,
    ): Promise<store.OneTimeToken | undefined> =>
      store.findTokenOf(database.before(caller.deadline), {
        subjects: [subject, ...otherSubjects],
        purpose,
        now: clock.now(),
      }),

    /** Whether somebody may still go back to this address, so that nobody else can have it unproven. */
    isReserved: (sql: Sql, emailCanonical: string): Promise<boolean> =>
      store.isFormerAddress(sql, { emailCanonical, now: clock.now() }),

    /**
     * Inside the transaction that changed a user's password or address (OTT-2). What undoes a change of address stays:
     * whoever takes an account over and changes its address could make a new password, too.
     */
    async endAllOf(sql: Sql, userId: string): Promise<void> {
      await store.deleteTokensOf(sql, userId);
    },

    /** What undoes changes of a user's address since a moment, ms since 1970. */
    async endUndosOf(sql: Sql, userId: string, since = 0): Promise<void> {
      await store.deleteUndosOf(sql, { subject: userId, since });
    },

    /** Ends those of everybody. Each statement is short and a transaction of its own. */
    async endAll(): Promise<void> {
      while ((await store.deleteTokens(database, END_ALL_BATCH)) === END_ALL_BATCH);
    },

    /** Deletes long-expired tokens; how many. */
    prune(): Promise<number> {
      const expiredBefore = clock.now() - KEEP_EXPIRED_MS;
      return sweep((limit) => store.deleteExpiredTokens(database, { expiredBefore, limit }));
    },
  };
}

function randomCode(): string {
  return String(randomInt(10 ** CODE_DIGITS)).padStart(CODE_DIGITS, '0');
}
