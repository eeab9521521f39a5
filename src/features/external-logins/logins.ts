import {
  type AnsweredStart,
  beginRegistration,
  findByRegistration,
} from '../../core/external-logins/start-store.ts';
import type { Door } from '../../core/login/door.ts';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { RateLimits } from '../../core/rate-limits/service.ts';
import type { Grant } from '../../core/sessions/service.ts';
import { canonicalEmail } from '../../core/users/service.ts';
import { findUserByEmail } from '../../core/users/store.ts';
import { sha256 } from '../../crypto/digest.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { MINUTE_MS } from '../../platform/durations.ts';
import { type AccountsOptions, createAccounts } from './accounts.ts';
import { expired } from './entries.ts';
import { EXTERNAL_REGISTRATION } from './mails.ts';
import { makeToken } from './secrets.ts';
import type { Holder, Starts } from './starts.ts';

/** Time to type an address and to wait for its mail, twice. */
const REGISTRATION_LIFETIME_MS = 20 * MINUTE_MS;
const REGISTRATION_TOKEN = /^lkn_[A-Za-z0-9_-]{43}$/;

export interface LoginsOptions extends AccountsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly rateLimits: AccountsOptions['rateLimits'] &
    Pick<RateLimits, 'window' | 'mayCount' | 'pass' | 'guessesOf' | 'checking'>;
  readonly oneTimeTokens: AccountsOptions['oneTimeTokens'] &
    Pick<OneTimeTokens, 'recipientOf' | 'beforeRequest' | 'issue' | 'tryCode'>;
  readonly door: AccountsOptions['door'] & Pick<Door, 'refuse'>;
  readonly starts: Pick<Starts, 'refuseUnknown' | 'isCurrent' | 'isHeldBy'>;
  /** Mails with a code to one address while a code lives. */
  readonly addressMails: number;
}

/** What a login came to: a session, or the token of a registration that needs an address. */
export type LoginOutcome =
  | { readonly grant: Grant }
  | { readonly registrationToken: string; readonly email: string | null };

/** Logins by a provider: with an account, or towards one. */
export function createLogins(options: LoginsOptions) {
  const { database, clock, rateLimits, oneTimeTokens, door, starts, registration, addressMails } = options;
  const accounts = createAccounts(options);
  const { ttlSeconds } = EXTERNAL_REGISTRATION;
  const mailsOfAddress = rateLimits.window({
    name: 'external-registrations',
    max: addressMails,
    windowMs: ttlSeconds * 1_000,
  });

  /** Puts the token of a registration in the place of the code. */
  async function beginWithoutAddress(start: AnsweredStart, caller: Caller): Promise<LoginOutcome> {
    if (registration === 'closed') throw new AuthError('REGISTRATION_CLOSED');
    const registrationToken = makeToken('lkn_');
    const now = clock.now();
    const begun = await beginRegistration(database.before(caller.deadline), {
      id: start.id,
      registrationHash: sha256(registrationToken),
      now,
      expiresAt: now + REGISTRATION_LIFETIME_MS,
    });
    if (begun === 0) throw expired();
    return { registrationToken, email: start.email };
  }

  /** Codes are of one registration: one that was mailed for another is of no use to it, and fills none of its tries. */
  function recipientOf({ id }: AnsweredStart, email: string) {
    return { ...oneTimeTokens.recipientOf({ id, email }), userId: undefined };
  }

  return {
    /** @throws AuthError `EXTERNAL_LOGIN_FAILED`, `MFA_REQUIRED`, `REGISTRATION_CLOSED`, `BAD_USER_INPUT`, `UNAVAILABLE`. */
    async completeLogin(start: AnsweredStart, caller: Caller): Promise<LoginOutcome> {
      // One that was begun by a session is for a link, and opens none.
      if (start.userId !== null) throw expired();
      const { email, emailIsProven } = start;
      const proven = email !== null && emailIsProven === 1 ? { email } : undefined;
      const grant = await accounts.open({ start, caller, proven });
      return grant === undefined ? beginWithoutAddress(start, caller) : { grant };
    },

    /**
     * The start that a registration token belongs to, for who began it.
     *
     * @throws AuthError `EXTERNAL_LOGIN_FAILED`, `TOO_MANY_REQUESTS`, `FORBIDDEN`, `UNAVAILABLE`.
     */
    async presentRegistration(token: string, holder: Holder, caller: Caller): Promise<AnsweredStart> {
      const sql = database.before(caller.deadline);
      const start = REGISTRATION_TOKEN.test(token)
        ? await findByRegistration(sql, { registrationHash: sha256(token), now: clock.now() })
        : undefined;
      // The answer that held the token went to who had the verifier; a cookie is asked for once more.
      const isGood =
        start !== undefined &&
        starts.isCurrent(start) &&
        (start.delivery !== 'COOKIE' || starts.isHeldBy(start, holder));
      return isGood ? start : starts.refuseUnknown(caller);
    },

    /**
     * Mails a code, whether or not an account has the address: a stranger is not told (LOG-8).
     *
     * @returns how many seconds it works.
     * @throws AuthError `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`.
     */
    async requestCode(start: AnsweredStart, email: string, caller: Caller): Promise<number> {
      await oneTimeTokens.beforeRequest(caller);
      const emailCanonical = canonicalEmail(email);
      const user = await findUserByEmail(database.before(caller.deadline), emailCanonical);
      const isDisabled = user !== undefined && user.disabledAt !== null;
      await database.before(caller.deadline).transaction(async (tx) => {
        const isWithin = await rateLimits.mayCount(tx, mailsOfAddress(emailCanonical));
        const recipient = recipientOf(start, email);
        const instead = isWithin && !isDisabled ? undefined : 'nothing';
        await oneTimeTokens.issue(tx, { purpose: EXTERNAL_REGISTRATION, recipient, instead }, caller);
      });
      return ttlSeconds;
    },

    /**
     * Proves the address by the code that was mailed there. Five tries end a code, few codes go to one address, and
     * failures count for the network: no count of the address itself is needed, which a stranger could fill.
     *
     * @throws AuthError `INVALID_TOKEN`, `EXTERNAL_LOGIN_FAILED`, `MFA_REQUIRED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`,
     * `BAD_USER_INPUT`.
     */
    async completeRegistration(start: AnsweredStart, code: string, caller: Caller): Promise<Grant> {
      const attempt = await rateLimits.pass(rateLimits.guessesOf(caller), { caller });
      const typed = { code: code.replaceAll(/\s/g, ''), purpose: EXTERNAL_REGISTRATION };
      const token = await rateLimits.checking(attempt, () =>
        oneTimeTokens.tryCode(recipientOf(start, ''), typed, caller),
      );
      if (token === undefined || token.email === '') {
        const refusal = 'INVALID_TOKEN';
        return door.refuse({ userId: undefined, reason: 'wrong_code', caller, attempt, refusal });
      }
      const proven = { email: token.email, token };
      const grant = await accounts.open({ start, caller, proven, attempt });
      if (grant === undefined) throw new Error('an address was proven, and no account came of it');
      return grant;
    },
  };
}
