import { randomUUID } from 'node:crypto';
import type { RecordEvent } from '../../core/audit/store.ts';
import type { Mail } from '../../core/mail/service.ts';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { Guesses } from '../../core/passwords/guesses.ts';
import { PASSWORD_CHANGED } from '../../core/passwords/mails.ts';
import type { Passwords } from '../../core/passwords/service.ts';
import { setPasswordHash } from '../../core/passwords/store.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import { canonicalEmail, everyUser } from '../../core/users/service.ts';
import { findUserByEmail, insertUser, type UserRecord } from '../../core/users/store.ts';
import type { Database, Sql } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Clock } from '../../platform/clock.ts';
import { parseLabel } from '../../platform/label.ts';
import { createRestore, type RestoreOptions } from './restore.ts';
import { createFactorAdmin } from './second-factors.ts';
import { createSteps, type RecordStep, type StepsOptions } from './steps.ts';

export interface AdminOptions extends StepsOptions, RestoreOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly guesses: Pick<Guesses, 'passwordWasSet'>;
  readonly passwords: Pick<Passwords, 'check' | 'hash'>;
  readonly sessions: StepsOptions['sessions'] & Pick<Sessions, 'endAll'>;
  readonly oneTimeTokens: StepsOptions['oneTimeTokens'] & Pick<OneTimeTokens, 'endAll'>;
  readonly mail: Pick<Mail, 'notify' | 'forget'>;
  readonly factors: StepsOptions['factors'] & RestoreOptions['factors'];
}

/** What the operator does from the command line, to other people's accounts above all. */
export function createAdmin(options: AdminOptions) {
  const { database, clock, recordEvent, guesses, passwords, sessions, oneTimeTokens, mail } = options;
  const steps = createSteps(options);

  async function requireUser(email: string): Promise<UserRecord> {
    const user = await findUserByEmail(database, canonicalEmail(email));
    if (user === undefined) throw new AuthError('NOT_FOUND');
    return user;
  }

  function recordIn(sql: Sql): RecordStep {
    return (name, userId, details) =>
      recordEvent(sql, {
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
        await recordIn(sql)('user_created', user.id, {});
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
      await database.transaction(async (tx) => {
        await setPasswordHash(tx, { id: user.id, passwordHash, now: clock.now() });
        await guesses.passwordWasSet(tx, canonicalEmail(user.email));
        await mail.notify(tx, user, PASSWORD_CHANGED);
        await oneTimeTokens.endAllOf(tx, user.id);
        const count = await sessions.endAllOf(tx, user.id, 'password');
        await recordIn(tx)('authn_password_change', user.id, { reason: 'password', count });
      });
    },

    /** Locks the account and ends its sessions. @throws AuthError `NOT_FOUND`. */
    async disable(email: string): Promise<void> {
      const { id } = await requireUser(email);
      await database.transaction((tx) => steps.disable(tx, id, recordIn(tx)));
    },

    /** Lets the account log in again. @throws AuthError `NOT_FOUND`. */
    async enable(email: string): Promise<void> {
      const { id } = await requireUser(email);
      await database.transaction((tx) => steps.enable(tx, id, recordIn(tx)));
    },

    ...createRestore(options),
    ...createFactorAdmin({ database, steps, recordIn }),
  };
}
