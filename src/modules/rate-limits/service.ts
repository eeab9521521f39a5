import { createHmac } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type Client, networkOf } from '../../client.ts';
import type { Clock } from '../../clock.ts';
import { createKeyring } from '../../crypto/keyring.ts';
import type { Database, Sql } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { inSteps } from '../../sweep.ts';
import { recordEvent } from '../audit/store.ts';
import {
  type Block,
  type Count,
  clear,
  countAttempt,
  deleteStale,
  findEndOfStep,
  LONGEST_BACKOFF_MS,
  listBlocks,
  reportBlock,
  takeBack,
} from './store.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const NETWORK_WINDOW_MS = 5 * MINUTE_MS;
const HOUR_MS = 60 * MINUTE_MS;
/** One-time tokens of one network that are good for nothing, in five minutes. */
const TOKEN_FAILURES = 30;
/** Changes of what an account says of its owner, in five minutes. */
const CHANGES = 60;
/** Notices to one address in an hour. */
const NOTICES = 10;

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
  /** Mails that strangers have sent to one address in an hour. */
  readonly addressMails: number;
  /** Mails that one network has sent in an hour. */
  readonly networkMails: number;
}

/** An attempt that was let through and is counted as a failure until it turns out right. */
export interface Attempt {
  /** Where it is counted. */
  readonly keys: readonly string[];
  /** Where it is one failure less when it turns out right. */
  readonly countKeys: readonly string[];
  /** Where a right one ends the run of failures. */
  readonly runKeys: readonly string[];
  /** Whether it is the one whose failure disables the password. */
  readonly isLast: boolean;
}

/** What cannot be guessed needs no count. */
export const UNCOUNTED: Attempt = { keys: [], countKeys: [], runKeys: [], isLast: false };

/** Who tries, for the audit trail. */
export interface Actor {
  readonly client: Client;
  /** None for an address that is nobody's. */
  readonly userId?: string | undefined;
}

/** A count by the name that the audit trail has for it. */
interface Limit extends Count {
  readonly name: string;
}

export type RateLimits = ReturnType<typeof createRateLimits>;

/**
 * Counts credentials that are checked, not requests: aliases, batches and transports share the counters, and a
 * right password costs nothing but its place in the minute. Every process counts in the database.
 */
