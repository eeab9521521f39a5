import { randomUUID } from 'node:crypto';
import type { Client } from '../../client.ts';
import type { Clock } from '../../clock.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { parseLabel } from '../../label.ts';
import { type EventName, recordEvent } from '../audit/store.ts';
import type { EmailVerifications } from '../email-verifications/service.ts';
import type { Mail } from '../mail/service.ts';
import type { OneTimeTokens } from '../one-time-tokens/service.ts';
import type { Passwords } from '../passwords/service.ts';
import type { Attempt, RateLimits } from '../rate-limits/service.ts';
import type { Grant, Sessions } from '../sessions/service.ts';
import { canonicalEmail, type Users, type UserView, type Viewer } from '../users/service.ts';
import {
  changePasswordHash,
  deleteUser,
  holdUser,
  insertUser,
  renameUser,
  retireUser,
  type UserRecord,
} from '../users/store.ts';

export interface AccountOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly rateLimits: RateLimits;
  readonly users: Pick<Users, 'view'>;
  readonly passwords: Passwords;
  readonly sessions: Sessions;
  readonly oneTimeTokens: OneTimeTokens;
  readonly emailVerifications: Pick<EmailVerifications, 'begin'>;
  readonly mail: Mail;
  readonly registration: 'open' | 'verify' | 'closed';
}

export type Account = ReturnType<typeof createAccount>;

