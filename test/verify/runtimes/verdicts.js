import { createVerifier } from '@latchkey/verify';
import { createTestIssuer } from '@latchkey/verify/testing';

export const EXPECTED = [
  'user-1',
  'user-1',
  'TOKEN_EXPIRED',
  'TOKEN_INVALID',
  'TOKEN_INVALID',
  'TOKEN_MISSING',
];

/**
 * What a verifier says of a good token, of the same one in a request, of an expired one, of one of another key, of no
 * token and of none. It has to fetch the keys.
 *
 * @param {(jwks: object) => Promise<object>} publish Publishes the keys, and gives the options that lead to them.
 */
export async function collectVerdicts(publish) {
  const [issuer, stranger] = await Promise.all([createTestIssuer(), createTestIssuer()]);
  const verifier = createVerifier({ issuer: issuer.issuer, ...(await publish(issuer.jwks)) });
  const good = await issuer.sign();
  const sources = [
    good,
    new Request('https://api.test', { headers: { authorization: `Bearer ${good}` } }),
    await issuer.sign({ expiresInSeconds: -60 }),
    await stranger.sign(),
    'x'.repeat(1_000_000),
    undefined,
  ];
  const verdicts = [];
  for (const source of sources) {
    const { viewer, reason } = await verifier.verify(source);
    verdicts.push(viewer?.userId ?? reason);
  }
  return verdicts;
}