export function createRateLimits(options: RateLimitsOptions) {
  const { database, clock, throttles } = options;
  const { key: secret } = createKeyring(options.secrets, 'throttles').current;
  const refreshes = createFailures('refreshes', options.refreshFailures);
  const oneTimeTokens = createFailures('one-time-tokens', TOKEN_FAILURES);
  const changes = createFailures('account-changes', CHANGES);

  /** Known and unknown accounts have the same kind of key, so they answer and cost the same (LOG-1). */
  function keyOf(kind: string, ...parts: readonly string[]): string {
    return createHmac('sha256', secret)
      .update(JSON.stringify([kind, ...parts]))
      .digest('base64url');
  }

  /** @throws AuthError `TOO_MANY_REQUESTS` */
  async function count(
    limits: readonly Limit[],
    actor: Actor,
  ): Promise<readonly { key: string; count: number }[]> {
    const now = clock.now();
    const counted = await countAttempt(database.before(actor.client.deadline), { counts: limits, now });
    if (counted.length === limits.length) return counted;

    const blocks = await listBlocks(database, { keys: limits.map(({ key }) => key), now });
    const unreported = blocks.filter(({ blockedUntil, reportedUntil }) => reportedUntil < blockedUntil);
    if (unreported.length > 0) await report(unreported, limits, actor);
    throw tooMany(Math.max(now, ...blocks.map(({ blockedUntil }) => blockedUntil)) - now);
  }

  /** One event per block, at the first refusal: a flood of attempts must not become a flood of events. */
  async function report(
    blocks: readonly Block[],
    limits: readonly Limit[],
    { client, userId }: Actor,
  ): Promise<void> {
    const at = clock.now();
    await database.transaction(async (sql) => {
      for (const block of blocks) {
        if ((await reportBlock(sql, block)) === 0) continue;
        const limit = limits.find(({ key }) => key === block.key)?.name ?? '';
        await recordExcess(sql, { at, client, userId, limit, blockedUntil: block.blockedUntil });
      }
    });
  }

  function recordExcess(
    sql: Sql,
    {
      at,
      client,
      userId,
      limit,
      blockedUntil,
    }: Actor & { readonly at: number; readonly limit: string; readonly blockedUntil: number },
  ): Promise<void> {
    return recordEvent(sql, {
      name: 'excess_rate_limit_exceeded',
      outcome: 'fail',
      at,
      userId,
      client,
      details: { limit, retryAfter: Math.ceil((blockedUntil - at) / 1_000) },
    });
  }

  /** Failures of what cannot be guessed, by source and in memory: this only keeps them from costing much. */
  function createFailures(limit: string, max: number) {
    const counts = new LRUCache<string, { count: number; isReported: boolean }>({
      max: 10_000,
      ttl: NETWORK_WINDOW_MS,
    });
    return {
      /** @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`. */
      async assertFew(source: string, client: Client): Promise<void> {
        const failures = counts.get(source);
        if (!throttles || failures === undefined || failures.count < max) return;
        const waitMs = counts.getRemainingTTL(source);
        if (!failures.isReported) {
          failures.isReported = true;
          const at = clock.now();
          await recordExcess(database, { at, client, limit, blockedUntil: at + waitMs });
        }
        throw tooMany(waitMs);
      },
      add(source: string): void {
        const failures = counts.get(source);
        if (failures === undefined) counts.set(source, { count: 1, isReported: false });
        else failures.count += 1;
      },
    };
  }

  function networkLimits({ ip }: Client): { failures: Limit; checks: Limit } {
    const network = networkOf(ip);
    return {
      failures: limitOf('network-failures', [network], options.networkFailures, NETWORK_WINDOW_MS),
      checks: limitOf('network-checks', [network], options.networkChecks, MINUTE_MS),
    };
  }

  /** So many in a row. */
  function run(name: string, ...parts: readonly string[]): Limit {
    return limitOf(name, parts, options.accountFailures, 0);
  }

  function limitOf(name: string, parts: readonly string[], max: number, windowMs: number): Limit {
    return { name, key: keyOf(name, ...parts), max, windowMs };
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
      deviceId: string | undefined;
      actor: Actor;
    }): Promise<Attempt> {
      if (!throttles) return UNCOUNTED;
      const { emailCanonical, deviceId, actor } = login;
      if (deviceId !== undefined) {
        const lane = run('device', deviceId);
        await count([lane], actor);
        return { keys: [lane.key], countKeys: [], runKeys: [lane.key], isLast: false };
      }
      const account = run('account', emailCanonical);
      // Outlasts the owner's next login from elsewhere, which ends the run of the account.
      const pair = run('pair', emailCanonical, networkOf(actor.client.ip));
      const { failures, checks } = networkLimits(actor.client);
      const limits = [account, pair, failures, checks];
      const counted = await count(limits, actor);
      const inARow = counted.find(({ key }) => key === account.key)?.count ?? 0;
      // NIST SP 800-63B-4 §3.2.2: no more than 100 in a row. A device that is known, and a reset, still work.
      if (inARow > options.accountDisableAfter) throw tooMany(LONGEST_BACKOFF_MS);
      return {
        keys: limits.map(({ key }) => key),
        countKeys: [failures.key],
        runKeys: [account.key, pair.key],
        isLast: inARow === options.accountDisableAfter,
      };
    },

    /**
     * Lets the owner of a live session prove their password again: a lane of their own, whoever else is guessing.
     *
     * @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`.
     */
    async beforeProof(actor: Actor & { userId: string }): Promise<Attempt> {
      if (!throttles) return UNCOUNTED;
      const lane = run('viewer', actor.userId);
      const { failures, checks } = networkLimits(actor.client);
      const limits = [lane, failures, checks];
      await count(limits, actor);
      const keys = limits.map(({ key }) => key);
      return { keys, countKeys: [failures.key], runKeys: [lane.key], isLast: false };
    },

    /**
     * Lets a code be checked that was mailed. Its run is not the password's: who guesses at the one does not keep the
     * owner from using the other (LOG-6).
     *
     * @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`.
     */
    async beforeCode({ emailCanonical, actor }: { emailCanonical: string; actor: Actor }): Promise<Attempt> {
      if (!throttles) return UNCOUNTED;
      const lane = run('email-code', emailCanonical);
      const { failures, checks } = networkLimits(actor.client);
      const limits = [lane, failures, checks];
      await count(limits, actor);
      const keys = limits.map(({ key }) => key);
      return { keys, countKeys: [failures.key], runKeys: [lane.key], isLast: false };
    },

    /** Inside the transaction of what the right password did. */
    async succeeded(sql: Sql, { countKeys, runKeys }: Attempt): Promise<void> {
      if (countKeys.length > 0) await takeBack(sql, countKeys);
      if (runKeys.length > 0) await clear(sql, runKeys);
    },

    /** Does what the attempt is for, and takes it back when that fails: the hash queue was full (LOG-3). */
    async checking<Result>({ keys }: Attempt, check: () => Promise<Result>): Promise<Result> {
      try {
        return await check();
      } catch (error) {
        if (keys.length === 0) throw error;
        await database.transaction(async (sql) => {
          // One by one and in one order: many who are refused at once share the rows of their network.
          for (const key of [...keys].sort()) await takeBack(sql, [key]);
        });
        throw error;
      }
    },

    /** A new password, set by whoever may: the failures with the old one are over. */
    async passwordWasSet(sql: Sql, emailCanonical: string): Promise<void> {
      await clear(sql, [keyOf('account', emailCanonical)]);
    },

    /** @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`. */
    async beforeRegistration(client: Client): Promise<Attempt> {
      if (!throttles) return UNCOUNTED;
      const network = networkOf(client.ip);
      const limit = limitOf('registrations', [network], options.networkRegistrations, NETWORK_WINDOW_MS);
      await count([limit], { client });
      return { keys: [limit.key], countKeys: [], runKeys: [], isLast: false };
    },

    /**
     * Lets somebody have a mail sent, whether anybody gets it or not (OTT-3).
     *
     * @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`.
     */
    async beforeMail(emailCanonical: string, actor: Actor): Promise<void> {
      if (!throttles) return;
      const network = networkOf(actor.client.ip);
      await count(
        [
          limitOf('address-mails', [emailCanonical], options.addressMails, HOUR_MS),
          limitOf('network-mails', [network], options.networkMails, HOUR_MS),
        ],
        actor,
      );
    },

    /**
     * Lets somebody change what their account says of them: each change is an event of the audit trail.
     *
     * @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`.
     */
    async beforeChange(userId: string, client: Client): Promise<void> {
      await changes.assertFew(userId, client);
      changes.add(userId);
    },

    /** Whether an address may have one more notice of what happened to its account; counted in that transaction. */
    async mayNotify(sql: Sql, address: string): Promise<boolean> {
      if (!throttles) return true;
      const limit = limitOf('address-notices', [address], NOTICES, HOUR_MS);
      return (await countAttempt(sql, { counts: [limit], now: clock.now() })).length > 0;
    },

    /**
     * Counts refreshes that fail, in memory; those that succeed are free, because an office shares an address.
     * `source` is a network for what is no token, or a session for its own.
     *
     * @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`.
     */
    assertFewFailedRefreshes: refreshes.assertFew,
    refreshFailed: refreshes.add,

    /** Counts one-time tokens that are good for nothing. @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`. */
    assertFewFailedTokens: (client: Client): Promise<void> =>
      oneTimeTokens.assertFew(networkOf(client.ip), client),
    tokenFailed: (client: Client): void => oneTimeTokens.add(networkOf(client.ip)),

    /** Deletes what says nothing any more; how many. */
    async prune(): Promise<number> {
      const now = clock.now();
      const { accountDisableAfter: disableAfter } = options;
      const [dayAgo, monthAgo] = [now - DAY_MS, now - 30 * DAY_MS];
      let total = 0;
      let from = 0;
      await inSteps(async (limit) => {
        const until = await findEndOfStep(database, { from, before: dayAgo, limit });
        if (until === undefined) return false;
        total += await deleteStale(database, { from, until, now, monthAgo, disableAfter });
        from = until + 1;
        return true;
      });
      return total;
    },
  };
}

function tooMany(waitMs: number): AuthError {
  return new AuthError('TOO_MANY_REQUESTS', { retryAfter: Math.max(1, Math.ceil(waitMs / 1_000)) });
}
