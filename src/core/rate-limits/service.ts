import { createHmac } from 'node:crypto';
import { createKeyring } from '../../crypto/keyring.ts';
import type { Database, Sql } from '../../database/database.ts';
import { type Caller, networkOf } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { inSteps } from '../../platform/sweep.ts';
import type { RecordEvent } from '../audit/store.ts';
import { type Attempt, createAttempts, type Limit, tooMany } from './attempts.ts';
import { createFailures } from './failures.ts';
import { networksOf, type Source } from './networks.ts';
import { clear, countAttempt, deleteStale, findEndOfStep, highestCount, RUN, TALLY } from './store.ts';

export { type Attempt, UNCOUNTED } from './attempts.ts';

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
 * The tally. Each check also counts in one tally of the password, whatever its door. The tally makes no attempt wait.
 * At 100 in a row the password is disabled for strangers (NIST SP 800-63B-4 §3.2.2). Devices and sessions go on, each
 * to a hundred of their own: else strangers could close them.
 *
 * A right password ends the runs of the lanes that it was counted in, and the tally. It ends no run of another door:
 * else each login of the owner's phone would give five more guesses to strangers. A tally that has disabled the
 * password stays, whoever logs in. It ends when the password is set anew.
 *
 * A new password begins at nothing, because the keys name the account and the version of its password. So does a new
 * account: what was guessed at its address before counts for the address.
 *
 * Networks. A stranger's check counts against its network, among the failures and among all checks. A device's counts
 * among the checks alone: ten failures of a neighbour behind the same router would else close every known device
 * there. What is proven with a session or a token counts against no network. In its place the right ones of an account
 * are limited, and only who knows the password reaches that limit.
 */

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const NETWORK_WINDOW_MS = 5 * MINUTE_MS;
const HOUR_MS = 60 * MINUTE_MS;
/** One-time tokens of one network that are good for nothing, in five minutes. */
const TOKEN_FAILURES = 30;
/** Every login without a device token makes a device, so the devices of an account share a few lanes. */
const DEVICE_LANES = 8;
/** The lane of all devices waits after so many times the failures of a single one. */
const ALL_DEVICES = 4;
/** Changes of what an account says of its owner, in five minutes. */
const CHANGES = 60;
/** Notices to one address in an hour. */
const NOTICES = 10;

export interface RateLimitsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly secrets: readonly Buffer[];
  /** Off for load tests only. */
  readonly throttles: boolean;
  /** Failures in a row of one lane before it is slowed down. */
  readonly accountFailures: number;
  /** Failures in a row that disable a password for strangers, and close devices or a session. */
  readonly accountDisableAfter: number;
  /** Failed checks of one network in five minutes. */
  readonly networkFailures: number;
  /** Checks of one network in a minute, right ones too. */
  readonly networkChecks: number;
  /** Registrations from one network in five minutes. */
  readonly networkRegistrations: number;
  /** Failed refreshes of one network, or with the tokens of one session, in five minutes. */
  readonly refreshFailures: number;
  /** Mails that one network has sent in an hour. */
  readonly networkMails: number;
}

/** Whose password is checked: every new one of an account counts from the beginning. */
export interface Guessed {
  readonly id: string;
  readonly passwordVersion: number;
}

export type RateLimits = ReturnType<typeof createRateLimits>;

/**
 * Counts credentials that are checked, not requests: aliases, batches and transports share the counters, and a
 * right password costs nothing but its place in the minute. Every process counts in the database.
 */
