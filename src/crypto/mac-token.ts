import { createHmac } from 'node:crypto';
import { constantTimeEqual } from './digest.ts';
import { KEY_ID_BYTES, type Keyring } from './keyring.ts';

const VERSION = 1;
const BODY_AT = 1 + KEY_ID_BYTES;
const MAC_BYTES = 32;

/**
 * Opaque tokens whose bytes are proven without looking anything up:
 *
 *   prefix ‖ base64url( version ‖ key id ‖ body ‖ HMAC-SHA-256( key, everything before it ) )
 *
 * The same body gives the same text under the same secret, and only one spelling of a text is the token.
 */
export function createMacTokens({
  keyring,
  prefix,
  bodyBytes,
}: {
  keyring: Keyring;
  /** Tells kinds of token apart, also for those who scan for leaked ones. */
  prefix: string;
  bodyBytes: number;
}) {
  const macAt = BODY_AT + bodyBytes;
  const shape = new RegExp(`^${prefix}[A-Za-z0-9_-]{${Math.ceil(((macAt + MAC_BYTES) * 8) / 6)}}$`);

  function macOf(bytes: Buffer, key: Buffer): Buffer {
    return createHmac('sha256', key).update(bytes.subarray(0, macAt)).digest();
  }

  return {
    encode(body: Buffer): string {
      const { id, key } = keyring.current;
      const bytes = Buffer.alloc(macAt + MAC_BYTES);
      bytes.writeUInt8(VERSION);
      id.copy(bytes, 1);
      body.copy(bytes, BODY_AT);
      macOf(bytes, key).copy(bytes, macAt);
      return prefix + bytes.toString('base64url');
    },

    /** The body; `undefined` for whatever this server did not make. Garbage costs one HMAC at most. */
    decode(text: string): Buffer | undefined {
      if (!shape.test(text)) return undefined;
      const encoded = text.slice(prefix.length);
      const bytes = Buffer.from(encoded, 'base64url');
      // The last character may have bits to spare, which decoding drops.
      if (bytes.toString('base64url') !== encoded || bytes.readUInt8(0) !== VERSION) return undefined;
      const key = keyring.find(bytes.subarray(1, BODY_AT))?.key;
      if (key === undefined || !constantTimeEqual(macOf(bytes, key), bytes.subarray(macAt))) return undefined;
      return bytes.subarray(BODY_AT, macAt);
    },
  };
}
