import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { EventName } from '../audit/store.ts';
import type { OneTimeToken } from '../one-time-tokens/store.ts';
import type { Guesses } from '../passwords/guesses.ts';
import type { Passwords } from '../passwords/service.ts';
import { findCredential } from '../passwords/store.ts';
import { type Attempt, type RateLimits, UNCOUNTED } from '../rate-limits/service.ts';
import type { Sessions } from '../sessions/service.ts';
import type { AccessToken } from '../tokens/access-token.ts';
import { assertWide, type Viewer } from '../users/service.ts';
import type { UserRecord } from '../users/store.ts';
import type { Door } from './door.ts';

export interface OwnershipOptions {
  readonly database: Database;
  readonly rateLimits: Pick<RateLimits, 'checking'>;
  readonly guesses: Pick<Guesses, 'beforeProof'>;
  readonly passwords: Pick<Passwords, 'assertRoom' | 'verify'>;
  readonly sessions: Pick<Sessions, 'viewerOrRefusal'>;
  readonly door: Pick<Door, 'refuse'>;
}

/** What a caller brings along to show that an account is theirs. */
export interface Shown {
  readonly bearer: AccessToken | AuthError;
  readonly password: string | null | undefined;
  readonly caller: Caller;
}

/** A password that is to be compared. */
interface Tried {
  readonly password: string;
  readonly caller: Caller;
  /** What the audit trail calls a wrong one. */
  readonly failure: EventName;
}

/** The secret that a password comes along with, whose bearer alone can fill that lane. */
type Lane = Parameters<Guesses['beforeProof']>[0]['lane'];

/** An account that the caller has shown to be theirs, as it was read then. */
export interface Owned {
  readonly user: UserRecord;
  readonly attempt: Attempt;
}

export type Ownership = ReturnType<typeof createOwnership>;

/** Whether an account is the caller's: by its password, or by a live session of it. */
export function createOwnership({
  database,
  rateLimits,
  guesses,
  passwords,
  sessions,
  door,
}: OwnershipOptions) {
  /** Compares a password for a caller who is no stranger: the owner of a live session, or the reader of a mail. */
  async function compare(
    userId: string,
    { password, lane, caller, failure }: Tried & { lane: Lane },
  ): Promise<Owned> {
    await passwords.assertRoom(caller);
    const credential = await findCredential(database.before(caller.deadline), userId);
    // The account is gone, and the session or the token that led here with it.
    if (credential === undefined)
      throw new AuthError('INVALID_CREDENTIALS', { cause: 'the account is gone' });
    const { user } = credential;
    const attempt = await guesses.beforeProof({ lane, user, caller });
    const matches = await rateLimits.checking(attempt, () => passwords.verify(credential, password, caller));
    if (matches) return { user, attempt };
    return door.refuse({ userId, reason: 'wrong_password', caller, attempt, failure });
  }

  /**
   * The password of the owner of a live session.
   *
   * @throws AuthError `INVALID_CREDENTIALS`, `TOO_MANY_REQUESTS`, `OVERLOADED`, `UNAVAILABLE`.
   */
  function requirePassword({ userId, sessionId }: Viewer, tried: Tried): Promise<Owned> {
    return compare(userId, { ...tried, lane: ['session', sessionId] });
  }

  /**
   * For the reader of a mail, who is a stranger until then. A password is asked for where no session shows the account.
   *
   * @returns what the throttles counted; or why nothing shows that the account is theirs.
   * @throws AuthError `INVALID_CREDENTIALS` and the like when a password was given and is wrong; `FORBIDDEN` for a
   * narrowed session alone; `UNAVAILABLE`.
   */
  async function show(
    { subject: userId, tokenHash }: OneTimeToken,
    { bearer, password, caller }: Shown,
  ): Promise<Attempt | AuthError> {
    const viewer = await sessions.viewerOrRefusal(bearer);
    if ('userId' in viewer && viewer.userId === userId) {
      if (viewer.narrowedTo === null) return UNCOUNTED;
      // Not as good as no session: by the mailbox alone, what was made before would go.
      if (password == null) assertWide(viewer);
    }
    if (password == null) return 'userId' in viewer ? new AuthError('FORBIDDEN') : viewer;
    const lane = ['token', tokenHash] as const;
    const failure = 'authn_login_fail';
    return (await compare(userId, { password, lane, caller, failure })).attempt;
  }

  return { requirePassword, show };
}
