import type { Sql, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import { DAY_MS, MINUTE_MS } from '../../platform/durations.ts';
import type { Attempt, Limit, RateLimits } from '../rate-limits/service.ts';
import type { UserRecord } from '../users/store.ts';

/*
 * A code of six digits can be guessed, so each check counts before it is made, and is a failure until it turns out right
 * (ASVS 6.6.3). A stranger who has not proven a first factor reaches none of these counts.
 *
 *   who tries                         counted in                            closed by
 *   the bearer of an `mfaToken`, or   10 wrong of the account in 15         100 wrong in a row
 *   a session without a factor        minutes; all that are wrong in a row
 *   a session with a factor           a run of that session, with a         100 wrong in a row of that session
 *                                     back-off; all that are wrong in a row
 *
 * So an attacker who knows the password closes the first door, and the owner's sessions with a factor go on. A right code
 * of such a session opens the first door again, however many were wrong. So does a passkey, which cannot be guessed and is
 * not counted, and an operator who removes the factors. A
 * reset of the password ends the 15 minutes, once in 24 hours, and not the 100: the reader of the mailbox would otherwise
 * have no end of guesses.
 */

const WINDOW = { name: 'second-factor', max: 10, windowMs: 15 * MINUTE_MS };
/** Right passkeys of an account. Each opens a session, and only who holds a passkey can reach this. */
const PASSKEYS = { name: 'passkey-uses', max: 30, windowMs: MINUTE_MS };
const CLEARINGS = { name: 'second-factor-clearings', max: 1, windowMs: DAY_MS };

export interface TriesOptions {
  readonly rateLimits: Pick<
    RateLimits,
    'window' | 'run' | 'tally' | 'pass' | 'succeeded' | 'failuresIn' | 'endRun' | 'mayCount'
  >;
}

/** Who tries: `session` is one whose owner has shown a factor, if there is one. */
export interface Trier {
  readonly user: Pick<UserRecord, 'id'>;
  readonly session: string | undefined;
  readonly caller: Caller;
}

export type Tries = ReturnType<typeof createTries>;

/** Lets codes of second factors be checked, and counts those that are wrong. */
export function createTries({ rateLimits }: TriesOptions) {
  const window = rateLimits.window(WINDOW);
  const clearings = rateLimits.window(CLEARINGS);
  const passkeys = rateLimits.window(PASSKEYS);
  const tally = rateLimits.tally('second-factor-tally');
  const sessionRun = rateLimits.run('second-factor-session');

  /** In the order of the keys, as a check counts: neither must hold a row that the other one waits for. */
  function endRuns(sql: Sql, limits: readonly ReturnType<typeof window>[]): Promise<void> {
    const [first, ...others] = limits;
    if (first === undefined) return Promise.resolve();
    return rateLimits.endRun(sql, { ...first, keys: [first, ...others].flatMap(({ keys }) => keys) });
  }

  /** Opens the door that wrong codes have closed. */
  function open(sql: Sql, userId: string): Promise<void> {
    return endRuns(sql, [window(userId), tally(userId)]);
  }

  return {
    /** @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`. */
    before({ user: { id }, session, caller }: Trier): Promise<Attempt> {
      const tallies = [tally(id)];
      const actor = { caller, userId: id };
      if (session === undefined)
        return rateLimits.pass({ failures: [window(id)], tallies, closing: tallies }, actor);
      const lanes = [sessionRun(session)];
      return rateLimits.pass({ lanes, tallies, closing: lanes }, actor);
    },

    /**
     * How many codes were wrong since one was right; `attempt`, which is right, is none of them. Those of the session that
     * tries are its owner's own, and do not count.
     */
    async failuresBefore(
      sql: Sql,
      { user, session }: Omit<Trier, 'caller'>,
      attempt: Attempt,
    ): Promise<number> {
      const all = await rateLimits.failuresIn(sql, tally(user.id), attempt);
      if (session === undefined) return all;
      return Math.max(0, all - (await rateLimits.failuresIn(sql, sessionRun(session), attempt)));
    },

    /** Inside the transaction of a right code. */
    succeeded: (tx: Transaction, { user: { id }, session }: Trier, attempt: Attempt): Promise<void> =>
      session === undefined
        ? rateLimits.succeeded(tx, attempt)
        : endRuns(tx, [sessionRun(session), window(id), tally(id)]),

    open,

    /** Where the wrong codes of an account are counted. */
    limitOf: (userId: string): Limit => tally(userId),

    /** Inside the transaction of a right passkey. @throws AuthError `TOO_MANY_REQUESTS`. */
    async passkeyWasShown(tx: Transaction, userId: string): Promise<void> {
      if (!(await rateLimits.mayCount(tx, passkeys(userId))))
        throw new AuthError('TOO_MANY_REQUESTS', { retryAfter: PASSKEYS.windowMs / 1_000 });
      await open(tx, userId);
    },

    /** Inside the transaction of a reset of the password. */
    async passwordWasReset(tx: Transaction, userId: string): Promise<void> {
      if (await rateLimits.mayCount(tx, clearings(userId))) await rateLimits.endRun(tx, window(userId));
    },
  };
}
