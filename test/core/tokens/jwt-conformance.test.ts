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

/** A token with a right signature over any header and claims. */
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
  ['with usual contents is accepted', 'RFC 9068 §2', () => accepted(token())],

  // JWS: the serialization.
  ['that is the HMAC example of the RFC is refused', 'RFC 7519 §3.1', () => refused(RFC_HS256)],
  ['that is the unsecured example of the RFC is refused', 'RFC 7519 §6.1', () => refused(RFC_UNSECURED)],
  ['without a segment is refused', 'RFC 7515 §7.1', () => refused('')],
  ['with two segments is refused', 'RFC 7515 §7.1', () => refused(segments(([h = '', c = '']) => [h, c]))],
  ['with four segments is refused', 'RFC 7515 §7.1', () => refused(segments((parts) => [...parts, '']))],
  [
    'with five segments, as of a JWE, is refused',
    'RFC 7516 §9',
    () => refused(segments(([h = '', c = '', s = '']) => [h, '', c, c, s])),
  ],
  [
    'in the JSON serialization is refused',
    'RFC 7515 §7.2.2',
    () => {
      const [header = '', payload, signature] = token().split('.');
      refused(JSON.stringify({ protected: header, payload, signature }));
    },
  ],
  [
    'with a detached payload is refused',
    'RFC 7515 App. F',
    () => refused(segments(([h = '', , s = '']) => [h, '', s])),
  ],
  [
    'with a line break is refused',
    'RFC 7515 §2',
    () => refused(segments(([h = '', c = '', s = '']) => [h, `${c}\n`, s])),
  ],
  ['with a space before it is refused', 'RFC 7515 §7.1', () => refused(` ${token()}`)],
  [
    'with padding is refused',
    'RFC 7515 §2',
    () => refused(segments((parts) => parts.map((part) => `${part}==`))),
  ],
  [
    'in the alphabet of plain base64 is refused',
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
  ['of nearly 8 KiB is accepted', 'RFC 8725 §2.6', () => accepted(withClaims({ x: 'x'.repeat(5_500) }))],
  ['of more than 8 KiB is refused', 'RFC 8725 §2.6', () => refused(withClaims({ x: 'x'.repeat(6_200) }))],

  // JWS: the header.
  ['with an unknown header parameter is accepted', 'RFC 7515 §4', () => accepted(withHeader({ x: 1 }))],
  ['with an alg in another case is refused', 'RFC 7515 §4.1.1', () => refused(withHeader({ alg: 'es256' }))],
  [
    'with the alg None is refused',
    'RFC 8725 §2.1',
    () => refused(segments(([, c = '']) => [encode({ ...HEADER, alg: 'None' }), c, ''])),
  ],
  ['with an alg that is a list is refused', 'RFC 7515 §4.1.1', () => refused(withHeader({ alg: ['ES256'] }))],
  ['without an alg is refused', 'RFC 7515 §4.1.1', () => refused(withHeader({ alg: undefined }))],
  ['with an empty crit is refused', 'RFC 7515 §4.1.11', () => refused(withHeader({ crit: [] }))],
  ['with a crit that is null is refused', 'RFC 7515 §4.1.11', () => refused(withHeader({ crit: null }))],
  ['with an x5t is refused', 'RFC 7515 §4.1.7', () => refused(withHeader({ x5t: 'AAAA' }))],
  ['with an x5t#S256 is refused', 'RFC 7515 §4.1.8', () => refused(withHeader({ 'x5t#S256': 'AAAA' }))],
  [
    'is refused when it is signed with the key in its own header',
    'RFC 8725 §3.10',
    () => {
      const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const jwk = own.publicKey.export({ format: 'jwk' });
      refused(token({ header: { ...HEADER, jwk }, key: own.privateKey }));
    },
  ],
  ['with a kid that is a path is refused', 'RFC 8725 §3.10', () => refused(withHeader({ kid: '../key-1' }))],
  ['with a kid in another case is refused', 'RFC 7515 §4.1.4', () => refused(withHeader({ kid: 'KEY-1' }))],
  [
    'with its media type written out is refused',
    'RFC 7515 §4.1.9',
    () => refused(withHeader({ typ: 'application/at+jwt' })),
  ],
  [
    'with the typ of a logout token is refused',
    'RFC 8725 §3.11',
    () => refused(withHeader({ typ: 'logout+jwt' })),
  ],
  ['with a typ that is a list is refused', 'RFC 8725 §3.11', () => refused(withHeader({ typ: ['at+jwt'] }))],
  [
    'with two algs, the wrong one last, is refused',
    'RFC 7515 §4',
    () => refused(token({ header: JSON.stringify(HEADER).replace('}', ',"alg":"none"}') })),
  ],
  [
    'with text after the header is refused',
    'RFC 7515 §5.2',
    () => refused(token({ header: `${JSON.stringify(HEADER)}x` })),
  ],

  // JWS: the signature.
  [
    'without a signature is refused',
    'RFC 8725 §3.3',
    () => refused(segments(([h = '', c = '']) => [h, c, ''])),
  ],
  ['with a signature of zeros is refused', 'RFC 8725 §3.3', () => refused(withSignature(Buffer.alloc(64)))],
  [
    'with r and s equal to the order of the group is refused',
    'RFC 8725 §3.3',
    () => refused(withSignature(Buffer.concat([N, N]))),
  ],
  ['with a signature in DER is refused', 'RFC 7518 §3.4', () => refused(token({ dsaEncoding: 'der' }))],
  [
    'with a signature of 63 bytes is refused',
    'RFC 7518 §3.4',
    () => refused(withSignature(signatureOf(token()).subarray(0, 63))),
  ],
  [
    'with a signature of 65 bytes is refused',
    'RFC 7518 §3.4',
    () => refused(withSignature(Buffer.concat([signatureOf(token()), Buffer.alloc(1)]))),
  ],
  [
    'with r and s swapped is refused',
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
    'with the signature of another token is refused',
    'RFC 7515 §5.2',
    () => {
      const [h = '', c = ''] = withClaims({ sub: 'user-2' }).split('.');
      refused([h, c, token().split('.')[2]].join('.'));
    },
  ],
  [
    'with the header of another token is refused',
    'RFC 7515 §5.2',
    () => refused([encode({ ...HEADER, x: 1 }), ...token().split('.').slice(1)].join('.')),
  ],

  // JWT: the claims set.
  ['with an unknown claim is accepted', 'RFC 7519 §4', () => accepted(withClaims({ role: 'admin' }))],
  [
    'with a claim twice has the last value of the claim',
    'RFC 7519 §4',
    () =>
      accepted(
        withText((json) => json.replace('}', ',"sub":"user-2"}')),
        'user-2',
      ),
  ],
  [
    'with two iss claims, the wrong one last, is refused',
    'RFC 7519 §4',
    () => refused(withText((json) => json.replace('}', ',"iss":"https://evil.example"}'))),
  ],
  [
    'with white space around the claims is accepted',
    'RFC 7519 §7.2',
    () => accepted(withText((json) => `\r\n ${json} `)),
  ],
  ['with claims that are a list is refused', 'RFC 7519 §7.2', () => refused(token({ claims: [CLAIMS] }))],
  ['with claims that are a number is refused', 'RFC 7519 §7.2', () => refused(token({ claims: '1' }))],
  ['without claims is refused', 'RFC 7519 §7.2', () => refused(token({ claims: '' }))],
  ['with text after the claims is refused', 'RFC 7519 §7.2', () => refused(withText((json) => `${json}{}`))],
  [
    'with a byte order mark before the claims is refused',
    'RFC 8259 §8.1',
    () => refused(withText((json) => `\ufeff${json}`)),
  ],
  [
    'with claims in UTF-16 is refused',
    'RFC 7519 §7.2',
    () => refused(token({ claims: Buffer.from(JSON.stringify(CLAIMS), 'utf16le') })),
  ],
  [
    'with bytes that are not UTF-8 is refused',
    'RFC 7519 §7.2',
    () =>
      refused(token({ claims: Buffer.from(JSON.stringify(CLAIMS).replace('user-1', '\xff\xfe'), 'latin1') })),
  ],
  [
    'with its sub in a __proto__ claim is refused',
    'RFC 7519 §4',
    () => {
      const { sub: _sub, ...others } = CLAIMS;
      refused(token({ claims: JSON.stringify(others).replace('{', '{"__proto__":{"sub":"user-1"},') }));
    },
  ],
  [
    'with an iss in another case is refused',
    'RFC 7519 §4.1.1',
    () => refused(withClaims({ iss: 'https://ID.example.com' })),
  ],
  [
    'with an iss that is a list is refused',
    'RFC 7519 §4.1.1',
    () => refused(withClaims({ iss: [PARTIES.issuer] })),
  ],
  ['with a sub that is a number is refused', 'RFC 7519 §4.1.2', () => refused(withClaims({ sub: 1 }))],
  [
    'with a sub in any script is accepted',
    'RFC 7519 §4.1.2',
    () => accepted(withClaims({ sub: 'δ😀' }), 'δ😀'),
  ],
  [
    'with a list of one audience is refused',
    'RFC 9068 §4',
    () => refused(withClaims({ aud: [PARTIES.audience] })),
  ],
  [
    'with an audience that ends in ours is refused',
    'RFC 8725 §3.9',
    () => refused(withClaims({ aud: `x${PARTIES.audience}` })),
  ],
  ['with an exp of zero is refused', 'RFC 7519 §4.1.4', () => refused(withClaims({ exp: 0 }))],
  ['with a negative exp is refused', 'RFC 7519 §4.1.4', () => refused(withClaims({ exp: -1 }))],
  [
    'with an exp in milliseconds is refused',
    'RFC 7519 §2',
    () => refused(withClaims({ exp: (NOW + 600) * 1_000 })),
  ],
  [
    'with an exp of 1e999 is refused',
    'RFC 7519 §4.1.4',
    () => refused(withText((json) => json.replace(`${CLAIMS.exp}`, '1e999'))),
  ],
  ['with an exp that is null is refused', 'RFC 7519 §4.1.4', () => refused(withClaims({ exp: null }))],
  [
    'with a lifetime of an hour is accepted',
    'RFC 6750 §5.3',
    () => accepted(withClaims({ exp: NOW + 3_600 })),
  ],
  [
    'with an iat 59 seconds ahead is accepted',
    'FAPI 2.0 §5.3.2.1',
    () => accepted(withClaims({ iat: NOW + 59 })),
  ],
  [
    'with an nbf 9 seconds ahead is accepted',
    'RFC 7519 §4.1.5',
    () => accepted(withClaims({ nbf: NOW + 9 })),
  ],
  ['with an nbf that is text is refused', 'RFC 7519 §4.1.5', () => refused(withClaims({ nbf: `${NOW}` }))],
  ['with an nbf that is null is refused', 'RFC 7519 §4.1.5', () => refused(withClaims({ nbf: null }))],
  ['with a jti that is a number is refused', 'RFC 7519 §4.1.7', () => refused(withClaims({ jti: 1 }))],
  ['with an amr of numbers is refused', 'RFC 8176 §1', () => refused(withClaims({ amr: [1] }))],
  ['with a scope that is a list is refused', 'RFC 9068 §2.2.3', () => refused(withClaims({ scope: ['a'] }))],
  [
    'with a wrong signature is refused as invalid, even when it has expired',
    'RFC 7519 §7.2',
    () => expect(verdict(withSignature(Buffer.alloc(64, 1)), NOW + 7_200)).toBe('TOKEN_INVALID'),
  ],
  [
    'is accepted in its last second and expired in the next',
    'RFC 7519 §4.1.4',
    () =>
      expect([609, 610].map((later) => verdict(token(), NOW + later))).toEqual([CLAIMS.sub, 'TOKEN_EXPIRED']),
  ],
];

function signatureOf(text: string): Buffer {
  return Buffer.from(text.split('.')[2] ?? '', 'base64url');
}

describe('checking an access token', () => {
  it.each(checks)('an access token %s, as %s says (AT-6)', (_id, _clause, check) => check());
});
