import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';

/** What the server lets its key set be cached for (`max-age`). */
const MAX_AGE_MS = 300_000;
/** How often an unknown `kid`, which anybody can send, may cause a request. */
const UNKNOWN_KID_PAUSE_MS = 30_000;

/** Verifies Latchkey's access tokens in another service: the claims, or an error. */
export function createVerifier({ issuer, audience, url }: { issuer: string; audience: string; url: string }) {
  let keys = new Map<string, KeyObject>();
  let loadedAt = Number.NEGATIVE_INFINITY;

  async function load(): Promise<void> {
    loadedAt = Date.now();
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    if (!response.ok) throw new Error(`The key set answers ${response.status}`);
    const set = (await response.json()) as { keys: (JsonWebKey & { kid: string })[] };
    keys = new Map(set.keys.map((key) => [key.kid, createPublicKey({ key, format: 'jwk' })]));
  }

  async function findKey(kid: string): Promise<KeyObject> {
    const age = Date.now() - loadedAt;
    if (age > MAX_AGE_MS || (!keys.has(kid) && age > UNKNOWN_KID_PAUSE_MS)) await load();
    const key = keys.get(kid);
    if (key === undefined) throw new Error('Unknown key');
    return key;
  }

  return async (token: string): Promise<jwt.JwtPayload> => {
    const header = jwt.decode(token, { complete: true })?.header;
    // RFC 9068 §4: the type keeps other JWTs of the same issuer out.
    if (header?.typ !== 'at+jwt' || header.kid === undefined) throw new Error('Not an access token');
    const key = await findKey(header.kid);
    // Pin all three: jsonwebtoken checks only what it is told to.
    return jwt.verify(token, key, { algorithms: ['ES256'], issuer, audience }) as jwt.JwtPayload;
  };
}
