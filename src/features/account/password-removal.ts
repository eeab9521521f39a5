import type { RecordEvent } from '../../core/audit/store.ts';
import type { Ownership } from '../../core/login/ownership.ts';
import type { WaysIn } from '../../core/login/ways-in.ts';
import type { Mail } from '../../core/mail/service.ts';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { Guesses } from '../../core/passwords/guesses.ts';
import { removePasswordHash } from '../../core/passwords/store.ts';
import type { RateLimits } from '../../core/rate-limits/service.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import { canonicalEmail, type UserView, type Viewer, viewOf } from '../../core/users/service.ts';
import { holdUser } from '../../core/users/store.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { PASSWORD_REMOVED } from './mails.ts';

export interface PasswordRemovalOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly rateLimits: Pick<RateLimits, 'checking' | 'succeeded'>;
  readonly guesses: Pick<Guesses, 'passwordWasSet'>;
  readonly ownership: Pick<Ownership, 'requireOwner'>;
  readonly sessions: Pick<Sessions, 'endAllOf' | 'ownerChanged'>;
  readonly oneTimeTokens: Pick<OneTimeTokens, 'endAllOf'>;
  readonly mail: Pick<Mail, 'notify'>;
  readonly waysIn: Pick<WaysIn, 'assertOneLeft'>;
}

/** The end of a password, where another way into the account remains. */
export function createPasswordRemoval({
  database,
  clock,
  recordEvent,
  rateLimits,
  guesses,
  ownership,
  sessions,
  oneTimeTokens,
  mail,
  waysIn,
}: PasswordRemovalOptions) {
  return {
    /**
     * Counts as a change of the password: the other sessions end, and what was proven with it proves nothing any more.
     *
     * @throws AuthError `LAST_CREDENTIAL`, `INVALID_CREDENTIALS`, `REAUTHENTICATION_REQUIRED`, `TOO_MANY_REQUESTS`,
     * `OVERLOADED`, `UNAVAILABLE`.
     */
    async removePassword(
      viewer: Viewer,
      input: { password?: string | null | undefined },
      caller: Caller,
    ): Promise<UserView> {
      const failure = 'authn_password_change_fail';
      const { password } = input;
      const { user, attempt } = await ownership.requireOwner(viewer, { password, caller, failure });
      return rateLimits.checking(attempt, () =>
        database.before(caller.deadline).transaction(async (tx) => {
          const now = clock.now();
          const removed = await removePasswordHash(tx, { ...user, now });
          await rateLimits.succeeded(tx, attempt);
          if (removed === undefined) {
            const held = await holdUser(tx, user);
            if (held === undefined)
              throw new AuthError('INVALID_CREDENTIALS', { cause: 'changed meanwhile' });
            return viewOf(held, viewer);
          }
          // Last, and as the row is now: nothing of it is written where no way in is left.
          await waysIn.assertOneLeft(tx, removed);
          await guesses.passwordWasSet(tx, canonicalEmail(removed.email));
          await oneTimeTokens.endAllOf(tx, removed.id);
          const count = await sessions.endAllOf(tx, removed.id, 'password', viewer.sessionId);
          sessions.ownerChanged(tx, removed.id);
          await mail.notify(tx, removed, PASSWORD_REMOVED);
          await recordEvent(tx, {
            name: 'authn_password_change',
            outcome: 'success',
            at: now,
            userId: removed.id,
            sessionId: viewer.sessionId,
            caller,
            details: { reason: 'removed', count },
          });
          return viewOf(removed, viewer);
        }),
      );
    },
  };
}
