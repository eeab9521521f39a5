import { describe, expect, it } from '@jest/globals';
import { API_KEY_SHAPE, createApiKey, readApiKey } from '../../src/crypto/api-key.ts';
import { sha256 } from '../../src/crypto/digest.ts';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Made by another program: `crc32` and long integers of Python's standard library. */
const KNOWN = [
  {
    text: 'lka_000000000000000000000000000000000000000000000000000000000000000003mp0Us',
    id: '00000000-0000-0000-0000-000000000000',
    secret: '00'.repeat(32),
  },
  {
    text: 'lka_026KaDU0nprgTYIZb522TBNid5MhRXBSwMrpLntbvdtV8LU3wiPcXzpNBAZgo8xOc4FiOew',
    id: '01234567-89ab-4def-8123-456789abcdef',
    secret: '03e759a06bdcbf94112732b9439cf6889f4c7c295159eb1a21c8a0ac7ecb2e42',
  },
  {
    text: 'lka_7cyhQvv5axdeihmOzIHjs85TcUIYiWHdsxNz50GTerEOR5ucj2TITPXxyaCUli1oF2X2orM',
    id: 'ffffffff-ffff-ffff-ffff-ffffffffffff',
    secret: 'ff'.repeat(32),
  },
];

describe('an API key', () => {
  it.each(KNOWN)('of known bytes has the known text', ({ text, id, secret }) => {
    expect(readApiKey(text)).toEqual({ id, secretHash: sha256(Buffer.from(secret, 'hex')) });
  });

  it('is read as it was made, and has the shape that scanners look for', () => {
    for (let i = 0; i < 200; i++) {
      const { text, ...parts } = createApiKey();
      expect(text).toMatch(API_KEY_SHAPE);
      expect(readApiKey(text)).toEqual(parts);
    }
  });

  it('has 256 bits of its own each time', () => {
    const hashes = Array.from({ length: 100 }, () => createApiKey().secretHash);
    expect(new Set(hashes).size).toBe(100);
  });

  it('with one other character, or two that changed places, is none', () => {
    const { text } = createApiKey();
    for (let at = 0; at < text.length; at++) {
      for (const other of [...ALPHABET, '-', '_', ' ', '\u0000']) {
        const changed = text.slice(0, at) + other + text.slice(at + 1);
        if (changed !== text) expect([changed, readApiKey(changed)]).toEqual([changed, undefined]);
      }
      const swapped = text.slice(0, at) + text.charAt(at + 1) + text.charAt(at) + text.slice(at + 2);
      if (swapped !== text) expect([swapped, readApiKey(swapped)]).toEqual([swapped, undefined]);
    }
  });

  it.each([
    '',
    'lka_',
    'lka_x',
    `lka_${'z'.repeat(71)}`,
    `lka_${'0'.repeat(70)}`,
    `lka_${'0'.repeat(1_000_000)}`,
  ])('is not the text %#', (text) => {
    expect(readApiKey(text)).toBeUndefined();
  });

  it.each([
    'lka_7cyhQvv5axdeihmOzIHjs85TcUIYiWHdsxNz50GTerEOR5ucj2TITPXxyaCUli1oG4deCzy',
    'lka_zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz236Wl5',
  ])('with a right checksum over more than 48 bytes is none: %s', (text) => {
    expect(readApiKey(text)).toBeUndefined();
  });
});
