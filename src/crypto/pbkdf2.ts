import { pbkdf2 as pbkdf2Callback } from 'node:crypto';
import { promisify } from 'node:util';
import { constantTimeEqual } from './digest.ts';
import { parsePhc } from './phc.ts';
import type { StoredHash } from './stored-hash.ts';

const pbkdf2 = promisify(pbkdf2Callback);

/** The bytes that one block of iterations makes (RFC 8018 §5.2). */
const BLOCK_BYTES = { sha1: 20, sha256: 32, sha512: 64 } as const;

/** Iterations of all blocks: some seconds (PW-3). */
const CEILING = 10_000_000;

/** `$pbkdf2-sha256$i=600000$…$…`, and so sha1 and sha512. */
export function readPbkdf2(text: string): StoredHash | undefined {
  const phc = parsePhc(text, ['i']);
  const digest = phc && digestOf(phc.id);
  const iterations = phc?.parameters.i ?? 0;
  if (phc === undefined || digest === undefined || iterations < 1) return undefined;
  return {
    isTooCostly: iterations * Math.ceil(phc.hash.length / BLOCK_BYTES[digest]) > CEILING,
    verify: async (password) =>
      constantTimeEqual(await pbkdf2(password, phc.salt, iterations, phc.hash.length, digest), phc.hash),
  };
}

function digestOf(id: string): keyof typeof BLOCK_BYTES | undefined {
  const names = ['sha1', 'sha256', 'sha512'] as const;
  return names.find((name) => id === `pbkdf2-${name}`);
}
