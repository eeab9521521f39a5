import { createPublicKey, type JsonWebKey } from 'node:crypto';

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

/** Values by their labels. */
type CoseKey = Pick<ReadonlyMap<number, unknown>, 'get'>;

/** Whether a signature of the key can be verified. An account with another one would be closed to its owner. */
export function isUsableCoseKey(key: CoseKey): boolean {
  const jwk = jwkOf(key);
  if (jwk === undefined) return false;
  try {
    // A point that is not on the curve throws.
    const { asymmetricKeyDetails } = createPublicKey({ key: jwk, format: 'jwk' });
    const bits = asymmetricKeyDetails?.modulusLength;
    return bits === undefined || (bits >= RSA_BITS.least && bits <= RSA_BITS.most);
  } catch {
    return false;
  }
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
