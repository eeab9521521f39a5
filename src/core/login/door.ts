import type { Database, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { EventName, RecordEvent } from '../audit/store.ts';
import type { Mail } from '../mail/service.ts';
import type { Guesses } from '../passwords/guesses.ts';
import type { RateLimits } from '../rate-limits/service.ts';
import type { Grant, OpenedSession, Sessions } from '../sessions/service.ts';
import type { UserRecord } from '../users/store.ts';
import type { Entry } from './entry.ts';
import { LOGIN_AFTER_FAILURES } from './mails.ts';
import { createPending, type PendingOptions } from './pending.ts';
import { amrOf, type Held, type Proof } from './proof.ts';
import { CodeSpent, createRefusals, type RefusalsOptions } from './refusals.ts';

export interface DoorOptions extends RefusalsOptions, PendingOptions {
  readonly database: Database;
  readonly recordEvent: RecordEvent;
  readonly rateLimits: RefusalsOptions['rateLimits'] & Pick<RateLimits, 'succeeded'>;
  readonly guesses: Pick<Guesses, 'failuresBefore'>;
  readonly sessions: Pick<Sessions, 'open' | 'replace' | 'grantOpened'>;
  readonly mail: Pick<Mail, 'notify'>;
}

/** What the audit trail calls the beginning of a session. */
const EVENTS = {
  login: 'authn_login_success',
  reauthenticated: 'authn_login_success',
  password: 'authn_password_change',
  factor: 'user_updated',
  registration: 'user_created',
} as const satisfies Record<Entry['as'], EventName>;

export type Door = ReturnType<typeof createDoor>;

/**
 * The one door into a session. Every way of logging in, and everything else that opens a session, brings a proof here.
 * This function alone decides what holds for all of them: what the throttles count, what the audit trail says, what the
 * owner is told, and what the session says of how it was opened.
 */
export function createDoor(options: DoorOptions) {
  const { database, recordEvent, rateLimits, guesses, sessions, mail } = options;
  const { refuse, refuseProven, takeFactorBack } = createRefusals(options);
  const { wait } = createPending(options);

  /**
   * Opens a session for who has proven who they are. The user's row is written first and only as it was read, so a
   * login that overlaps a change of password, or an enrolment, leaves no session of before.
   *
   * The tokens are made before anything is on disk: a session whose tokens cannot be made is not opened.
   *
   * @throws AuthError `MFA_REQUIRED` when a second factor is owed, with an `mfaToken` for a login; what the proof is
   * refused with, when it proves nothing any more; `INVALID_CODE` when the code of the factor was spent meanwhile;
   * `UNAUTHENTICATED` when the session that it would replace has ended; `BAD_USER_INPUT` when the roles do not allow what
   * is asked for; `UNAVAILABLE`.
   */
  async function enter(proof: Proof, entry: Entry): Promise<Grant> {
    const { caller } = entry;
    let owner: string | undefined;
    const outcome = await database
      .before(caller.deadline)
      .transaction(async (tx) => {
        const held = await proof.hold(tx);
        if (held === undefined) return undefined;
        owner = held.user.id;
        const failures = await failuresBefore(tx, proof, entry);
        if (proof.factor !== undefined && !(await proof.factor.spend(tx))) throw new CodeSpent();
        await rateLimits.succeeded(tx, proof.attempt);
        if (owesFactor(held.user, proof)) return wait(tx, held.user, { proof, entry, failures });
        const session = await openSession(tx, held.user, proof, entry);
        await record(tx, held, { session, failures, proof, entry });
        return sessions.grantOpened(session);
      })
      .catch(async (error: unknown) => {
        if (owner !== undefined) return refuseProven(error, { proof, caller, owner });
        await takeFactorBack(proof);
        throw error;
      });
    if (outcome instanceof AuthError) throw outcome;
    if (outcome !== undefined) return outcome;
    await takeFactorBack(proof);
    const { user, attempt, failure, refusal } = proof;
    return refuse({ userId: user?.id, reason: 'changed_meanwhile', caller, attempt, failure, refusal });
  }

  /** The one place that decides. Mail is one factor, as the password is, and neither excuses the second. */
  function owesFactor({ secondFactors }: UserRecord, { factor, session }: Proof): boolean {
    return secondFactors !== '' && factor === undefined && session?.acr !== 'aal2';
  }

  function openSession(
    tx: Transaction,
    owner: UserRecord,
    proof: Proof,
    entry: Entry,
  ): Promise<OpenedSession> {
    const { caller } = entry;
    const authenticatedAt = proof.session?.authenticatedAt;
    const isTwofold = proof.factor !== undefined || proof.session?.acr === 'aal2';
    const acr = isTwofold ? ('aal2' as const) : ('aal1' as const);
    const shown = { owner, amr: amrOf(proof), acr, authenticatedAt, caller };
    if ('replaces' in entry) return sessions.replace(tx, entry.replaces, { ...shown, reason: entry.as });
    const { deviceName, deviceId, scope } = entry;
    return sessions.open(tx, { ...shown, deviceName, deviceId, scope });
  }

  /** A count, not the trail: that may be long, and the login of whom it is about must not read it. */
  async function failuresBefore(
    tx: Transaction,
    { user, attempt, factor }: Proof,
    { as }: Entry,
  ): Promise<number> {
    // A right code of a session opens what wrong ones have closed, so this is the last moment to tell of those.
    if (factor !== undefined) return factor.failuresBefore(tx);
    return as === 'login' && user !== undefined ? guesses.failuresBefore(tx, user, attempt) : 0;
  }

  async function record(
    tx: Transaction,
    { user, details }: Held,
    {
      session: { session },
      failures,
      proof,
      entry,
    }: { session: OpenedSession; failures: number; proof: Proof; entry: Entry },
  ): Promise<void> {
    await recordEvent(tx, {
      name: failures > 0 ? 'authn_login_successafterfail' : EVENTS[entry.as],
      outcome: 'success',
      at: session.createdAt,
      userId: user.id,
      sessionId: session.id,
      caller: entry.caller,
      details: {
        amr: amrOf(proof),
        ...(proof.factor && { factor: proof.factor.kind }),
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
