import { randomBytes, randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { constantTimeEqual, sha256 } from './digest.ts';

/*
 * key      = "lka_" ‖ base62( id ‖ secret ) ‖ base62( CRC32 of everything before it )
 *    bytes:                  16     32                        4
 *    characters: 4           65                               6
 *
 * The secret is 256 random bits, so that its plain SHA-256 is stored: no dump of hashes can be searched for a secret, and
 * a slow hash would cost each exchange what it protects nothing by. The hash survives each change of the master secret.
 *
 * Letters and digits alone, with a prefix and a checksum, as GitHub has its tokens: one double click selects a key, and
 * secret scanners tell it from a text that looks like one. The checksum proves nothing. It spares the database a look-up.
 */
const PREFIX = 'lka_';
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ID_BYTES = 16;
const BODY_BYTES = ID_BYTES + 32;
const BODY_LENGTH = 65;
const CHECKSUM_LENGTH = 6;
/** What scanners look for. */
export const API_KEY_SHAPE = /^lka_[0-9A-Za-z]{71}$/;

export interface ApiKeyParts {
  readonly id: string;
  /** SHA-256 of the secret, which only the key has. */
  readonly secretHash: string;
}

/** A new key, and what is stored of it. */
export function createApiKey(): ApiKeyParts & { readonly text: string } {
  const id = randomUUID();
  const secret = randomBytes(BODY_BYTES - ID_BYTES);
  const body = Buffer.concat([Buffer.from(id.replaceAll('-', ''), 'hex'), secret]);
  const unchecked = PREFIX + base62(BigInt(`0x${body.toString('hex')}`), BODY_LENGTH);
  return { id, secretHash: sha256(secret), text: unchecked + checksumOf(unchecked) };
}

/** `undefined` for a text that is no key, without a look-up. */
export function readApiKey(text: string): ApiKeyParts | undefined {
  if (!API_KEY_SHAPE.test(text)) return undefined;
  const unchecked = text.slice(0, -CHECKSUM_LENGTH);
  if (text.slice(-CHECKSUM_LENGTH) !== checksumOf(unchecked)) return undefined;
  const hex = numberOf(unchecked.slice(PREFIX.length))
    .toString(16)
    .padStart(2 * BODY_BYTES, '0');
  // 65 characters can say a little more than 48 bytes.
  if (hex.length > 2 * BODY_BYTES) return undefined;
  const id = hex.slice(0, 2 * ID_BYTES).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  return { id, secretHash: sha256(Buffer.from(hex.slice(2 * ID_BYTES), 'hex')) };
}

/** Whether the hash of a secret is the stored one. */
export function isSameHash(secretHash: string, stored: string): boolean {
  return constantTimeEqual(Buffer.from(secretHash), Buffer.from(stored));
}

function checksumOf(text: string): string {
  return base62(BigInt(crc32(text)), CHECKSUM_LENGTH);
}

function base62(number: bigint, length: number): string {
  let text = '';
  for (let rest = number; rest > 0n; rest /= 62n) text = ALPHABET.charAt(Number(rest % 62n)) + text;
  return text.padStart(length, '0');
}

function numberOf(text: string): bigint {
  return [...text].reduce((number, character) => number * 62n + BigInt(ALPHABET.indexOf(character)), 0n);
}
