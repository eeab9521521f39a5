import {
  type AuthenticationAnswer,
  assertAuthenticationShape,
  checkAuthentication,
  checkRegistration,
  type NewPasskey,
  type PasskeyRefusal,
  PasskeyRefused,
  type RegistrationAnswer,
  type RelyingParty,
} from '../../crypto/webauthn.ts';
import type { Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import { sweepChore } from '../../platform/chore.ts';
import { wordsOf } from '../../platform/words.ts';
import { networksOf } from '../rate-limits/networks.ts';
import { NETWORK_WINDOW_MS, type RateLimits } from '../rate-limits/service.ts';
import {
  createPasskeyChallenges,
  type PasskeyChallenge,
  type PasskeyChallengesOptions,
  type Purpose,
} from './challenges.ts';
import * as store from './store.ts';

export type { PasskeyChallenge, Purpose } from './challenges.ts';

/** Answers of one network in five minutes that are refused. */
const MOST_FAILURES = 30;

export interface PasskeysOptions extends PasskeyChallengesOptions {
  readonly rateLimits: Pick<RateLimits, 'failures'>;
  /** None where this server has no domain that passkeys could be for. */
  readonly relyingParty: RelyingParty | undefined;
}

/** The answer of an authenticator, with the challenge that it answers. */
export interface PasskeyAnswer {
  readonly challengeId: string;
  readonly response: AuthenticationAnswer;
}

/** What an answer to a login has to be. */
export interface Wanted {
  readonly purpose: Purpose;
  /** Whose passkey; anybody's unless given, and then the answer has to name its user. */
  readonly userId?: string | undefined;
  readonly requireUserVerification: boolean;
}

/** A passkey whose answer was right. */
export interface ShownPasskey {
  readonly userId: string;
  /** RFC 8176 §2: possession of a key and presence of the user; `swk` where copies of the key are kept. */
  readonly amr: readonly string[];
  /**
   * Inside a transaction: spends the challenge, and writes what the authenticator says now. False when the passkey is gone,
   * or a later answer of it came first.
   *
   * @throws AuthError `INVALID_TOKEN` when another request answered the challenge first.
   */
  readonly spend: (tx: Transaction) => Promise<boolean>;
}

/** Why an answer is refused, and whose passkey it is as far as that is known. */
export interface RefusedPasskey {
  readonly refused: PasskeyRefusal;
  readonly userId?: string | undefined;
}

/** A passkey of the account that the browser may offer, or must not make anew (WebAuthn Level 3, §5.8.3). */
export interface PasskeyDescriptor {
  readonly id: string;
  readonly type: 'public-key';
  readonly transports: readonly string[];
}

/** `PublicKeyCredentialRequestOptionsJSON`, with the challenge that it is about. */
export interface RequestOptions extends PasskeyChallenge {
  readonly timeout: number;
  readonly rpId: string;
  readonly allowCredentials: readonly PasskeyDescriptor[];
  readonly userVerification: 'required' | 'preferred';
}

export type Passkeys = ReturnType<typeof createPasskeys>;

/** Passkeys (WebAuthn): what authenticators are asked, and whether their answers are right. */
export function createPasskeys(options: PasskeysOptions) {
  const { database, clock, rateLimits, relyingParty } = options;
  const { prune, ...challenges } = createPasskeyChallenges(options);
  const failures = rateLimits.failures({ name: 'passkeys', windowMs: NETWORK_WINDOW_MS });

  /** @throws AuthError `FEATURE_DISABLED` */
  function requireOn(): RelyingParty {
    if (relyingParty !== undefined) return relyingParty;
    const hint =
      'Passkeys need a domain: set LATCHKEY_ISSUER or LATCHKEY_WEBAUTHN_RP_ID to one, as in localhost.';
    throw new AuthError('FEATURE_DISABLED', { hint });
  }

  /**
   * Only refused answers are counted. They cannot be guessed: the limit bounds what one client writes to the audit trail.
   *
   * @throws AuthError `TOO_MANY_REQUESTS`
   */
  async function countFailure(caller: Caller): Promise<void> {
    const networks = networksOf(caller, MOST_FAILURES);
    await failures.count(networks, caller);
  }

  /** @throws AuthError `INVALID_TOKEN` when the challenge is dead, or made for something else; `TOO_MANY_REQUESTS`. */
  async function present(challengeId: string, purpose: Purpose, caller: Caller): Promise<PasskeyChallenge> {
    const challenge = challenges.read(challengeId, purpose);
    if (challenge !== undefined) return challenge;
    await countFailure(caller);
    throw new AuthError('INVALID_TOKEN', { cause: 'no challenge for this' });
  }

  /** @throws PasskeyRefused */
  async function findShown(
    { id, response }: AuthenticationAnswer,
    { userId, caller }: { userId: string | undefined; caller: Caller },
  ): Promise<store.PasskeyRecord> {
    const passkey = await store.findPasskey(database.before(caller.deadline), id);
    if (passkey === undefined) throw new PasskeyRefused('passkey_unknown');
    const handle = response.userHandle ?? undefined;
    // §7.2, step 6: who is not known yet is named by the authenticator.
    const namesOwner = handle === passkey.userHandle || (handle === undefined && userId !== undefined);
    const isOwners = userId === undefined || passkey.userId === userId;
    if (!namesOwner || !isOwners) throw new PasskeyRefused('passkey_wrong', 'whose it is');
    return passkey;
  }

  return {
    requireOn,
    isOn: relyingParty !== undefined,
    countFailure,

    /** What a new passkey has to sign, in the session that asks for it. */
    startRegistration(sessionId: string): PasskeyChallenge & { timeout: number } {
      requireOn();
      const purpose = { ceremony: 'registration', sessionId } as const;
      return { ...challenges.create(purpose), timeout: challenges.lifetimeMs };
    },

    /**
     * Checks what came of it. The caller ends the session, and the challenge with it.
     *
     * @throws AuthError `INVALID_TOKEN`, `INVALID_CODE`, `TOO_MANY_REQUESTS`, `FEATURE_DISABLED`.
     */
    async checkRegistration(
      { challengeId, response }: { challengeId: string; response: RegistrationAnswer },
      { sessionId, caller }: { sessionId: string; caller: Caller },
    ): Promise<NewPasskey> {
      const party = requireOn();
      const { challenge } = await present(challengeId, { ceremony: 'registration', sessionId }, caller);
      try {
        return await checkRegistration(response, { challenge, relyingParty: party });
      } catch (error) {
        if (!(error instanceof PasskeyRefused)) throw error;
        throw new AuthError('INVALID_CODE', { cause: error });
      }
    },

    /** What a passkey has to sign; none of the account's are named where the account is not known yet. */
    startLogin(
      purpose: Purpose,
      passkeys: readonly store.PasskeyRecord[],
      userVerification: RequestOptions['userVerification'],
    ): RequestOptions {
      const { rpId } = requireOn();
      const allowCredentials = passkeys.map(descriptorOf);
      const timeout = challenges.lifetimeMs;
      return { ...challenges.create(purpose), timeout, rpId, allowCredentials, userVerification };
    },

    /**
     * Checks the answer of an authenticator, and spends nothing yet.
     *
     * @throws AuthError `INVALID_TOKEN`, `TOO_MANY_REQUESTS`, `FEATURE_DISABLED`, `UNAVAILABLE`.
     */
    async check(
      { challengeId, response: answer }: PasskeyAnswer,
      { purpose, userId, requireUserVerification, caller }: Wanted & { caller: Caller },
    ): Promise<ShownPasskey | RefusedPasskey> {
      const party = requireOn();
      const challenge = await present(challengeId, purpose, caller);
      let passkey: store.PasskeyRecord | undefined;
      try {
        assertAuthenticationShape(answer);
        passkey = await findShown(answer, { userId, caller });
        const { signCount, isBackedUp } = await checkAuthentication(answer, {
          challenge: challenge.challenge,
          relyingParty: party,
          passkey: { ...passkey, isBackupEligible: passkey.isBackupEligible === 1 },
          requireUserVerification,
        });
        const { factorId } = passkey;
        return {
          userId: passkey.userId,
          amr: passkeyAmr(isBackedUp),
          async spend(tx) {
            if (!(await challenges.spend(tx, challenge)))
              throw new AuthError('INVALID_TOKEN', { cause: 'the challenge was answered before' });
            const use = { factorId, signCount, isBackedUp: Number(isBackedUp) };
            if ((await store.advancePasskey(tx, use)) === 0) return false;
            await store.markUsed(tx, { factorId, now: clock.now() });
            return true;
          },
        };
      } catch (error) {
        if (!(error instanceof PasskeyRefused)) throw error;
        await countFailure(caller);
        return { refused: error.reason, userId: passkey?.userId ?? userId };
      }
    },

    prune,
    chores: [sweepChore('spent challenges of passkeys', prune)],
  };
}

/** RFC 8176 §2. */
export function passkeyAmr(isBackedUp: boolean): string[] {
  return ['pop', 'user', ...(isBackedUp ? ['swk'] : [])];
}

export function descriptorOf({ credentialId, transports }: store.PasskeyRecord): PasskeyDescriptor {
  return { id: credentialId, type: 'public-key', transports: wordsOf(transports) };
}
