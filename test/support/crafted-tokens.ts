import { type KeyObject, sign } from 'node:crypto';
import type { VerificationKey } from '../../src/core/tokens/access-token.ts';
import { createKeyPair } from './key-pair.ts';

/* Access tokens with a right signature over any header and claims, so that only the fault of a case decides. */

export interface AccessTokenCase {
  readonly text: string;
  /** The token's subject, after `machine ` where it is one, or the reason of the refusal. */
  readonly verdict: string;
  /** `NOW` unless given. */
  readonly nowSeconds?: number;
}

export type Check = readonly [
  id: string,
  clause: string,
  make: () => AccessTokenCase | readonly AccessTokenCase[],
];

export const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

export const NOW = 1_800_000_000;
export const PARTIES = { issuer: 'https://id.example.com', audience: 'https://id.example.com' };
const pair = createKeyPair();
export const KEY: VerificationKey = { kid: 'key-1', algorithm: 'ES256', publicKey: pair.publicKey };
export const HEADER = { alg: 'ES256', typ: 'at+jwt', kid: KEY.kid };
export const CLAIMS = {
  iss: PARTIES.issuer,
  sub: 'user-1',
  aud: PARTIES.audience,
  exp: NOW + 600,
  iat: NOW,
  jti: 'token-1',
  sid: 'session-1',
  client_id: 'first-party',
  auth_time: NOW,
  amr: ['pwd'],
  scope: '',
};
/** The order of P-256's group (FIPS 186-5). */
export const N = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');

type Part = object | string | Buffer;

export function encode(part: Part): string {
  const bytes = Buffer.isBuffer(part) ? part : typeof part === 'string' ? part : JSON.stringify(part);
  return Buffer.from(bytes).toString('base64url');
}

/** A token with a right signature over any header and claims. */
export function token({
  header = HEADER,
  claims = CLAIMS,
  key = pair.privateKey,
  dsaEncoding = 'ieee-p1363',
}: {
  header?: Part;
  claims?: Part;
  key?: KeyObject;
  dsaEncoding?: 'ieee-p1363' | 'der';
} = {}): string {
  return signed(`${encode(header)}.${encode(claims)}`, { key, dsaEncoding });
}

/** Any text with a right signature over just that text. */
export function signed(
  text: string,
  {
    key = pair.privateKey,
    dsaEncoding = 'ieee-p1363',
    hash = 'sha256',
    over = text,
  }: {
    key?: KeyObject;
    dsaEncoding?: 'ieee-p1363' | 'der';
    hash?: string | null;
    /** What is signed instead of the text. */
    over?: string;
  } = {},
): string {
  return `${text}.${sign(hash, Buffer.from(over), { key, dsaEncoding }).toString('base64url')}`;
}

export const accepted = (text: string, sub = CLAIMS.sub): AccessTokenCase => ({ text, verdict: sub });
export const refused = (text: string): AccessTokenCase => ({ text, verdict: 'TOKEN_INVALID' });
export const withHeader = (change: object) => token({ header: { ...HEADER, ...change } });
export const withClaims = (change: object) => token({ claims: { ...CLAIMS, ...change } });
export const withText = (text: (json: string) => string) => token({ claims: text(JSON.stringify(CLAIMS)) });
export const withSignature = (bytes: Buffer) => token().replace(/[^.]+$/, bytes.toString('base64url'));
export const segments = (change: (parts: string[]) => string[], from = token()) =>
  change(from.split('.')).join('.');

export function signatureOf(text: string): Buffer {
  return Buffer.from(text.split('.')[2] ?? '', 'base64url');
}
