import { randomUUID } from 'node:crypto';
import type { Audit } from '../../core/audit/service.ts';
import type { Mail } from '../../core/mail/service.ts';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { RateLimits } from '../../core/rate-limits/service.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import type { Tokens } from '../../core/tokens/service.ts';
import type { Database, Sql } from '../../database/database.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import { releaseLease, takeLease } from './store.ts';

/** How often each process asks for the lease, and its holder prolongs it. */
export const HOUSEKEEPING_INTERVAL_MS = 10_000;
/** Two missed turns of a slow holder are forgiven; a dead one is replaced after this. */
const LEASE_MS = 3 * HOUSEKEEPING_INTERVAL_MS;
const PRUNE_EVERY_MS = 10 * 60_000;
const LEASE = 'housekeeping';
/** A lease that is over at once, and kept by nobody. */
const TRIAL = 'trial';

interface Chore {
  readonly name: string;
  readonly everyMs: number;
  readonly work: () => Promise<unknown>;
}

export interface HousekeepingOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tokens: Pick<Tokens, 'maintainKeys'>;
  readonly sessions: Pick<Sessions, 'prune'>;
  readonly rateLimits: Pick<RateLimits, 'prune'>;
  readonly oneTimeTokens: Pick<OneTimeTokens, 'prune'>;
  readonly audit: Pick<Audit, 'chain' | 'prune'>;
  readonly mail: Pick<Mail, 'prune'>;
}

/**
 * What one process does for all that share the database, on whatever machines they are. The lease saves them from
 * doing it n times; it is not what makes it correct: each chore is safe in two processes at once, as when the
 * holder was thought dead and was only slow.
 */
export function createHousekeeping({
  database,
  clock,
  logger,
  tokens,
  sessions,
  rateLimits,
  oneTimeTokens,
  audit,
  mail,
}: HousekeepingOptions) {
  /** The chores of a lane are done one after another. None waits for another lane: a sweep may take minutes. */
  const lanes = [
    [{ name: 'signing keys', everyMs: 0, work: tokens.maintainKeys }],
    [{ name: 'audit chain', everyMs: 0, work: audit.chain }],
    [
      { name: 'ended sessions', everyMs: PRUNE_EVERY_MS, work: sessions.prune },
      { name: 'stale throttles', everyMs: PRUNE_EVERY_MS, work: rateLimits.prune },
      { name: 'expired one-time tokens', everyMs: PRUNE_EVERY_MS, work: oneTimeTokens.prune },
      { name: 'old audit events', everyMs: PRUNE_EVERY_MS, work: audit.prune },
      { name: 'mail of no use', everyMs: PRUNE_EVERY_MS, work: mail.prune },
    ],
  ];
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

  /** A long chore of the turn before goes on; the lease is prolonged meanwhile. */
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

    /** Writes what is of no use, for whoever asks whether anything can be written. @throws AuthError `UNAVAILABLE`. */
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
