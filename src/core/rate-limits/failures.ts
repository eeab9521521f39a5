import { LRUCache } from 'lru-cache';
import type { Sql } from '../../database/database.ts';
import { atMost } from '../../platform/bounded.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { type Attempts, tooMany } from './attempts.ts';
import type { Window } from './limits.ts';
import type { Source } from './networks.ts';

export interface FailuresOptions {
  /** For the audit trail. */
  readonly database: Sql;
  readonly clock: Clock;
  readonly attempts: Pick<Attempts, 'recordExcess'>;
  /** Off for load tests only. */
  readonly throttles: boolean;
  readonly limit: Omit<Window, 'max'>;
}

export type Failures = ReturnType<typeof createFailures>;

/**
 * Failures of what cannot be guessed, by source. Each process counts its own, in memory, because the limit only keeps
 * the failures cheap.
 */
export function createFailures({ database, clock, attempts, throttles, limit }: FailuresOptions) {
  const counts = new LRUCache<string, { count: number; isReported: boolean }>({
    ...atMost(10_000),
    ttl: limit.windowMs,
  });

  /** How long the source has to wait, and whether this is its first refusal; `undefined` when it need not wait. */
  function waitOf({ name, most }: Source): { waitMs: number; isNews: boolean } | undefined {
    const failures = counts.get(name);
    if (failures === undefined || failures.count < most) return undefined;
    const isNews = !failures.isReported;
    failures.isReported = true;
    return { waitMs: counts.getRemainingTTL(name), isNews };
  }

  /** @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`. */
  async function assertFew(sources: readonly Source[], caller: Caller): Promise<void> {
    if (!throttles) return;
    for (const source of sources) {
      const excess = waitOf(source);
      if (excess === undefined) continue;
      const at = clock.now();
      if (excess.isNews)
        await attempts.recordExcess(database, {
          at,
          caller,
          limit: limit.name,
          blockedUntil: at + excess.waitMs,
        });
      throw tooMany(excess.waitMs);
    }
  }

  function add(sources: readonly Source[]): void {
    for (const { name } of sources) {
      const failures = counts.get(name);
      if (failures === undefined) counts.set(name, { count: 1, isReported: false });
      else failures.count += 1;
    }
  }

  return {
    assertFew,
    add,

    /** Adds one unless there are too many. @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`. */
    async count(sources: readonly Source[], caller: Caller): Promise<void> {
      await assertFew(sources, caller);
      add(sources);
    },
  };
}
