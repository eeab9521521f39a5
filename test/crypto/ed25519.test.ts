import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { isEd25519Key } from '../../src/crypto/ed25519.ts';

const P = 2n ** 255n - 19n;

function encoded(y: bigint, sign = 0): Buffer {
  const bytes = Buffer.from(y.toString(16).padStart(64, '0'), 'hex').reverse();
  bytes.writeUInt8((bytes.at(-1) ?? 0) | (sign << 7), 31);
  return bytes;
}

/** The y of a point of order 8: it solves dy⁴ + 2y² = 1. */
const Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;

describe('public keys of Ed25519', () => {
  it('keys that OpenSSL makes are taken', () => {
    for (let round = 0; round < 50; round += 1) {
      const { x = '' } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
      expect(isEd25519Key(Buffer.from(x, 'base64url'))).toBe(true);
    }
  });

  it.each([
    ['1', encoded(1n)],
    ['1, with a sign', encoded(1n, 1)],
    ['2', encoded(P - 1n)],
    ['4', encoded(0n)],
    ['4, with a sign', encoded(0n, 1)],
    ['8', encoded(Y8)],
    ['8, with a sign', encoded(Y8, 1)],
    ['8, the opposite', encoded(P - Y8)],
    ['8, the opposite with a sign', encoded(P - Y8, 1)],
  ])('a point of order %s is refused', (_order, bytes) => {
    expect(isEd25519Key(bytes)).toBe(false);
  });

  it.each([
    ['a second spelling of a number', encoded(P + 3n)],
    ['a number without a point', encoded(2n)],
    ['31 bytes', encoded(3n).subarray(1)],
    ['33 bytes', Buffer.alloc(33, 3)],
    ['nothing', Buffer.alloc(0)],
  ])('%s is refused', (_what, bytes) => {
    expect(isEd25519Key(bytes)).toBe(false);
  });

  it('the least numbers that have a point of large order are taken', () => {
    expect([3n, 4n, 5n, 6n].map((y) => isEd25519Key(encoded(y)))).toEqual([true, true, true, true]);
  });

  it('OpenSSL takes one signature of any message for the key of order 1', () => {
    const point = encoded(1n);
    const x = point.toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    const signature = Buffer.concat([point, Buffer.alloc(32)]);
    expect(verify(null, Buffer.from('any message'), key, signature)).toBe(true);
  });
});
