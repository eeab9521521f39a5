import type { Door } from '../../core/login/door.ts';
import type { Mailbox } from '../../core/login/mailbox.ts';
import { provenByMail } from '../../core/login/proof.ts';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { OneTimeToken } from '../../core/one-time-tokens/store.ts';
import { type Attempt, type RateLimits, UNCOUNTED } from '../../core/rate-limits/service.ts';
import { subjectOf } from '../../core/rate-limits/subjects.ts';
import { readScope } from '../../core/roles/service.ts';
import type { Grant } from '../../core/sessions/service.ts';
import { canonicalEmail } from '../../core/users/service.ts';
import { findUser, findUserByEmail, recordFirstFactor, type UserRecord } from '../../core/users/store.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { parseLabel } from '../../platform/label.ts';
import { typedCode } from '../../platform/typed-code.ts';
import { MAGIC_LINK } from './mails.ts';

export interface MagicLinksOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly rateLimits: Pick<RateLimits, 'run' | 'guessesOf' | 'pass' | 'checking'>;
  readonly oneTimeTokens: Pick<OneTimeTokens, 'request' | 'present' | 'recipientOf' | 'tryCode'>;
  readonly mailbox: Pick<Mailbox, 'prove'>;
  readonly door: Pick<Door, 'enter' | 'refuse'>;
  readonly isOn: boolean;
}

/** What a login says of the session to be opened. */
interface Wishes {
  readonly deviceName?: string | null | undefined;
  readonly scope?: readonly string[] | null | undefined;
}

export type MagicLinks = ReturnType<typeof createMagicLinksService>;

/** Logging in by mail: with a link, or where the mail is read on another device, with the code beside it. */
export function createMagicLinksService({
  database,
  clock,
  rateLimits,
  oneTimeTokens,
  mailbox,
  door,
  isOn,
}: MagicLinksOptions) {
  const codes = rateLimits.run('email-code');

  /** @throws AuthError `FEATURE_DISABLED` */
  function requireOn(): void {
    if (!isOn) throw new AuthError('FEATURE_DISABLED', { hint: 'Set LATCHKEY_MAGIC_LINKS=on.' });
  }

  /**
   * Lets a code be checked that was mailed. Its run is not the password's: an attacker who guesses at the one does not
   * keep the owner from using the other (LOG-6).
   *
   * @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`.
   */
  function beforeCode(
    user: UserRecord | undefined,
    { emailCanonical, caller }: { emailCanonical: string; caller: Caller },
  ): Promise<Attempt> {
    const lanes = [codes(...subjectOf(user, emailCanonical))];
    return rateLimits.pass({ lanes, ...rateLimits.guessesOf(caller) }, { caller, userId: user?.id });
  }

  /** The mail proves the address, too, which must still be the user's when the token is spent. */
  function enter(
    user: UserRecord,
    token: OneTimeToken,
    {
      attempt,
      ...entry
    }: {
      attempt: Attempt;
      caller: Caller;
      deviceName: string | null;
      scope: readonly string[] | null;
    },
  ): Promise<Grant> {
    const proof = provenByMail({
      user,
      attempt,
      hold: async (tx) => {
        const proven = await mailbox.prove(tx, token, { keepsAll: false });
        const held = await recordFirstFactor(tx, { ...proven.user, now: clock.now() });
        return held && { user: held };
      },
    });
    return door.enter(proof, { as: 'login', ...entry });
  }

  return {
    /** How many seconds the link works. @throws AuthError `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`. */
    async request(email: string, caller: Caller): Promise<number> {
      requireOn();
      return oneTimeTokens.request(MAGIC_LINK, email, caller);
    },

    /** @throws AuthError `INVALID_TOKEN`, `MFA_REQUIRED`, `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`, `BAD_USER_INPUT`. */
    async withLink(input: { token: string } & Wishes, caller: Caller): Promise<Grant> {
      requireOn();
      const deviceName = parseLabel(input.deviceName, 'input.deviceName');
      const scope = readScope(input.scope);
      const token = await oneTimeTokens.present(input.token, [MAGIC_LINK], caller);
      const user = await findUser(database.before(caller.deadline), token.subject);
      if (user === undefined) throw new AuthError('INVALID_TOKEN', { cause: 'the account is gone' });
      return enter(user, token, { caller, deviceName, scope, attempt: UNCOUNTED });
    },

    /** @throws AuthError `INVALID_TOKEN`, `MFA_REQUIRED`, `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`, `BAD_USER_INPUT`. */
    async withCode(input: { email: string; code: string } & Wishes, caller: Caller): Promise<Grant> {
      requireOn();
      const deviceName = parseLabel(input.deviceName, 'input.deviceName');
      const scope = readScope(input.scope);
      const emailCanonical = canonicalEmail(input.email);
      const user = await findUserByEmail(database.before(caller.deadline), emailCanonical);
      const attempt = await beforeCode(user, { emailCanonical, caller });
      const recipient = oneTimeTokens.recipientOf(user ?? input);
      const token = await rateLimits.checking(attempt, () =>
        oneTimeTokens.tryCode(recipient, { code: typedCode(input.code), purpose: MAGIC_LINK }, caller),
      );
      if (user === undefined || token === undefined) {
        const refusal = 'INVALID_TOKEN';
        return door.refuse({ userId: user?.id, reason: 'wrong_code', caller, attempt, refusal });
      }
      return enter(user, token, { caller, deviceName, scope, attempt });
    },
  };
}
