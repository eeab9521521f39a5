import type { Client } from '../../client.ts';
import type { Clock } from '../../clock.ts';
import type { Database, Sql } from '../../database/database.ts';
import { AuthError, type ErrorCode } from '../../errors.ts';
import { parseLabel } from '../../label.ts';
import { countFailedLogins, recordEvent } from '../audit/store.ts';
import type { Mail } from '../mail/service.ts';
import type { Passwords } from '../passwords/service.ts';
import type { Attempt, RateLimits } from '../rate-limits/service.ts';
import type { Grant, Sessions } from '../sessions/service.ts';
import type { Tokens } from '../tokens/service.ts';
import { canonicalEmail } from '../users/service.ts';
import { findUserByEmail, recordLogin, type UserRecord } from '../users/store.ts';

export interface LoginOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly rateLimits: RateLimits;
  readonly tokens: Pick<Tokens, 'deviceTokens'>;
  readonly passwords: Passwords;
  readonly sessions: Sessions;
  readonly mail: Mail;
  /** Whether an account whose address is not verified may not log in. */
  readonly requireVerification: boolean;
}

/** How somebody has proven who they are, and where from. */
export interface Proven {
  /** RFC 8176. */
  readonly amr: readonly string[];
  readonly client: Client;
  readonly deviceName: string | null;
  /** A device that is known from an earlier login. */
  readonly deviceId: string | undefined;
  /** What the throttles counted of it. */
  readonly attempt: Attempt;
  /** What it is called when it proves nothing any more; what a wrong password is, unless given. */
  readonly refusal?: ErrorCode | undefined;
  /** Spends what can be spent once, in the transaction that opens the session; throws when somebody was faster. */
  readonly spend?: (sql: Sql) => Promise<void>;
}

interface Refused extends Pick<Proven, 'client' | 'attempt' | 'refusal'> {
  /** For the audit trail. */
  readonly reason: string;
}

export type Login = ReturnType<typeof createLogin>;

/** The ways in. Each of them proves who it is and ends in `complete`. */
export function createLogin({
  database,
  clock,
  rateLimits,
  tokens,
  passwords,
  sessions,
  mail,
  requireVerification,
}: LoginOptions) {
  /** One answer, one write and one hash for every cause, so that nobody learns which accounts exist (LOG-1, LOG-2). */
  async function refuse(
    user: UserRecord | undefined,
    { reason, client, attempt, refusal = 'INVALID_CREDENTIALS' }: Refused,
  ): Promise<never> {
    const event = {
      outcome: 'fail',
      at: clock.now(),
      userId: user?.id,
      client,
      details: { reason },
    } as const;
    await recordEvent(database, { ...event, name: 'authn_login_fail' });
    if (attempt.isLast) await recordEvent(database, { ...event, name: 'authn_login_lock' });
    throw new AuthError(refusal);
  }

  /**
   * Opens the session of a user who has proven who they are. The user's row is written first and only as it was
   * read, so a login that overlaps a change of password leaves no session of the old one.
   */
  async function complete(
    user: UserRecord,
    { amr, client, deviceName, deviceId, attempt, refusal, spend }: Proven,
  ): Promise<Grant> {
    const now = clock.now();
    const opened = await database.before(client.deadline).transaction(async (sql) => {
      const row = await recordLogin(sql, { id: user.id, passwordVersion: user.passwordVersion, now });
      if (row === undefined) return undefined;
      await spend?.(sql);
      await rateLimits.succeeded(sql, attempt);
      const session = await sessions.open(sql, { userId: user.id, amr, client, deviceName, deviceId });
      const failures = await countFailedLogins(sql, { userId: user.id, since: user.lastLoginAt ?? 0 });
      await recordEvent(sql, {
        name: failures === 0 ? 'authn_login_success' : 'authn_login_successafterfail',
        outcome: 'success',
        at: now,
        userId: user.id,
        sessionId: session.session.id,
        client,
        details: { amr, ...(failures > 0 && { failures }) },
      });
      // Whoever guessed right is told apart from the owner by the owner alone (ASVS 6.3.5).
      if (failures > 0)
        await mail.enqueue(sql, { to: row.email, template: 'login-after-failures', userId: user.id });
      return { session, failures };
    });
    if (opened === undefined) return refuse(user, { reason: 'changed_meanwhile', client, attempt, refusal });
    if (opened.failures > 0) mail.wake();
    return sessions.grantOpened(opened.session);
  }

  function mayLogIn(user: UserRecord): boolean {
    return user.disabledAt === null && (user.emailVerifiedAt !== null || !requireVerification);
  }

  function deviceOf(user: UserRecord | undefined, proof: string | null | undefined): string | undefined {
    if (user === undefined || proof == null) return undefined;
    return tokens.deviceTokens.deviceOf(proof, {
      userId: user.id,
      nowSeconds: Math.floor(clock.now() / 1_000),
    });
  }

  return {
    complete,
    refuse,

    /** @throws AuthError `INVALID_CREDENTIALS`, `OVERLOADED`, `UNAVAILABLE`, `BAD_USER_INPUT`. */
    async withPassword(
      input: {
        email: string;
        password: string;
        deviceName?: string | null | undefined;
        deviceToken?: string | null | undefined;
      },
      client: Client,
    ): Promise<Grant> {
      const deviceName = parseLabel(input.deviceName, 'input.deviceName');
      await passwords.assertRoom(client);
      const emailCanonical = canonicalEmail(input.email);
      const user = await findUserByEmail(database.before(client.deadline), emailCanonical);
      const deviceId = deviceOf(user, input.deviceToken);
      const attempt = await rateLimits.beforeLogin({
        emailCanonical,
        deviceId,
        actor: { client, userId: user?.id },
      });
      const matches = await rateLimits.checking(attempt, () =>
        passwords.verify(user, input.password, client),
      );
      if (user === undefined || !matches || !mayLogIn(user))
        return refuse(user, { reason: reasonOf(user, matches), client, attempt });

      await passwords.upgrade(user, input.password, client);
      return complete(user, { amr: ['pwd'], client, deviceName, deviceId, attempt });
    },
  };
}

function reasonOf(user: UserRecord | undefined, matches: boolean): string {
  if (user === undefined) return 'unknown_account';
  if (!matches) return 'wrong_password';
  return user.disabledAt !== null ? 'disabled' : 'unverified';
}
