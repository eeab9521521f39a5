import { type FactorInput, readFactor } from '../../core/factors/service.ts';
import type { Door } from '../../core/login/door.ts';
import type { Ownership } from '../../core/login/ownership.ts';
import { provenByPasskey, provenByPassword, provenBySession } from '../../core/login/proof.ts';
import type { Mail } from '../../core/mail/service.ts';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { Guesses } from '../../core/passwords/guesses.ts';
import { PASSWORD_CHANGED } from '../../core/passwords/mails.ts';
import type { Passwords } from '../../core/passwords/service.ts';
import { changePasswordHash } from '../../core/passwords/store.ts';
import type { RateLimits } from '../../core/rate-limits/service.ts';
import type { Grant, Sessions } from '../../core/sessions/service.ts';
import { canonicalEmail, type Users, type Viewer } from '../../core/users/service.ts';
import { holdUser, type UserRecord } from '../../core/users/store.ts';
import type { Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';

export interface ReauthenticationOptions {
  readonly clock: Clock;
  readonly rateLimits: Pick<RateLimits, 'checking'>;
  readonly guesses: Pick<Guesses, 'passwordWasSet'>;
  readonly users: Pick<Users, 'view'>;
  readonly passwords: Pick<Passwords, 'check' | 'hash'>;
  readonly ownership: Pick<
    Ownership,
    'requirePassword' | 'requireOwner' | 'requireFactor' | 'requirePasskey'
  >;
  readonly door: Pick<Door, 'enter'>;
  readonly sessions: Pick<Sessions, 'endAllOf' | 'ownerChanged'>;
  readonly oneTimeTokens: Pick<OneTimeTokens, 'endAllOf'>;
  readonly mail: Pick<Mail, 'notify'>;
}

/** What takes the viewer's credentials anew, and puts another session in the place of theirs. */
export function createReauthentication({
  clock,
  rateLimits,
  guesses,
  users,
  passwords,
  ownership,
  door,
  sessions,
  oneTimeTokens,
  mail,
}: ReauthenticationOptions) {
  return {
    /** Ends every session and begins a new one, id and secret (ASVS 7.2.4): a thief of the old ones is out. */
    async changePassword(
      viewer: Viewer,
      input: { currentPassword?: string | null | undefined; newPassword: string },
      caller: Caller,
    ): Promise<Grant> {
      passwords.check(input.newPassword, await users.view(viewer));
      const failure = 'authn_password_change_fail';
      const { user, attempt, session } = await ownership.requireOwner(viewer, {
        password: input.currentPassword,
        caller,
        failure,
      });
      const passwordHash = await rateLimits.checking(attempt, () =>
        passwords.hash(input.newPassword, caller),
      );

      const shown = {
        user,
        attempt,
        failure,
        hold: async (tx: Transaction) => {
          const changed = await changePasswordHash(tx, { ...user, passwordHash, now: clock.now() });
          if (changed === undefined) return undefined;
          await guesses.passwordWasSet(tx, canonicalEmail(changed.email));
          await oneTimeTokens.endAllOf(tx, changed.id);
          const count = await sessions.endAllOf(tx, changed.id, 'password', viewer.sessionId);
          sessions.ownerChanged(tx, changed.id);
          await mail.notify(tx, changed, PASSWORD_CHANGED);
          // With the viewer's own session, which ends as well.
          return { user: changed, details: { count: count + 1 } };
        },
      } as const;
      const proof =
        session === undefined
          ? provenByPassword(shown)
          : provenBySession({ ...shown, session, refusal: 'INVALID_CREDENTIALS' });
      return door.enter(proof, { as: 'password', caller, replaces: viewer.sessionId });
    },

    /**
     * Proves anew who the viewer is: ends their session, and no other, and opens one whose authentication is fresh. A
     * passkey with user verification shows two factors, so no password is asked for then.
     *
     * @throws AuthError `INVALID_CREDENTIALS`, `MFA_REQUIRED`, `INVALID_CODE`, `TOO_MANY_REQUESTS`, `UNAUTHENTICATED`,
     * `OVERLOADED`, `UNAVAILABLE`, `BAD_USER_INPUT`.
     */
    async reauthenticate(
      viewer: Viewer,
      { password, ...input }: FactorInput & { password?: string | null | undefined },
      caller: Caller,
    ): Promise<Grant> {
      const shown = readFactor(input);
      const hold = (user: UserRecord) => async (tx: Transaction) => {
        const held = await holdUser(tx, user);
        return held && { user: held };
      };
      const entry = { as: 'reauthenticated', caller, replaces: viewer.sessionId } as const;
      if (password == null && shown?.kind === 'PASSKEY') {
        const { user, factor } = await ownership.requirePasskey(viewer, { answer: shown.answer, caller });
        return door.enter(provenByPasskey({ user, factor, hold: hold(user) }), entry);
      }
      if (password == null) throw new AuthError('BAD_USER_INPUT', { field: 'input.password' });
      const failure = 'authn_login_fail';
      const owned = await ownership.requirePassword(viewer, { password, caller, failure });
      const factor = shown && (await ownership.requireFactor(viewer, { ...owned, shown, caller }));
      const { user, attempt } = owned;
      const proof = provenByPassword({ user, attempt, factor, failure, hold: hold(user) });
      return door.enter(proof, entry);
    },
  };
}
