import { totpStepOf } from '../../crypto/totp.ts';
import type { Database, Transaction } from '../../database/database.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import type { PasskeyAnswer, Passkeys, Purpose, RefusedPasskey, Wanted } from '../passkeys/service.ts';
import { type Attempt, type RateLimits, UNCOUNTED } from '../rate-limits/service.ts';
import { deleteReset } from './reset-store.ts';
import type { Seeds } from './seeds.ts';
import type { ShownCode, ShownFactor } from './shown.ts';
import * as store from './store.ts';
import type { Trier, Tries } from './tries.ts';

/** What can be shown beside a first factor. */
export type FactorKind = store.StoredKind | 'RECOVERY_CODE';

declare const SHOWN: unique symbol;

/** A second factor that was right. Made here and nowhere else: the brand is not exported. */
export interface SecondFactor {
  readonly [SHOWN]: true;
  readonly kind: FactorKind;
  /** What it shows (RFC 8176 §2, which has no word of its own for a recovery code: a code that works once). */
  readonly amr: readonly string[];
  /** What was counted of it. */
  readonly attempt: Attempt;
  /** How many codes were wrong before. */
  readonly failuresBefore: (tx: Transaction) => Promise<number>;
  /** After the user's row was written; ends what was counted. False when another request spent it first. */
  readonly spend: (tx: Transaction) => Promise<boolean>;
}

/** What came of a check: the factor where it was right, and otherwise why it was not, for the audit trail. */
export type Checked =
  | { readonly factor: SecondFactor }
  | { readonly factor?: undefined; readonly attempt: Attempt; readonly reason: string };

/** A passkey that was right, and whose it is. */
export interface CheckedPasskey {
  readonly userId: string;
  readonly factor: SecondFactor;
}

export interface FactorChecksOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly rateLimits: Pick<RateLimits, 'checking'>;
  readonly passkeys: Pick<Passkeys, 'check'>;
  readonly seeds: Pick<Seeds, 'open'>;
  readonly tries: Tries;
}

/** Whether a second factor is right. What is right is spent later, in the transaction of what it is good for. */
export function createFactorChecks({
  database,
  clock,
  rateLimits,
  passkeys,
  seeds,
  tries,
}: FactorChecksOptions) {
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

  /** A removal of all factors that a thief may have asked for ends where a factor is there, after all. */
  function shownFactor(
    trier: Omit<Trier, 'caller'>,
    { spend, ...factor }: Omit<SecondFactor, typeof SHOWN | 'failuresBefore'>,
  ): SecondFactor {
    return {
      ...factor,
      failuresBefore: (tx) => tries.failuresBefore(tx, trier, factor.attempt),
      async spend(tx) {
        if (!(await spend(tx))) return false;
        await deleteReset(tx, { userId: trier.user.id });
        return true;
      },
    } as SecondFactor;
  }

  /**
   * Checks a passkey, which cannot be guessed: only right ones are counted. It opens TOTP and recovery codes, however many
   * were wrong.
   *
   * @throws AuthError `INVALID_TOKEN`, `TOO_MANY_REQUESTS`, `FEATURE_DISABLED`, `UNAVAILABLE`.
   */
  async function checkPasskey(
    answer: PasskeyAnswer,
    wanted: Wanted & { readonly session: string | undefined; readonly caller: Caller },
  ): Promise<CheckedPasskey | RefusedPasskey> {
    const shown = await passkeys.check(answer, wanted);
    if ('refused' in shown) return shown;
    const { userId, amr } = shown;
    const factor = shownFactor(
      { user: { id: userId }, session: wanted.session },
      {
        kind: 'PASSKEY',
        amr,
        attempt: UNCOUNTED,
        async spend(tx) {
          if (!(await shown.spend(tx))) return false;
          await tries.passkeyWasShown(tx, userId);
          return true;
        },
      },
    );
    return { userId, factor };
  }

  return {
    checkPasskey,

    /**
     * Checks a factor. A code is counted before it is compared (ASVS 6.6.3).
     *
     * @param trier.purpose what a passkey was asked for.
     * @throws AuthError `TOO_MANY_REQUESTS`, `UNAVAILABLE`, and for a passkey `INVALID_TOKEN` and `FEATURE_DISABLED`; then
     * it counts as no try.
     */
    async check(trier: Trier & { readonly purpose: Purpose }, shown: ShownFactor): Promise<Checked> {
      const { user, session, purpose, caller } = trier;
      if (shown.kind === 'PASSKEY') {
        const wanted = { purpose, userId: user.id, session, requireUserVerification: false, caller };
        const checked = await checkPasskey(shown.answer, wanted);
        return 'refused' in checked ? { attempt: UNCOUNTED, reason: checked.refused } : checked;
      }
      const attempt = await tries.before(trier);
      const spendCode = await rateLimits.checking(attempt, () => findCode(trier, shown));
      if (spendCode === undefined) return { attempt, reason: 'wrong_code' };
      const factor = shownFactor(trier, {
        kind: shown.kind,
        amr: ['otp'],
        attempt,
        async spend(tx) {
          if (!(await spendCode(tx))) return false;
          await tries.succeeded(tx, trier, attempt);
          return true;
        },
      });
      return { factor };
    },
  };
}
