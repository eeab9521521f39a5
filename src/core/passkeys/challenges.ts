import { randomBytes } from 'node:crypto';
import { sha256 } from '../../crypto/digest.ts';
import { createKeyring } from '../../crypto/keyring.ts';
import { createMacTokens } from '../../crypto/mac-token.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { type Clock, LARGEST_LEAD_MS } from '../../platform/clock.ts';
import { DAY_MS, MINUTE_MS } from '../../platform/durations.ts';
import { sweep } from '../../platform/sweep.ts';
import { deleteSpentChallenges, insertSpentChallenge } from './store.ts';

/*
 * challengeId = "lkc_" ‖ base64url( version ‖ key id ‖ purpose ‖ expires at ‖ challenge ‖ mac )
 *
 *   purpose     SHA-256 of the ceremony and of what it is bound to: a session, or a login that waits; 32 bytes
 *   expires at  ms since 1970; 6 bytes
 *   challenge   what the authenticator signs; 32 random bytes (WebAuthn Level 3, §13.4.3)
 *
 * Nothing is stored of a challenge before it is answered, so a stranger who asks for many fills no table. Answering it
 * writes its hash, once over all processes. That of a registration needs no hash: it ends with the session that it is
 * bound to, which a registration replaces.
 */

const PREFIX = 'lkc_';
const PURPOSE_BYTES = 32;
const EXPIRY_BYTES = 6;
const CHALLENGE_BYTES = 32;
const CHALLENGE_AT = PURPOSE_BYTES + EXPIRY_BYTES;

const LIFETIME_MS = 5 * MINUTE_MS;
/** As with sessions: a challenge that a wrong clock took for expired must not be good again later (CR-7). */
const KEEP_EXPIRED_MS = DAY_MS;

/** What a challenge is good for, and for whom. No challenge is good for another ceremony. */
export type Purpose =
  | { readonly ceremony: 'login' }
  | { readonly ceremony: 'registration' | 'reauthentication'; readonly sessionId: string }
  /** Of a login that waits for its second factor. */
  | { readonly ceremony: 'second-factor'; readonly tokenHash: string };

export interface PasskeyChallenge {
  readonly challengeId: string;
  /** Base64url. */
  readonly challenge: string;
  /** ms since 1970. */
  readonly expiresAt: number;
}

export interface PasskeyChallengesOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly secrets: readonly Buffer[];
}

/** What authenticators are asked to sign. */
export function createPasskeyChallenges({ database, clock, secrets }: PasskeyChallengesOptions) {
  const tokens = createMacTokens({
    keyring: createKeyring(secrets, 'passkey-challenges'),
    prefix: PREFIX,
    bodyBytes: CHALLENGE_AT + CHALLENGE_BYTES,
  });

  return {
    lifetimeMs: LIFETIME_MS,

    create(purpose: Purpose): PasskeyChallenge {
      const expiresAt = clock.now() + LIFETIME_MS;
      const challenge = randomBytes(CHALLENGE_BYTES);
      const expiry = Buffer.alloc(EXPIRY_BYTES);
      expiry.writeUIntBE(expiresAt, 0, EXPIRY_BYTES);
      const challengeId = tokens.encode(Buffer.concat([digestOf(purpose), expiry, challenge]));
      return { challengeId, challenge: challenge.toString('base64url'), expiresAt };
    },

    /** None unless this server made it for the same purpose, and it has not expired. It may be spent. */
    read(challengeId: string, purpose: Purpose): PasskeyChallenge | undefined {
      const body = tokens.decode(challengeId);
      if (body === undefined || !body.subarray(0, PURPOSE_BYTES).equals(digestOf(purpose))) return undefined;
      const expiresAt = body.readUIntBE(PURPOSE_BYTES, EXPIRY_BYTES);
      const now = clock.now();
      if (expiresAt <= now || expiresAt - LIFETIME_MS - LARGEST_LEAD_MS > now) return undefined;
      return { challengeId, challenge: body.subarray(CHALLENGE_AT).toString('base64url'), expiresAt };
    },

    /** Inside the transaction of what it is answered for: false when another request answered it first. */
    spend: async (tx: Transaction, { challenge, expiresAt }: PasskeyChallenge): Promise<boolean> =>
      (await insertSpentChallenge(tx, { challengeHash: sha256(challenge), expiresAt })) === 1,

    /** Deletes spent ones that have long expired; how many. */
    prune(): Promise<number> {
      const expiredBefore = clock.now() - KEEP_EXPIRED_MS;
      return sweep((limit) => deleteSpentChallenges(database, { expiredBefore, limit }));
    },
  };
}

function digestOf(purpose: Purpose): Buffer {
  return Buffer.from(sha256(JSON.stringify(purpose)), 'base64url');
}
