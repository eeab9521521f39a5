import { createHmac } from 'node:crypto';
import { constantTimeEqual } from '../../crypto/digest.ts';
import { createKeyring } from '../../crypto/keyring.ts';

/** Keyed hashes of what could be guessed from a plain one: a code, and an address. */
export function createHashes(secrets: readonly Buffer[]) {
  const keyring = createKeyring(secrets, 'one-time-tokens');

  function keyedHash(key: Buffer, ...parts: readonly string[]): string {
    return createHmac('sha256', key).update(JSON.stringify(parts)).digest('base64url');
  }

  return {
    /** Under each master secret, the first one's first. */
    ofAddress: (emailCanonical: string): string[] =>
      keyring.all.map(({ key }) => keyedHash(key, 'address', emailCanonical)),

    ofCode: (subject: string, code: string): string => keyedHash(keyring.current.key, 'code', subject, code),

    isOfCode(hash: string, subject: string, code: string): boolean {
      const expected = Buffer.from(hash);
      return keyring.all.some(({ key }) =>
        constantTimeEqual(Buffer.from(keyedHash(key, 'code', subject, code)), expected),
      );
    },
  };
}

export type Hashes = ReturnType<typeof createHashes>;
