import type { Sql } from '../../database/database.ts';
import { type Caller, networkOf } from '../../platform/caller.ts';
import { MINUTE_MS } from '../../platform/durations.ts';
import type { Attempt, Limit, RateLimits } from '../rate-limits/service.ts';
import { type Guessed, passwordOf, subjectOf } from '../rate-limits/subjects.ts';

/*
 * A check of a password counts in the lanes of the door that it came through. All of them have to let it through, and
 * it is a failure until it turns out right (LOG-3).
 *
 *   door           who can fill its lanes            lanes, each with a back-off      closed by 100 in a row of
 *   stranger       everybody                         the account; it and a network    the password, at all doors
 *   known device   bearers of its device tokens      one of 8 for devices; all 8      all 8
 *   secret         the bearer of that one secret     that session's, that token's     that lane
 *
 * So an attacker closes the door that they stand at, and no other. docs/lockout.md has the table for the reader.
 *
 * The tally. Each check also counts in one tally of the password, which all doors share. The tally makes no attempt wait.
 * At 100 in a row the password is disabled for strangers (NIST SP 800-63B-4 §3.2.2). Devices and sessions go on, each
 * to a hundred of their own: else strangers could close them.
 *
 * A right password ends the runs of the lanes that it was counted in, and the tally. It ends no run of another door:
 * else each login of the owner's phone would give five more guesses to strangers. A tally that has disabled the
 * password stays, also when its owner logs in. It ends when the password is set anew.
 *
 * A new password begins at nothing, because the keys name the account and the version of its password. So does a new
 * account: what was guessed at its address before counts for the address.
 *
 * Networks. A stranger's check counts against its network, among the failures and among all checks. A device's counts
 * among the checks alone: ten failures of a neighbour behind the same router would else close every known device
 * there. What is proven with a session or a token counts against no network. In its place the right ones of an account
 * are limited, and only who knows the password reaches that limit.
 */

/** Every login without a device token makes a device, so the devices of an account share a few lanes. */
const DEVICE_LANES = 8;
/** The lane of all devices waits after so many times the failures of a single one. */
const ALL_DEVICES = 4;

export interface GuessesOptions {
  readonly rateLimits: Pick<
    RateLimits,
    'window' | 'run' | 'tally' | 'guessesOf' | 'pass' | 'failuresIn' | 'endRun'
  >;
  /** Failures in a row of one lane before it is slowed down. */
  readonly accountFailures: number;
  /** Right passwords of one account in a minute, where a session or a token comes along. */
  readonly networkChecks: number;
}

export type Guesses = ReturnType<typeof createGuesses>;

/** Lets passwords be checked, and counts those that are wrong. */
export function createGuesses({ rateLimits, accountFailures, networkChecks }: GuessesOptions) {
  const tally = rateLimits.tally('password');
  const account = rateLimits.run('account');
  const pair = rateLimits.run('pair');
  const device = rateLimits.run('device');
  const devices = rateLimits.run('devices', ALL_DEVICES * accountFailures);
  const secrets = { session: rateLimits.run('session'), token: rateLimits.run('token') };
  const proofs = rateLimits.window({ name: 'proofs', max: networkChecks, windowMs: MINUTE_MS });

  return {
    /**
     * How often the password was wrong, at any door, since it was right; counted inside the transaction of a right
     * login. `attempt`, which is that login's own, is none of them.
     */
    failuresBefore: (sql: Sql, user: Guessed, attempt: Attempt): Promise<number> =>
      rateLimits.failuresIn(sql, tally(...passwordOf(user)), attempt),

    /**
     * Lets a login's password be checked, before it is. With the proof of a known device the attempt counts in
     * lanes that strangers cannot fill: under attack its owner still gets in (LOG-6).
     *
     * @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`.
     */
    beforeLogin(login: {
      emailCanonical: string;
      user: Guessed | undefined;
      deviceId: string | undefined;
      caller: Caller;
    }): Promise<Attempt> {
      const { emailCanonical, user, deviceId, caller } = login;
      const subject = subjectOf(user, emailCanonical);
      const tallies = [tally(...subject)];
      const { failures, checks } = rateLimits.guessesOf(caller);
      const actor = { caller, userId: user?.id };
      if (deviceId !== undefined) {
        const all = devices(...subject);
        const lanes = [device(...subject, laneOf(deviceId)), all];
        return rateLimits.pass({ lanes, tallies, closing: [all], checks }, actor);
      }
      // The lane of the pair outlasts the owner's next login from elsewhere, which ends the run of the account.
      const lanes = [account(...subject), pair(...subject, networkOf(caller.ip))];
      // Under this key the version before counts the failures of an address, and disables its password.
      const closingKeys = account(emailCanonical).keys;
      return rateLimits.pass({ lanes, tallies, closing: tallies, closingKeys, failures, checks }, actor);
    },

    /**
     * Lets a password be checked that comes with a secret of the account: a live session, a token from a mail. `lane`
     * names that secret, as in `['session', id]`. Its bearer alone fills the lane, so no other failure closes it.
     *
     * @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`.
     */
    beforeProof({
      lane: [kind, secret],
      user,
      caller,
    }: {
      lane: readonly [kind: keyof typeof secrets, secret: string];
      user: Guessed;
      caller: Caller;
    }): Promise<Attempt> {
      const lanes = [secrets[kind](secret)];
      const rightOnes = [proofs(user.id)];
      const tallies = [tally(...passwordOf(user))];
      return rateLimits.pass({ lanes, tallies, closing: lanes, rightOnes }, { caller, userId: user.id });
    },

    /** Where the wrong passwords of an account are counted: all of them, and those of strangers, who have to wait. */
    limitsOf: (user: Guessed): { all: Limit; strangers: Limit } => ({
      all: tally(...passwordOf(user)),
      strangers: account(...passwordOf(user)),
    }),

    /** Inside a transaction: forgets the wrong passwords of an account, at the doors of strangers and of devices. */
    async forget(sql: Sql, user: Guessed, emailCanonical: string): Promise<void> {
      const subject = passwordOf(user);
      const lanes = Array.from({ length: DEVICE_LANES }, (_, lane) => device(...subject, String(lane)));
      const ended = [
        tally(...subject),
        account(...subject),
        account(emailCanonical),
        devices(...subject),
        ...lanes,
      ];
      // In the order of the keys, as a check counts.
      await rateLimits.endRun(sql, { ...account(...subject), keys: ended.flatMap(({ keys }) => keys) });
    },

    /** Inside the transaction that sets a password: ends what disabled the password of the version before. */
    passwordWasSet: (sql: Sql, emailCanonical: string): Promise<void> =>
      rateLimits.endRun(sql, account(emailCanonical)),
  };
}

/** Ids of devices are random: each account's devices are spread over the lanes. */
function laneOf(deviceId: string): string {
  return String(Number.parseInt(deviceId.slice(0, 2), 16) % DEVICE_LANES);
}
