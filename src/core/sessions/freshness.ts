import type { Database, Sql } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import { type Clock, LARGEST_LEAD_MS } from '../../platform/clock.ts';
import { MINUTE_MS } from '../../platform/durations.ts';
import type { OwnSession } from '../users/service.ts';
import { findUser, type UserRecord } from '../users/store.ts';
import { hasEnded } from './liveness.ts';
import { findSession, type SessionRecord } from './store.ts';

/** How long an authentication counts for sensitive changes (ASVS 7.5.1). */
const FRESH_MS = 10 * MINUTE_MS;

export interface FreshnessOptions {
  readonly database: Database;
  readonly clock: Clock;
}

export type Freshness = ReturnType<typeof createFreshness>;

/** Knows which sessions were proven a short while ago, from their rows. */
export function createFreshness({ database, clock }: FreshnessOptions) {
  /**
   * Lets a viewer through who proved who they are a short while ago (SES-5), with all that a login of theirs would need
   * now: with a second factor, where the account has one. The row decides: it says when, in the time of this clock, and
   * whether the session still lives, more recently than `authenticate`.
   *
   * @returns the session.
   * @throws AuthError `REAUTHENTICATION_REQUIRED`; `UNAUTHENTICATED` when the session has ended meanwhile.
   */
  async function requireFreshAuthentication(viewer: OwnSession, caller: Caller): Promise<SessionRecord> {
    const sql = database.before(caller.deadline);
    const session = await findUnended(sql, viewer);
    if (!isFresh(session)) throw new AuthError('REAUTHENTICATION_REQUIRED');
    if (session.acr === 'aal2') return session;
    const owner = await findUser(sql, viewer.userId);
    if (owner === undefined) throw hasEnded();
    if (owner.secondFactors !== '') throw new AuthError('REAUTHENTICATION_REQUIRED');
    return session;
  }

  /**
   * The same for a caller who writes to the row of the owner. That is read first: what changes it afterwards, as a new
   * password does, is seen when the row is held.
   *
   * @throws AuthError `REAUTHENTICATION_REQUIRED`; `UNAUTHENTICATED` when the session has ended meanwhile.
   */
  async function requireFreshOwner(
    viewer: OwnSession,
    caller: Caller,
  ): Promise<{ user: UserRecord; session: SessionRecord }> {
    const sql = database.before(caller.deadline);
    const user = await findUser(sql, viewer.userId);
    if (user === undefined) throw hasEnded();
    const { session, isFreshlyProven } = await readFreshness(sql, viewer, user);
    if (!isFreshlyProven) throw new AuthError('REAUTHENTICATION_REQUIRED');
    return { user, session };
  }

  /**
   * The same inside a transaction, for a caller who has something to check first: the session, and whether it is fresh.
   *
   * @param owner the row of its owner.
   * @throws AuthError `UNAUTHENTICATED` when the session has ended meanwhile.
   */
  async function readFreshness(
    sql: Sql,
    viewer: OwnSession,
    owner: Pick<UserRecord, 'secondFactors'>,
  ): Promise<{ session: SessionRecord; isFreshlyProven: boolean }> {
    const session = await findUnended(sql, viewer);
    const isEnough = session.acr === 'aal2' || owner.secondFactors === '';
    return { session, isFreshlyProven: isFresh(session) && isEnough };
  }

  async function findUnended(sql: Sql, { sessionId }: OwnSession): Promise<SessionRecord> {
    const session = await findSession(sql, sessionId);
    if (session === undefined || session.revokedAt !== null) throw hasEnded();
    return session;
  }

  function isFresh({ authenticatedAt }: SessionRecord): boolean {
    const age = clock.now() - authenticatedAt;
    return age <= FRESH_MS && age >= -LARGEST_LEAD_MS;
  }

  return { requireFreshAuthentication, requireFreshOwner, readFreshness };
}