export function createRateLimits(options: RateLimitsOptions) {
  const { database, clock, recordEvent, throttles } = options;
  const keyring = createKeyring(options.secrets, 'throttles');
  const attempts = createAttempts({
    database,
    clock,
    recordEvent,
    throttles,
    cap: options.accountDisableAfter,
  });
  const { pass } = attempts;
  const refreshes = createFailures(NETWORK_WINDOW_MS);
  const oneTimeTokens = createFailures(NETWORK_WINDOW_MS);
  const changes = createFailures(NETWORK_WINDOW_MS);

  /**
   * Known and unknown accounts have the same kind of key, so they answer and cost the same (LOG-1). While master
   * secrets change there is a key of each, so that no count is forgotten when another one comes first.
   */
  function keysOf(kind: string, ...parts: readonly string[]): string[] {
    return keyring.all.map(({ key }) =>
      createHmac('sha256', key)
        .update(JSON.stringify([kind, ...parts]))
        .digest('base64url'),
    );
  }

  function limitOf(name: string, parts: readonly string[], max: number, windowMs: number): Limit {
    return { name, keys: keysOf(name, ...parts), max, windowMs };
  }

  /** So many in a row. */
  function run(name: string, parts: readonly string[], max = options.accountFailures): Limit {
    return limitOf(name, parts, max, RUN);
  }

  function tallyOf(subject: readonly string[]): Limit {
    return limitOf('password', subject, options.accountFailures, TALLY);
  }

  /** So many of a network within a time, and more of its site. */
  function networkLimit(name: string, caller: Caller, max: number, windowMs: number): Limit[] {
    return networksOf(caller, max).map((source) => limitOf(name, [source.name], source.most, windowMs));
  }

  function networkLimits(caller: Caller): { failures: Limit[]; checks: Limit[] } {
    return {
      failures: networkLimit('network-failures', caller, options.networkFailures, NETWORK_WINDOW_MS),
      checks: networkLimit('network-checks', caller, options.networkChecks, MINUTE_MS),
    };
  }

  /** Under this key the version before counts the failures of an address, and disables its password. */
  function formerKeysOf(emailCanonical: string): string[] {
    return keysOf('account', emailCanonical);
  }

  /** @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`. */
  async function assertFew(
    limit: string,
    failures: ReturnType<typeof createFailures>,
    { sources, caller }: { sources: readonly Source[]; caller: Caller },
  ): Promise<void> {
    if (!throttles) return;
    for (const source of sources) {
      const excess = failures.waitOf(source.name, source.most);
      if (excess === undefined) continue;
      const at = clock.now();
      if (excess.isNews)
        await attempts.recordExcess(database, { at, caller, limit, blockedUntil: at + excess.waitMs });
      throw tooMany(excess.waitMs);
    }
  }

  /** Of what is a session's the session, and else the network. */
  function sourcesOf(sessionId: string | undefined, caller: Caller): Source[] {
    const most = options.refreshFailures;
    return sessionId === undefined ? networksOf(caller, most) : [{ name: sessionId, most }];
  }

  return {
    succeeded: attempts.succeeded,
    checking: attempts.checking,

    /**
     * How often the password was wrong, at any door, since it was right; counted inside the transaction of a right
     * login. `attempt`, which is that login's own, is none of them.
     */
    async failuresBefore(sql: Sql, user: Guessed, { counted }: Attempt): Promise<number> {
      if (!throttles) return 0;
      const { keys } = tallyOf(passwordOf(user));
      const own = counted.some(({ key }) => keys.includes(key)) ? 1 : 0;
      return Math.max(0, (await highestCount(sql, keys)) - own);
    },

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
      const tallies = [tallyOf(subject)];
      const { failures, checks } = networkLimits(caller);
      const actor = { caller, userId: user?.id };
      if (deviceId !== undefined) {
        const all = run('devices', subject, ALL_DEVICES * options.accountFailures);
        const lanes = [run('device', [...subject, laneOf(deviceId)]), all];
        return pass({ lanes, tallies, closing: [all], checks }, actor);
      }
      // The lane of the pair outlasts the owner's next login from elsewhere, which ends the run of the account.
      const lanes = [run('account', subject), run('pair', [...subject, networkOf(caller.ip)])];
      const closingKeys = formerKeysOf(emailCanonical);
      return pass({ lanes, tallies, closing: tallies, closingKeys, failures, checks }, actor);
    },

    /**
     * Lets a password be checked that comes with a secret of the account: a live session, a token from a mail. `lane`
     * names that secret, as in `['session', id]`. Its bearer alone fills the lane, so no other failure closes it.
     *
     * @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`.
     */
    beforeProof(proof: {
      lane: readonly [kind: string, ...secret: string[]];
      user: Guessed;
      caller: Caller;
    }): Promise<Attempt> {
      const { user, caller } = proof;
      const [kind, ...secret] = proof.lane;
      const lanes = [run(kind, secret)];
      const rightOnes = [limitOf('proofs', [user.id], options.networkChecks, MINUTE_MS)];
      const tallies = [tallyOf(passwordOf(user))];
      return pass({ lanes, tallies, closing: lanes, rightOnes }, { caller, userId: user.id });
    },

    /**
     * Lets a code be checked that was mailed. Its run is not the password's: who guesses at the one does not keep the
     * owner from using the other (LOG-6).
     *
     * @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`.
     */
    beforeCode(code: {
      emailCanonical: string;
      user: Guessed | undefined;
      caller: Caller;
    }): Promise<Attempt> {
      const { emailCanonical, user, caller } = code;
      const lanes = [run('email-code', subjectOf(user, emailCanonical))];
      return pass({ lanes, ...networkLimits(caller) }, { caller, userId: user?.id });
    },

    /** Inside the transaction that sets a password: what the version before disabled is disabled no more. */
    async passwordWasSet(sql: Sql, emailCanonical: string): Promise<void> {
      await clear(sql, { runs: formerKeysOf(emailCanonical) });
    },

    /** @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`. */
    beforeRegistration(caller: Caller): Promise<Attempt> {
      const max = options.networkRegistrations;
      return pass({ checks: networkLimit('registrations', caller, max, NETWORK_WINDOW_MS) }, { caller });
    },

    /**
     * Lets a network have a mail sent, whether anybody gets it or not (OTT-3).
     *
     * @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`.
     */
    async beforeMail(caller: Caller): Promise<void> {
      await pass(
        { checks: networkLimit('network-mails', caller, options.networkMails, HOUR_MS) },
        { caller },
      );
    },

    /**
     * Counts refreshes that fail, in memory; those that succeed are free, because an office shares an address. Those
     * with the token of a session count for the session, and what is no token for its network.
     *
     * @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`.
     */
    assertFewFailedRefreshes: (sessionId: string | undefined, caller: Caller): Promise<void> =>
      assertFew('refreshes', refreshes, { sources: sourcesOf(sessionId, caller), caller }),
    refreshFailed(sessionId: string | undefined, caller: Caller): void {
      for (const { name } of sourcesOf(sessionId, caller)) refreshes.add(name);
    },

    /**
     * Counts a one-time token that is good for nothing, against its network.
     *
     * @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter` when there were too many before.
     */
    async tokenFailed(caller: Caller): Promise<void> {
      const sources = networksOf(caller, TOKEN_FAILURES);
      await assertFew('one-time-tokens', oneTimeTokens, { sources, caller });
      for (const { name } of sources) oneTimeTokens.add(name);
    },

    /**
     * Lets somebody change what their account says of them: each change is an event of the audit trail.
     *
     * @throws AuthError `TOO_MANY_REQUESTS` with `retryAfter`.
     */
    async beforeChange(userId: string, caller: Caller): Promise<void> {
      const sources = [{ name: userId, most: CHANGES }];
      await assertFew('account-changes', changes, { sources, caller });
      changes.add(userId);
    },

    /** Whether an address may have one more notice of what happened to its account; counted in that transaction. */
    async mayNotify(sql: Sql, address: string): Promise<boolean> {
      if (!throttles) return true;
      const counts = keysOf('address-notices', address).map((key) => ({
        key,
        max: NOTICES,
        windowMs: HOUR_MS,
      }));
      return (await countAttempt(sql, { counts, now: clock.now() })).length === counts.length;
    },

    /** Deletes what says nothing any more; how many. */
    async prune(): Promise<number> {
      const now = clock.now();
      const { accountDisableAfter: disableAfter } = options;
      const [dayAgo, monthAgo] = [now - DAY_MS, now - 30 * DAY_MS];
      let total = 0;
      let from = 0;
      await inSteps(async (limit) => {
        const until = await findEndOfStep(database, { from, before: dayAgo, limit });
        if (until === undefined) return false;
        total += await deleteStale(database, { from, until, now, monthAgo, disableAfter });
        from = until + 1;
        return true;
      });
      return total;
    },
  };
}

function passwordOf({ id, passwordVersion }: Guessed): string[] {
  return [id, String(passwordVersion)];
}

/** Without an account it is the address, which is no subject of an account that is made there later. */
function subjectOf(user: Guessed | undefined, emailCanonical: string): string[] {
  return user === undefined ? ['nobody', emailCanonical] : passwordOf(user);
}

/** Ids of devices are random: each account's devices are spread over the lanes. */
function laneOf(deviceId: string): string {
  return String(Number.parseInt(deviceId.slice(0, 2), 16) % DEVICE_LANES);
}
