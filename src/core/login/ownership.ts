import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { EventName } from '../audit/store.ts';
import type { Factors, SecondFactor, ShownFactor } from '../factors/service.ts';
import type { OneTimeToken } from '../one-time-tokens/store.ts';
import type { PasskeyAnswer } from '../passkeys/service.ts';
import type { Guesses } from '../passwords/guesses.ts';
import type { Passwords } from '../passwords/service.ts';
import { findCredential } from '../passwords/store.ts';
import { type Attempt, type RateLimits, UNCOUNTED } from '../rate-limits/service.ts';
import type { SessionRecord, Sessions } from '../sessions/service.ts';
import type { AccessToken } from '../tokens/access-token.ts';
import { assertWide, type Viewer } from '../users/service.ts';
import { findUser, type UserRecord } from '../users/store.ts';
import type { Door } from './door.ts';

export interface OwnershipOptions {
  readonly database: Database;
  readonly rateLimits: Pick<RateLimits, 'checking'>;
  readonly guesses: Pick<Guesses, 'beforeProof'>;
  readonly passwords: Pick<Passwords, 'assertRoom' | 'verify'>;
  readonly sessions: Pick<Sessions, 'viewerOrRefusal' | 'requireFreshAuthentication'>;
  readonly factors: Pick<Factors, 'check' | 'checkPasskey'>;
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

/** The same, where a fresh authentication may stand in for the password. */
interface Claimed extends Omit<Tried, 'password'> {
  readonly password: string | null | undefined;
}

/** The secret that a password comes along with, whose bearer alone can fill that lane. */
type Lane = Parameters<Guesses['beforeProof']>[0]['lane'];

/** An account that the caller has shown to be theirs, as it was read then. */
export interface Owned {
  readonly user: UserRecord;
  readonly attempt: Attempt;
  /** The session whose fresh authentication was looked at, where that was asked for. */
  readonly session?: SessionRecord | undefined;
}

export type Ownership = ReturnType<typeof createOwnership>;

/** Whether an account is the caller's: by its password, or by a live session of it. */
export function createOwnership({
  database,
  rateLimits,
  guesses,
  passwords,
  sessions,
  factors,
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
   * What changes of an account take: its password, or an authentication of the last ten minutes. Once the account has a
   * second factor, that authentication must have shown one, and the password alone is not enough.
   *
   * @throws AuthError the same, and `REAUTHENTICATION_REQUIRED`.
   */
  async function requireOwner(viewer: Viewer, { password, ...tried }: Claimed): Promise<Owned> {
    const { caller } = tried;
    const fresh = (user: UserRecord) =>
      sessions.requireFreshAuthentication(viewer, caller, { withFactor: user.secondFactors !== '' });
    if (password != null) {
      const owned = await requirePassword(viewer, { ...tried, password });
      if (owned.user.secondFactors === '') return owned;
      // A right password that is not enough is no failure.
      return { ...owned, session: await rateLimits.checking(owned.attempt, () => fresh(owned.user)) };
    }
    const user = await findUser(database.before(caller.deadline), viewer.userId);
    if (user === undefined) throw new AuthError('INVALID_CREDENTIALS', { cause: 'the account is gone' });
    return { user, attempt: UNCOUNTED, session: await fresh(user) };
  }

  /**
   * The second factor of the owner of a live session, whose password was right: together they are what a login takes. A
   * session that has shown a factor counts in lanes of its own.
   *
   * @throws AuthError `INVALID_CODE`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`.
   */
  function requireFactor(
    { sessionId, acr }: Viewer,
    { user, attempt, shown, caller }: Owned & { shown: ShownFactor; caller: Caller },
  ): Promise<SecondFactor> {
    const session = acr === 'aal2' ? sessionId : undefined;
    // The password was right: it is no failure, whatever becomes of the code.
    return rateLimits.checking(attempt, async () => {
      const purpose = { ceremony: 'reauthentication', sessionId } as const;
      const checked = await factors.check({ user, session, purpose, caller }, shown);
      if (checked.factor !== undefined) return checked.factor;
      const { attempt, reason } = checked;
      return door.refuse({ userId: user.id, reason, caller, attempt, refusal: 'INVALID_CODE' });
    });
  }

  /**
   * A passkey of the owner of a live session, with user verification: it is all that a login takes.
   *
   * @throws AuthError `INVALID_CODE`, `INVALID_TOKEN`, `TOO_MANY_REQUESTS`, `FEATURE_DISABLED`, `UNAVAILABLE`.
   */
  async function requirePasskey(
    { userId, sessionId }: Viewer,
    { answer, caller }: { answer: PasskeyAnswer; caller: Caller },
  ): Promise<{ user: UserRecord; factor: SecondFactor }> {
    const user = await findUser(database.before(caller.deadline), userId);
    if (user === undefined) throw new AuthError('INVALID_CREDENTIALS', { cause: 'the account is gone' });
    const purpose = { ceremony: 'reauthentication', sessionId } as const;
    const wanted = { purpose, userId, requireUserVerification: true, caller };
    const checked = await factors.checkPasskey(answer, wanted);
    if (!('refused' in checked)) return { user, factor: checked.factor };
    const { refused: reason } = checked;
    return door.refuse({ userId, reason, caller, attempt: UNCOUNTED, refusal: 'INVALID_CODE' });
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

  return { requirePassword, requireOwner, requireFactor, requirePasskey, show };
}
