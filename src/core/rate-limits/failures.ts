import { LRUCache } from 'lru-cache';

/**
 * Failures of what cannot be guessed, by source, in memory and in each process for itself: this only keeps them from
 * costing much.
 */
export function createFailures(windowMs: number) {
  const counts = new LRUCache<string, { count: number; isReported: boolean }>({ max: 10_000, ttl: windowMs });
  return {
    /** For how long the source has to wait, and whether it is the first to hear of it; `undefined` for not at all. */
    waitOf(source: string, max: number): { waitMs: number; isNews: boolean } | undefined {
      const failures = counts.get(source);
      if (failures === undefined || failures.count < max) return undefined;
      const isNews = !failures.isReported;
      failures.isReported = true;
      return { waitMs: counts.getRemainingTTL(source), isNews };
    },

    add(source: string): void {
      const failures = counts.get(source);
      if (failures === undefined) counts.set(source, { count: 1, isReported: false });
      else failures.count += 1;
    },
  };
}
