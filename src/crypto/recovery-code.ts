import { randomBytes } from 'node:crypto';
import { typedCode } from '../platform/typed-code.ts';
import { sha256 } from './digest.ts';

/*
 * code = 25 characters of Crockford's base32, in groups of five: 125 random bits
 *
 * A look-up secret of at least 112 bits may be stored as a plain hash (NIST SP 800-63B-4 §3.1.2.2). So the hashes survive
 * each change of the master secret.
 */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const LENGTH = 25;
const SHAPE = /^[0-9a-hjkmnp-tv-z]{25}$/;

export function createRecoveryCode(): string {
  // 256 is a multiple of 32: no character is likelier than another.
  const characters = [...randomBytes(LENGTH)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('');
  return (characters.match(/.{5}/g) ?? []).join('-');
}

/** The hash of a code as a person types it: case, spaces and hyphens do not matter, and O, I and L are digits. */
export function recoveryCodeHash(text: string): string | undefined {
  const code = typedCode(text).toLowerCase().replaceAll('o', '0').replaceAll(/[il]/g, '1');
  return SHAPE.test(code) ? sha256(code) : undefined;
}
