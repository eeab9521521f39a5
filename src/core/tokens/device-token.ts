import { randomUUID } from 'node:crypto';
import type { Keyring } from '../../crypto/keyring.ts';
import { createMacTokens } from '../../crypto/mac-token.ts';
import { DAY_SECONDS } from '../../platform/durations.ts';

/*
 * token = "lkd_" ‖ base64url( version ‖ key id ‖ device id ‖ user id ‖ issued at (s) ‖ password version ‖ mac )
 *             bytes:            1        4         16          16          6                6              32
 * mac   = HMAC-SHA-256( HKDF(master secret, "device-token"), everything before it )
 *
 * A proof that this device logged in to this account before. It opens nothing: it moves a login out of the lane
 * in which strangers are slowed down into one of the account's devices. It names the password that was in force, and
 * ends with it: a thief who holds a proof loses it when the owner sets another password.
 */
const USER_ID_AT = 16;
const ISSUED_AT = USER_ID_AT + 16;
const PASSWORD_VERSION_AT = ISSUED_AT + 6;
const BODY_BYTES = PASSWORD_VERSION_AT + 6;
export const DEVICE_TOKEN_LIFETIME_SECONDS = 180 * DAY_SECONDS;

/** Makes and reads the proofs of known devices. */
export function createDeviceTokens(keyring: Keyring) {
  const tokens = createMacTokens({ keyring, prefix: 'lkd_', bodyBytes: BODY_BYTES });
  return {
    /** A new proof, of the device it had before or of a new one. */
    encode({
      userId,
      passwordVersion,
      deviceId = randomUUID(),
      nowSeconds,
    }: {
      userId: string;
      passwordVersion: number;
      deviceId?: string | undefined;
      nowSeconds: number;
    }): string {
      const body = Buffer.alloc(BODY_BYTES);
      body.write(deviceId.replaceAll('-', ''), 0, 'hex');
      body.write(userId.replaceAll('-', ''), USER_ID_AT, 'hex');
      body.writeUIntBE(nowSeconds, ISSUED_AT, 6);
      body.writeUIntBE(passwordVersion, PASSWORD_VERSION_AT, 6);
      return tokens.encode(body);
    },

    /** The id of the device, if it is a proof for this user and this password that is not older than 180 days. */
    deviceOf(
      text: string,
      {
        userId,
        passwordVersion,
        nowSeconds,
      }: { userId: string; passwordVersion: number; nowSeconds: number },
    ): string | undefined {
      const body = tokens.decode(text);
      if (body?.toString('hex', USER_ID_AT, ISSUED_AT) !== userId.replaceAll('-', '')) return undefined;
      if (body.readUIntBE(PASSWORD_VERSION_AT, 6) !== passwordVersion) return undefined;
      if (nowSeconds - body.readUIntBE(ISSUED_AT, 6) > DEVICE_TOKEN_LIFETIME_SECONDS) return undefined;
      return body.toString('hex', 0, USER_ID_AT);
    },
  };
}