/** What people do to their own accounts. */
export function createAccount({
  database,
  clock,
  rateLimits,
  users,
  passwords,
  sessions,
  oneTimeTokens,
  emailVerifications,
  mail,
  registration,
}: AccountOptions) {
  /**
   * Lets the owner of a live session prove their password again.
   *
   * @throws AuthError `INVALID_CREDENTIALS`, `TOO_MANY_REQUESTS`
   */
  async function requirePassword(
    user: UserRecord,
    password: string,
    client: Client,
    failure: EventName = 'authn_password_change_fail',
  ): Promise<Attempt> {
    await passwords.assertRoom(client);
    const attempt = await rateLimits.beforeProof({ userId: user.id, client });
    const matches = await rateLimits.checking(attempt, () => passwords.verify(user, password, client));
    if (matches) return attempt;
    await recordEvent(database, {
      name: failure,
      outcome: 'fail',
      at: clock.now(),
      userId: user.id,
      client,
      details: { reason: 'wrong_password' },
    });
    throw new AuthError('INVALID_CREDENTIALS');
  }

  return {
    requirePassword,

    /**
     * The first session; none where the address has to be verified first.
     *
     * @throws AuthError `REGISTRATION_CLOSED`, `WEAK_PASSWORD`, `TOO_MANY_REQUESTS`, `EMAIL_TAKEN`, `OVERLOADED`, `UNAVAILABLE`.
     */
    async register(
      input: { email: string; password: string; name?: string | null | undefined },
      client: Client,
    ): Promise<Grant | undefined> {
      if (registration === 'closed') throw new AuthError('REGISTRATION_CLOSED');
      const name = parseLabel(input.name, 'input.name');
      passwords.check(input.password, { email: input.email, name });
      await passwords.assertRoom(client);
      const attempt = await rateLimits.beforeRegistration(client);
      if (registration === 'verify') await oneTimeTokens.beforeRequest(input.email, client);
      const passwordHash = await rateLimits.checking(attempt, () => passwords.hash(input.password, client));
      if (registration === 'verify') {
        await emailVerifications.begin({ email: input.email, name, passwordHash }, client);
        return undefined;
      }

      const now = clock.now();
      const emailCanonical = canonicalEmail(input.email);
      const opened = await database.before(client.deadline).transaction(async (sql) => {
        const user = await insertUser(sql, {
          id: randomUUID(),
          email: input.email,
          emailCanonical,
          name,
          passwordHash,
          now,
        });
        if (user === undefined || (await oneTimeTokens.isReserved(sql, emailCanonical)))
          throw new AuthError('EMAIL_TAKEN');
        const session = await sessions.open(sql, { userId: user.id, amr: ['pwd'], client, deviceName: null });
        await recordEvent(sql, {
          name: 'user_created',
          outcome: 'success',
          at: now,
          userId: user.id,
          sessionId: session.session.id,
          client,
        });
        return session;
      });
      return sessions.grantOpened(opened);
    },

    /** Ends every session and begins a new one, id and secret (ASVS 7.2.4): whoever stole the old ones is out. */
    async changePassword(
      viewer: Viewer,
      input: { currentPassword: string; newPassword: string },
      client: Client,
    ): Promise<Grant> {
      const user = await users.view(viewer);
      passwords.check(input.newPassword, user);
      const { deviceName } = await sessions.current(viewer);
      const attempt = await requirePassword(user, input.currentPassword, client);
      const passwordHash = await rateLimits.checking(attempt, () =>
        passwords.hash(input.newPassword, client),
      );

      const now = clock.now();
      const { opened, endedIds } = await database.before(client.deadline).transaction(async (sql) => {
        const { id, passwordVersion } = user;
        const changed = await changePasswordHash(sql, { id, passwordVersion, passwordHash, now });
        if (changed === undefined) throw new AuthError('INVALID_CREDENTIALS', { cause: 'changed meanwhile' });
        await rateLimits.succeeded(sql, attempt);
        await rateLimits.passwordWasSet(sql, canonicalEmail(user.email));
        await oneTimeTokens.endAllOf(sql, id);
        const endedIds = await sessions.endAllOf(sql, id, 'password');
        const opened = await sessions.open(sql, { userId: id, amr: ['pwd'], client, deviceName });
        await recordEvent(sql, {
          name: 'authn_password_change',
          outcome: 'success',
          at: now,
          userId: id,
          sessionId: opened.session.id,
          client,
          details: { count: endedIds.length },
        });
        await mail.enqueue(sql, { to: changed.email, template: 'password-changed', userId: id });
        return { opened, endedIds };
      });
      mail.wake();
      sessions.forget(endedIds);
      return sessions.grantOpened(opened);
    },

    /**
     * Proves anew who the viewer is: ends their session, and no other, and opens one whose authentication is fresh.
     *
     * @throws AuthError `INVALID_CREDENTIALS`, `TOO_MANY_REQUESTS`, `UNAUTHENTICATED`, `OVERLOADED`, `UNAVAILABLE`.
     */
    async reauthenticate(viewer: Viewer, input: { password: string }, client: Client): Promise<Grant> {
      const user = await users.view(viewer);
      const attempt = await requirePassword(user, input.password, client, 'authn_login_fail');

      const amr = ['pwd'];
      const opened = await database.before(client.deadline).transaction(async (sql) => {
        const { id, passwordVersion } = user;
        if ((await holdUser(sql, { id, passwordVersion })) === undefined)
          throw new AuthError('INVALID_CREDENTIALS', { cause: 'changed meanwhile' });
        await rateLimits.succeeded(sql, attempt);
        const session = await sessions.replace(sql, viewer, { amr, client });
        await recordEvent(sql, {
          name: 'authn_login_success',
          outcome: 'success',
          at: clock.now(),
          userId: user.id,
          sessionId: session.session.id,
          client,
          details: { amr, replaced: viewer.sessionId },
        });
        return session;
      });
      return sessions.grantOpened(opened);
    },

    /** A name left out stays; null removes it. @throws AuthError `BAD_USER_INPUT`. */
    async update(
      viewer: Viewer,
      input: { name?: string | null | undefined },
      client: Client,
    ): Promise<UserView> {
      if (input.name === undefined) return users.view(viewer);
      const name = parseLabel(input.name, 'input.name');
      const now = clock.now();
      const user = await database.before(client.deadline).transaction(async (sql) => {
        const renamed = await renameUser(sql, { id: viewer.userId, name, now });
        if (renamed === undefined) throw new AuthError('UNAUTHENTICATED', { reason: 'TOKEN_INVALID' });
        await recordEvent(sql, {
          name: 'user_updated',
          outcome: 'success',
          at: now,
          userId: viewer.userId,
          sessionId: viewer.sessionId,
          client,
          details: { fields: ['name'] },
        });
        return renamed;
      });
      sessions.ownerChanged(user.id);
      return { ...user, currentSessionId: viewer.sessionId };
    },

    /** @throws AuthError `INVALID_CREDENTIALS`, `OVERLOADED`, `UNAVAILABLE`. */
    async delete(viewer: Viewer, input: { password: string }, client: Client): Promise<{ id: string }> {
      const user = await users.view(viewer);
      const attempt = await requirePassword(user, input.password, client);

      const now = clock.now();
      const endedIds = await database.before(client.deadline).transaction(async (sql) => {
        const { id, passwordVersion } = user;
        if ((await retireUser(sql, { id, passwordVersion, now })) === 0) {
          throw new AuthError('INVALID_CREDENTIALS', { cause: 'changed meanwhile' });
        }
        await rateLimits.succeeded(sql, attempt);
        const gone = await sessions.deleteAllOf(sql, id);
        await oneTimeTokens.endAllOf(sql, id);
        await oneTimeTokens.endUndosOf(sql, id);
        await deleteUser(sql, id);
        await recordEvent(sql, {
          name: 'user_deleted',
          outcome: 'success',
          at: now,
          userId: id,
          sessionId: viewer.sessionId,
          client,
          details: { count: gone.length },
        });
        return gone;
      });
      sessions.forget(endedIds);
      return { id: user.id };
    },
  };
}
