import { sha256 } from '../../crypto/digest.ts';
import type { RefreshToken } from '../tokens/refresh-token.ts';
import type { Tokens } from '../tokens/service.ts';

/** A refresh token with the hash that its session's row is compared with. */
export type SpendableToken = RefreshToken & { readonly secretHash: string };

/** The refresh token that a text holds; `undefined` when its mac is wrong. */
export function readSpendableToken(
  { refreshTokens }: Pick<Tokens, 'refreshTokens'>,
  text: string,
): SpendableToken | undefined {
  const token = refreshTokens.decode(text);
  if (token === undefined) return undefined;
  const { sessionId, generation, familySecret } = token;
  return { sessionId, generation, familySecret, secretHash: sha256(familySecret) };
}
