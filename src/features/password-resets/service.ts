import type { RecordEvent } from '../../core/audit/store.ts';
import type { Factors } from '../../core/factors/service.ts';
import type { Mailbox } from '../../core/login/mailbox.ts';
import type { Mail } from '../../core/mail/service.ts';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { Guesses } from '../../core/passwords/guesses.ts';
import { PASSWORD_CHANGED, RESET_PASSWORD } from '../../core/passwords/mails.ts';
import type { Passwords } from '../../core/passwords/service.ts';
import { resetPasswordHash } from '../../core/passwords/store.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import { findUser } from '../../core/users/store.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';

export interface PasswordResetsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly guesses: Pick<Guesses, 'passwordWasSet'>;
  readonly oneTimeTokens: Pick<OneTimeTokens, 'request' | 'present' | 'endAllOf'>;
  readonly passwords: Pick<Passwords, 'assertRoom' | 'check' | 'hash'>;
  readonly mailbox: Pick<Mailbox, 'prove'>;
  readonly sessions: Pick<Sessions, 'endAllOf'>;
  readonly factors: Pick<Factors, 'passwordWasReset'>;
  readonly mail: Pick<Mail, 'notify'>;
}

export type PasswordResets = ReturnType<typeof createPasswordResetsService>;

/** A new password for the reader of the account's mail. */
export function createPasswordResetsService({
  database,
  clock,
  recordEvent,
  guesses,
  oneTimeTokens,
  passwords,
  mailbox,
  sessions,
  factors,
  mail,
}: PasswordResetsOptions) {
  return {
    /** How many seconds the link works. @throws AuthError `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`. */
    request: (email: string, caller: Caller): Promise<number> =>
      oneTimeTokens.request(RESET_PASSWORD, email, caller),

    /**
     * Sets the password, ends every session and opens none, because the mailbox alone does not show a second factor
     * (OTT-4). The factors stay.
     *
     * @returns how many sessions it ended.
     * @throws AuthError `INVALID_TOKEN`, `WEAK_PASSWORD`, `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`.
     */
    async complete(input: { token: string; newPassword: string }, caller: Caller): Promise<number> {
      const bound = database.before(caller.deadline);
      await passwords.assertRoom(caller);
      const token = await oneTimeTokens.present(input.token, [RESET_PASSWORD], caller);
      const { subject: id, emailCanonical } = token;
      const owner = await findUser(bound, id);
      if (owner === undefined) throw new AuthError('INVALID_TOKEN', { cause: 'the account is gone' });
      passwords.check(input.newPassword, owner);
      const passwordHash = await passwords.hash(input.newPassword, caller);

      const now = clock.now();
      return bound.transaction(async (tx) => {
        const { claimed } = await mailbox.prove(tx, token, { keepsAll: false });
        const user = await resetPasswordHash(tx, { id, emailCanonical, passwordHash, now });
        if (user === undefined) throw new AuthError('INVALID_TOKEN', { cause: 'moved or disabled' });
        await oneTimeTokens.endAllOf(tx, id);
        await guesses.passwordWasSet(tx, emailCanonical);
        await factors.passwordWasReset(tx, user);
        const count = (claimed?.endedSessions ?? 0) + (await sessions.endAllOf(tx, id, 'password'));
        await recordEvent(tx, {
          name: 'authn_password_change',
          outcome: 'success',
          at: now,
          userId: id,
          caller,
          details: { by: 'mail', count },
        });
        await mail.notify(tx, user, PASSWORD_CHANGED);
        return count;
      });
    },
  };
}
