import { createRecoveryCode, recoveryCodeHash } from '../../crypto/recovery-code.ts';
import type { Database, Sql, Transaction } from '../../database/database.ts';
import { sweepChore } from '../../platform/chore.ts';
import type { Clock } from '../../platform/clock.ts';
import { DAY_MS } from '../../platform/durations.ts';
import { sweep } from '../../platform/sweep.ts';
import { wordsOf } from '../../platform/words.ts';
import type { Passkeys } from '../passkeys/service.ts';
import type { RateLimits } from '../rate-limits/service.ts';
import { changeSecondFactors, lockUser, type UserRecord } from '../users/store.ts';
import { createFactorChecks, type FactorKind } from './checks.ts';
import { deleteReset, deleteResets } from './reset-store.ts';
import { createSeeds, type SeedsOptions } from './seeds.ts';
import * as store from './store.ts';
import { createTries, type TriesOptions } from './tries.ts';

export type { FactorKind, SecondFactor } from './checks.ts';
export { type FactorInput, readFactor, requireFactor, type ShownFactor } from './shown.ts';
export type { FactorRecord } from './store.ts';

const RECOVERY_CODES = 10;
/** As with sessions: what a wrong clock took for expired is still there when it is right again (CR-7). */
const KEEP_EXPIRED_MS = DAY_MS;

/** Which of a user's factors go: one, or those that were confirmed since a moment (ms since 1970), with their codes. */
export type Which = { readonly id: string } | { readonly since: number };

export const EVERY_FACTOR: Which = { since: 0 };

export interface FactorsOptions extends SeedsOptions, TriesOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly rateLimits: TriesOptions['rateLimits'] & Pick<RateLimits, 'checking'>;
  readonly passkeys: Pick<Passkeys, 'check' | 'isOn'>;
}

export type Factors = ReturnType<typeof createFactors>;

/** The second factors of accounts, and their recovery codes. */
export function createFactors(options: FactorsOptions) {
  const { database, clock, rateLimits, passkeys } = options;
  const seeds = createSeeds(options);
  const tries = createTries(options);

  /** Inside a transaction that has locked the user's row. */
  function deleteWhich(tx: Transaction, userId: string, which: Which): Promise<{ id: string }[]> {
    return 'id' in which
      ? store.deleteFactor(tx, { userId, id: which.id })
      : store.deleteFactorsSince(tx, { userId, since: which.since });
  }

  /** Ten codes in the place of all before, inside a transaction that has locked the user's row. */
  async function replaceRecoveryCodes(tx: Transaction, userId: string): Promise<string[]> {
    const codes = Array.from({ length: RECOVERY_CODES }, createRecoveryCode);
    const codeHashes = codes.flatMap((code) => recoveryCodeHash(code) ?? []);
    await store.deleteRecoveryCodes(tx, { userId, since: 0 });
    await store.insertRecoveryCodes(tx, { userId, codeHashes, now: clock.now() });
    return codes;
  }

  /** After a change of the factors, inside the transaction that locked the user's row. */
  async function changed(tx: Transaction, userId: string): Promise<UserRecord> {
    const kinds = new Set((await store.listFactors(tx, userId)).map(({ kind }) => kind));
    const user = await changeSecondFactors(tx, { id: userId, secondFactors: [...kinds].join(' ') });
    if (user === undefined) throw new Error('the row of the user was locked and is gone');
    return user;
  }

  /** Deletes enrolments that nobody finished; how many. */
  function prune(): Promise<number> {
    const expiredBefore = clock.now() - KEEP_EXPIRED_MS;
    return sweep((limit) => store.deleteExpiredEnrolments(database, { expiredBefore, limit }));
  }

  return {
    ...seeds,
    ...createFactorChecks({ database, clock, rateLimits, passkeys, seeds, tries }),

    /** Inside the transaction of a reset of the password, after the user's row was written. */
    async passwordWasReset(tx: Transaction, { id, secondFactors }: UserRecord): Promise<void> {
      if (secondFactors !== '') await tries.passwordWasReset(tx, id);
    },

    /** Where the wrong codes of an account are counted. */
    limitOf: tries.limitOf,

    /** Inside a transaction: forgets the wrong codes of an account. */
    forgetTries: (tx: Transaction, userId: string): Promise<void> => tries.open(tx, userId),

    /** Whether a removal of all factors was waiting, which does so no more. */
    cancelReset: async (tx: Transaction, userId: string): Promise<boolean> =>
      (await deleteReset(tx, { userId })) === 1,

    /** Cancels those of all users. */
    async endResets(): Promise<void> {
      await deleteResets(database);
    },

    /** What would do as a second factor; nothing where the account has none. Passkeys do nothing while they are off. */
    async kindsOf(sql: Sql, { id, secondFactors }: UserRecord): Promise<FactorKind[]> {
      if (secondFactors === '') return [];
      const codes = await store.countRecoveryCodes(sql, id);
      const kinds = wordsOf(secondFactors) as store.StoredKind[];
      return [
        ...kinds.filter((kind) => kind !== 'PASSKEY' || passkeys.isOn),
        ...(codes > 0 ? ['RECOVERY_CODE' as const] : []),
      ];
    },

    replaceRecoveryCodes,

    /**
     * After a factor was confirmed, inside the transaction that holds the user's row.
     *
     * @param held the row as it was before.
     * @returns the row as it is then, and the recovery codes that the first factor brings.
     */
    async added(
      tx: Transaction,
      held: UserRecord,
    ): Promise<{ user: UserRecord; recoveryCodes: readonly string[] | null }> {
      const recoveryCodes = held.secondFactors === '' ? await replaceRecoveryCodes(tx, held.id) : null;
      return { user: await changed(tx, held.id), recoveryCodes };
    },

    /**
     * Removes factors, with the recovery codes where no factor is left. What was proven before proves nothing any more:
     * every pending login ends. The caller ends the sessions.
     *
     * @returns the row of the user as it is then, and how many went; none when the user is gone.
     */
    async remove(
      tx: Transaction,
      userId: string,
      which: Which,
    ): Promise<{ user: UserRecord; removed: number } | undefined> {
      const before = await lockUser(tx, userId);
      if (before === undefined) return undefined;
      const gone = await deleteWhich(tx, userId, which);
      if ('since' in which) await store.deleteRecoveryCodes(tx, { userId, since: which.since });
      if (gone.length === 0) return { user: before, removed: 0 };
      const user = await changed(tx, userId);
      if (user.secondFactors === '') {
        await store.deleteRecoveryCodes(tx, { userId, since: 0 });
        await tries.open(tx, userId);
      }
      return { user, removed: gone.length };
    },

    prune,
    chores: [sweepChore('unfinished enrolments', prune)],
  };
}
