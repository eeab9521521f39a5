import type { Database, Transaction } from '../../database/database.ts';
import { AuthError, type ErrorCode } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { createFewPerMinute } from '../../platform/few-per-minute.ts';
import type { EventName, RecordEvent } from '../audit/store.ts';
import type { Mail } from '../mail/service.ts';
import type { Guesses } from '../passwords/guesses.ts';
import type { Attempt, RateLimits } from '../rate-limits/service.ts';
import { refusedScope, ScopeNotAllowed } from '../roles/service.ts';
import type { Grant, OpenedSession, Sessions } from '../sessions/service.ts';
import type { UserRecord } from '../users/store.ts';
import { LOGIN_AFTER_FAILURES } from './mails.ts';
import type { Held, Proof } from './proof.ts';

/** Events of refused scopes, of one account in a minute. */
const MOST_REPORTED_REFUSALS = 10;

export interface DoorOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly rateLimits: Pick<RateLimits, 'succeeded' | 'takeBack'>;
  readonly guesses: Pick<Guesses, 'failuresBefore'>;
  readonly sessions: Pick<Sessions, 'open' | 'replace' | 'grantOpened'>;
  readonly mail: Pick<Mail, 'notify'>;
}

/** How a session begins: what the audit trail calls it, and which session it takes the place of, if any. */
export type Entry = { readonly caller: Caller } & (
  | {
      readonly as: 'login' | 'registration';
      readonly deviceName: string | null;
      /** A device that is known from an earlier login. */
      readonly deviceId?: string | undefined;
      /** What the session is narrowed to; null is all that the roles allow. */
      readonly scope: readonly string[] | null;
    }
  | {
      readonly as: 'reauthenticated' | 'password';
      /** The session of the viewer, which ends. */
      readonly replaces: string;
    }
);

/** What the audit trail calls the beginning of a session. */
const EVENTS = {
  login: 'authn_login_success',
  reauthenticated: 'authn_login_success',
  password: 'authn_password_change',
  registration: 'user_created',
} as const satisfies Record<Entry['as'], EventName>;

export interface Refused {
  readonly userId: string | undefined;
  /** For the audit trail. */
  readonly reason: string;
  readonly caller: Caller;
  readonly attempt: Attempt;
  readonly failure?: EventName | undefined;
  /** What a wrong password is, unless given. */
  readonly refusal?: ErrorCode | undefined;
}

export type Door = ReturnType<typeof createDoor>;

/**
 * The one door into a session. Every way of logging in, and everything else that opens a session, brings a proof here.
 * This function alone decides what holds for all of them: what the throttles count, what the audit trail says, what the
 * owner is told, and what the session says of how it was opened.
 */
export function createDoor({
  database,
  clock,
  recordEvent,
  rateLimits,
  guesses,
  sessions,
  mail,
}: DoorOptions) {
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
    throw new AuthError(refusal);
  }

  /**
   * Opens a session for who has proven who they are. The user's row is written first and only as it was read, so a
   * login that overlaps a change of password leaves no session of the old one.
   *
   * The tokens are made before anything is on disk: a session whose tokens cannot be made is not opened.
   *
   * @throws AuthError what the proof is refused with, when it proves nothing any more; `UNAUTHENTICATED` when the
   * session that it would replace has ended; `BAD_USER_INPUT` when the roles do not allow what is asked for;
   * `UNAVAILABLE`.
   */
  async function enter(proof: Proof, entry: Entry): Promise<Grant> {
    let owner: string | undefined;
    const granted = await database
      .before(entry.caller.deadline)
      .transaction(async (tx) => {
        const held = await proof.hold(tx);
        if (held === undefined) return undefined;
        owner = held.user.id;
        const failures = await failuresBefore(tx, proof, entry);
        await rateLimits.succeeded(tx, proof.attempt);
        const session = await openSession(tx, held.user, proof, entry);
        await record(tx, held, { session, failures, amr: proof.amr, entry });
        return sessions.grantOpened(session);
      })
      .catch((error: unknown) => {
        if (owner === undefined) throw error;
        return refuseProven(error, { proof, entry, owner });
      });
    if (granted !== undefined) return granted;
    const { user, attempt, failure, refusal } = proof;
    const reason = 'changed_meanwhile';
    return refuse({ userId: user?.id, reason, caller: entry.caller, attempt, failure, refusal });
  }

  /**
   * The proof was right, and nothing of it is written: no failure is counted, and none is forgotten either. An
   * attacker who guessed a password and asks for too much must not end the count that its owner is told of.
   */
  async function refuseProven(
    error: unknown,
    { proof, entry: { caller }, owner }: { proof: Proof; entry: Entry; owner: string },
  ): Promise<never> {
    const excess = error instanceof ScopeNotAllowed ? error.scope : undefined;
    if (proof.attempt.counted.length > 0 || excess !== undefined)
      await database.before(caller.deadline).transaction(async (tx) => {
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
    if (excess === undefined) throw error;
    throw refusedScope();
  }

  function openSession(
    tx: Transaction,
    owner: UserRecord,
    { amr }: Proof,
    entry: Entry,
  ): Promise<OpenedSession> {
    const { caller } = entry;
    if ('replaces' in entry)
      return sessions.replace(tx, entry.replaces, { owner, amr, caller, reason: entry.as });
    const { deviceName, deviceId, scope } = entry;
    return sessions.open(tx, { owner, amr, caller, deviceName, deviceId, scope });
  }

  /** A count, not the trail: that may be long, and the login of whom it is about must not read it. */
  async function failuresBefore(tx: Transaction, { user, attempt }: Proof, { as }: Entry): Promise<number> {
    return as === 'login' && user !== undefined ? guesses.failuresBefore(tx, user, attempt) : 0;
  }

  async function record(
    tx: Transaction,
    { user, details }: Held,
    {
      session: { session },
      failures,
      amr,
      entry,
    }: { session: OpenedSession; failures: number; amr: readonly string[]; entry: Entry },
  ): Promise<void> {
    await recordEvent(tx, {
      name: failures > 0 ? 'authn_login_successafterfail' : EVENTS[entry.as],
      outcome: 'success',
      at: session.createdAt,
      userId: user.id,
      sessionId: session.id,
      caller: entry.caller,
      details: {
        amr,
        ...details,
        ...('replaces' in entry && { replaced: entry.replaces }),
        ...(failures > 0 && { failures }),
      },
    });
    // A guess that was right in the end is told apart from the owner by the owner alone (ASVS 6.3.5).
    if (failures > 0) await mail.notify(tx, user, LOGIN_AFTER_FAILURES);
  }

  return { enter, refuse };
}
