import type { Database } from '../../database/database.ts';
import { AuthError, type ErrorCode } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { createFewPerMinute } from '../../platform/few-per-minute.ts';
import type { EventName, RecordEvent } from '../audit/store.ts';
import type { Attempt, RateLimits } from '../rate-limits/service.ts';
import { refusedScope, ScopeNotAllowed } from '../roles/service.ts';
import type { Proof } from './proof.ts';

/** Events of refused scopes, of one account in a minute. */
const MOST_REPORTED_REFUSALS = 10;

export interface RefusalsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly rateLimits: Pick<RateLimits, 'takeBack'>;
}

/** Another request spent the code of the second factor first. */
export class CodeSpent extends Error {}

export interface Refused {
  readonly userId: string | undefined;
  /** For the audit trail. */
  readonly reason: string;
  readonly caller: Caller;
  readonly attempt: Attempt;
  readonly failure?: EventName | undefined;
  /** What a wrong password is, unless given. */
  readonly refusal?: ErrorCode | AuthError | undefined;
}

/** Who has proven who they are, and is refused all the same. */
interface Unentered {
  readonly proof: Proof;
  readonly caller: Caller;
  readonly owner: string;
}

/** How the door refuses. */
export function createRefusals({ database, clock, recordEvent, rateLimits }: RefusalsOptions) {
  /** A link that is not spent can come again and again. */
  const isNews = createFewPerMinute(MOST_REPORTED_REFUSALS);

  /** One answer, one write and one hash for every cause, so that no stranger learns which accounts exist (LOG-1, LOG-2). */
  async function refuse({
    userId,
    reason,
    caller,
    attempt,
    failure = 'authn_login_fail',
    refusal = 'INVALID_CREDENTIALS',
  }: Refused): Promise<never> {
    const event = { outcome: 'fail', at: clock.now(), userId, caller, details: { reason } } as const;
    // Past the deadline, too: what was found to be wrong is recorded.
    await recordEvent(database, { ...event, name: failure });
    if (attempt.isLast) await recordEvent(database, { ...event, name: 'authn_login_lock' });
    throw refusal instanceof AuthError ? refusal : new AuthError(refusal);
  }

  /**
   * The code of a factor was right, and nothing came of it: no wrong code is counted. Past the deadline, too, because a
   * login that the server was too slow for costs no try. The login that waits comes first, as where it is completed:
   * neither transaction must hold a row that the other one waits for.
   */
  async function takeFactorBack({ factor, takeBack }: Proof): Promise<void> {
    if (factor === undefined) return;
    await database.transaction(async (tx) => {
      await takeBack?.(tx);
      await rateLimits.takeBack(tx, factor.attempt);
    });
  }

  /**
   * The proof was right, and nothing of it is written: no failure is counted, and none is forgotten either. An
   * attacker who guessed a password and asks for too much must not end the count that its owner is told of.
   */
  async function refuseProven(error: unknown, { proof, caller, owner }: Unentered): Promise<never> {
    const excess = error instanceof ScopeNotAllowed ? error.scope : undefined;
    if (proof.attempt.counted.length > 0 || excess !== undefined)
      await database.transaction(async (tx) => {
        await rateLimits.takeBack(tx, proof.attempt);
        if (excess === undefined || !isNews(owner)) return;
        await recordEvent(tx, {
          name: 'authz_fail',
          outcome: 'fail',
          at: clock.now(),
          userId: owner,
          caller,
          details: { reason: 'scope', scope: excess },
        });
      });
    if (error instanceof CodeSpent && proof.factor !== undefined) {
      const { attempt } = proof.factor;
      return refuse({ userId: owner, reason: 'code_spent', caller, attempt, refusal: 'INVALID_CODE' });
    }
    await takeFactorBack(proof);
    if (excess === undefined) throw error;
    throw refusedScope();
  }

  return { refuse, refuseProven, takeFactorBack };
}
