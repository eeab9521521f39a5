import { sha256 } from '../../crypto/digest.ts';
import type { Database, Sql } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { networksOf } from '../rate-limits/networks.ts';
import { NETWORK_WINDOW_MS, type RateLimits } from '../rate-limits/service.ts';
import type { Hashes } from './hashes.ts';
import { type Recipient, SHAPE } from './issuing.ts';
import type { Purpose } from './purpose.ts';
import * as store from './store.ts';

/** Bad tokens of one network in five minutes. */
const MOST_FAILURES = 30;

export interface RedemptionOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly rateLimits: Pick<RateLimits, 'failures'>;
  readonly hashes: Pick<Hashes, 'isOfCode'>;
}

/** Takes tokens and codes back. */
export function createRedemption({ database, clock, rateLimits, hashes }: RedemptionOptions) {
  const failures = rateLimits.failures({ name: 'one-time-tokens', windowMs: NETWORK_WINDOW_MS });

  return {
    /**
     * A token that came back, if it is good for one of the purposes; it is not spent yet. Only bad ones are counted, so
     * a network that brings too many of them still gets in with a good one. A text without the shape of a token costs no
     * look-up.
     *
     * @throws AuthError `INVALID_TOKEN`: unknown, spent, expired, superseded, or made for something else;
     * `TOO_MANY_REQUESTS` in its place, when the network has brought too many.
     */
    async present(text: string, purposes: readonly Purpose[], caller: Caller): Promise<store.OneTimeToken> {
      const token = SHAPE.test(text)
        ? await store.findToken(database.before(caller.deadline), {
            tokenHash: sha256(text),
            now: clock.now(),
          })
        : undefined;
      if (token !== undefined && purposes.some(({ name }) => name === token.purpose)) return token;
      const networks = networksOf(caller, MOST_FAILURES);
      await failures.count(networks, caller);
      throw new AuthError('INVALID_TOKEN');
    },

    /**
     * Spends a token inside the transaction of what it is good for, after the row of its user was written: of many
     * who try, one succeeds.
     *
     * @throws AuthError `INVALID_TOKEN`
     */
    async spend(sql: Sql, { tokenHash }: store.OneTimeToken): Promise<void> {
      if ((await store.deleteToken(sql, { tokenHash, now: clock.now() })) === 0)
        throw new AuthError('INVALID_TOKEN', { cause: 'spent meanwhile' });
    },

    /** The token that a code stands for, if the code is right; not spent yet. A right and a wrong code cost one statement. */
    async tryCode(
      { subject }: Recipient,
      { code, purpose }: { code: string; purpose: Purpose },
      caller: Caller,
    ): Promise<store.OneTimeToken | undefined> {
      const bound = database.before(caller.deadline);
      const token = await store.takeTry(bound, { subject, purpose: purpose.name, now: clock.now() });
      return hashes.isOfCode(token?.codeHash ?? '', subject, code) ? token : undefined;
    },

    /** What waits for a token of this purpose to come back. */
    findPending: (
      { subject, otherSubjects }: Recipient,
      purpose: Purpose,
      caller: Caller,
    ): Promise<store.OneTimeToken | undefined> =>
      store.findTokenOf(database.before(caller.deadline), {
        subjects: [subject, ...otherSubjects],
        purpose: purpose.name,
        now: clock.now(),
      }),
  };
}
