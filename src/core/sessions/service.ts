import type { Database, Transaction } from '../../database/database.ts';
import { sweepChore } from '../../platform/chore.ts';
import type { Clock } from '../../platform/clock.ts';
import { DAY_MS } from '../../platform/durations.ts';
import { sweep } from '../../platform/sweep.ts';
import { wordsOf } from '../../platform/words.ts';
import type { RecordEvent } from '../audit/store.ts';
import type { RateLimits } from '../rate-limits/service.ts';
import type { Claims } from '../roles/claims.ts';
import type { Roles } from '../roles/service.ts';
import type { Tokens } from '../tokens/service.ts';
import {
  assertNothingOwed,
  assertWide,
  type OwnSession,
  type Users,
  type UserView,
  type Viewer,
} from '../users/service.ts';
import { createEndings } from './endings.ts';
import { createFreshness } from './freshness.ts';
import { createGrants, type Grant } from './grants.ts';
import { createImpersonations } from './impersonations.ts';
import { createLiveness, hasEnded } from './liveness.ts';
import { createLogout } from './logout.ts';
import { createOpenings } from './openings.ts';
import { listLiveSessionsOf } from './operator-store.ts';
import { createRefresh } from './refresh.ts';
import * as store from './store.ts';
import { deleteEndedSessions } from './sweep-store.ts';

export type { Grant } from './grants.ts';
export { hasEnded, LIVENESS_TTL_MS } from './liveness.ts';
export type { KeptRefreshToken } from './logout.ts';
export type { OpenedSession } from './openings.ts';
export type { SessionRecord } from './store.ts';

/** Ended sessions are kept a while: a clock that was wrong for an hour must not lose live ones (CR-7). */
const KEEP_ENDED_MS = 7 * DAY_MS;

export interface SessionsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly tokens: Tokens;
  readonly users: Users;
  readonly roles: Pick<Roles, 'names' | 'rightsOf' | 'narrow'>;
  readonly claims: Claims;
  readonly rateLimits: Pick<RateLimits, 'failures'>;
  readonly idleTtlSeconds: number;
  readonly absoluteTtlSeconds: number;
  /** 0 turns retries off. */
  readonly retryWindowSeconds: number;
  /** Failed refreshes of one network, or with the tokens of one session, in five minutes. */
  readonly refreshFailures: number;
}

/** A session as the API shows it. */
export interface SessionView extends Omit<store.SessionRecord, 'amr'> {
  readonly amr: readonly string[];
  /** What its login asked for; null is all. */
  readonly scope: readonly string[] | null;
  /** Whether it is the session that the request came with. */
  readonly current: boolean;
}

export type Sessions = ReturnType<typeof createSessions>;

/** Sessions: who is logged in, from where, until when. */
export function createSessions(options: SessionsOptions) {
  const { database, clock, users } = options;
  const liveness = createLiveness(options);
  const freshness = createFreshness(options);
  const grants = createGrants(options);
  const { forget, ...publicLiveness } = liveness;
  const { endOne, endMany, ...publicEndings } = createEndings({ ...options, liveness, freshness });

  /** Deletes long-ended sessions; how many. */
  function prune(): Promise<number> {
    const endedBefore = clock.now() - KEEP_ENDED_MS;
    return sweep((limit) => deleteEndedSessions(database, { endedBefore, limit }));
  }

  /** The live sessions of a user, the most recently used first. */
  async function listFor({ userId, sessionId }: OwnSession): Promise<SessionView[]> {
    const sessions = await store.listLiveSessions(database, { userId, now: clock.now() });
    return sessions.map((session) => viewOf(session, sessionId));
  }

  return {
    ...publicLiveness,
    ...freshness,
    ...publicEndings,
    ...createOpenings({ ...options, liveness: { forget } }),
    ...createImpersonations({ ...options, liveness: { forget } }),
    ...createRefresh({ ...options, liveness, grants }),
    ...createLogout({ ...options, liveness, endings: { endOne, endMany } }),
    grantOpened: grants.grantOpened,

    /** The viewer's own session. */
    async current(viewer: Viewer): Promise<SessionView> {
      const session = await store.findSession(database, viewer.sessionId);
      if (session === undefined) throw hasEnded();
      return viewOf(session, session.id);
    },

    listFor,

    /** The same of several users, as operators see them. */
    async listForAll(userIds: readonly string[]): Promise<SessionView[]> {
      const sessions = await listLiveSessionsOf(database, { userIds, now: clock.now() });
      return sessions.map((session) => viewOf(session, ''));
    },

    /**
     * The same of a user. Several fields lead to one: the answer to a refresh has one, too.
     *
     * @throws AuthError `FORBIDDEN` when the session that asks was narrowed, or its owner has to enrol or show a factor first.
     */
    async listOf(user: UserView): Promise<SessionView[]> {
      assertWide(user);
      assertNothingOwed(user);
      return listFor({ userId: user.id, sessionId: user.currentSessionId });
    },

    /** The session of a grant, as its owner sees it. */
    sessionOf: ({ session }: Pick<Grant, 'session'>): SessionView => viewOf(session, session.id),

    /** The owner of a grant's session. */
    ownerOf: ({ session }: Pick<Grant, 'session'>): UserView | Promise<UserView> =>
      users.view({ ...session, sessionId: session.id }),

    /** Inside the transaction that wrote the owner's row and then their roles: every session has them at once. */
    async rolesChanged(tx: Transaction, { userId, roles }: { userId: string; roles: string }): Promise<void> {
      await store.writeRolesOf(tx, { userId, roles });
      liveness.ownerChanged(tx, userId);
    },

    prune,
    chores: [sweepChore('ended sessions', prune)],
  };
}

function viewOf(session: store.SessionRecord, currentSessionId: string): SessionView {
  return {
    ...session,
    amr: wordsOf(session.amr),
    scope: session.narrowedTo === null ? null : wordsOf(session.narrowedTo),
    current: session.id === currentSessionId,
  };
}
