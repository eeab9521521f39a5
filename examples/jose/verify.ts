import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';

/** Verifies Latchkey's access tokens in another service: the claims, or an error. */
export function createVerifier({ issuer, audience }: { issuer: string; audience: string }) {
  const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', issuer), {
    // What the server lets its key set be cached for (`max-age`): a key that it drops is refused after that.
    cacheMaxAge: 300_000,
  });
  return async (token: string): Promise<JWTPayload> => {
    const { payload } = await jwtVerify(token, keys, {
      // Pin all four: jose checks only what it is told to.
      algorithms: ['ES256'],
      issuer,
      audience,
      typ: 'at+jwt',
      // How far this clock may be off, as the server has it.
      clockTolerance: 10,
      requiredClaims: ['sub', 'sid', 'exp', 'iat'],
    });
    return payload;
  };
}
