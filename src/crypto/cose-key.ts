import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { isEd25519Key } from './ed25519.ts';

/** As COSE numbers them (RFC 9053 §2, RFC 8812 §2): EdDSA, ES256 and RS256, the preferred one first. */
export const PASSKEY_ALGORITHMS = [-8, -7, -257] as const;

/** Labels of a COSE_Key (RFC 9052 §7.1, RFC 9053 §7, RFC 8230 §4). */
const KTY = 1;
const ALG = 3;
const CRV = -1;
const X = -2;
const Y = -3;
const N = -1;
const E = -2;

const RSA_BITS = { least: 2_048, most: 4_096 };
/** FIPS 186-5, §A.1.1: exponents lie between. The upper bound is OpenSSL's for long keys. */
const RSA_EXPONENTS = { above: 2n ** 16n, below: 2n ** 64n };

/** Values by their labels. */
type CoseKey = Pick<ReadonlyMap<number, unknown>, 'get'>;

/**
 * Whether the key has signatures that its owner can make and nobody else. With a key that has none the account would be
 * closed to its owner, and with one whose signatures can be guessed it would be open to everybody.
 */
export function isUsableCoseKey(key: CoseKey): boolean {
  const jwk = jwkOf(key);
  if (jwk === undefined) return false;
  try {
    // A point that is not on P-256 throws.
    return isSound(createPublicKey({ key: jwk, format: 'jwk' }), jwk);
  } catch {
    return false;
  }
}

/** What createPublicKey leaves out: OpenSSL looks at RSA and Ed25519 keys when a signature comes. */
function isSound({ asymmetricKeyDetails: details }: KeyObject, { kty, n, x }: JsonWebKey): boolean {
  if (kty === 'OKP') return isEd25519Key(bytesOf(x));
  if (kty === 'EC') return true;
  const { modulusLength: bits = 0, publicExponent: exponent = 0n } = details ?? {};
  const isOdd = exponent % 2n === 1n && ((bytesOf(n).at(-1) ?? 0) & 1) === 1;
  const isLong = bits >= RSA_BITS.least && bits <= RSA_BITS.most;
  return isLong && isOdd && exponent > RSA_EXPONENTS.above && exponent < RSA_EXPONENTS.below;
}

function jwkOf(key: CoseKey): JsonWebKey | undefined {
  const text = (label: number) => {
    const bytes = key.get(label);
    return bytes instanceof Uint8Array ? Buffer.from(bytes).toString('base64url') : '';
  };
  const is = (kty: number, alg: number, crv?: number) =>
    key.get(KTY) === kty && key.get(ALG) === alg && (crv === undefined || key.get(CRV) === crv);
  if (is(1, -8, 6)) return { kty: 'OKP', crv: 'Ed25519', x: text(X) };
  if (is(2, -7, 1)) return { kty: 'EC', crv: 'P-256', x: text(X), y: text(Y) };
  if (is(3, -257)) return { kty: 'RSA', n: text(N), e: text(E) };
  return undefined;
}

function bytesOf(text: string | undefined): Buffer {
  return Buffer.from(text ?? '', 'base64url');
}
