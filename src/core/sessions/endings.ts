import type { Database, Sql, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { isId } from '../../platform/id.ts';
import type { RecordEvent } from '../audit/store.ts';
import type { OwnSession, Viewer } from '../users/service.ts';
import type { Freshness } from './freshness.ts';
import type { Liveness } from './liveness.ts';
import * as store from './store.ts';

/** A statement of this many takes a fraction of the time that PostgreSQL gives it, however large the table. */
const END_ALL_BATCH = 5_000;

export interface EndingsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly liveness: Pick<Liveness, 'forget'>;
  readonly freshness: Pick<Freshness, 'requireFreshAuthentication'>;
}

export type Endings = ReturnType<typeof createEndings>;

/** Ends sessions: one, several of one owner, all. */
export function createEndings({ database, clock, recordEvent, liveness, freshness }: EndingsOptions) {
  const { forget } = liveness;

  /** Ends a session on behalf of its owner. 1, or 0 when it had ended before. */
  async function endOne(
    viewer: OwnSession,
    id: string,
    { caller, reason }: { caller: Caller; reason: 'logout' | 'revoked' | 'replaced' },
  ): Promise<number> {
    const now = clock.now();
    return database.before(caller.deadline).transaction(async (tx) => {
      forget(tx, [{ id }]);
      if ((await store.endSession(tx, { id, now, reason })) === undefined) return 0;
      await recordRevocation(tx, viewer, { caller, now, details: { reason, session: id, count: 1 } });
      return 1;
    });
  }

  /** Ends the viewer's other sessions, or all of them. How many it ended. */
  async function endMany(viewer: Viewer, scope: 'OTHERS' | 'ALL', caller: Caller): Promise<number> {
    const now = clock.now();
    const exceptId = scope === 'ALL' ? '' : viewer.sessionId;
    return database.before(caller.deadline).transaction(async (tx) => {
      const gone = await store.endSessionsOf(tx, { userId: viewer.userId, exceptId, now, reason: 'logout' });
      forget(tx, gone);
      const details = { reason: 'logout', scope, count: gone.length };
      // Where nothing ended there is no event: a client could write one with each call.
      if (gone.length > 0) await recordRevocation(tx, viewer, { caller, now, details });
      return gone.length;
    });
  }

  function recordRevocation(
    sql: Sql,
    viewer: OwnSession,
    { caller, now, details }: { caller: Caller; now: number; details: Record<string, string | number> },
  ): Promise<void> {
    return recordEvent(sql, {
      name: 'authn_token_revoked',
      outcome: 'success',
      at: now,
      userId: viewer.userId,
      sessionId: viewer.sessionId,
      caller,
      details,
    });
  }

  return {
    endOne,
    endMany,

    /**
     * Ends one of the viewer's own sessions. Any but the one that asks needs a fresh authentication (SES-2). That is
     * checked last, so that the refusal tells nothing about the sessions of other users.
     *
     * @returns how many it ended.
     * @throws AuthError `NOT_FOUND`, `REAUTHENTICATION_REQUIRED`.
     */
    async revoke(viewer: Viewer, id: string, caller: Caller): Promise<number> {
      const bound = database.before(caller.deadline);
      const session = isId(id) ? await store.findSession(bound, id) : undefined;
      if (session?.userId !== viewer.userId) throw new AuthError('NOT_FOUND');
      if (id !== viewer.sessionId) await freshness.requireFreshAuthentication(viewer, caller);
      return endOne(viewer, id, { caller, reason: 'revoked' });
    },

    /** Inside the transaction that changed the user's row first (SES-4). How many it ended. */
    async endAllOf(
      tx: Transaction,
      userId: string,
      reason: 'password' | 'email' | 'disabled' | 'factor' | 'external-login' | 'operator',
      exceptId = '',
    ): Promise<number> {
      const gone = await store.endSessionsOf(tx, { userId, exceptId, now: clock.now(), reason });
      forget(tx, gone);
      return gone.length;
    },

    /** Inside a transaction: ends one session of a user for an operator. 1, or 0 where the user has no such live session. */
    async endOneOf(tx: Transaction, userId: string, id: string): Promise<number> {
      const session = isId(id) ? await store.findSession(tx, id) : undefined;
      if (session?.userId !== userId) return 0;
      forget(tx, [{ id }]);
      return (await store.endSession(tx, { id, now: clock.now(), reason: 'operator' })) === undefined ? 0 : 1;
    },

    /**
     * Ends the sessions of all users; how many. Each statement is short and a transaction of its own. Other processes
     * notice by themselves.
     */
    async endAll(reason: 'restore'): Promise<number> {
      const now = clock.now();
      let total = 0;
      for (let afterId = ''; ; ) {
        const batch = await store.endSessionsAfter(database, { afterId, limit: END_ALL_BATCH, now, reason });
        total += batch.length;
        // Ids are lower-case UUIDs, which every collation orders alike.
        const lastId = batch
          .map(({ id }) => id)
          .sort()
          .at(-1);
        if (lastId === undefined || batch.length < END_ALL_BATCH) return total;
        afterId = lastId;
      }
    },

    /** Inside the transaction that deletes the user. How many it deleted. */
    async deleteAllOf(tx: Transaction, userId: string): Promise<number> {
      const gone = await store.deleteSessionsOf(tx, userId);
      forget(tx, gone);
      return gone.length;
    },
  };
}
