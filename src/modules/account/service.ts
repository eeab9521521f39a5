import { randomUUID } from 'node:crypto';
import type { Client } from '../../client.ts';
import type { Clock } from '../../clock.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { parseLabel } from '../../label.ts';
import type { RecordEvent } from '../audit/store.ts';
import type { EmailVerifications } from '../email-verifications/service.ts';
import type { Door } from '../login/door.ts';
import type { Ownership } from '../login/ownership.ts';
import { provenByPassword, provenByRegistration } from '../login/proof.ts';
import type { Mail } from '../mail/service.ts';
import type { OneTimeTokens } from '../one-time-tokens/service.ts';
import type { Passwords } from '../passwords/service.ts';
import type { RateLimits } from '../rate-limits/service.ts';
import type { Grant, Sessions } from '../sessions/service.ts';
import { canonicalEmail, type Users, type UserView, type Viewer } from '../users/service.ts';
import {
  changePasswordHash,
  deleteUser,
  holdUser,
  insertUser,
  renameUser,
  retireUser,
} from '../users/store.ts';

export interface AccountOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly rateLimits: RateLimits;
  readonly users: Pick<Users, 'view'>;
  readonly passwords: Passwords;
  readonly ownership: Pick<Ownership, 'requirePassword'>;
  readonly door: Pick<Door, 'enter'>;
  readonly sessions: Pick<Sessions, 'endAllOf' | 'deleteAllOf' | 'ownerChanged'>;
  readonly oneTimeTokens: OneTimeTokens;
  readonly emailVerifications: Pick<EmailVerifications, 'begin'>;
  readonly mail: Pick<Mail, 'notify'>;
  readonly registration: 'open' | 'verify' | 'closed';
}

export type Account = ReturnType<typeof createAccount>;

/** What people do to their own accounts. */
export function createAccount({
  database,
  clock,
  recordEvent,
  rateLimits,
  users,
  passwords,
  ownership,
  door,
  sessions,
  oneTimeTokens,
  emailVerifications,
  mail,
  registration,
}: AccountOptions) {
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
      client: Client,
    ): Promise<Grant | undefined> {
      if (registration === 'closed') throw new AuthError('REGISTRATION_CLOSED');
      const name = parseLabel(input.name, 'input.name');
      const { email, password } = input;
      if (registration === 'verify') {
        await rateLimits.beforeRegistration(client);
        await oneTimeTokens.beforeRequest(client);
        await emailVerifications.begin({ email, name }, client);
        return undefined;
      }

      if (password == null) throw new AuthError('BAD_USER_INPUT', { field: 'input.password' });
      passwords.check(password, { email, name });
      await passwords.assertRoom(client);
      const attempt = await rateLimits.beforeRegistration(client);
      const passwordHash = await rateLimits.checking(attempt, () => passwords.hash(password, client));
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
      return door.enter(proof, { as: 'registration', client, deviceName: null });
    },

    /** Ends every session and begins a new one, id and secret (ASVS 7.2.4): whoever stole the old ones is out. */
    async changePassword(
      viewer: Viewer,
      input: { currentPassword: string; newPassword: string },
      client: Client,
    ): Promise<Grant> {
      passwords.check(input.newPassword, await users.view(viewer));
      const { user, attempt } = await ownership.requirePassword(viewer, {
        password: input.currentPassword,
        client,
        failure: 'authn_password_change_fail',
      });
      const passwordHash = await rateLimits.checking(attempt, () =>
        passwords.hash(input.newPassword, client),
      );

      const proof = provenByPassword({
        user,
        attempt,
        failure: 'authn_password_change_fail',
        hold: async (tx) => {
          const changed = await changePasswordHash(tx, { ...user, passwordHash, now: clock.now() });
          if (changed === undefined) return undefined;
          await rateLimits.passwordWasSet(tx, canonicalEmail(changed.email));
          await oneTimeTokens.endAllOf(tx, changed.id);
          const count = await sessions.endAllOf(tx, changed.id, 'password', viewer.sessionId);
          sessions.ownerChanged(tx, changed.id);
          await mail.notify(tx, changed, 'password-changed');
          // With the viewer's own session, which ends as well.
          return { user: changed, details: { count: count + 1 } };
        },
      });
      return door.enter(proof, { as: 'password', client, replaces: viewer.sessionId });
    },

    /**
     * Proves anew who the viewer is: ends their session, and no other, and opens one whose authentication is fresh.
     *
     * @throws AuthError `INVALID_CREDENTIALS`, `TOO_MANY_REQUESTS`, `UNAUTHENTICATED`, `OVERLOADED`, `UNAVAILABLE`.
     */
    async reauthenticate(viewer: Viewer, input: { password: string }, client: Client): Promise<Grant> {
      const failure = 'authn_login_fail';
      const { user, attempt } = await ownership.requirePassword(viewer, {
        password: input.password,
        client,
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
      return door.enter(proof, { as: 'reauthenticated', client, replaces: viewer.sessionId });
    },

    /** A name left out stays; null removes it. @throws AuthError `BAD_USER_INPUT`, `TOO_MANY_REQUESTS`. */
    async update(
      viewer: Viewer,
      input: { name?: string | null | undefined },
      client: Client,
    ): Promise<UserView> {
      if (input.name === undefined) return users.view(viewer);
      const name = parseLabel(input.name, 'input.name');
      await rateLimits.beforeChange(viewer.userId, client);
      const now = clock.now();
      const view = await database.before(client.deadline).transaction(async (tx) => {
        const renamed = await renameUser(tx, { id: viewer.userId, name, now });
        if (renamed === undefined) return undefined;
        sessions.ownerChanged(tx, renamed.id);
        await recordEvent(tx, {
          name: 'user_updated',
          outcome: 'success',
          at: now,
          userId: viewer.userId,
          sessionId: viewer.sessionId,
          client,
          details: { fields: ['name'] },
        });
        return { ...renamed, currentSessionId: viewer.sessionId };
      });
      return view ?? users.view(viewer);
    },

    /** @throws AuthError `INVALID_CREDENTIALS`, `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`. */
    async delete(viewer: Viewer, input: { password: string }, client: Client): Promise<{ id: string }> {
      const { user, attempt } = await ownership.requirePassword(viewer, {
        password: input.password,
        client,
        failure: 'authn_password_change_fail',
      });

      const now = clock.now();
      const { id } = user;
      await database.before(client.deadline).transaction(async (tx) => {
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
          client,
          details: { count },
        });
      });
      return { id };
    },
  };
}
