import type { Database, Sql } from '../../database/database.ts';
import type { Caller } from '../../platform/caller.ts';
import { sweepChore } from '../../platform/chore.ts';
import type { Clock } from '../../platform/clock.ts';
import { DAY_MS, MINUTE_MS } from '../../platform/durations.ts';
import { inSteps } from '../../platform/sweep.ts';
import type { RecordEvent } from '../audit/store.ts';
import { type Attempt, createAttempts, type Limit } from './attempts.ts';
import { createFailures, type Failures } from './failures.ts';
import { createLimits, type Window } from './limits.ts';
import * as store from './store.ts';

export { type Attempt, type Limit, UNCOUNTED } from './attempts.ts';

/** The time in which most limits of a network count. */
export const NETWORK_WINDOW_MS = 5 * MINUTE_MS;

export interface RateLimitsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly secrets: readonly Buffer[];
  /** Off for load tests only. */
  readonly throttles: boolean;
  /** Failures in a row of one lane before it is slowed down. */
  readonly accountFailures: number;
  /** Failures in a row that disable a password for strangers, and close devices or a session. */
  readonly accountDisableAfter: number;
  /** Failed checks of one network in five minutes. */
  readonly networkFailures: number;
  /** Checks of one network in a minute, right ones too. */
  readonly networkChecks: number;
}

export type RateLimits = ReturnType<typeof createRateLimits>;

/**
 * Counts credentials that are checked, not requests: aliases, batches and transports share the counters, and a
 * right password costs nothing but its place in the minute. Every process counts in the database.
 *
 * Each module declares the limits that it owns when it is made, and builds the doors of its own credentials from them.
 */
export function createRateLimits(options: RateLimitsOptions) {
  const { database, clock, throttles, accountDisableAfter: cap } = options;
  const { declare, window, run, tally, networkWindow } = createLimits(options);
  const attempts = createAttempts({ ...options, cap });
  const { pass, succeeded, takeBack, checking } = attempts;
  const failuresOfNetwork = networkWindow({
    name: 'network-failures',
    max: options.networkFailures,
    windowMs: NETWORK_WINDOW_MS,
  });
  const checksOfNetwork = networkWindow({
    name: 'network-checks',
    max: options.networkChecks,
    windowMs: MINUTE_MS,
  });

  /** Deletes counts that say nothing any more; how many. */
  async function prune(): Promise<number> {
    const now = clock.now();
    const [dayAgo, monthAgo] = [now - DAY_MS, now - 30 * DAY_MS];
    let total = 0;
    let from = 0;
    await inSteps(async (limit) => {
      const until = await store.findEndOfStep(database, { from, before: dayAgo, limit });
      if (until === undefined) return false;
      total += await store.deleteStale(database, { from, until, now, monthAgo, disableAfter: cap });
      from = until + 1;
      return true;
    });
    return total;
  }

  return {
    window,
    run,
    tally,
    networkWindow,
    pass,
    succeeded,
    takeBack,
    checking,

    /** The limits of its network that a stranger's guess counts in, at a password or at a code. */
    guessesOf: (caller: Caller): { failures: Limit[]; checks: Limit[] } => ({
      failures: failuresOfNetwork(caller),
      checks: checksOfNetwork(caller),
    }),

    /** Counts in memory the failures of credentials that cannot be guessed. */
    failures(limit: Omit<Window, 'max'>): Failures {
      declare(limit.name);
      return createFailures({ database, clock, attempts, throttles, limit });
    },

    /** Counts one more of a limit; false when there were too many already. */
    async mayCount(sql: Sql, { keys, max, windowMs }: Limit): Promise<boolean> {
      if (!throttles) return true;
      const counts = keys.map((key) => ({ key, max, windowMs }));
      return (await store.countAttempt(sql, { counts, now: clock.now() })).length === counts.length;
    },

    /** How many failures a limit has counted, without that of `attempt`. */
    async failuresIn(sql: Sql, { keys }: Limit, { counted }: Attempt): Promise<number> {
      if (!throttles) return 0;
      const own = counted.some(({ key }) => keys.includes(key)) ? 1 : 0;
      return Math.max(0, (await store.highestCount(sql, keys)) - own);
    },

    /** Failures in a row that close a door. */
    cap,

    /** What some limits have counted, in one statement: how many, and until when they let nothing through. */
    async read(
      sql: Sql,
      limits: readonly Limit[],
    ): Promise<(limit: Limit) => { count: number; blockedUntil: number }> {
      const keys = limits.flatMap((limit) => limit.keys);
      const rows = await store.readCounts(sql, { keys, now: clock.now() });
      const byKey = new Map(rows.map((row) => [row.key, row]));
      return (limit) => {
        const found = limit.keys.flatMap((key) => byKey.get(key) ?? []);
        return {
          count: Math.max(0, ...found.map(({ count }) => count)),
          blockedUntil: Math.max(0, ...found.map(({ blockedUntil }) => blockedUntil)),
        };
      };
    },

    /** Ends a run of failures, however long it is. */
    async endRun(sql: Sql, { keys }: Limit): Promise<void> {
      for (const key of [...keys].sort()) await store.endRun(sql, key);
    },

    prune,
    chores: [sweepChore('stale throttles', prune)],
  };
}
