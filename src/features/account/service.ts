import { randomUUID } from 'node:crypto';
import type { RecordEvent } from '../../core/audit/store.ts';
import type { Door } from '../../core/login/door.ts';
import type { Ownership } from '../../core/login/ownership.ts';
import { provenByPassword, provenByRegistration } from '../../core/login/proof.ts';
import type { Mail } from '../../core/mail/service.ts';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { Guesses } from '../../core/passwords/guesses.ts';
import type { Passwords } from '../../core/passwords/service.ts';
import { type Attempt, NETWORK_WINDOW_MS, type RateLimits } from '../../core/rate-limits/service.ts';
import type { Grant, Sessions } from '../../core/sessions/service.ts';
import { canonicalEmail, type Users, type UserView, type Viewer } from '../../core/users/service.ts';
import {
  changePasswordHash,
  deleteUser,
  holdUser,
  insertUser,
  renameUser,
  retireUser,
} from '../../core/users/store.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { parseLabel } from '../../platform/label.ts';

/** Changes of what an account says of its owner, in five minutes: each is an event of the audit trail. */
const CHANGES = 60;

export interface AccountOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly rateLimits: Pick<RateLimits, 'networkWindow' | 'failures' | 'pass' | 'checking' | 'succeeded'>;
  readonly guesses: Pick<Guesses, 'passwordWasSet'>;
  readonly users: Pick<Users, 'view'>;
  readonly passwords: Passwords;
  readonly ownership: Pick<Ownership, 'requirePassword'>;
  readonly door: Pick<Door, 'enter'>;
  readonly sessions: Pick<Sessions, 'endAllOf' | 'deleteAllOf' | 'ownerChanged'>;
  readonly oneTimeTokens: OneTimeTokens;
  /** Keeps a registration until its address is proven. */
  readonly beginRegistration: (
    registration: { email: string; name: string | null },
    caller: Caller,
  ) => Promise<void>;
  readonly mail: Pick<Mail, 'notify'>;
  readonly registration: 'open' | 'verify' | 'closed';
  /** Registrations from one network in five minutes. */
  readonly networkRegistrations: number;
}

export type Account = ReturnType<typeof createAccount>;

