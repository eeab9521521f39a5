import type { Client } from '../../client.ts';
import type { Clock } from '../../clock.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { RecordEvent } from '../audit/store.ts';
import type { Mailbox } from '../login/mailbox.ts';
import type { Mail } from '../mail/service.ts';
import type { OneTimeTokens } from '../one-time-tokens/service.ts';
import type { Passwords } from '../passwords/service.ts';
import type { RateLimits } from '../rate-limits/service.ts';
import type { Sessions } from '../sessions/service.ts';
import { findUser, resetPasswordHash } from '../users/store.ts';

export interface PasswordResetsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly rateLimits: Pick<RateLimits, 'passwordWasSet'>;
  readonly oneTimeTokens: OneTimeTokens;
  readonly passwords: Passwords;
  readonly mailbox: Mailbox;
  readonly sessions: Pick<Sessions, 'endAllOf'>;
  readonly mail: Pick<Mail, 'notify'>;
}

export type PasswordResets = ReturnType<typeof createPasswordResets>;

/** A new password for whoever reads the mail of the account. */
export function createPasswordResets({
  database,
  clock,
  recordEvent,
  rateLimits,
  oneTimeTokens,
  passwords,
  mailbox,
  sessions,
  mail,
}: PasswordResetsOptions) {
  return {
    /** How many seconds the link works. @throws AuthError `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`. */
    request: (email: string, client: Client): Promise<number> =>
      oneTimeTokens.request('reset-password', email, client),

    /**
     * Sets the password and ends every session, and opens none: whoever has a second factor is still asked for it
     * (OTT-4).
     *
     * @returns how many sessions it ended.
     * @throws AuthError `INVALID_TOKEN`, `WEAK_PASSWORD`, `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`.
     */
    async complete(input: { token: string; newPassword: string }, client: Client): Promise<number> {
      const bound = database.before(client.deadline);
      await passwords.assertRoom(client);
      const token = await oneTimeTokens.present(input.token, ['reset-password'], client);
      const { subject: id, emailCanonical } = token;
      const owner = await findUser(bound, id);
      if (owner === undefined) throw new AuthError('INVALID_TOKEN', { cause: 'the account is gone' });
      passwords.check(input.newPassword, owner);
      const passwordHash = await passwords.hash(input.newPassword, client);

      const now = clock.now();
      return bound.transaction(async (tx) => {
        const { claimed } = await mailbox.prove(tx, token, { keepsAll: false });
        const user = await resetPasswordHash(tx, { id, emailCanonical, passwordHash, now });
        if (user === undefined) throw new AuthError('INVALID_TOKEN', { cause: 'moved or disabled' });
        await oneTimeTokens.endAllOf(tx, id);
        await rateLimits.passwordWasSet(tx, emailCanonical);
        const count = (claimed?.endedSessions ?? 0) + (await sessions.endAllOf(tx, id, 'password'));
        await recordEvent(tx, {
          name: 'authn_password_change',
          outcome: 'success',
          at: now,
          userId: id,
          client,
          details: { by: 'mail', count },
        });
        await mail.notify(tx, user, 'password-changed');
        return count;
      });
    },
  };
}
