import { createHmac, randomUUID } from 'node:crypto';
import { constantTimeEqual } from '../../crypto/digest.ts';
import { KEY_ID_BYTES, type Keyring } from '../../crypto/keyring.ts';

/*
 * token = "lkd_" ‖ base64url( version ‖ key id ‖ device id ‖ user id ‖ issued at (s) ‖ mac )
 *             bytes:            1        4         16          16          6           32
 * mac   = HMAC-SHA-256( HKDF(master secret, "device-token"), everything before it )
 *
 * A proof that this device logged in to this account before. It opens nothing: it moves a login out of the lane
 * in which strangers are slowed down into one of the device's own, with a back-off of its own.
 */
const PREFIX = 'lkd_';
const VERSION = 1;
const DEVICE_ID_AT = 1 + KEY_ID_BYTES;
const USER_ID_AT = DEVICE_ID_AT + 16;
const ISSUED_AT = USER_ID_AT + 16;
const MAC_AT = ISSUED_AT + 6;
const TOKEN_BYTES = MAC_AT + 32;
const SHAPE = new RegExp(`^${PREFIX}[A-Za-z0-9_-]{${Math.ceil((TOKEN_BYTES * 8) / 6)}}$`);
const LIFETIME_SECONDS = 180 * 24 * 60 * 60;

export type DeviceTokens = ReturnType<typeof createDeviceTokens>;

/** Makes and reads the proofs of known devices. */
export function createDeviceTokens(keyring: Keyring) {
  return {
    /** A new proof, of the device it had before or of a new one. */
    encode({
      userId,
      deviceId = randomUUID(),
      nowSeconds,
    }: {
      userId: string;
      deviceId?: string | undefined;
      nowSeconds: number;
    }): string {
      const bytes = Buffer.alloc(TOKEN_BYTES);
      bytes.writeUInt8(VERSION, 0);
      keyring.current.id.copy(bytes, 1);
      bytes.write(deviceId.replaceAll('-', ''), DEVICE_ID_AT, 'hex');
      bytes.write(userId.replaceAll('-', ''), USER_ID_AT, 'hex');
      bytes.writeUIntBE(nowSeconds, ISSUED_AT, 6);
      macOf(bytes, keyring.current.key).copy(bytes, MAC_AT);
      return PREFIX + bytes.toString('base64url');
    },

    /** The id of the device, if it is a proof for this user that is not older than 180 days. */
    deviceOf(
      text: string,
      { userId, nowSeconds }: { userId: string; nowSeconds: number },
    ): string | undefined {
      if (!SHAPE.test(text)) return undefined;
      const bytes = Buffer.from(text.slice(PREFIX.length), 'base64url');
      if (bytes.readUInt8(0) !== VERSION) return undefined;
      const key = keyring.find(bytes.subarray(1, DEVICE_ID_AT))?.key;
      if (key === undefined || !constantTimeEqual(macOf(bytes, key), bytes.subarray(MAC_AT)))
        return undefined;
      if (bytes.toString('hex', USER_ID_AT, ISSUED_AT) !== userId.replaceAll('-', '')) return undefined;
      if (nowSeconds - bytes.readUIntBE(ISSUED_AT, 6) > LIFETIME_SECONDS) return undefined;
      return bytes.toString('hex', DEVICE_ID_AT, USER_ID_AT);
    },
  };
}

function macOf(bytes: Buffer, key: Buffer): Buffer {
  return createHmac('sha256', key).update(bytes.subarray(0, MAC_AT)).digest();
}
