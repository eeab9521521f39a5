import { LRUCache } from 'lru-cache';
import type { Database, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { atMost } from '../../platform/bounded.ts';
import type { Clock } from '../../platform/clock.ts';
import { wordsOf } from '../../platform/words.ts';
import { LIVENESS_TTL_MS } from '../sessions/service.ts';
import type { MachineAccessToken } from '../tokens/access-token.ts';
import { findLiveApiKey, type LiveApiKey } from './store.ts';

export interface KeyLivenessOptions {
  readonly database: Database;
  readonly clock: Clock;
  /** What a key allows now. */
  readonly allowedBy: (key: LiveApiKey) => readonly string[];
}

/** A program that asks, with a key that works. */
export interface MachineViewer {
  readonly kind: 'machine';
  readonly serviceAccountId: string;
  readonly keyId: string;
  /** What its token says, cut by what the key allows now. */
  readonly scope: readonly string[];
}

/** Knows which keys work: from the database, and for a second from memory. */
export function createKeyLiveness({ database, clock, allowedBy }: KeyLivenessOptions) {
  /** What a key allowed when it was last seen to work. */
  const seenLive = new LRUCache<string, { readonly at: number; readonly allowed: readonly string[] }>(
    atMost(10_000),
  );
  /** Keys that this process revoked, for good: a query that began earlier may still find them. */
  const revoked = new LRUCache<string, true>(atMost(10_000));

  async function findViewer(bearer: MachineAccessToken, now: number): Promise<MachineViewer> {
    const { sessionId: id, userId } = bearer;
    const key = revoked.has(id) ? undefined : await findLiveApiKey(database, { id, now });
    if (key?.serviceAccountId !== userId || revoked.has(id))
      throw new AuthError('UNAUTHENTICATED', { reason: 'TOKEN_INVALID', cause: 'the API key has ended' });
    const allowed = allowedBy(key);
    seenLive.set(id, { at: now, allowed });
    return viewerOf(bearer, allowed);
  }

  return {
    /**
     * The program behind a proven bearer, if its key works. A change of the key, of its account or of its maker counts
     * within a second.
     *
     * @throws AuthError `UNAUTHENTICATED`; `UNAVAILABLE` when the key could not be looked up.
     */
    authenticate(bearer: MachineAccessToken): MachineViewer | Promise<MachineViewer> {
      // Counted from before the query is sent, so that the answer is never older than it looks.
      const now = clock.now();
      const seen = seenLive.get(bearer.sessionId);
      return seen !== undefined && now - seen.at < LIVENESS_TTL_MS
        ? viewerOf(bearer, seen.allowed)
        : findViewer(bearer, now);
    },

    /** Inside the transaction that revokes a key. This process knows at once, the others within a second. */
    keyRevoked(tx: Transaction, id: string): void {
      tx.afterCommit(() => {
        revoked.set(id, true);
        seenLive.delete(id);
      });
    },

    /** Inside the transaction that disables or enables the account of a key. This process looks it up anew. */
    keyChanged(tx: Transaction, id: string): void {
      tx.afterCommit(() => seenLive.delete(id));
    },
  };
}

function viewerOf(
  { userId, sessionId, scope }: MachineAccessToken,
  allowed: readonly string[],
): MachineViewer {
  return {
    kind: 'machine',
    serviceAccountId: userId,
    keyId: sessionId,
    scope: wordsOf(scope).filter((name) => allowed.includes(name)),
  };
}
