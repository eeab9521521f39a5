import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { wordsOf } from '../../platform/words.ts';
import { type FactorInput, type Factors, requireFactor } from '../factors/service.ts';
import type { Grant } from '../sessions/service.ts';
import { recordLogin } from '../users/store.ts';
import type { Challenge, Challenges } from './challenges.ts';
import type { Door } from './door.ts';
import { provenByBoth } from './proof.ts';

export interface SecondStepOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly factors: Pick<Factors, 'check'>;
  readonly challenges: Pick<Challenges, 'takeTry' | 'giveTryBack' | 'ownerOf' | 'spend'>;
  readonly door: Pick<Door, 'enter' | 'refuse'>;
}

export type SecondStep = ReturnType<typeof createSecondStep>;

/** The second step of a login, with a second factor. */
export function createSecondStep({ database, clock, factors, challenges, door }: SecondStepOptions) {
  /** Takes a try, and gives it back when `work` fails: a fault of the server costs none. */
  async function trying<Result>(
    mfaToken: string,
    caller: Caller,
    work: (challenge: Challenge) => Promise<Result>,
  ): Promise<Result> {
    const challenge = await challenges.takeTry(mfaToken, caller);
    try {
      return await work(challenge);
    } catch (error) {
      await challenges.giveTryBack(database, challenge);
      throw error;
    }
  }

  return {
    /**
     * Completes a login.
     *
     * @throws AuthError `INVALID_TOKEN`, `INVALID_CODE`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`, `BAD_USER_INPUT`.
     */
    async complete(
      { mfaToken, ...input }: FactorInput & { readonly mfaToken: string },
      caller: Caller,
    ): Promise<Grant> {
      const shown = requireFactor(input);
      const { challenge, user, checked } = await trying(mfaToken, caller, async (challenge) => {
        const user = await challenges.ownerOf(challenge, caller);
        const purpose = { ceremony: 'second-factor', tokenHash: challenge.tokenHash } as const;
        const checked = await factors.check({ user, session: undefined, purpose, caller }, shown);
        return { challenge, user, checked };
      });
      const { factor } = checked;
      if (factor === undefined) {
        const { attempt, reason } = checked;
        return door.refuse({ userId: user.id, reason, caller, attempt, refusal: 'INVALID_CODE' });
      }
      const { userId: id, passwordVersion, credentialVersion } = challenge;
      const proof = provenByBoth({
        user,
        challenge,
        factor,
        async hold(tx) {
          const asProven = { id, passwordVersion, credentialVersion };
          const held = await recordLogin(tx, { ...asProven, now: clock.now() });
          if (held === undefined) return undefined;
          if (!(await challenges.spend(tx, challenge)))
            throw new AuthError('INVALID_TOKEN', { cause: 'completed meanwhile' });
          return { user: held };
        },
        takeBack: (tx) => challenges.giveTryBack(tx, challenge),
      });
      return door.enter(proof, {
        as: 'login',
        caller,
        deviceName: challenge.deviceName,
        deviceId: challenge.deviceId ?? undefined,
        scope: challenge.scope === null ? null : wordsOf(challenge.scope),
      });
    },
  };
}
