import type { Database, Sql } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import type { RecordEvent } from '../audit/store.ts';
import * as store from './store.ts';

/** A count by the name that the audit trail has for it. Each of its keys has a row of its own. */
export interface Limit extends Pick<store.Count, 'max' | 'windowMs'> {
  readonly name: string;
  readonly keys: string[];
}

/** All that lets an attempt through. */
export interface Door {
  /** Runs of failures; a right one ends them. */
  readonly lanes?: readonly Limit[];
  /** Tallies of failures; a right one ends them, unless they have closed a door. */
  readonly tallies?: readonly Limit[];
  /** Of the lanes and tallies, those that close this door when they reach the cap. */
  readonly closing?: readonly Limit[];
  /** Keys of more counts that close this door when they have reached the cap. */
  readonly closingKeys?: readonly string[];
  /** Windows of failures; a right one is taken back. */
  readonly failures?: readonly Limit[];
  /** Windows of checks, right ones too. */
  readonly checks?: readonly Limit[];
  /** Windows of right ones alone. */
  readonly rightOnes?: readonly Limit[];
}

/** An attempt that was let through and is counted as a failure until it turns out right. */
export interface Attempt {
  /** Every row that it is counted in. */
  readonly counted: readonly store.Counted[];
  readonly door: Door;
  /** Whether it is the one whose failure reaches the cap. */
  readonly isLast: boolean;
}

/** A credential that cannot be guessed needs no count. */
export const UNCOUNTED: Attempt = { counted: [], door: {}, isLast: false };

/** Who tries, for the audit trail. */
export interface Actor {
  readonly caller: Caller;
  /** None for an address without an account. */
  readonly userId?: string | undefined;
}

/** Why an attempt has to wait, for the audit trail. */
interface Excess extends Actor {
  readonly at: number;
  readonly limit: string;
  readonly blockedUntil: number;
}

export type Attempts = ReturnType<typeof createAttempts>;

/**
 * Lets attempts through doors and counts them. The count is one statement, before the credential is checked (LOG-3).
 *
 * @param options.cap failures in a row that close what closes.
 */
