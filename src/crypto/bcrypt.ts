import type { StoredHash } from './stored-hash.ts';

/** About two seconds (PW-3). */
const CEILING = 15;

/** `$2b$12$…`. It sees the first 72 bytes of a password and no more, as the system that it comes from did. */
export function readBcrypt(text: string): StoredHash | undefined {
  const [, cost] = /^\$2b\$(0[4-9]|[12]\d|3[01])\$[A-Za-z0-9./]{53}$/.exec(text) ?? [];
  if (cost === undefined) return undefined;
  return {
    isTooCostly: Number(cost) > CEILING,
    async verify(password) {
      // Loaded by those who have such hashes.
      const { default: bcrypt } = await import('bcrypt');
      return bcrypt.compare(password, text);
    },
  };
}
