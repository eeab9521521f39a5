import type { Database, Sql } from '../../database/database.ts';
import { sweepChore } from '../../platform/chore.ts';
import type { Clock } from '../../platform/clock.ts';
import { DAY_MS } from '../../platform/durations.ts';
import { sweep } from '../../platform/sweep.ts';
import type { RecordEvent } from '../audit/store.ts';
import type { Mail } from '../mail/service.ts';
import type { RateLimits } from '../rate-limits/service.ts';
import { createHashes } from './hashes.ts';
import { createIssuing } from './issuing.ts';
import { createRedemption } from './redemption.ts';
import * as store from './store.ts';

export type { NewToken } from './issuing.ts';

/** As with sessions: what a wrong clock took for expired is still there when it is right again (CR-7). */
const KEEP_EXPIRED_MS = 7 * DAY_MS;
const END_ALL_BATCH = 5_000;

export interface OneTimeTokensOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly secrets: readonly Buffer[];
  readonly mail: Pick<Mail, 'isOn' | 'enqueue'>;
  readonly rateLimits: Pick<RateLimits, 'networkWindow' | 'failures' | 'pass'>;
  /** Off for load tests only. */
  readonly throttles: boolean;
  /** Mails that one network has sent in an hour. */
  readonly networkMails: number;
  /** Mails with a link of one purpose to one address, in an hour or while the link lives if that is shorter. */
  readonly addressMails: number;
}

export type OneTimeTokens = ReturnType<typeof createOneTimeTokens>;

/** The tokens and codes that are sent by mail: each is good for one thing, once, and proves a mailbox. */
export function createOneTimeTokens(options: OneTimeTokensOptions) {
  const { database, clock } = options;
  const hashes = createHashes(options.secrets);

  /** Deletes long-expired tokens; how many. */
  function prune(): Promise<number> {
    const expiredBefore = clock.now() - KEEP_EXPIRED_MS;
    return sweep((limit) => store.deleteExpiredTokens(database, { expiredBefore, limit }));
  }

  return {
    ...createIssuing({ ...options, hashes }),
    ...createRedemption({ ...options, hashes }),

    /** Whether the account that gave an address up may still go back to it: then no other can have it unproven. */
    isReserved: (sql: Sql, emailCanonical: string): Promise<boolean> =>
      store.isFormerAddress(sql, { emailCanonical, now: clock.now() }),

    /**
     * Inside the transaction that changed a user's password or address (OTT-2). What undoes a change of address stays:
     * a thief who takes an account over and changes its address could make a new password, too.
     */
    async endAllOf(sql: Sql, userId: string): Promise<void> {
      await store.deleteTokensOf(sql, userId);
    },

    /** What undoes changes of a user's address since a moment, ms since 1970. */
    async endUndosOf(sql: Sql, userId: string, since = 0): Promise<void> {
      await store.deleteUndosOf(sql, { subject: userId, since });
    },

    /** Ends those of all users. Each statement is short and a transaction of its own. */
    async endAll(): Promise<void> {
      while ((await store.deleteTokens(database, END_ALL_BATCH)) === END_ALL_BATCH);
    },

    prune,
    chores: [sweepChore('expired one-time tokens', prune)],
  };
}
