import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

export interface TestToken {
  /** `user` unless given. A machine's `userId` is its `clientId`, unless given, and it has no roles and no `amr` and `acr`. */
  readonly kind?: 'user' | 'machine';
  readonly userId?: string;
  readonly sessionId?: string;
  readonly clientId?: string;
  readonly scope?: readonly string[];
  /** The highest first. */
  readonly roles?: readonly string[];
  readonly amr?: readonly string[];
  readonly acr?: string;
  /** Seconds since 1970. The moment of issue unless given. */
  readonly authenticatedAt?: number;
  /** 600 unless given. Less than the verifier's tolerance below zero (−10) for a token that has expired. */
  readonly expiresInSeconds?: number;
  /** More claims. They go before all others, so that any claim can be made wrong. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

export interface TestIssuer {
  readonly issuer: string;
  readonly audience: string;
  readonly jwks: { readonly keys: readonly JWK[] };
  /** What `createVerifier` takes to trust this issuer, without a request. */
  readonly verifierOptions: Pick<TestIssuer, 'issuer' | 'audience' | 'jwks'>;
  sign(token?: TestToken): Promise<string>;
}

/** Makes tokens that a verifier trusts, for the tests of an API. Each issuer has a key of its own. */
export async function createTestIssuer({
  issuer = 'https://auth.test',
  audience = issuer,
}: {
  readonly issuer?: string;
  readonly audience?: string;
} = {}): Promise<TestIssuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  const jwks = { keys: [{ ...jwk, kid, use: 'sig', alg: 'ES256' }] };

  return {
    issuer,
    audience,
    jwks,
    verifierOptions: { issuer, audience, jwks },

    sign({ expiresInSeconds = 600, claims, ...token } = {}) {
      const now = Math.floor(Date.now() / 1_000);
      const exp = now + expiresInSeconds;
      // A token that has expired was issued before that.
      const iat = Math.min(now, exp - 1);
      const payload = {
        iss: issuer,
        aud: audience,
        exp,
        iat,
        jti: crypto.randomUUID(),
        ...claimsOf(token, iat),
        ...claims,
      };
      return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid }).sign(privateKey);
    },
  };
}

function claimsOf({ kind = 'user', scope = [], roles = [], ...token }: TestToken, iat: number): object {
  const shared = { sid: token.sessionId ?? 'session-1', scope: scope.join(' ') };
  if (kind === 'machine') {
    const { clientId = 'svc_test', userId = clientId } = token;
    return { ...shared, sub: userId, client_id: clientId };
  }
  const { userId = 'user-1', clientId = 'first-party', amr = ['pwd'], acr = 'aal1' } = token;
  const { authenticatedAt = iat } = token;
  return { ...shared, roles, sub: userId, client_id: clientId, auth_time: authenticatedAt, amr, acr };
}