export function createAttempts({
  database,
  clock,
  recordEvent,
  throttles,
  cap,
}: {
  database: Database;
  clock: Clock;
  recordEvent: RecordEvent;
  throttles: boolean;
  cap: number;
}) {
  /** @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`. */
  async function pass(door: Door, actor: Actor): Promise<Attempt> {
    if (!throttles) return UNCOUNTED;
    const { lanes = [], tallies = [], closing = [], failures = [], checks = [] } = door;
    const counted = await count([...lanes, ...tallies, ...failures, ...checks], door, actor);
    const inARow = (limit: Limit) => Math.max(...rowsOf(counted, [limit]).map((row) => row.count));
    // Of many at once, none has seen the others before it was counted.
    if (closing.some((limit) => inARow(limit) > cap)) throw tooMany(store.LONGEST_BACKOFF_MS);
    return { counted, door, isLast: [...tallies, ...closing].some((limit) => inARow(limit) === cap) };
  }

  /** @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`. */
  async function count(
    limits: readonly Limit[],
    { closing = [], closingKeys = [], rightOnes = [] }: Door,
    actor: Actor,
  ): Promise<readonly store.Counted[]> {
    const now = clock.now();
    const counts = countsOf(limits);
    const closed = { keys: [...keysOf(closing), ...closingKeys], at: cap };
    const sql = database.before(actor.caller.deadline);
    const counted = await store.countAttempt(sql, { counts, asked: keysOf(rightOnes), closed, now });
    if (counted.length === counts.length) return counted;

    const asked = [...limits, ...rightOnes];
    const blocks = await store.listBlocks(database, { keys: keysOf(asked), now });
    const unreported = blocks.filter(({ blockedUntil, reportedUntil }) => reportedUntil !== blockedUntil);
    if (unreported.length > 0) await report(unreported, asked, actor);
    // Without a block, the door has closed.
    if (blocks.length === 0) throw tooMany(store.LONGEST_BACKOFF_MS);
    throw tooMany(Math.max(...blocks.map(({ blockedUntil }) => blockedUntil)) - now);
  }

  /** One event per block, at the first refusal: a flood of attempts must not become a flood of events. */
  async function report(
    blocks: readonly store.Block[],
    limits: readonly Limit[],
    actor: Actor,
  ): Promise<void> {
    const at = clock.now();
    await database.transaction(async (sql) => {
      for (const block of blocks) {
        if ((await store.reportBlock(sql, block)) === 0) continue;
        const limit = limits.find(({ keys }) => keys.includes(block.key))?.name ?? '';
        await recordExcess(sql, { ...actor, at, limit, blockedUntil: block.blockedUntil });
      }
    });
  }

  function recordExcess(sql: Sql, { at, caller, userId, limit, blockedUntil }: Excess): Promise<void> {
    return recordEvent(sql, {
      name: 'excess_rate_limit_exceeded',
      outcome: 'fail',
      at,
      userId,
      caller,
      details: { limit, retryAfter: Math.ceil((blockedUntil - at) / 1_000) },
    });
  }

  return {
    pass,
    recordExcess,

    /**
     * Inside the transaction of what the right attempt did.
     *
     * @throws AuthError `TOO_MANY_REQUESTS` when there were too many right ones.
     */
    async succeeded(sql: Sql, { counted, door }: Attempt): Promise<void> {
      const { lanes = [], tallies = [], failures = [], rightOnes = [] } = door;
      await inOrder([
        ...rowsOf(counted, failures).map((row) => ({ key: row.key, write: () => store.takeBack(sql, row) })),
        ...keysOf(lanes).map((key) => ({ key, write: () => store.endRun(sql, key) })),
        ...keysOf(tallies).map((key) => ({ key, write: () => store.endTally(sql, key, cap) })),
      ]);
      if (rightOnes.length === 0) return;
      const counts = countsOf(rightOnes);
      const right = await store.countAttempt(sql, { counts, now: clock.now() });
      if (right.length < counts.length) throw tooMany(Math.max(...rightOnes.map(({ windowMs }) => windowMs)));
    },

    /** Inside a transaction: an attempt that was neither wrong nor of any effect. It was a check all the same. */
    takeBack: (sql: Sql, { counted, door: { checks = [] } }: Attempt): Promise<void> =>
      takeBack(
        sql,
        counted.filter(({ key }) => !keysOf(checks).includes(key)),
      ),

    /** Checks the credential, and takes the attempt back when the check fails, as when the hash queue is full (LOG-3). */
    async checking<Result>({ counted }: Attempt, check: () => Promise<Result>): Promise<Result> {
      try {
        return await check();
      } catch (error) {
        if (counted.length === 0) throw error;
        await database.transaction((sql) => takeBack(sql, counted));
        throw error;
      }
    },
  };
}

/**
 * Writes row after row in the order of the keys, as `countAttempt` does. Many who log in at once share the rows of
 * their network and account, and none of them must hold a row that another one waits for.
 */
async function inOrder(
  writes: readonly { readonly key: string; readonly write: () => Promise<unknown> }[],
): Promise<void> {
  for (const { write } of [...writes].sort((a, b) => (a.key < b.key ? -1 : 1))) await write();
}

function takeBack(sql: Sql, rows: readonly store.Counted[]): Promise<void> {
  return inOrder(rows.map((row) => ({ key: row.key, write: () => store.takeBack(sql, row) })));
}

function keysOf(limits: readonly Limit[]): string[] {
  return limits.flatMap(({ keys }) => keys);
}

function countsOf(limits: readonly Limit[]): store.Count[] {
  return limits.flatMap(({ keys, max, windowMs }) => keys.map((key) => ({ key, max, windowMs })));
}

function rowsOf(counted: readonly store.Counted[], limits: readonly Limit[]): store.Counted[] {
  const keys = keysOf(limits);
  return counted.filter(({ key }) => keys.includes(key));
}

export function tooMany(waitMs: number): AuthError {
  return new AuthError('TOO_MANY_REQUESTS', { retryAfter: Math.max(1, Math.ceil(waitMs / 1_000)) });
}
