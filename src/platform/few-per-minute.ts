import { LRUCache } from 'lru-cache';
import { atMost } from './bounded.ts';
import { MINUTE_MS } from './durations.ts';

/** Says whether an event of a subject is one of the first in a minute: each call of a client could write one. */
export function createFewPerMinute(most: number): (subject: string) => boolean {
  const counts = new LRUCache<string, number>({ ...atMost(10_000), ttl: MINUTE_MS, noUpdateTTL: true });
  return (subject) => {
    const count = counts.get(subject) ?? 0;
    if (count < most) counts.set(subject, count + 1);
    return count < most;
  };
}
