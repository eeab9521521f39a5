import { createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { sha256 } from '../../crypto/digest.ts';
import type { Sealer } from '../../crypto/seal.ts';
import { DAY_MS } from '../../platform/durations.ts';
import { CLOCK_TOLERANCE_SECONDS, MAX_LIFETIME_SECONDS, type SigningKey } from './access-token.ts';
import type { SigningKeyRow } from './store.ts';

/*
 * The life of a signing key: published in the JWKS when it is made, signing from `activates_at` on, until the
 * next one activates; verifying until the last token it may have signed has expired everywhere; then deleted.
 */

/** How often each process looks for keys that another one added or removed. */
export const RELOAD_INTERVAL_MS = 10_000;
/** How long others may keep the published set (the `max-age` of the JWKS). */
const JWKS_MAX_AGE_SECONDS = 300;
/** Published this long before first use: over twice what a cache keeps it, and many reloads of each process. */
export const PUBLISH_AHEAD_MS = 2 * JWKS_MAX_AGE_SECONDS * 1_000;
/** The schedule of rotation. */
const ROTATE_EVERY_MS = 30 * DAY_MS;
/** Kept this long after its successor activated: the longest token, clock skew, caches and slow reloads. */
const KEEP_AFTER_MS =
  (MAX_LIFETIME_SECONDS + CLOCK_TOLERANCE_SECONDS + JWKS_MAX_AGE_SECONDS) * 1_000 + 2 * RELOAD_INTERVAL_MS;

/** A fresh P-256 key pair, its private half sealed. */
export function createSigningKeyRow(
  sealer: Sealer,
  { sequence, now, activatesAt }: { sequence: number; now: number; activatesAt: number },
): SigningKeyRow {
  // As bytes: Node.js 20 can wait for itself for ever where the object of a generated key is exported as a JWK while
  // garbage is collected, because what generated it takes the same lock to be freed.
  const { publicKey, privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { format: 'der', type: 'spki' },
    privateKeyEncoding: { format: 'der', type: 'pkcs8' },
  });
  const publicJwk = createPublicKey({ key: publicKey, format: 'der', type: 'spki' }).export({
    format: 'jwk',
  });
  const kid = thumbprint(publicJwk);
  return {
    kid,
    sequence,
    algorithm: 'ES256',
    publicJwk: JSON.stringify(publicJwk),
    sealedPrivateKey: sealer.seal(privateKey, kid),
    createdAt: now,
    activatesAt,
  };
}

/**
 * The key of a row, `undefined` when its envelope does not open. The public half is taken from the opened
 * private one, so an attacker who can only write to the database cannot smuggle in a key of their own.
 */
export function openSigningKey(sealer: Sealer, row: SigningKeyRow): SigningKey | undefined {
  const opened = sealer.open(row.sealedPrivateKey, row.kid);
  if (opened === undefined) return undefined;
  const privateKey = createPrivateKey({ key: opened, format: 'der', type: 'pkcs8' });
  return { kid: row.kid, algorithm: 'ES256', privateKey, publicKey: createPublicKey(privateKey) };
}

/** Whether the newest key is old, or signs later than one made now would: a clock that was wrong made that one. */
export function isSuccessorDue({ createdAt, activatesAt }: SigningKeyRow, now: number): boolean {
  return now - createdAt >= ROTATE_EVERY_MS || activatesAt > now + PUBLISH_AHEAD_MS;
}

/** The newest key that may sign at this time; by a clock that is behind, the only one there is. */
export function signingRow(rows: readonly SigningKeyRow[], now: number): SigningKeyRow | undefined {
  return rows.filter((row) => row.activatesAt <= now).at(-1) ?? rows[0];
}

/** The sequence that every key before is of no more use at. */
export function oldestNeeded(rows: readonly SigningKeyRow[], now: number): number {
  const successors = rows.filter((row) => row.activatesAt + KEEP_AFTER_MS <= now);
  return successors.at(-1)?.sequence ?? rows[0]?.sequence ?? 0;
}

/** RFC 7517 §4: what others verify with. */
export function publicJwk(key: SigningKey): JsonWebKey {
  return { ...key.publicKey.export({ format: 'jwk' }), use: 'sig', alg: key.algorithm, kid: key.kid };
}

/** RFC 7638 §3: SHA-256 over the required members in lexicographic order. */
function thumbprint({ crv, kty, x, y }: JsonWebKey): string {
  return sha256(JSON.stringify({ crv, kty, x, y }));
}
