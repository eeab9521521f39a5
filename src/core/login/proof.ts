import type { Transaction } from '../../database/database.ts';
import { AuthError, type ErrorCode } from '../../errors.ts';
import { wordsOf } from '../../platform/words.ts';
import type { EventName } from '../audit/store.ts';
import type { SecondFactor } from '../factors/service.ts';
import { type Attempt, UNCOUNTED } from '../rate-limits/service.ts';
import type { SessionRecord } from '../sessions/service.ts';
import type { UserRecord } from '../users/store.ts';

/*
 * What a caller has shown, so that a session may be opened for them. Proofs are made here and nowhere else: the brand
 * is not exported. door.ts is the only one that opens a session, and it takes nothing but a proof.
 */
declare const PROVEN: unique symbol;

/** The row of the user as the transaction wrote it, and plain facts for the audit trail. */
export interface Held {
  readonly user: UserRecord;
  readonly details?: Readonly<Record<string, string | number | readonly string[]>> | undefined;
}

export interface Proof {
  readonly [PROVEN]: true;
  /** What was shown of first factors, or in an earlier login that this one rests on (RFC 8176 §2). */
  readonly amr: readonly string[];
  /** What was shown beside that. */
  readonly factor?: SecondFactor | undefined;
  /** The session whose authentication counts, because nothing was shown since. */
  readonly session?: Pick<SessionRecord, 'acr' | 'authenticatedAt'> | undefined;
  /** What the throttles counted of the first factor. */
  readonly attempt: Attempt;
  /**
   * Writes the user's row, before anything else of the transaction is written, on condition that it still is as it was
   * when the proof was given; and with it what the proof is for. No row when it proves nothing any more.
   */
  readonly hold: (tx: Transaction) => Promise<Held | undefined>;
  /** When nothing of it was written after all, through no fault of the caller. */
  readonly takeBack?: ((tx: Transaction) => Promise<void>) | undefined;
  /** As they were read when the proof was given; none for an account that the transaction creates. */
  readonly user: UserRecord | undefined;
  /** What is recorded and answered when it proves nothing any more. */
  readonly failure: EventName;
  readonly refusal: ErrorCode | AuthError;
}

interface Shown extends Pick<Proof, 'hold'> {
  readonly user: UserRecord;
  readonly attempt: Attempt;
}

/** The password was compared, and it is the account's; a second factor may have come along. */
export function provenByPassword({
  user,
  attempt,
  hold,
  factor,
  failure = 'authn_login_fail',
}: Shown & { factor?: SecondFactor | undefined; failure?: EventName }): Proof {
  return proof({ amr: ['pwd'], factor, attempt, hold, user, failure, refusal: 'INVALID_CREDENTIALS' });
}

/** A secret that was mailed came back: as a link or typed as a code, it works once (RFC 8176 §2, `otp`). */
export function provenByMail({ user, attempt, hold }: Shown): Proof {
  const failure = 'authn_login_fail';
  return proof({ amr: ['otp'], attempt, hold, user, failure, refusal: 'INVALID_TOKEN' });
}

/** A passkey whose authenticator has verified the user: both factors at once. */
export function provenByPasskey({
  user,
  factor,
  hold,
}: Pick<Proof, 'hold'> & { user: UserRecord; factor: SecondFactor }): Proof {
  const failure = 'authn_login_fail';
  return proof({ amr: [], factor, attempt: UNCOUNTED, hold, user, failure, refusal: 'INVALID_CODE' });
}

/**
 * A provider answered for who logged in there, and a mailed code may have come back, too. RFC 8176 §2 has no word for an
 * assertion of another server; `fed` is what other servers call it.
 *
 * @param shown.user none for an account that the transaction creates.
 */
export function provenByProvider({
  user,
  attempt = UNCOUNTED,
  withMail = false,
  hold,
}: Pick<Proof, 'hold' | 'user'> & { attempt?: Attempt | undefined; withMail?: boolean }): Proof {
  const failure = 'authn_login_fail';
  const amr = withMail ? ['fed', 'otp'] : ['fed'];
  const refusal = new AuthError('EXTERNAL_LOGIN_FAILED', { reason: 'EXPIRED' });
  return proof({ amr, attempt, hold, user, failure, refusal });
}

/** A first factor was proven earlier, and now the second one. */
export function provenByBoth({
  user,
  challenge: { amr },
  factor,
  hold,
  takeBack,
}: Pick<Proof, 'hold' | 'takeBack'> & {
  user: UserRecord;
  challenge: { readonly amr: string };
  factor: SecondFactor;
}): Proof {
  const failure = 'authn_login_fail';
  const attempt = UNCOUNTED;
  return proof({
    amr: wordsOf(amr),
    factor,
    attempt,
    hold,
    takeBack,
    user,
    failure,
    refusal: 'INVALID_TOKEN',
  });
}

/**
 * A live session whose authentication is fresh, with what was shown then.
 *
 * @param shown.newFactor what a factor has shown, too, that the same transaction confirms (RFC 8176 §2).
 */
export function provenBySession({
  user,
  session,
  newFactor,
  attempt = UNCOUNTED,
  hold,
  failure,
  refusal,
}: Pick<Proof, 'hold' | 'failure' | 'refusal'> & {
  user: UserRecord;
  session: SessionRecord;
  newFactor?: readonly string[] | undefined;
  attempt?: Attempt | undefined;
}): Proof {
  const { acr, authenticatedAt } = session;
  const amr = [...wordsOf(session.amr), ...(newFactor === undefined ? [] : [...newFactor, OF_BOTH])];
  return proof({
    amr: [...new Set(amr)],
    session: { acr: newFactor === undefined ? acr : 'aal2', authenticatedAt },
    attempt,
    hold,
    user,
    failure,
    refusal,
  });
}

/** The transaction creates the account, with a password or for a mailbox that was proven. */
export function provenByRegistration(
  by: 'password' | 'mail',
  hold: (tx: Transaction) => Promise<Held>,
): Proof {
  return proof({
    amr: [by === 'password' ? 'pwd' : 'otp'],
    attempt: UNCOUNTED,
    hold,
    user: undefined,
    failure: 'authn_login_fail',
    refusal: 'INVALID_CREDENTIALS',
  });
}

/** RFC 8176 §2: more than one factor was shown. */
const OF_BOTH = 'mfa';

/** All that a proof shows, each once. */
export function amrOf({ amr, factor }: Proof): string[] {
  return [...new Set([...amr, ...(factor === undefined ? [] : [...factor.amr, OF_BOTH])])];
}

function proof(shown: Omit<Proof, typeof PROVEN>): Proof {
  return shown as Proof;
}
