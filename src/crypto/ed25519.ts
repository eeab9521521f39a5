/** The field of Curve25519, and the constant d of edwards25519: −x² + y² = 1 + dx²y² (RFC 8032 §5.1). */
const P = 2n ** 255n - 19n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;

/**
 * Whether bytes are a public key of Ed25519 (RFC 8032 §5.1.3) that is not of small order: with one of the few that are,
 * everybody can make signatures.
 */
export function isEd25519Key(bytes: Buffer): boolean {
  if (bytes.length !== 32) return false;
  // Little-endian; the highest bit is the sign of x.
  const y = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`) & (2n ** 255n - 1n);
  if (y >= P) return false;
  const y2 = (y * y) % P;
  // x² = u / v, which is a square where uv is one (Euler). With x = 0 the order is 1 or 2, and the power is 0.
  const u = mod(y2 - 1n);
  const v = mod(D * y2 + 1n);
  const isPoint = power(mod(u * v), (P - 1n) / 2n) === 1n;
  // Twice the point is (2xy / …, (y² + x²) / …). Points of order 4 have y = 0, and those of order 8 become one of them.
  const isOfSmallOrder = y2 === 0n || mod(y2 * v + u) === 0n;
  return isPoint && !isOfSmallOrder;
}

function mod(value: bigint): bigint {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}
