import { createCipheriv, type ScryptOptions, scrypt as scryptCallback } from 'node:crypto';
import { promisify } from 'node:util';
import { constantTimeEqual } from './digest.ts';
import { type Phc, parsePhc } from './phc.ts';
import type { StoredHash } from './stored-hash.ts';

const scrypt = promisify<string, Buffer, number, ScryptOptions, Buffer>(scryptCallback);

/** N·r·p: 1 GiB when p is 1, and some seconds (PW-3). */
const CEILING = 2 ** 23;

/** `$scrypt$ln=14,r=8,p=1$…$…` (RFC 7914), `ln` being the logarithm of N. */
export function readScrypt(text: string): StoredHash | undefined {
  const phc = parsePhc(text, ['ln', 'r', 'p']);
  if (phc?.id !== 'scrypt') return undefined;
  return readable(phc, async (password) =>
    constantTimeEqual(await derive(phc, password, phc.hash.length), phc.hash),
  );
}

/**
 * `$firebase-scrypt$ln=14,r=8$<salt ‖ salt separator>$…`: Firebase's variant
 * (https://github.com/firebase/scrypt) encrypts the project's signer key, AES-256-CTR from a counter of 0, under what
 * scrypt makes of the password. Without that key, which is in no row, there is nothing to compare a guess with.
 */
export function readFirebaseScrypt(text: string): StoredHash | undefined {
  const phc = parsePhc(text, ['ln', 'r']);
  if (phc?.id !== 'firebase-scrypt') return undefined;
  return readable(phc, async (password, { firebaseSignerKey }) => {
    if (firebaseSignerKey === undefined) return false;
    const key = await derive(phc, password, 32);
    const encrypted = createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(firebaseSignerKey);
    return constantTimeEqual(encrypted, phc.hash);
  });
}

function readable(phc: Phc, verify: StoredHash['verify']): StoredHash | undefined {
  const { ln, r, p } = costOf(phc);
  // RFC 7914 §2: N is above 1 and below 2^(128·r/8).
  if (ln < 1 || ln >= 16 * r || r < 1 || p < 1) return undefined;
  return { isTooCostly: 2 ** ln * r * p > CEILING, verify };
}

function derive(phc: Phc, password: string, bytes: number): Promise<Buffer> {
  const { ln, r, p } = costOf(phc);
  const N = 2 ** ln;
  return scrypt(password, phc.salt, bytes, { N, r, p, maxmem: 128 * r * (N + p + 2) });
}

function costOf({ parameters: { ln = 0, r = 0, p = 1 } }: Phc) {
  return { ln, r, p };
}
