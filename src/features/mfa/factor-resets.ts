import type { RecordEvent } from '../../core/audit/store.ts';
import { FACTOR_REMOVED } from '../../core/factors/mails.ts';
import {
  deleteReset,
  deleteVoidReset,
  type FactorReset,
  findReset,
  listResets,
  postponeNotice,
  putReset,
} from '../../core/factors/reset-store.ts';
import { EVERY_FACTOR, type Factors } from '../../core/factors/service.ts';
import type { Challenges } from '../../core/login/challenges.ts';
import type { Mail } from '../../core/mail/service.ts';
import type { RateLimits } from '../../core/rate-limits/service.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import { type UserView, type Viewer, viewOf } from '../../core/users/service.ts';
import { lockUser, type UserRecord } from '../../core/users/store.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import { turnChore } from '../../platform/chore.ts';
import type { Clock } from '../../platform/clock.ts';
import { DAY_MS, HOUR_MS } from '../../platform/durations.ts';
import { FACTOR_RESET_CANCELLED, FACTOR_RESET_REQUESTED } from './mails.ts';

/*
 * The removal of all factors of an account whose owner has lost them, with a delay in which the owner is told three times:
 * at the request, after half of the time and after nine tenths of it. `next_notice_at` is when there is something to be
 * done for a row, and is moved by the process that does it. Each change asks for the row as it was read, so it is done
 * once, however many processes keep house.
 *
 * The removal rests on a first factor that was proven. So it happens only while the owner's row has the credential
 * version of the request: a new password, another change of the factors or a disabled account ends it. Where no process
 * was there to tell the owner, all that is left moves on by as long: they always have the last tenth of the time.
 */

/** Requests of an account in a day, each of which tells its owner three times. */
const REQUESTS = { name: 'factor-resets', max: 3, windowMs: DAY_MS };
/** Parts of the delay after which the owner is told once more. */
const NOTICES = [0.5, 0.9];
/** A notice that is later than this moves the removal on; well below a tenth of the shortest delay. */
const LATE_MS = HOUR_MS;
const BATCH = 100;

export interface FactorResetsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly rateLimits: Pick<RateLimits, 'window' | 'mayCount'>;
  readonly factors: Pick<Factors, 'remove' | 'cancelReset'>;
  readonly challenges: Pick<Challenges, 'present' | 'ownerOf'>;
  readonly sessions: Pick<Sessions, 'endAllOf' | 'ownerChanged'>;
  readonly mail: Pick<Mail, 'isOn' | 'enqueue' | 'notify'>;
  /** The delay; 0 turns it off. */
  readonly factorResetSeconds: number;
}

