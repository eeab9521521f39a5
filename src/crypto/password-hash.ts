import { hash } from '@node-rs/argon2';
import { isLongerThan } from '../platform/code-points.ts';
import { type Argon2Cost, isCostlier, readArgon2 } from './argon2.ts';
import { readBcrypt } from './bcrypt.ts';
import { readPbkdf2 } from './pbkdf2.ts';
import { readFirebaseScrypt, readScrypt } from './scrypt.ts';
import type { HashKeys, StoredHash } from './stored-hash.ts';

/** OWASP's and ASVS 5.0 Appendix C's argon2id. */
export const HASH_COST: Argon2Cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** The tag, in bytes; the library makes a salt of 16. */
const TAG_LENGTH = 32;

/** All that is ever verified: what this server makes, and what accounts bring along from elsewhere. */
const SCHEMES = [readArgon2, readBcrypt, readScrypt, readFirebaseScrypt, readPbkdf2];

/** In bytes of UTF-8. What Django, passlib, WordPress and Firebase take at most: no hash from elsewhere is of more. */
const LONGEST_PASSWORD = 4_096;

/**
 * In code points. A new password has 128 at most, and another spelling of one of them, four: to normalise a text takes
 * time that grows with the square of its marks, on the event loop, so a longer one stays as it is.
 */
const LONGEST_NORMALIZED = 512;

/** A PHC string of the password. */
export function hashPassword(password: string, cost = HASH_COST): Promise<string> {
  return hash(normalize(password), { ...cost, outputLen: TAG_LENGTH });
}

/** What the text of a stored hash does not tell: a hash of ours and one from elsewhere can look alike. */
export interface HashOrigin {
  /** Whether another system made the hash. */
  readonly isForeign: boolean;
}

/**
 * Whether `password` made the hash; false, too, for a text that is none or asks for too much work. A password that is
 * too long is wrong at the same cost, and is not looked at.
 */
export async function verifyPassword(
  stored: string,
  password: string,
  { isForeign, ...keys }: HashOrigin & HashKeys,
): Promise<boolean> {
  const storedHash = readPasswordHash(stored);
  if (storedHash === undefined || storedHash.isTooCostly) return false;
  if (Buffer.byteLength(password) > LONGEST_PASSWORD) {
    await storedHash.verify('', keys);
    return false;
  }
  for (const spelling of spellingsOf(password, isForeign || !isOfOurKind(stored)))
    if (await storedHash.verify(spelling, keys)) return true;
  return false;
}

/** What a text says that is the hash of a password in one of the forms that are stored. */
export function readPasswordHash(text: string): StoredHash | undefined {
  for (const read of SCHEMES) {
    const storedHash = read(text);
    if (storedHash !== undefined) return storedHash;
  }
  return undefined;
}

/** Whether the hash is from elsewhere, however strong it is, or weaker than a new one of `newCost` would be. */
export function isOutdated(stored: string, { isForeign }: HashOrigin, newCost = HASH_COST): boolean {
  if (isForeign) return true;
  const cost = isOfOurKind(stored) ? readArgon2(stored)?.cost : undefined;
  return cost === undefined || isCostlier(newCost, cost);
}

function isOfOurKind(stored: string): boolean {
  return stored.startsWith('$argon2id$v=19$');
}

/** Other systems hash a password as it comes, or normalise it as this one does. Each spelling costs a hash. */
function spellingsOf(password: string, isForeign: boolean): readonly string[] {
  const normal = normalize(password);
  return isForeign && normal !== password ? [password, normal] : [normal];
}

/** RFC 8265 §4.2.2: one byte string for what looks the same on every keyboard. Nothing else is changed. */
function normalize(password: string): string {
  return isLongerThan(password, LONGEST_NORMALIZED) ? password : password.normalize('NFC');
}
