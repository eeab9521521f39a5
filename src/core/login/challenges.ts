import { randomBytes } from 'node:crypto';
import { sha256 } from '../../crypto/digest.ts';
import type { Database, Sql, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import { sweepChore } from '../../platform/chore.ts';
import type { Clock } from '../../platform/clock.ts';
import { DAY_MS, MINUTE_MS } from '../../platform/durations.ts';
import { sweep } from '../../platform/sweep.ts';
import { networksOf } from '../rate-limits/networks.ts';
import { NETWORK_WINDOW_MS, type RateLimits } from '../rate-limits/service.ts';
import { findUser, type UserRecord } from '../users/store.ts';
import * as store from './challenge-store.ts';

export type { Challenge } from './challenge-store.ts';

/*
 * token = "lkm_" ‖ base64url( 32 random bytes )
 *
 * It stands for a login that waits for a second factor, opens nothing by itself, and is no token of any other kind.
 */
const PREFIX = 'lkm_';
const SHAPE = /^lkm_[A-Za-z0-9_-]{43}$/;

/** RFC 6238 codes change twice a minute: time to find the device, and not much more. */
const LIFETIME_MS = 5 * MINUTE_MS;
/** ASVS 6.6.3. */
const TRIES = 5;
/** Bad tokens of one network in five minutes. */
const MOST_FAILURES = 30;
/** As with sessions: what a wrong clock took for expired is still there when it is right again (CR-7). */
const KEEP_EXPIRED_MS = DAY_MS;
const END_ALL_BATCH = 5_000;

export interface ChallengesOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly rateLimits: Pick<RateLimits, 'failures'>;
}

/** What a login that waits is to be completed with. */
export interface NewChallenge {
  /** As their row was written in the same transaction. */
  readonly user: UserRecord;
  readonly amr: readonly string[];
  readonly scope: readonly string[] | null;
  readonly deviceName: string | null;
  readonly deviceId: string | null;
}

export type Challenges = ReturnType<typeof createChallenges>;

/** Logins that wait for a second factor. */
export function createChallenges({ database, clock, rateLimits }: ChallengesOptions) {
  const failures = rateLimits.failures({ name: 'mfa-tokens', windowMs: NETWORK_WINDOW_MS });

  /**
   * A text without the shape of a token costs no look-up. Only bad ones are counted: they cannot be guessed, and the
   * limit keeps them cheap.
   */
  async function look(
    text: string,
    find: (sql: Sql, token: { tokenHash: string; now: number }) => Promise<store.Challenge | undefined>,
    caller: Caller,
  ): Promise<store.Challenge> {
    const challenge = SHAPE.test(text)
      ? await find(database.before(caller.deadline), { tokenHash: sha256(text), now: clock.now() })
      : undefined;
    if (challenge !== undefined) return challenge;
    const networks = networksOf(caller, MOST_FAILURES);
    await failures.count(networks, caller);
    throw new AuthError('INVALID_TOKEN');
  }

  /** Deletes long-expired ones; how many. */
  function prune(): Promise<number> {
    const expiredBefore = clock.now() - KEEP_EXPIRED_MS;
    return sweep((limit) => store.deleteExpiredChallenges(database, { expiredBefore, limit }));
  }

  return {
    /** Inside the transaction that proved the first factor. */
    async open(
      tx: Transaction,
      { user, amr, scope, deviceName, deviceId }: NewChallenge,
    ): Promise<{ mfaToken: string; expiresAt: string }> {
      const mfaToken = PREFIX + randomBytes(32).toString('base64url');
      const now = clock.now();
      const expiresAt = now + LIFETIME_MS;
      const { id: userId, passwordVersion, credentialVersion } = user;
      await store.insertChallenge(tx, {
        tokenHash: sha256(mfaToken),
        ...{ userId, passwordVersion, credentialVersion },
        amr: amr.join(' '),
        scope: scope?.join(' ') ?? null,
        deviceName,
        deviceId,
        triesLeft: TRIES,
        now,
        expiresAt,
      });
      return { mfaToken, expiresAt: new Date(expiresAt).toISOString() };
    },

    /** @throws AuthError `INVALID_TOKEN`: unknown, completed, expired or out of tries; `TOO_MANY_REQUESTS`. */
    present: (text: string, caller: Caller): Promise<store.Challenge> =>
      look(text, store.findChallenge, caller),

    /** The same, and takes one of its five tries. */
    takeTry: (text: string, caller: Caller): Promise<store.Challenge> => look(text, store.takeTry, caller),

    /** @throws AuthError `INVALID_TOKEN` when what proves the owner changed since, or the account is gone or disabled. */
    async ownerOf(challenge: store.Challenge, caller: Caller): Promise<UserRecord> {
      const user = await findUser(database.before(caller.deadline), challenge.userId);
      if (
        user?.credentialVersion !== challenge.credentialVersion ||
        user.passwordVersion !== challenge.passwordVersion ||
        user.disabledAt !== null
      )
        throw new AuthError('INVALID_TOKEN', { cause: 'the account changed meanwhile' });
      return user;
    },

    /** What was taken for a code that was not compared, because the server was at fault or the account has to wait. */
    async giveTryBack(sql: Sql, { tokenHash }: store.Challenge): Promise<void> {
      await store.giveTryBack(sql, tokenHash);
    },

    /** Inside the transaction of the login: false when another request completed it first. */
    spend: async (tx: Transaction, { tokenHash }: store.Challenge): Promise<boolean> =>
      (await store.deleteChallenge(tx, { tokenHash, now: clock.now() })) === 1,

    /** Ends those of all users. Each statement is short and a transaction of its own. */
    async endAll(): Promise<void> {
      while ((await store.deleteChallenges(database, END_ALL_BATCH)) === END_ALL_BATCH);
    },

    prune,
    chores: [sweepChore('expired logins that wait for a second factor', prune)],
  };
}
