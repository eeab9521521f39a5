import { createHmac } from 'node:crypto';
import { constantTimeEqual } from '../../crypto/digest.ts';
import { KEY_ID_BYTES, type Keyring } from '../../crypto/keyring.ts';

/*
 * token = "lkr_" ‖ base64url( version ‖ key id ‖ session id ‖ generation ‖ family secret ‖ mac )
 *             bytes:            1        4         16            4            32          32
 * mac   = HMAC-SHA-256( HKDF(master secret, "refresh-token"), everything before it )
 *
 * The family secret is drawn once per session and lives only in its tokens; the database holds its SHA-256. So
 * a dump of the database cannot refresh (no secret, no key), and the master secret alone cannot (no secret).
 * The successor is a pure function of a token and the key: nothing has to be stored to answer the same twice.
 */
const PREFIX = 'lkr_';
const VERSION = 1;
const SESSION_ID_AT = 1 + KEY_ID_BYTES;
const GENERATION_AT = SESSION_ID_AT + 16;
const SECRET_AT = GENERATION_AT + 4;
const MAC_AT = SECRET_AT + 32;
const TOKEN_BYTES = MAC_AT + 32;
const SHAPE = new RegExp(`^${PREFIX}[A-Za-z0-9_-]{${Math.ceil((TOKEN_BYTES * 8) / 6)}}$`);

/** What a refresh token says; its authenticity is proven. */
export interface RefreshToken {
  readonly sessionId: string;
  /** Counts the rotations of the session. */
  readonly generation: number;
  readonly familySecret: Buffer;
}

export type RefreshTokens = ReturnType<typeof createRefreshTokens>;

/** Makes and reads refresh tokens. No I/O: garbage costs one HMAC at most. */
export function createRefreshTokens(keyring: Keyring) {
  return {
    /** The token's text under the first master secret; the same bytes whenever it is asked for. */
    encode({ sessionId, generation, familySecret }: RefreshToken): string {
      const bytes = Buffer.alloc(TOKEN_BYTES);
      bytes.writeUInt8(VERSION, 0);
      keyring.current.id.copy(bytes, 1);
      bytes.write(sessionId.replaceAll('-', ''), SESSION_ID_AT, 'hex');
      bytes.writeUInt32BE(generation, GENERATION_AT);
      familySecret.copy(bytes, SECRET_AT);
      macOf(bytes, keyring.current.key).copy(bytes, MAC_AT);
      return PREFIX + bytes.toString('base64url');
    },

    /** `undefined` for whatever this server did not make. */
    decode(text: string): RefreshToken | undefined {
      if (!SHAPE.test(text)) return undefined;
      const bytes = Buffer.from(text.slice(PREFIX.length), 'base64url');
      // The last character has bits to spare: only one spelling of a token is the token.
      if (bytes.toString('base64url') !== text.slice(PREFIX.length)) return undefined;
      if (bytes.readUInt8(0) !== VERSION) return undefined;
      const key = keyring.find(bytes.subarray(1, SESSION_ID_AT))?.key;
      if (key === undefined || !constantTimeEqual(macOf(bytes, key), bytes.subarray(MAC_AT)))
        return undefined;
      return {
        sessionId: uuidOf(bytes.subarray(SESSION_ID_AT, GENERATION_AT)),
        generation: bytes.readUInt32BE(GENERATION_AT),
        familySecret: bytes.subarray(SECRET_AT, MAC_AT),
      };
    },
  };
}

function macOf(bytes: Buffer, key: Buffer): Buffer {
  return createHmac('sha256', key).update(bytes.subarray(0, MAC_AT)).digest();
}

function uuidOf(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
