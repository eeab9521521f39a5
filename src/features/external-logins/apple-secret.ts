import { type KeyObject, sign } from 'node:crypto';

const AUDIENCE = 'https://appleid.apple.com';
/** Apple allows half a year. One is made for each exchange. */
const LIFETIME_SECONDS = 300;

export interface AppleSecretOptions {
  readonly teamId: string;
  readonly keyId: string;
  readonly clientId: string;
  readonly key: KeyObject;
  readonly nowSeconds: number;
}

/** The client secret that Apple takes: a JWT by the key of a team, ES256 (Apple, "Creating a client secret"). */
export function appleSecret({ teamId, keyId, clientId, key, nowSeconds }: AppleSecretOptions): string {
  const header = { alg: 'ES256', kid: keyId };
  const claims = {
    iss: teamId,
    iat: nowSeconds,
    exp: nowSeconds + LIFETIME_SECONDS,
    aud: AUDIENCE,
    sub: clientId,
  };
  const text = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}
