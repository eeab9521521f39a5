import { createPublicKey, type JsonWebKeyInput, type KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';

/** What the server lets its key set be cached for (`max-age`). */
const MAX_AGE_MS = 300_000;
/** How often an unknown `kid`, which anybody can send, may cause a request. */
const UNKNOWN_KID_PAUSE_MS = 30_000;
/** How soon a load that failed is tried again. */
const RETRY_PAUSE_MS = 1_000;
/** How long the keys serve on while none can be loaded: no access token lives longer. */
const LONGEST_OUTAGE_MS = 3_600_000;
/** How far this clock may be off, as the server has it: for `exp`, `nbf` and `iat`. */
const CLOCK_TOLERANCE_SECONDS = 10;

/** Verifies Latchkey's access tokens in another service: the claims, or an error. */
export function createVerifier({ issuer, audience, url }: { issuer: string; audience: string; url: string }) {
  let keys: ReadonlyMap<string, KeyObject> = new Map();
  let loadedAt = Number.NEGATIVE_INFINITY;
  let failure: { readonly at: number; readonly cause: unknown } | undefined;
  let loading: Promise<void> | undefined;

  /** One request for all who wait. What goes wrong with it is kept, and not thrown. */
  function load(): Promise<void> {
    loading ??= fetchKeys(url)
      .then((loaded) => {
        keys = loaded;
        loadedAt = Date.now();
        failure = undefined;
      })
      .catch((cause: unknown) => {
        failure = { at: Date.now(), cause };
      })
      .finally(() => {
        loading = undefined;
      });
    return loading;
  }

  function usableKey(kid: string): KeyObject | undefined {
    return Date.now() - loadedAt < LONGEST_OUTAGE_MS ? keys.get(kid) : undefined;
  }

  async function findKey(kid: string): Promise<KeyObject> {
    const age = Date.now() - loadedAt;
    const known = usableKey(kid);
    const isDue = age > MAX_AGE_MS || (known === undefined && age > UNKNOWN_KID_PAUSE_MS);
    if (isDue && Date.now() - (failure?.at ?? 0) > RETRY_PAUSE_MS) {
      const loaded = load();
      // A token whose key is known does not wait for a key set that could not be loaded.
      if (failure === undefined || known === undefined) await loaded;
    }
    const key = usableKey(kid);
    if (key !== undefined) return key;
    throw failure ? new Error('The key set cannot be loaded', failure) : new Error('Unknown key');
  }

  return async (token: string): Promise<jwt.JwtPayload> => {
    const header = jwt.decode(token, { complete: true })?.header;
    // RFC 9068 §4: the type keeps other JWTs of the same issuer out.
    if (header?.typ !== 'at+jwt' || header.kid === undefined) throw new Error('Not an access token');
    const key = await findKey(header.kid);
    // Pin all three: jsonwebtoken checks only what it is told to.
    const claims = jwt.verify(token, key, {
      algorithms: ['ES256'],
      issuer,
      audience,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
    }) as jwt.JwtPayload;
    if ((claims.iat ?? 0) > Date.now() / 1_000 + CLOCK_TOLERANCE_SECONDS)
      throw new Error('Issued in the future');
    return claims;
  };
}

/** @throws Error when there is not a key in it that can be used. */
async function fetchKeys(url: string): Promise<ReadonlyMap<string, KeyObject>> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`The key set answers ${response.status}`);
  const set = (await response.json()) as { readonly keys: readonly unknown[] };
  const keys = new Map(set.keys.flatMap(readKey));
  if (keys.size === 0) throw new Error('The key set has no key for ES256');
  return keys;
}

/** Ignores the keys that it does not understand, as RFC 7517 §5 asks: a later server may publish other types. */
function readKey(jwk: unknown): [string, KeyObject][] {
  const { kty, crv, kid, use = 'sig' } = Object(jwk) as Readonly<Record<string, unknown>>;
  if (kty !== 'EC' || crv !== 'P-256' || use !== 'sig' || typeof kid !== 'string') return [];
  try {
    return [[kid, createPublicKey({ key: jwk as JsonWebKeyInput['key'], format: 'jwk' })]];
  } catch {
    return [];
  }
}
