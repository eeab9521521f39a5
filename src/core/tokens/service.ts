import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { createKeyring } from '../../crypto/keyring.ts';
import type { Database } from '../../database/database.ts';
import type { Clock } from '../../platform/clock.ts';
import type { RecordEvent } from '../audit/store.ts';
import {
  type AccessToken,
  type AccessTokenContent,
  accessTokenLength,
  CLOCK_TOLERANCE_SECONDS,
  checkAccessToken,
  signAccessToken,
} from './access-token.ts';
import { createDeviceTokens } from './device-token.ts';
import { createKeySet } from './key-set.ts';
import { createRefreshTokens } from './refresh-token.ts';

export { DEVICE_TOKEN_LIFETIME_SECONDS } from './device-token.ts';

/** How many verified access tokens are remembered. */
const VERIFIED_MAX = 10_000;

export interface TokensOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly secrets: readonly Buffer[];
  readonly issuer: string;
  readonly audience: string;
  readonly accessTokenTtlSeconds: number;
}

export type Tokens = ReturnType<typeof createTokens>;

/** Access tokens, refresh tokens and the keys that make them. Knows no session: it proves and makes text. */
export function createTokens({
  database,
  clock,
  recordEvent,
  secrets,
  issuer,
  audience,
  accessTokenTtlSeconds,
}: TokensOptions) {
  const verified = new LRUCache<string, AccessToken>({ max: VERIFIED_MAX });
  const onChange = () => verified.clear();
  const { findKey, ...keySet } = createKeySet({ database, clock, recordEvent, secrets, onChange });

  function nowSeconds(): number {
    return Math.floor(clock.now() / 1_000);
  }

  return {
    ...keySet,
    /** Makes and reads refresh tokens. */
    refreshTokens: createRefreshTokens(createKeyring(secrets, 'refresh-token')),
    /** Makes and reads the proofs of known devices. */
    deviceTokens: createDeviceTokens(createKeyring(secrets, 'device-token')),

    /**
     * A token that ends with its session, if that comes first, and lives for a second at least.
     *
     * @throws AuthError `UNAVAILABLE` when no key that may sign is loaded, or the token would be too large.
     */
    signAccessToken({
      sessionEndsAt,
      ...token
    }: AccessTokenContent & {
      /** ms since 1970. */
      sessionEndsAt: number;
    }): { text: string; expiresAt: number; lifetimeSeconds: number } {
      const issuedAt = nowSeconds();
      const lifetimeSeconds = Math.max(
        1,
        Math.min(accessTokenTtlSeconds, Math.floor(sessionEndsAt / 1_000) - issuedAt),
      );
      const expiresAt = issuedAt + lifetimeSeconds;
      return {
        text: signAccessToken(token, { issuedAt, expiresAt, issuer, audience }, keySet.requireSigningKey()),
        expiresAt,
        lifetimeSeconds,
      };
    },

    /** How many characters an access token has that says this. */
    lengthOf: (token: AccessTokenContent): number => accessTokenLength(token, { issuer, audience }),

    /**
     * What the token says, or why it says nothing. Remembers the tokens it has proven, by their hash.
     *
     * @throws AuthError `UNAUTHENTICATED` with reason `TOKEN_EXPIRED` or `TOKEN_INVALID`; `UNAVAILABLE` when keys
     * could not be loaded and this token may be of one of them (KEY-5).
     */
    verifyAccessToken(text: string): AccessToken {
      const cacheKey = hash('sha256', text, 'base64');
      const known = verified.get(cacheKey);
      if (known !== undefined && nowSeconds() < known.expiresAt + CLOCK_TOLERANCE_SECONDS) return known;

      const token = checkAccessToken(text, { findKey, nowSeconds: nowSeconds(), issuer, audience });
      verified.set(cacheKey, token);
      return token;
    },
  };
}