/** What people do to their own accounts. */
export function createAccount({
  database,
  clock,
  recordEvent,
  rateLimits,
  guesses,
  users,
  passwords,
  ownership,
  door,
  sessions,
  oneTimeTokens,
  beginRegistration,
  mail,
  registration,
  networkRegistrations,
}: AccountOptions) {
  const registrationsOfNetwork = rateLimits.networkWindow({
    name: 'registrations',
    max: networkRegistrations,
    windowMs: NETWORK_WINDOW_MS,
  });
  const changes = rateLimits.failures({ name: 'account-changes', windowMs: NETWORK_WINDOW_MS });

  /** @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`. */
  function beforeRegistration(caller: Caller): Promise<Attempt> {
    return rateLimits.pass({ checks: registrationsOfNetwork(caller) }, { caller });
  }

  return {
    /**
     * The first session; none where the address has to be verified first. There the password is set by who proves the
     * mailbox: a password that comes along now is not looked at, or a stranger could choose it.
     *
     * @throws AuthError `REGISTRATION_CLOSED`, `BAD_USER_INPUT`, `WEAK_PASSWORD`, `TOO_MANY_REQUESTS`, `EMAIL_TAKEN`,
     * `OVERLOADED`, `UNAVAILABLE`.
     */
    async register(
      input: { email: string; password?: string | null | undefined; name?: string | null | undefined },
      caller: Caller,
    ): Promise<Grant | undefined> {
      if (registration === 'closed') throw new AuthError('REGISTRATION_CLOSED');
      const name = parseLabel(input.name, 'input.name');
      const { email, password } = input;
      if (registration === 'verify') {
        await beforeRegistration(caller);
        await oneTimeTokens.beforeRequest(caller);
        await beginRegistration({ email, name }, caller);
        return undefined;
      }

      if (password == null) throw new AuthError('BAD_USER_INPUT', { field: 'input.password' });
      passwords.check(password, { email, name });
      await passwords.assertRoom(caller);
      const attempt = await beforeRegistration(caller);
      const passwordHash = await rateLimits.checking(attempt, () => passwords.hash(password, caller));
      const emailCanonical = canonicalEmail(email);
      const proof = provenByRegistration('password', async (tx) => {
        const id = randomUUID();
        const user = await insertUser(tx, {
          id,
          email,
          emailCanonical,
          name,
          passwordHash,
          now: clock.now(),
        });
        if (user === undefined || (await oneTimeTokens.isReserved(tx, emailCanonical)))
          throw new AuthError('EMAIL_TAKEN');
        return { user };
      });
      return door.enter(proof, { as: 'registration', caller, deviceName: null });
    },

    /** Ends every session and begins a new one, id and secret (ASVS 7.2.4): whoever stole the old ones is out. */
    async changePassword(
      viewer: Viewer,
      input: { currentPassword: string; newPassword: string },
      caller: Caller,
    ): Promise<Grant> {
      passwords.check(input.newPassword, await users.view(viewer));
      const { user, attempt } = await ownership.requirePassword(viewer, {
        password: input.currentPassword,
        caller,
        failure: 'authn_password_change_fail',
      });
      const passwordHash = await rateLimits.checking(attempt, () =>
        passwords.hash(input.newPassword, caller),
      );

      const proof = provenByPassword({
        user,
        attempt,
        failure: 'authn_password_change_fail',
        hold: async (tx) => {
          const changed = await changePasswordHash(tx, { ...user, passwordHash, now: clock.now() });
          if (changed === undefined) return undefined;
          await guesses.passwordWasSet(tx, canonicalEmail(changed.email));
          await oneTimeTokens.endAllOf(tx, changed.id);
          const count = await sessions.endAllOf(tx, changed.id, 'password', viewer.sessionId);
          sessions.ownerChanged(tx, changed.id);
          await mail.notify(tx, changed, 'password-changed');
          // With the viewer's own session, which ends as well.
          return { user: changed, details: { count: count + 1 } };
        },
      });
      return door.enter(proof, { as: 'password', caller, replaces: viewer.sessionId });
    },

    /**
     * Proves anew who the viewer is: ends their session, and no other, and opens one whose authentication is fresh.
     *
     * @throws AuthError `INVALID_CREDENTIALS`, `TOO_MANY_REQUESTS`, `UNAUTHENTICATED`, `OVERLOADED`, `UNAVAILABLE`.
     */
    async reauthenticate(viewer: Viewer, input: { password: string }, caller: Caller): Promise<Grant> {
      const failure = 'authn_login_fail';
      const { user, attempt } = await ownership.requirePassword(viewer, {
        password: input.password,
        caller,
        failure,
      });
      const proof = provenByPassword({
        user,
        attempt,
        failure,
        hold: async (tx) => {
          const held = await holdUser(tx, user);
          return held && { user: held };
        },
      });
      return door.enter(proof, { as: 'reauthenticated', caller, replaces: viewer.sessionId });
    },

    /** A name left out stays; null removes it. @throws AuthError `BAD_USER_INPUT`, `TOO_MANY_REQUESTS`. */
    async update(
      viewer: Viewer,
      input: { name?: string | null | undefined },
      caller: Caller,
    ): Promise<UserView> {
      if (input.name === undefined) return users.view(viewer);
      const name = parseLabel(input.name, 'input.name');
      const source = [{ name: viewer.userId, most: CHANGES }];
      await changes.assertFew(source, caller);
      changes.add(source);
      const now = clock.now();
      const view = await database.before(caller.deadline).transaction(async (tx) => {
        const renamed = await renameUser(tx, { id: viewer.userId, name, now });
        if (renamed === undefined) return undefined;
        sessions.ownerChanged(tx, renamed.id);
        await recordEvent(tx, {
          name: 'user_updated',
          outcome: 'success',
          at: now,
          userId: viewer.userId,
          sessionId: viewer.sessionId,
          caller,
          details: { fields: ['name'] },
        });
        return { ...renamed, currentSessionId: viewer.sessionId };
      });
      return view ?? users.view(viewer);
    },

    /** @throws AuthError `INVALID_CREDENTIALS`, `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`. */
    async delete(viewer: Viewer, input: { password: string }, caller: Caller): Promise<{ id: string }> {
      const { user, attempt } = await ownership.requirePassword(viewer, {
        password: input.password,
        caller,
        failure: 'authn_password_change_fail',
      });

      const now = clock.now();
      const { id } = user;
      await database.before(caller.deadline).transaction(async (tx) => {
        if ((await retireUser(tx, { ...user, now })) === 0)
          throw new AuthError('INVALID_CREDENTIALS', { cause: 'changed meanwhile' });
        await rateLimits.succeeded(tx, attempt);
        const count = await sessions.deleteAllOf(tx, id);
        await oneTimeTokens.endAllOf(tx, id);
        await oneTimeTokens.endUndosOf(tx, id);
        await deleteUser(tx, id);
        await recordEvent(tx, {
          name: 'user_deleted',
          outcome: 'success',
          at: now,
          userId: id,
          sessionId: viewer.sessionId,
          caller,
          details: { count },
        });
      });
      return { id };
    },
  };
}
