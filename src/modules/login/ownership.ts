import type { Client } from '../../client.ts';
import type { Clock } from '../../clock.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { EventName, RecordEvent } from '../audit/store.ts';
import type { OneTimeToken } from '../one-time-tokens/store.ts';
import type { Passwords } from '../passwords/service.ts';
import { type Attempt, type RateLimits, UNCOUNTED } from '../rate-limits/service.ts';
import type { Sessions } from '../sessions/service.ts';
import type { AccessToken } from '../tokens/access-token.ts';
import { findCredential, type UserRecord } from '../users/store.ts';

export interface OwnershipOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly rateLimits: Pick<RateLimits, 'beforeProof' | 'checking'>;
  readonly passwords: Pick<Passwords, 'assertRoom' | 'verify'>;
  readonly sessions: Pick<Sessions, 'viewerOrRefusal'>;
}

/** What somebody brings along to show that an account is theirs. */
export interface Shown {
  readonly bearer: AccessToken | AuthError;
  readonly password: string | null | undefined;
  readonly client: Client;
}

/** A password that is to be compared. */
interface Tried {
  readonly password: string;
  /** The secret that it comes along with, whose bearer alone can fill that lane. */
  readonly lane: Parameters<RateLimits['beforeProof']>[0]['lane'];
  readonly client: Client;
  /** What the audit trail calls a wrong one. */
  readonly failure: EventName;
}

/** That an account is somebody's, as it was read then. */
export interface Owned {
  readonly user: UserRecord;
  readonly attempt: Attempt;
}

export type Ownership = ReturnType<typeof createOwnership>;

/** Whether an account is somebody's: by its password, or by a live session of it. */
export function createOwnership({
  database,
  clock,
  recordEvent,
  rateLimits,
  passwords,
  sessions,
}: OwnershipOptions) {
  /**
   * Compares a password for somebody who is not a stranger: the owner of a live session, or the reader of a mail.
   *
   * @throws AuthError `INVALID_CREDENTIALS`, `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`.
   */
  async function requirePassword(userId: string, { password, lane, client, failure }: Tried): Promise<Owned> {
    await passwords.assertRoom(client);
    const credential = await findCredential(database.before(client.deadline), userId);
    // The account is gone, and the session or the token that led here with it.
    if (credential === undefined)
      throw new AuthError('INVALID_CREDENTIALS', { cause: 'the account is gone' });
    const { user } = credential;
    const attempt = await rateLimits.beforeProof({ lane, user, client });
    const matches = await rateLimits.checking(attempt, () => passwords.verify(credential, password, client));
    if (matches) return { user, attempt };
    // Past the deadline, too: what was found to be wrong is recorded.
    const event = {
      outcome: 'fail',
      at: clock.now(),
      userId,
      client,
      details: { reason: 'wrong_password' },
    } as const;
    await recordEvent(database, { ...event, name: failure });
    if (attempt.isLast) await recordEvent(database, { ...event, name: 'authn_login_lock' });
    throw new AuthError('INVALID_CREDENTIALS');
  }

  /**
   * For the reader of a mail, who is a stranger until then. A password is asked for where no session shows the account.
   *
   * @returns what the throttles counted; or why nothing shows that the account is theirs.
   * @throws AuthError `INVALID_CREDENTIALS` and the like when a password was given and is wrong; `UNAVAILABLE`.
   */
  async function show(
    { subject: userId, tokenHash }: OneTimeToken,
    { bearer, password, client }: Shown,
  ): Promise<Attempt | AuthError> {
    const viewer = await sessions.viewerOrRefusal(bearer);
    if ('userId' in viewer && viewer.userId === userId) return UNCOUNTED;
    if (password == null) return 'userId' in viewer ? new AuthError('FORBIDDEN') : viewer;
    const lane = ['token', tokenHash] as const;
    const failure = 'authn_login_fail';
    return (await requirePassword(userId, { password, lane, client, failure })).attempt;
  }

  return { requirePassword, show };
}
