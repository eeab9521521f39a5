import { createRecoveryCode, recoveryCodeHash } from '../../crypto/recovery-code.ts';
import { totpStepOf } from '../../crypto/totp.ts';
import type { Database, Sql, Transaction } from '../../database/database.ts';
import { sweepChore } from '../../platform/chore.ts';
import type { Clock } from '../../platform/clock.ts';
import { DAY_MS } from '../../platform/durations.ts';
import { sweep } from '../../platform/sweep.ts';
import { wordsOf } from '../../platform/words.ts';
import type { Attempt, RateLimits } from '../rate-limits/service.ts';
import { changeSecondFactors, lockUser, type UserRecord } from '../users/store.ts';
import { createSeeds, type SeedsOptions } from './seeds.ts';
import type { ShownCode } from './shown.ts';
import * as store from './store.ts';
import { createTries, type Trier, type TriesOptions } from './tries.ts';

export { type FactorInput, readCode, requireCode, type ShownCode } from './shown.ts';
export type { FactorRecord } from './store.ts';

const RECOVERY_CODES = 10;
/** As with sessions: what a wrong clock took for expired is still there when it is right again (CR-7). */
const KEEP_EXPIRED_MS = DAY_MS;

/** What can be shown beside a first factor. */
export type FactorKind = store.StoredKind | 'RECOVERY_CODE';

declare const SHOWN: unique symbol;

/** A second factor whose code was right. Made here and nowhere else: the brand is not exported. */
export interface SecondFactor {
  readonly [SHOWN]: true;
  readonly kind: FactorKind;
  /** What was counted of it. */
  readonly attempt: Attempt;
  /** How many codes were wrong before. */
  readonly failuresBefore: (tx: Transaction) => Promise<number>;
  /** After the user's row was written; ends what was counted. False when another request spent the code first. */
  readonly spend: (tx: Transaction) => Promise<boolean>;
}

/** Which of a user's factors go: one, or those that were confirmed since a moment (ms since 1970), with their codes. */
export type Which = { readonly id: string } | { readonly since: number };

export const EVERY_FACTOR: Which = { since: 0 };

export interface FactorsOptions extends SeedsOptions, TriesOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly rateLimits: TriesOptions['rateLimits'] & Pick<RateLimits, 'checking'>;
}

export type Factors = ReturnType<typeof createFactors>;

/** The second factors of accounts, and their recovery codes. */
export function createFactors(options: FactorsOptions) {
  const { database, clock, rateLimits } = options;
  const seeds = createSeeds(options);
  const tries = createTries(options);

  /** How a code that is right is spent; none when it is wrong. */
  async function findCode(
    { user: { id: userId }, caller }: Trier,
    shown: ShownCode,
  ): Promise<((tx: Transaction) => Promise<boolean>) | undefined> {
    const sql = database.before(caller.deadline);
    if (shown.kind === 'RECOVERY_CODE') {
      const { codeHash } = shown;
      if (codeHash === undefined || !(await store.hasRecoveryCode(sql, { userId, codeHash })))
        return undefined;
      return async (tx) => (await store.deleteRecoveryCode(tx, { userId, codeHash })) === 1;
    }
    const totp = await store.findTotp(sql, userId);
    if (totp === undefined) return undefined;
    const { id, lastStep } = totp;
    const now = clock.now();
    const step = totpStepOf(shown.code, { seed: seeds.open(totp), lastStep, at: now });
    if (step === undefined) return undefined;
    return async (tx) => (await store.spendStep(tx, { id, step, now })) === 1;
  }

  /** Inside a transaction that has locked the user's row. */
  function deleteWhich(tx: Transaction, userId: string, which: Which): Promise<{ id: string }[]> {
    return 'id' in which
      ? store.deleteFactor(tx, { userId, id: which.id })
      : store.deleteFactorsSince(tx, { userId, since: which.since });
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

    /** Inside the transaction of a reset of the password, after the user's row was written. */
    async passwordWasReset(tx: Transaction, { id, secondFactors }: UserRecord): Promise<void> {
      if (secondFactors !== '') await tries.passwordWasReset(tx, id);
    },

    /** Whether a removal of all factors was waiting, which does so no more. */
    cancelReset: async (tx: Transaction, userId: string): Promise<boolean> =>
      (await store.deleteReset(tx, { userId })) === 1,

    /** Cancels those of all users. */
    async endResets(): Promise<void> {
      await store.deleteResets(database);
    },

    /** What would do as a second factor; nothing where the account has none. */
    async kindsOf(sql: Sql, { id, secondFactors }: UserRecord): Promise<FactorKind[]> {
      if (secondFactors === '') return [];
      const codes = await store.countRecoveryCodes(sql, id);
      return [
        ...(wordsOf(secondFactors) as store.StoredKind[]),
        ...(codes > 0 ? ['RECOVERY_CODE' as const] : []),
      ];
    },

    /**
     * Checks a code, which is counted before (ASVS 6.6.3), and does not spend it yet.
     *
     * @returns what was counted, and the factor if the code is right.
     * @throws AuthError `TOO_MANY_REQUESTS`, `UNAVAILABLE`; then the code counts as no try.
     */
    async check(
      trier: Trier,
      shown: ShownCode,
    ): Promise<{ attempt: Attempt; factor: SecondFactor | undefined }> {
      const attempt = await tries.before(trier);
      const spendCode = await rateLimits.checking(attempt, () => findCode(trier, shown));
      if (spendCode === undefined) return { attempt, factor: undefined };
      const { user } = trier;
      const factor = {
        kind: shown.kind,
        attempt,
        failuresBefore: (tx: Transaction) => tries.failuresBefore(tx, trier, attempt),
        async spend(tx: Transaction) {
          if (!(await spendCode(tx))) return false;
          // A reset that a thief may have asked for ends where the factor is there, after all.
          await store.deleteReset(tx, { userId: user.id });
          await tries.succeeded(tx, trier, attempt);
          return true;
        },
      } as unknown as SecondFactor;
      return { attempt, factor };
    },

    /** Ten codes in the place of all before, inside a transaction that has locked the user's row. */
    async replaceRecoveryCodes(tx: Transaction, userId: string): Promise<string[]> {
      const codes = Array.from({ length: RECOVERY_CODES }, createRecoveryCode);
      const codeHashes = codes.flatMap((code) => recoveryCodeHash(code) ?? []);
      await store.deleteRecoveryCodes(tx, { userId, since: 0 });
      await store.insertRecoveryCodes(tx, { userId, codeHashes, now: clock.now() });
      return codes;
    },

    changed,

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
