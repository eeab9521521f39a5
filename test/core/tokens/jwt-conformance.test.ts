import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { createVerifier } from '../../../packages/verify/src/verifier.ts';
import { checkAccessToken } from '../../../src/core/tokens/access-token.ts';
import { AuthError } from '../../../src/errors.ts';
import { ACCESS_TOKEN_CASES } from '../../support/access-token-cases.ts';
import { KEY, NOW, PARTIES } from '../../support/crafted-tokens.ts';
import { JWS_CASES } from '../../support/jws-cases.ts';

afterEach(() => {
  jest.restoreAllMocks();
});

/** Whom a token is of. */
function named({ kind, userId }: { kind: 'user' | 'machine'; userId: string }): string {
  return kind === 'user' ? userId : `${kind} ${userId}`;
}

/** The server's answer: the token's subject, or the reason of the refusal. Anything else is a fault. */
function ofServer(text: string, nowSeconds: number): string {
  try {
    const findKey = (kid: string) => (kid === KEY.kid ? KEY : undefined);
    return named(checkAccessToken(text, { findKey, nowSeconds, ...PARTIES }));
  } catch (error) {
    if (!(error instanceof AuthError) || error.code !== 'UNAUTHENTICATED') throw error;
    return error.extensions.reason ?? 'no reason';
  }
}

const jwks = { keys: [{ ...KEY.publicKey.export({ format: 'jwk' }), kid: KEY.kid }] };
const verifier = createVerifier({ ...PARTIES, jwks, cacheSize: 0, acceptMachines: true });

async function ofVerifier(text: string, nowSeconds: number): Promise<string> {
  jest.spyOn(Date, 'now').mockReturnValue(nowSeconds * 1_000);
  const { viewer, reason } = await verifier.verify(text);
  return viewer === undefined ? (reason ?? 'no reason') : named(viewer);
}

describe('checking an access token', () => {
  it.each([...ACCESS_TOKEN_CASES, ...JWS_CASES])(
    'an access token %s by the server and by the verifier, as %s says (AT-6)',
    async (_id, _clause, make) => {
      for (const { text, verdict, nowSeconds = NOW } of [make()].flat()) {
        // Without a token, the verifier says that it is missing.
        const byVerifier = text === '' ? 'TOKEN_MISSING' : verdict;
        expect(await Promise.all([ofServer(text, nowSeconds), ofVerifier(text, nowSeconds)])).toEqual([
          verdict,
          byVerifier,
        ]);
      }
    },
  );
});
