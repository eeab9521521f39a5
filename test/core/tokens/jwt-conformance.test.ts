import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { checkAccessToken, type VerificationKey } from '../../../src/core/tokens/access-token.ts';
import { AuthError } from '../../../src/errors.ts';

/*
 * Known answers of RFC 7515 (JWS), RFC 7519 (JWT) and RFC 8725 (their best current practices) for the one door that
 * access tokens come in by. What a whole server is asked about is in core/tokens.test.ts and not repeated here.
 */

const NOW = 1_800_000_000;
const PARTIES = { issuer: 'https://id.example.com', audience: 'https://id.example.com' };
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const KEY: VerificationKey = { kid: 'key-1', algorithm: 'ES256', publicKey: pair.publicKey };
const HEADER = { alg: 'ES256', typ: 'at+jwt', kid: KEY.kid };
const CLAIMS = {
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
const N = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');

type Part = object | string | Buffer;

function encode(part: Part): string {
  const bytes = Buffer.isBuffer(part) ? part : typeof part === 'string' ? part : JSON.stringify(part);
  return Buffer.from(bytes).toString('base64url');
}

/** A token whose signature is right, whatever it says. */
function token({
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
  const text = `${encode(header)}.${encode(claims)}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding }).toString('base64url')}`;
}

/** What `checkAccessToken` says: the token's subject, or the reason of the refusal. Anything else is a fault. */
function verdict(text: string, nowSeconds = NOW): string {
  try {
    const findKey = (kid: string) => (kid === KEY.kid ? KEY : undefined);
    return checkAccessToken(text, { findKey, nowSeconds, ...PARTIES }).userId;
  } catch (error) {
    if (!(error instanceof AuthError) || error.code !== 'UNAUTHENTICATED') throw error;
    return error.extensions.reason ?? 'no reason';
  }
}

const accepted = (text: string, sub = CLAIMS.sub) => expect(verdict(text)).toBe(sub);
const refused = (text: string) => expect(verdict(text)).toBe('TOKEN_INVALID');
const withHeader = (change: object) => token({ header: { ...HEADER, ...change } });
const withClaims = (change: object) => token({ claims: { ...CLAIMS, ...change } });
const withText = (text: (json: string) => string) => token({ claims: text(JSON.stringify(CLAIMS)) });
const withSignature = (bytes: Buffer) => token().replace(/[^.]+$/, bytes.toString('base64url'));
const segments = (change: (parts: string[]) => string[], from = token()) => change(from.split('.')).join('.');

/** RFC 7519 §3.1 and RFC 7515 A.1: HS256, authentic under the key that the RFC prints. */
const RFC_HS256 =
  'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
/** RFC 7519 §6.1: unsecured. */
const RFC_UNSECURED =
  'eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.';

const checks: [id: string, clause: string, check: () => void][] = [
  ['the control', 'RFC 9068 §2', () => accepted(token())],

  // JWS: the serialization.
  ['the example of HMAC', 'RFC 7519 §3.1', () => refused(RFC_HS256)],
  ['the example without a signature', 'RFC 7519 §6.1', () => refused(RFC_UNSECURED)],
  ['no segment', 'RFC 7515 §7.1', () => refused('')],
  ['two segments', 'RFC 7515 §7.1', () => refused(segments(([h = '', c = '']) => [h, c]))],
  ['four segments', 'RFC 7515 §7.1', () => refused(segments((parts) => [...parts, '']))],
  [
    'five segments, a JWE',
    'RFC 7516 §9',
    () => refused(segments(([h = '', c = '', s = '']) => [h, '', c, c, s])),
  ],
  [
    'the JSON serialization',
    'RFC 7515 §7.2.2',
    () => {
      const [header = '', payload, signature] = token().split('.');
      refused(JSON.stringify({ protected: header, payload, signature }));
    },
  ],
  ['a detached payload', 'RFC 7515 App. F', () => refused(segments(([h = '', , s = '']) => [h, '', s]))],
  ['a line break', 'RFC 7515 §2', () => refused(segments(([h = '', c = '', s = '']) => [h, `${c}\n`, s]))],
  ['a space before it', 'RFC 7515 §7.1', () => refused(` ${token()}`)],
  ['padding', 'RFC 7515 §2', () => refused(segments((parts) => parts.map((part) => `${part}==`)))],
  [
    "base64's own alphabet",
    'RFC 7515 §2',
    () => {
      const header = token({ header: { ...HEADER, x: '???>>>' } });
      accepted(header);
      const [h = '', ...rest] = header.split('.');
      const other = h.replaceAll('-', '+').replaceAll('_', '/');
      expect(other).not.toBe(h);
      refused([other, ...rest].join('.'));
    },
  ],
  ['8 KiB', 'RFC 8725 §2.6', () => accepted(withClaims({ x: 'x'.repeat(5_500) }))],
  ['more than 8 KiB', 'RFC 8725 §2.6', () => refused(withClaims({ x: 'x'.repeat(6_200) }))],

  // JWS: the header.
  ['an unknown header parameter', 'RFC 7515 §4', () => accepted(withHeader({ x: 1 }))],
  ['alg in another case', 'RFC 7515 §4.1.1', () => refused(withHeader({ alg: 'es256' }))],
  [
    'alg None',
    'RFC 8725 §2.1',
    () => refused(segments(([, c = '']) => [encode({ ...HEADER, alg: 'None' }), c, ''])),
  ],
  ['alg as a list', 'RFC 7515 §4.1.1', () => refused(withHeader({ alg: ['ES256'] }))],
  ['no alg', 'RFC 7515 §4.1.1', () => refused(withHeader({ alg: undefined }))],
  ['an empty crit', 'RFC 7515 §4.1.11', () => refused(withHeader({ crit: [] }))],
  ['a crit that is null', 'RFC 7515 §4.1.11', () => refused(withHeader({ crit: null }))],
  ['x5t', 'RFC 7515 §4.1.7', () => refused(withHeader({ x5t: 'AAAA' }))],
  ['x5t#S256', 'RFC 7515 §4.1.8', () => refused(withHeader({ 'x5t#S256': 'AAAA' }))],
  [
    'the key that it brings along',
    'RFC 8725 §3.10',
    () => {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const jwk = own.publicKey.export({ format: 'jwk' });
      refused(token({ header: { ...HEADER, jwk }, key: own.privateKey }));
    },
  ],
  ['a kid that is a path', 'RFC 8725 §3.10', () => refused(withHeader({ kid: '../key-1' }))],
  ['a kid in another case', 'RFC 7515 §4.1.4', () => refused(withHeader({ kid: 'KEY-1' }))],
  ['the media type written out', 'RFC 7515 §4.1.9', () => refused(withHeader({ typ: 'application/at+jwt' }))],
  ['typ of a logout token', 'RFC 8725 §3.11', () => refused(withHeader({ typ: 'logout+jwt' }))],
  ['typ as a list', 'RFC 8725 §3.11', () => refused(withHeader({ typ: ['at+jwt'] }))],
  [
    'alg twice, the wrong one last',
    'RFC 7515 §4',
    () => refused(token({ header: JSON.stringify(HEADER).replace('}', ',"alg":"none"}') })),
  ],
  ['text after the header', 'RFC 7515 §5.2', () => refused(token({ header: `${JSON.stringify(HEADER)}x` }))],

  // JWS: the signature.
  ['no signature', 'RFC 8725 §3.3', () => refused(segments(([h = '', c = '']) => [h, c, '']))],
  ['a signature of zeros', 'RFC 8725 §3.3', () => refused(withSignature(Buffer.alloc(64)))],
  ['r and s of the order of the group', 'RFC 8725 §3.3', () => refused(withSignature(Buffer.concat([N, N])))],
  ['a signature in DER', 'RFC 7518 §3.4', () => refused(token({ dsaEncoding: 'der' }))],
  [
    '63 bytes of signature',
    'RFC 7518 §3.4',
    () => refused(withSignature(signatureOf(token()).subarray(0, 63))),
  ],
  [
    '65 bytes of signature',
    'RFC 7518 §3.4',
    () => refused(withSignature(Buffer.concat([signatureOf(token()), Buffer.alloc(1)]))),
  ],
  [
    'r and s swapped',
    'RFC 7518 §3.4',
    () => {
      const bytes = signatureOf(token());
      refused(
        segments(([h = '', c = '']) => [
          h,
          c,
          Buffer.concat([bytes.subarray(32), bytes.subarray(0, 32)]).toString('base64url'),
        ]),
      );
    },
  ],
  [
    'the signature of another token',
    'RFC 7515 §5.2',
    () => {
      const [h = '', c = ''] = withClaims({ sub: 'user-2' }).split('.');
      refused([h, c, token().split('.')[2]].join('.'));
    },
  ],
  [
    'the header of another token',
    'RFC 7515 §5.2',
    () => refused([encode({ ...HEADER, x: 1 }), ...token().split('.').slice(1)].join('.')),
  ],

  // JWT: the claims set.
  ['an unknown claim', 'RFC 7519 §4', () => accepted(withClaims({ role: 'admin' }))],
  [
    'a claim twice: the last one holds',
    'RFC 7519 §4',
    () =>
      accepted(
        withText((json) => json.replace('}', ',"sub":"user-2"}')),
        'user-2',
      ),
  ],
  [
    'iss twice, the wrong one last',
    'RFC 7519 §4',
    () => refused(withText((json) => json.replace('}', ',"iss":"https://evil.example"}'))),
  ],
  ['claims with space around them', 'RFC 7519 §7.2', () => accepted(withText((json) => `\r\n ${json} `))],
  ['claims that are a list', 'RFC 7519 §7.2', () => refused(token({ claims: [CLAIMS] }))],
  ['claims that are a number', 'RFC 7519 §7.2', () => refused(token({ claims: '1' }))],
  ['no claims at all', 'RFC 7519 §7.2', () => refused(token({ claims: '' }))],
  ['text after the claims', 'RFC 7519 §7.2', () => refused(withText((json) => `${json}{}`))],
  ['a byte order mark', 'RFC 8259 §8.1', () => refused(withText((json) => `\ufeff${json}`))],
  [
    'UTF-16',
    'RFC 7519 §7.2',
    () => refused(token({ claims: Buffer.from(JSON.stringify(CLAIMS), 'utf16le') })),
  ],
  [
    'bytes that are no UTF-8',
    'RFC 7519 §7.2',
    () =>
      refused(token({ claims: Buffer.from(JSON.stringify(CLAIMS).replace('user-1', '\xff\xfe'), 'latin1') })),
  ],
  [
    'claims of the prototype',
    'RFC 7519 §4',
    () => {
      const { sub: _sub, ...others } = CLAIMS;
      refused(token({ claims: JSON.stringify(others).replace('{', '{"__proto__":{"sub":"user-1"},') }));
    },
  ],
  ['iss in another case', 'RFC 7519 §4.1.1', () => refused(withClaims({ iss: 'https://ID.example.com' }))],
  ['iss as a list', 'RFC 7519 §4.1.1', () => refused(withClaims({ iss: [PARTIES.issuer] }))],
  ['sub as a number', 'RFC 7519 §4.1.2', () => refused(withClaims({ sub: 1 }))],
  ['sub of any script', 'RFC 7519 §4.1.2', () => accepted(withClaims({ sub: 'δ😀' }), 'δ😀')],
  ['a list of one audience', 'RFC 9068 §4', () => refused(withClaims({ aud: [PARTIES.audience] }))],
  [
    'an audience that ends in ours',
    'RFC 8725 §3.9',
    () => refused(withClaims({ aud: `x${PARTIES.audience}` })),
  ],
  ['exp of zero', 'RFC 7519 §4.1.4', () => refused(withClaims({ exp: 0 }))],
  ['a negative exp', 'RFC 7519 §4.1.4', () => refused(withClaims({ exp: -1 }))],
  ['exp in milliseconds', 'RFC 7519 §2', () => refused(withClaims({ exp: (NOW + 600) * 1_000 }))],
  [
    'exp of 1e999',
    'RFC 7519 §4.1.4',
    () => refused(withText((json) => json.replace(`${CLAIMS.exp}`, '1e999'))),
  ],
  ['exp as null', 'RFC 7519 §4.1.4', () => refused(withClaims({ exp: null }))],
  ['a lifetime of an hour', 'RFC 6750 §5.3', () => accepted(withClaims({ exp: NOW + 3_600 }))],
  ['iat 59 seconds ahead', 'FAPI 2.0 §5.3.2.1', () => accepted(withClaims({ iat: NOW + 59 }))],
  ['nbf 9 seconds ahead', 'RFC 7519 §4.1.5', () => accepted(withClaims({ nbf: NOW + 9 }))],
  ['nbf as text', 'RFC 7519 §4.1.5', () => refused(withClaims({ nbf: `${NOW}` }))],
  ['nbf as null', 'RFC 7519 §4.1.5', () => refused(withClaims({ nbf: null }))],
  ['jti as a number', 'RFC 7519 §4.1.7', () => refused(withClaims({ jti: 1 }))],
  ['an amr of numbers', 'RFC 8176 §1', () => refused(withClaims({ amr: [1] }))],
  ['scope as a list', 'RFC 9068 §2.2.3', () => refused(withClaims({ scope: ['a'] }))],
  [
    'an expired token with a wrong signature, which is not said to be expired',
    'RFC 7519 §7.2',
    () => expect(verdict(withSignature(Buffer.alloc(64, 1)), NOW + 7_200)).toBe('TOKEN_INVALID'),
  ],
  [
    'its last second, and the first one after it',
    'RFC 7519 §4.1.4',
    () =>
      expect([609, 610].map((later) => verdict(token(), NOW + later))).toEqual([CLAIMS.sub, 'TOKEN_EXPIRED']),
  ],
];

function signatureOf(text: string): Buffer {
  return Buffer.from(text.split('.')[2] ?? '', 'base64url');
}

describe('an access token', () => {
  it.each(checks)('answers %s as %s says (AT-6)', (_id, _clause, check) => check());
});
