import type { Transaction } from '../../database/database.ts';
import type { ErrorCode } from '../../errors.ts';
import type { EventName } from '../audit/store.ts';
import { type Attempt, UNCOUNTED } from '../rate-limits/service.ts';
import type { UserRecord } from '../users/store.ts';

/*
 * What a caller has shown, so that a session may be opened for them. Proofs are made here and nowhere else: the brand
 * is not exported. door.ts is the only one that opens a session, and it takes nothing but a proof.
 */
declare const PROVEN: unique symbol;

/** The row of the user as the transaction wrote it, and plain facts for the audit trail. */
export interface Held {
  readonly user: UserRecord;
  readonly details?: Readonly<Record<string, string | number>> | undefined;
}

export interface Proof {
  readonly [PROVEN]: true;
  /** What was shown (RFC 8176 §2). */
  readonly amr: readonly string[];
  /** What the throttles counted of it. */
  readonly attempt: Attempt;
  /**
   * Writes the user's row, before anything else of the transaction is written, on condition that it still is as it was
   * when the proof was given; and with it what the proof is for. No row when it proves nothing any more.
   */
  readonly hold: (tx: Transaction) => Promise<Held | undefined>;
  /** As they were read when the proof was given; none for an account that the transaction creates. */
  readonly user: UserRecord | undefined;
  /** What is recorded and answered when it proves nothing any more. */
  readonly failure: EventName;
  readonly refusal: ErrorCode;
}

interface Shown extends Pick<Proof, 'hold'> {
  readonly user: UserRecord;
  readonly attempt: Attempt;
}

/** The password was compared, and it is the account's. */
export function provenByPassword({
  user,
  attempt,
  hold,
  failure = 'authn_login_fail',
}: Shown & { failure?: EventName }): Proof {
  return proof({ amr: ['pwd'], attempt, hold, user, failure, refusal: 'INVALID_CREDENTIALS' });
}

/** A secret that was mailed came back: as a link or typed as a code, it works once (RFC 8176 §2, `otp`). */
export function provenByMail({ user, attempt, hold }: Shown): Proof {
  const failure = 'authn_login_fail';
  return proof({ amr: ['otp'], attempt, hold, user, failure, refusal: 'INVALID_TOKEN' });
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

function proof(shown: Omit<Proof, typeof PROVEN>): Proof {
  return shown as Proof;
}
