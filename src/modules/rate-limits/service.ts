import { createHmac } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../clock.ts';
import { createKeyring } from '../../crypto/keyring.ts';
import type { Database, Sql } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import {
  blockedUntil,
  type Count,
  clear,
  countAttempt,
  deleteStale,
  LONGEST_BACKOFF_MS,
  takeBack,
} from './store.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const NETWORK_WINDOW_MS = 5 * MINUTE_MS;
const PRUNE_BATCH = 500;

export interface RateLimitsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly secrets: readonly Buffer[];
  /** Off for load tests only. */
  readonly throttles: boolean;
  /** Failures in a row of one account before it is slowed down. */
  readonly accountFailures: number;
  /** Failures in a row of one account that disable its password. */
  readonly accountDisableAfter: number;
  /** Failed checks of one network in five minutes. */
  readonly networkFailures: number;
  /** Checks of one network in a minute, right ones too. */
  readonly networkChecks: number;
  /** Registrations from one network in five minutes. */
  readonly networkRegistrations: number;
  /** Failed refreshes of one network, or with the tokens of one session, in five minutes. */
  readonly refreshFailures: number;
}

/** An attempt that was let through and is counted as a failure until it turns out right. */
export interface Attempt {
  /** Where it is one failure less when it turns out right. */
  readonly countKeys: readonly string[];
  /** Where a right one ends the run of failures. */
  readonly runKeys: readonly string[];
}

const UNCOUNTED: Attempt = { countKeys: [], runKeys: [] };

export type RateLimits = ReturnType<typeof createRateLimits>;

/**
 * Counts credentials that are checked, not requests: aliases, batches and transports share the counters, and a
 * right password costs nothing but its place in the minute. Every process counts in the database.
 */
export function createRateLimits(options: RateLimitsOptions) {
  const { database, clock, throttles } = options;
  const { key: secret } = createKeyring(options.secrets, 'throttles').current;
  const failedRefreshes = new LRUCache<string, { count: number }>({ max: 10_000, ttl: NETWORK_WINDOW_MS });

  /** Known and unknown accounts have the same kind of key, so they answer and cost the same (LOG-1). */
  function keyOf(kind: string, ...parts: readonly string[]): string {
    return createHmac('sha256', secret)
      .update(JSON.stringify([kind, ...parts]))
      .digest('base64url');
  }

  /** @throws AuthError `TOO_MANY_REQUESTS` */
  async function count(counts: readonly Count[]): Promise<readonly { key: string; count: number }[]> {
    const now = clock.now();
    const counted = await countAttempt(database, { counts, now });
    if (counted.length === counts.length) return counted;
    throw tooMany(
      (await blockedUntil(
        database,
        counts.map(({ key }) => key),
      )) - now,
    );
  }

  function networkCounts(network: string): Count[] {
    return [
      { key: keyOf('network-failures', network), max: options.networkFailures, windowMs: NETWORK_WINDOW_MS },
      { key: keyOf('network-checks', network), max: options.networkChecks, windowMs: MINUTE_MS },
    ];
  }

  function run(key: string): Count {
    return { key, max: options.accountFailures, windowMs: 0 };
  }

  return {
    /**
     * Lets a login's password be checked, before it is. With the proof of a known device the attempt counts in
     * that device's own lane, which nobody else can fill: under attack its owner still gets in (LOG-6).
     *
     * @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`.
     */
    async beforeLogin(login: {
      emailCanonical: string;
      network: string;
      deviceId: string | undefined;
    }): Promise<Attempt> {
      if (!throttles) return UNCOUNTED;
      if (login.deviceId !== undefined) {
        const lane = run(keyOf('device', login.deviceId));
        await count([lane]);
        return { countKeys: [], runKeys: [lane.key] };
      }
      const account = run(keyOf('account', login.emailCanonical));
      // Outlasts the owner's next login from elsewhere, which ends the run of the account.
      const pair = run(keyOf('pair', login.emailCanonical, login.network));
      const [failures, checks] = networkCounts(login.network) as [Count, Count];
      const counted = await count([account, pair, failures, checks]);
      const inARow = counted.find(({ key }) => key === account.key)?.count ?? 0;
      // NIST SP 800-63B-4 §3.2.2: no more than 100 in a row. A device that is known, and a reset, still work.
      if (inARow > options.accountDisableAfter) throw tooMany(LONGEST_BACKOFF_MS);
      return { countKeys: [failures.key], runKeys: [account.key, pair.key] };
    },

    /**
     * Lets the owner of a live session prove their password again: a lane of their own, whoever else is guessing.
     *
     * @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`.
     */
    async beforeProof(proof: { userId: string; network: string }): Promise<Attempt> {
      if (!throttles) return UNCOUNTED;
      const lane = run(keyOf('viewer', proof.userId));
      const [failures, checks] = networkCounts(proof.network) as [Count, Count];
      await count([lane, failures, checks]);
      return { countKeys: [failures.key], runKeys: [lane.key] };
    },

    /** Inside the transaction of what the right password did. */
    async succeeded(sql: Sql, { countKeys, runKeys }: Attempt): Promise<void> {
      if (countKeys.length > 0) await takeBack(sql, countKeys);
      if (runKeys.length > 0) await clear(sql, runKeys);
    },

    /** A new password, set by whoever may: the failures with the old one are over. */
    async passwordWasSet(sql: Sql, emailCanonical: string): Promise<void> {
      await clear(sql, [keyOf('account', emailCanonical)]);
    },

    /** @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`. */
    async beforeRegistration(network: string): Promise<void> {
      if (!throttles) return;
      const key = keyOf('registrations', network);
      await count([{ key, max: options.networkRegistrations, windowMs: NETWORK_WINDOW_MS }]);
    },

    /**
     * Counts refreshes that fail, in memory; those that succeed are free, because an office shares an address.
     * `source` is a network for what is no token, or a session for its own.
     *
     * @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`.
     */
    assertFewFailedRefreshes(source: string): void {
      if (!throttles || (failedRefreshes.get(source)?.count ?? 0) < options.refreshFailures) return;
      throw tooMany(failedRefreshes.getRemainingTTL(source));
    },

    refreshFailed(source: string): void {
      const failures = failedRefreshes.get(source);
      if (failures === undefined) failedRefreshes.set(source, { count: 1 });
      else failures.count += 1;
    },

    /** Deletes what says nothing any more, one bounded batch at a time; how many. */
    async prune(): Promise<number> {
      const now = clock.now();
      let total = 0;
      for (;;) {
        const deleted = await deleteStale(database, {
          dayAgo: now - DAY_MS,
          monthAgo: now - 30 * DAY_MS,
          now,
          disableAfter: options.accountDisableAfter,
          limit: PRUNE_BATCH,
        });
        total += deleted;
        if (deleted < PRUNE_BATCH) return total;
      }
    },
  };
}

function tooMany(waitMs: number): AuthError {
  return new AuthError('TOO_MANY_REQUESTS', { retryAfter: Math.max(1, Math.ceil(waitMs / 1_000)) });
}
