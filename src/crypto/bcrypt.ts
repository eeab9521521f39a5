import { hash } from 'node:crypto';
import type { StoredHash } from './stored-hash.ts';

/** About two seconds (PW-3). */
const CEILING = 15;

/** What it sees of a password. */
const SEEN_BYTES = 72;

/**
 * Whether a password that matches a stored hash can be taken for the one that made it. bcrypt sees no more than 72 bytes,
 * so with more any ending matches. Behind a NUL the password may be repeated.
 */
export function isOnlyMatch(stored: string, password: string): boolean {
  if (!stored.startsWith('$2b$')) return true;
  return Buffer.byteLength(password) <= SEEN_BYTES && !password.includes('\0');
}

/**
 * `$2b$12$…`. It sees the first 72 bytes of a password and no more, as the system that it comes from did. Django's
 * `bcrypt_sha256$$2b$12$…` sees all of it, because it is of the password's SHA-256 in hex.
 */
export function readBcrypt(text: string): StoredHash | undefined {
  const [, ofDigest, bcryptText, cost] =
    /^(bcrypt_sha256\$)?(\$2b\$(0[4-9]|[12]\d|3[01])\$[A-Za-z0-9./]{53})$/.exec(text) ?? [];
  if (bcryptText === undefined) return undefined;
  return {
    isTooCostly: Number(cost) > CEILING,
    async verify(password) {
      // Loaded by those who have such hashes.
      const { default: bcrypt } = await import('bcrypt');
      const input = ofDigest === undefined ? password : hash('sha256', password, 'hex');
      return bcrypt.compare(input, canonical(bcryptText));
    },
  };
}

const ALPHABET = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** Where the salt and the hash end, and how many bits of their last characters hold nothing. */
const LAST_OF_SALT = { at: 28, spareBits: 4 };
const LAST_OF_HASH = { at: 59, spareBits: 2 };

/** Some makers leave bits set that hold nothing; the library compares texts, and clears those bits in its own. */
function canonical(text: string): string {
  const characters = [...text];
  for (const { at, spareBits } of [LAST_OF_SALT, LAST_OF_HASH]) {
    const value = ALPHABET.indexOf(characters[at] ?? '');
    characters[at] = ALPHABET[(value >> spareBits) << spareBits] ?? '';
  }
  return characters.join('');
}
