import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Keyring } from './keyring.ts';

const ALGORITHM = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts what must not be readable in the database: `v1.<key id>.<iv ‖ ciphertext ‖ tag>`, base64url. */
export interface Sealer {
  /** `context` is bound to the envelope (AAD), so that it opens in its own row only. */
  seal(plaintext: Buffer, context: string): string;
  /** `undefined` when no key opens it: another secret made it, or somebody changed it. */
  open(envelope: string, context: string): Buffer | undefined;
  /** Whether the first secret made the envelope. */
  isCurrent(envelope: string): boolean;
}

/** AES-256-GCM (NIST SP 800-38D) under the keys of a keyring, with a fresh random IV per envelope. */
export function createSealer(keyring: Keyring): Sealer {
  return {
    seal(plaintext, context) {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv(ALGORITHM, keyring.current.key, iv).setAAD(Buffer.from(context));
      const sealed = Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
      return ['v1', keyring.current.id.toString('base64url'), sealed.toString('base64url')].join('.');
    },

    open(envelope, context) {
      const [version, keyId, body] = envelope.split('.');
      if (version !== 'v1' || keyId === undefined || body === undefined) return undefined;
      const key = keyring.find(Buffer.from(keyId, 'base64url'))?.key;
      const sealed = Buffer.from(body, 'base64url');
      if (key === undefined || sealed.length < IV_BYTES + TAG_BYTES) return undefined;

      const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, IV_BYTES), {
        authTagLength: TAG_BYTES,
      })
        .setAAD(Buffer.from(context))
        .setAuthTag(sealed.subarray(-TAG_BYTES));
      try {
        return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
      } catch {
        return undefined;
      }
    },

    isCurrent: (envelope) => envelope.split('.')[1] === keyring.current.id.toString('base64url'),
  };
}