/** Removals of all factors, after a while. */
export function createFactorResets({
  database,
  clock,
  recordEvent,
  rateLimits,
  factors,
  challenges,
  sessions,
  mail,
  factorResetSeconds,
}: FactorResetsOptions) {
  const requests = rateLimits.window(REQUESTS);
  const delayMs = factorResetSeconds * 1_000;
  /** Nothing is removed that the owner could not be told of. */
  const isOn = delayMs > 0 && mail.isOn;

  /** Whether it is going to happen. */
  function stands({ credentialVersion }: FactorReset, user: UserRecord): boolean {
    return isOn && credentialVersion === user.credentialVersion;
  }

  /** Not by the budget of notices: an attacker could use that up first. The requests have one of their own. */
  async function announce(tx: Transaction, { id: userId, email }: UserRecord, dueAt: number): Promise<void> {
    await mail.enqueue(tx, { to: email, template: FACTOR_RESET_REQUESTED, expiresAt: dueAt, userId });
  }

  function record(
    tx: Transaction,
    userId: string,
    reason: 'reset_requested' | 'reset_cancelled' | 'reset',
    more: { caller?: Caller; sessionId?: string; count?: number } = {},
  ): Promise<void> {
    const { count, ...who } = more;
    return recordEvent(tx, {
      name: 'user_updated',
      outcome: 'success',
      at: clock.now(),
      userId,
      ...who,
      details: { fields: ['factors'], reason, ...(count !== undefined && { count }) },
    });
  }

  /** What is to be done for a row: it is due, or its owner is to be told. */
  async function proceed(reset: FactorReset): Promise<void> {
    const now = clock.now();
    const { userId, nextNoticeAt } = reset;
    await database.transaction(async (tx) => {
      const user = await lockUser(tx, userId);
      if (user === undefined) return;
      if (!stands(reset, user)) {
        await deleteVoidReset(tx, reset);
        return;
      }
      if (nextNoticeAt === reset.dueAt) {
        // Cancelled meanwhile, or done by another process.
        if ((await deleteReset(tx, { userId, dueBy: now })) === 1) await removeAll(tx, user);
        return;
      }
      const lateness = now - nextNoticeAt;
      const moved = lateness > LATE_MS ? lateness : 0;
      const countedFrom = reset.countedFrom + moved;
      const dueAt = reset.dueAt + moved;
      const next = nextAfter(now, { countedFrom, dueAt });
      const notice = { userId, asRead: nextNoticeAt, countedFrom, dueAt, nextNoticeAt: next };
      if ((await postponeNotice(tx, notice)) === 1) await announce(tx, user, dueAt);
    });
  }

  async function removeAll(tx: Transaction, { id }: UserRecord): Promise<void> {
    const done = await factors.remove(tx, id, EVERY_FACTOR);
    if (done === undefined || done.removed === 0) return;
    const count = await sessions.endAllOf(tx, id, 'factor');
    sessions.ownerChanged(tx, id);
    await record(tx, id, 'reset', { count });
    await mail.notify(tx, done.user, FACTOR_REMOVED);
  }

  /** How many rows there was something to be done for. */
  async function turn(): Promise<number> {
    const resets = await listResets(database, { now: clock.now(), limit: BATCH });
    for (const reset of resets) await proceed(reset);
    return resets.length;
  }

  return {
    /**
     * @returns how many seconds are left until it happens.
     * @throws AuthError `FEATURE_DISABLED`, `INVALID_TOKEN`, `FORBIDDEN`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`.
     */
    async request({ mfaToken }: { mfaToken: string }, caller: Caller): Promise<number> {
      if (!isOn) throw new AuthError('FEATURE_DISABLED', { hint: 'Set LATCHKEY_FACTOR_RESET, as in 72h.' });
      const challenge = await challenges.present(mfaToken, caller);
      const { id: userId, emailVerifiedAt } = await challenges.ownerOf(challenge, caller);
      if (emailVerifiedAt === null) throw new AuthError('FORBIDDEN', { reason: 'UNVERIFIED_EMAIL' });
      const now = clock.now();
      const dueAt = now + delayMs;
      return database.before(caller.deadline).transaction(async (tx) => {
        const user = await lockUser(tx, userId);
        if (user?.credentialVersion !== challenge.credentialVersion)
          throw new AuthError('INVALID_TOKEN', { cause: 'the account changed meanwhile' });
        const pending = await findReset(tx, userId);
        if (pending !== undefined && stands(pending, user)) return secondsUntil(pending.dueAt, now);
        if (!(await rateLimits.mayCount(tx, requests(userId))))
          throw new AuthError('TOO_MANY_REQUESTS', { retryAfter: DAY_MS / 1_000 });
        const { credentialVersion } = user;
        const nextNoticeAt = nextAfter(now, { countedFrom: now, dueAt });
        await putReset(tx, { userId, credentialVersion, countedFrom: now, dueAt, nextNoticeAt });
        await announce(tx, user, dueAt);
        await record(tx, userId, 'reset_requested', { caller });
        return secondsUntil(dueAt, now);
      });
    },

    /** From any session, fresh or not: to cancel takes nothing away. */
    async cancel(viewer: Viewer, caller: Caller): Promise<UserView> {
      const { userId, sessionId } = viewer;
      return database.before(caller.deadline).transaction(async (tx) => {
        const user = await lockUser(tx, userId);
        if (user === undefined) throw new AuthError('UNAUTHENTICATED', { reason: 'TOKEN_INVALID' });
        if (await factors.cancelReset(tx, userId)) {
          await record(tx, userId, 'reset_cancelled', { caller, sessionId });
          await mail.notify(tx, user, FACTOR_RESET_CANCELLED);
        }
        return viewOf(user, viewer);
      });
    },

    /** When all factors of the user are going to be removed. */
    async resetAtOf(user: UserView): Promise<Date | null> {
      const reset = await findReset(database, user.id);
      return reset !== undefined && stands(reset, user) ? new Date(reset.dueAt) : null;
    },

    turn,
    chores: [turnChore('factor resets', turn)],
  };
}

/** The next moment, after `now`, at which the owner is told, or at which it is due. */
function nextAfter(now: number, { countedFrom, dueAt }: Pick<FactorReset, 'countedFrom' | 'dueAt'>): number {
  const moments = NOTICES.map((part) => Math.round(countedFrom + (dueAt - countedFrom) * part));
  return moments.find((moment) => moment > now) ?? dueAt;
}

function secondsUntil(dueAt: number, now: number): number {
  return Math.max(1, Math.ceil((dueAt - now) / 1_000));
}
