import { randomUUID } from 'node:crypto';
import type { Database, Sql } from '../../database/database.ts';
import type { Chore } from '../../platform/chore.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import { releaseLease, takeLease } from './store.ts';

/** How often each process asks for the lease, and its holder prolongs it. */
export const HOUSEKEEPING_INTERVAL_MS = 10_000;
/** Two missed turns of a slow holder are forgiven; a dead one is replaced after this. */
const LEASE_MS = 3 * HOUSEKEEPING_INTERVAL_MS;
const LEASE = 'housekeeping';
/** A lease that is over at once. No process keeps it. */
const TRIAL = 'trial';

export interface HousekeepingOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly chores: readonly Chore[];
}

/**
 * What one process does for all that share the database, also on other machines. The lease saves them from doing it n
 * times. Correctness does not rest on it: each chore is safe in two processes at once, as when the holder was thought
 * dead and was only slow.
 */
export function createHousekeeping({ database, clock, logger, chores }: HousekeepingOptions) {
  const laneNames = [...new Set(chores.map(({ lane }) => lane))];
  const lanes = laneNames.map((name) => chores.filter(({ lane }) => lane === name));
  const busyLanes = new Set<readonly Chore[]>();
  const holder = randomUUID();
  const doneAt = new Map<string, number>();
  let isHeld = false;
  let isOver = false;

  async function prolong(): Promise<boolean> {
    const now = clock.now();
    isHeld = (await takeLease(database, { name: LEASE, holder, now, expiresAt: now + LEASE_MS })) === 1;
    return isHeld;
  }

  /** Where a chore of the turn before is not done yet, its lane waits. The lease is prolonged meanwhile. */
  async function doDueChores(lane: readonly Chore[]): Promise<void> {
    if (busyLanes.has(lane)) return;
    busyLanes.add(lane);
    for (const chore of lane) await doIfDue(chore);
    busyLanes.delete(lane);
  }

  async function doIfDue({ name, everyMs, work }: Chore): Promise<void> {
    const now = clock.now();
    if (isOver || now - (doneAt.get(name) ?? Number.NEGATIVE_INFINITY) < everyMs) return;
    doneAt.set(name, now);
    try {
      await work();
    } catch (error) {
      // With a database that is away, say. What is left undone is done in its next turn.
      if (!isOver) logger.warn({ chore: name, err: error }, 'a chore failed');
    }
  }

  return {
    /** Called every `HOUSEKEEPING_INTERVAL_MS` in every process. Whether this one keeps house. */
    async turn(): Promise<boolean> {
      if (isOver || !(await prolong())) return false;
      await Promise.all(lanes.map(doDueChores));
      return true;
    },

    /** Writes a row of no use, to learn whether the database can be written to. @throws AuthError `UNAVAILABLE`. */
    async tryWriting(sql: Sql): Promise<void> {
      const now = clock.now();
      await takeLease(sql, { name: TRIAL, holder: TRIAL, now, expiresAt: now });
    },

    /** Lets another process go on at once. */
    async close(): Promise<void> {
      isOver = true;
      if (!isHeld) return;
      // Where the database is away, the lease expires.
      await releaseLease(database, { name: LEASE, holder }).catch(() => {});
    },
  };
}
