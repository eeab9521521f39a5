import type { Database, Sql, Transaction } from '../../database/database.ts';
import { sweepChore } from '../../platform/chore.ts';
import type { Clock } from '../../platform/clock.ts';
import { HOUR_MS } from '../../platform/durations.ts';
import { sweep } from '../../platform/sweep.ts';
import { speaksFor } from './issuers.ts';
import type { ProviderDefinition } from './providers-file.ts';
import { deleteExpiredStarts, deleteStarts } from './start-store.ts';
import { deleteExternalLoginsSince, listExternalLogins } from './store.ts';

export type { ExternalLoginRecord } from './store.ts';

/**
 * What a wrong clock took for expired is still there when it is right again (CR-7). It is no longer than that, because
 * strangers make these rows.
 */
const KEEP_EXPIRED_MS = HOUR_MS;
const END_ALL_BATCH = 5_000;

export interface ExternalLoginsOptions {
  readonly database: Database;
  readonly clock: Clock;
  /** The providers that people can log in by. */
  readonly providers: readonly ProviderDefinition[];
}

export type ExternalLogins = ReturnType<typeof createExternalLogins>;

/** The accounts at providers that people log in with: what core and more than one feature need of them. */
export function createExternalLogins({ database, clock, providers }: ExternalLoginsOptions) {
  /** Deletes long-expired starts; how many. */
  function prune(): Promise<number> {
    const expiredBefore = clock.now() - KEEP_EXPIRED_MS;
    return sweep((limit) => deleteExpiredStarts(database, { expiredBefore, limit }));
  }

  return {
    /**
     * Whether an account can be logged in to by a provider. The issuer decides: the name of a provider may lead to
     * another issuer now, and an issuer may have another name. One that the operator removed opens nothing.
     */
    isWayIn: async (sql: Sql, userId: string): Promise<boolean> =>
      (await listExternalLogins(sql, userId)).some(({ issuer }) =>
        providers.some((provider) => speaksFor(provider, issuer)),
      ),

    /**
     * Unlinks what was linked since a moment (ms since 1970), inside a transaction that wrote the user's row first and
     * raised its version. How many went.
     */
    removeSince: (tx: Transaction, userId: string, since: number): Promise<number> =>
      deleteExternalLoginsSince(tx, { userId, since }),

    /** Ends every login and link that was begun. Each statement is short and a transaction of its own. */
    async endStarts(): Promise<void> {
      while ((await deleteStarts(database, END_ALL_BATCH)) === END_ALL_BATCH);
    },

    prune,
    chores: [sweepChore('expired external logins', prune)],
  };
}
