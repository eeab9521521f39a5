import type { Ownership } from '../../core/login/ownership.ts';
import type { Mail } from '../../core/mail/service.ts';
import type { NewToken, OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { RateLimits } from '../../core/rate-limits/service.ts';
import { ADDRESS_TAKEN } from '../../core/users/mails.ts';
import { canonicalEmail, type Viewer } from '../../core/users/service.ts';
import { findUserByEmail } from '../../core/users/store.ts';
import type { Database } from '../../database/database.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { type Asked, sinceOf } from './asked.ts';
import { CONFIRM_EMAIL, EMAIL_CHANGE_REQUESTED } from './mails.ts';

export interface EmailChangeRequestsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly rateLimits: Pick<RateLimits, 'checking' | 'succeeded'>;
  readonly oneTimeTokens: Pick<OneTimeTokens, 'recipientOf' | 'send' | 'beforeRequest' | 'findPending'>;
  readonly ownership: Pick<Ownership, 'requireOwner'>;
  readonly mail: Pick<Mail, 'notify'>;
}

/** Requests for another address. */
export function createEmailChangeRequests({
  database,
  clock,
  rateLimits,
  oneTimeTokens,
  ownership,
  mail,
}: EmailChangeRequestsOptions) {
  return {
    /**
     * Mails a link to the new address and tells the old one. Whether another account has the new one shows in
     * neither the answer nor its cost (LOG-8).
     *
     * @returns how many seconds the link works.
     * @throws AuthError `FEATURE_DISABLED`, `INVALID_CREDENTIALS`, `REAUTHENTICATION_REQUIRED`, `TOO_MANY_REQUESTS`,
     * `OVERLOADED`, `UNAVAILABLE`.
     */
    async request(
      viewer: Viewer,
      input: { newEmail: string; password?: string | null | undefined },
      caller: Caller,
    ): Promise<number> {
      const { user, attempt } = await ownership.requireOwner(viewer, {
        password: input.password,
        caller,
        failure: 'authn_password_change_fail',
      });
      // After the password: who guesses at it must not use up what their network may have mailed.
      await rateLimits.checking(attempt, () => oneTimeTokens.beforeRequest(caller));
      const holder = await findUserByEmail(database.before(caller.deadline), canonicalEmail(input.newEmail));
      const { id, passwordVersion, credentialVersion } = user;
      const { sessionId } = viewer;
      const recipient = oneTimeTokens.recipientOf({ id, email: input.newEmail });
      // A thief who asks again must not make what they added in between look older than the change.
      const pending = await oneTimeTokens.findPending(recipient, CONFIRM_EMAIL, caller);
      const since = (pending && sinceOf(pending)) ?? clock.now();
      const token: NewToken = {
        purpose: CONFIRM_EMAIL,
        recipient,
        payload: JSON.stringify({ sessionId, passwordVersion, credentialVersion, since } satisfies Asked),
        instead: holder === undefined || holder.id === id ? undefined : ADDRESS_TAKEN,
      };
      return oneTimeTokens.send(token, caller, async (tx) => {
        await rateLimits.succeeded(tx, attempt);
        await mail.notify(tx, user, EMAIL_CHANGE_REQUESTED);
      });
    },
  };
}
