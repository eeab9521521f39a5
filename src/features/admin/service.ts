import { randomUUID } from 'node:crypto';
import type { EventName, RecordEvent } from '../../core/audit/store.ts';
import type { Mail } from '../../core/mail/service.ts';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { Guesses } from '../../core/passwords/guesses.ts';
import { PASSWORD_CHANGED } from '../../core/passwords/mails.ts';
import type { Passwords } from '../../core/passwords/service.ts';
import { setPasswordHash } from '../../core/passwords/store.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import { canonicalEmail, everyUser } from '../../core/users/service.ts';
import {
  disableUser,
  enableUser,
  findUserByEmail,
  insertUser,
  type UserRecord,
} from '../../core/users/store.ts';
import type { Database, Sql, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Clock } from '../../platform/clock.ts';
import { parseLabel } from '../../platform/label.ts';
import { createRestore, type RestoreOptions } from './restore.ts';
import { createFactorAdmin, type FactorAdminOptions } from './second-factors.ts';

export interface AdminOptions extends FactorAdminOptions, RestoreOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly guesses: Pick<Guesses, 'passwordWasSet'>;
  readonly passwords: Pick<Passwords, 'check' | 'hash'>;
  readonly sessions: Pick<Sessions, 'endAllOf' | 'endAll'>;
  readonly oneTimeTokens: Pick<OneTimeTokens, 'endAllOf' | 'endAll'>;
  readonly mail: Pick<Mail, 'notify' | 'forget'>;
  readonly factors: FactorAdminOptions['factors'] & RestoreOptions['factors'];
}

/** What the operator does from the command line, to other people's accounts above all. */
export function createAdmin(options: AdminOptions) {
  const { database, clock, recordEvent, guesses, passwords, sessions, oneTimeTokens, mail } = options;

  async function requireUser(email: string): Promise<UserRecord> {
    const user = await findUserByEmail(database, canonicalEmail(email));
    if (user === undefined) throw new AuthError('NOT_FOUND');
    return user;
  }

  /** A change of a user's row, then the end of their links and sessions, in one transaction (SES-4, OTT-2). */
  async function changeAndEnd(
    user: UserRecord,
    {
      name,
      reason,
      change,
    }: { name: EventName; reason: 'password' | 'disabled'; change: (tx: Transaction) => Promise<unknown> },
  ): Promise<void> {
    await database.transaction(async (tx) => {
      await change(tx);
      await oneTimeTokens.endAllOf(tx, user.id);
      const count = await sessions.endAllOf(tx, user.id, reason);
      await record(tx, user.id, name, { reason, count });
    });
  }

  function record(
    sql: Sql,
    userId: string,
    name: EventName,
    details: Record<string, string | number>,
  ): Promise<void> {
    return recordEvent(sql, {
      name,
      outcome: 'success',
      at: clock.now(),
      userId,
      details: { by: 'operator', ...details },
    });
  }

  return {
    /** The operator answers for the address. @throws AuthError `WEAK_PASSWORD`, `EMAIL_TAKEN`. */
    async createUser(input: {
      email: string;
      password: string;
      name?: string | undefined;
    }): Promise<UserRecord> {
      const name = parseLabel(input.name, 'name');
      passwords.check(input.password, { email: input.email, name });
      const passwordHash = await passwords.hash(input.password);
      const email = input.email.trim();
      return database.transaction(async (sql) => {
        const now = clock.now();
        const emailCanonical = canonicalEmail(email);
        const user = await insertUser(sql, {
          id: randomUUID(),
          email,
          emailCanonical,
          name,
          passwordHash,
          emailVerifiedAt: now,
          now,
        });
        if (user === undefined) throw new AuthError('EMAIL_TAKEN');
        await record(sql, user.id, 'user_created', {});
        return user;
      });
    },

    /** Every user, by id, read a page at a time. */
    listUsers: () => everyUser(database),

    /** Sets a password without knowing the one before, ends every session and the account's throttle. @throws AuthError `NOT_FOUND`, `WEAK_PASSWORD`. */
    async setPassword(email: string, password: string): Promise<void> {
      const user = await requireUser(email);
      passwords.check(password, user);
      const passwordHash = await passwords.hash(password);
      await changeAndEnd(user, {
        name: 'authn_password_change',
        reason: 'password',
        change: async (tx) => {
          await setPasswordHash(tx, { id: user.id, passwordHash, now: clock.now() });
          await guesses.passwordWasSet(tx, canonicalEmail(user.email));
          await mail.notify(tx, user, PASSWORD_CHANGED);
        },
      });
    },

    /** Locks the account and ends its sessions. @throws AuthError `NOT_FOUND`. */
    async disable(email: string): Promise<void> {
      const user = await requireUser(email);
      const now = clock.now();
      await changeAndEnd(user, {
        name: 'authz_admin',
        reason: 'disabled',
        change: (tx) => disableUser(tx, { id: user.id, now }),
      });
    },

    /** Lets the account log in again. @throws AuthError `NOT_FOUND`. */
    async enable(email: string): Promise<void> {
      const user = await requireUser(email);
      await database.transaction(async (sql) => {
        await enableUser(sql, { id: user.id, now: clock.now() });
        await record(sql, user.id, 'authz_admin', { reason: 'enabled' });
      });
    },

    ...createRestore(options),
    ...createFactorAdmin(options),
  };
}
