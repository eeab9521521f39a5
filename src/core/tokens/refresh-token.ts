import type { Keyring } from '../../crypto/keyring.ts';
import { createMacTokens } from '../../crypto/mac-token.ts';

/*
 * token = "lkr_" ‖ base64url( version ‖ key id ‖ session id ‖ generation ‖ family secret ‖ mac )
 *             bytes:            1        4         16            4            32          32
 * mac   = HMAC-SHA-256( HKDF(master secret, "refresh-token"), everything before it )
 *
 * The family secret is drawn once per session and lives only in its tokens; the database holds its SHA-256. So
 * a dump of the database cannot refresh (no secret, no key), and the master secret alone cannot (no secret).
 * The successor is a pure function of a token and the key: nothing has to be stored to answer the same twice.
 */
const GENERATION_AT = 16;
const SECRET_AT = GENERATION_AT + 4;
const BODY_BYTES = SECRET_AT + 32;

/** What a refresh token says; its authenticity is proven. */
export interface RefreshToken {
  readonly sessionId: string;
  /** Counts the rotations of the session. */
  readonly generation: number;
  readonly familySecret: Buffer;
}

/** Makes and reads refresh tokens. No I/O: garbage costs one HMAC at most. */
export function createRefreshTokens(keyring: Keyring) {
  const tokens = createMacTokens({ keyring, prefix: 'lkr_', bodyBytes: BODY_BYTES });
  return {
    /** The token's text under the first master secret; the same bytes whenever it is asked for. */
    encode({ sessionId, generation, familySecret }: RefreshToken): string {
      const body = Buffer.alloc(BODY_BYTES);
      body.write(sessionId.replaceAll('-', ''), 0, 'hex');
      body.writeUInt32BE(generation, GENERATION_AT);
      familySecret.copy(body, SECRET_AT);
      return tokens.encode(body);
    },

    /** `undefined` for a text that this server did not make. */
    decode(text: string): RefreshToken | undefined {
      const body = tokens.decode(text);
      return (
        body && {
          sessionId: uuidOf(body.toString('hex', 0, GENERATION_AT)),
          generation: body.readUInt32BE(GENERATION_AT),
          familySecret: body.subarray(SECRET_AT),
        }
      );
    },
  };
}

function uuidOf(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
