import {
  ALPHABET,
  accepted,
  type Check,
  CLAIMS,
  encode,
  HEADER,
  N,
  NOW,
  PARTIES,
  refused,
  segments,
  signatureOf,
  signed,
  token,
  withClaims,
  withHeader,
  withSignature,
  withText,
} from './crafted-tokens.ts';
import { createKeyPair } from './key-pair.ts';

/*
 * Known answers of RFC 7515 (JWS), RFC 7519 (JWT) and RFC 8725 (their best current practices) for the doors that
 * access tokens come in by: the server's own, and the verifier of other services. Both must give the same ones.
 */

export type Json = Record<string, unknown>;

/** RFC 7519 §3.1 and RFC 7515 A.1: HS256, authentic under the key that the RFC prints. */
const RFC_HS256 =
  'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
/** RFC 7519 §6.1: unsecured. */
const RFC_UNSECURED =
  'eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.';

const CONFORMANCE: readonly Check[] = [
  ['with usual contents is accepted', 'RFC 9068 §2', () => accepted(token())],
  ['that names who acts is accepted', 'RFC 8693 §4.1', () => accepted(withClaims({ act: { sub: 'op_1' } }))],

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
      return refused(JSON.stringify({ protected: header, payload, signature }));
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
      const [h = '', ...rest] = header.split('.');
      const other = h.replaceAll('-', '+').replaceAll('_', '/');
      if (other === h) throw new Error('The header has one spelling');
      return [accepted(header), refused([other, ...rest].join('.'))];
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
      const own = createKeyPair();
      const jwk = own.publicKey.export({ format: 'jwk' });
      return refused(token({ header: { ...HEADER, jwk }, key: own.privateKey }));
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
      return refused(
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
      return refused([h, c, token().split('.')[2]].join('.'));
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
      return refused(
        token({ claims: JSON.stringify(others).replace('{', '{"__proto__":{"sub":"user-1"},') }),
      );
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
    () => ({ ...refused(withSignature(Buffer.alloc(64, 1))), nowSeconds: NOW + 7_200 }),
  ],
  [
    'is accepted in its last second and expired in the next',
    'RFC 7519 §4.1.4',
    () => [
      { ...accepted(token()), nowSeconds: NOW + 609 },
      { text: token(), verdict: 'TOKEN_EXPIRED', nowSeconds: NOW + 610 },
    ],
  ],
  // What the server and the verifier of other services could spell in two ways.
  ['with claims that are text is refused', 'RFC 7519 §7.2', () => refused(token({ claims: '"text"' }))],
  ['with claims that are true is refused', 'RFC 7519 §7.2', () => refused(token({ claims: 'true' }))],
  ['with an empty list as its claims is refused', 'RFC 7519 §7.2', () => refused(token({ claims: '[]' }))],
  [
    'with any other last character is refused',
    'RFC 7515 §2',
    () => {
      const text = token();
      const others = [...ALPHABET].filter((last) => !text.endsWith(last));
      return others.map((last) => refused(text.slice(0, -1) + last));
    },
  ],
  [
    'with a non-canonical last character in its header or claims is refused',
    'RFC 7515 §2',
    () => {
      const [h = '', c = ''] = token({ header: { ...HEADER, x: 1 }, claims: { ...CLAIMS, x: '1' } }).split(
        '.',
      );
      return [h, c].flatMap((segment, index) => {
        const length = segment.length % 4;
        const spare = length === 2 ? 15 : length === 3 ? 3 : 0;
        const last = ALPHABET.indexOf(segment.at(-1) ?? '');
        const others = Array.from(
          { length: spare },
          (_, step) => segment.slice(0, -1) + ALPHABET[last + 1 + step],
        );
        return others.map((other) => refused(signed(index === 0 ? `${other}.${c}` : `${h}.${other}`)));
      });
    },
  ],
  [
    'with its typ in any other spelling is refused',
    'RFC 9068 §4',
    () =>
      [
        'At+jwt',
        'at+JWT',
        ' at+jwt',
        'at+jwt ',
        'application/AT+JWT',
        'at jwt',
        'jwt',
        '',
        null,
        1,
        { 'at+jwt': 1 },
      ].map((typ) => refused(withHeader({ typ }))),
  ],
  [
    'with two typs has the last one',
    'RFC 7515 §4',
    () => [
      refused(token({ header: JSON.stringify(HEADER).replace('}', ',"typ":"JWT"}') })),
      accepted(token({ header: JSON.stringify({ ...HEADER, typ: 'JWT' }).replace('}', ',"typ":"at+jwt"}') })),
    ],
  ],
  [
    'with the expiry twice has the last one',
    'RFC 7519 §4',
    () => refused(withText((json) => json.replace('}', `,"exp":${NOW + 3_601}}`))),
  ],
  [
    'with refused header parameters that say nothing is refused',
    'RFC 8725 §3.10',
    () =>
      ['crit', 'b64', 'jwk', 'jku', 'x5u', 'x5c', 'x5t', 'x5t#S256', 'zip'].map((name) =>
        refused(withHeader({ [name]: null })),
      ),
  ],
  [
    'with a header that inherits a refused parameter is accepted',
    'RFC 7515 §4',
    () => accepted(token({ header: JSON.stringify(HEADER).replace('{', '{"__proto__":{"crit":["x"]},') })),
  ],
  [
    'with an nbf ten seconds ahead is accepted',
    'RFC 7519 §4.1.5',
    () => accepted(withClaims({ nbf: NOW + 10 })),
  ],
  [
    'with an nbf eleven seconds ahead is refused',
    'RFC 7519 §4.1.5',
    () => refused(withClaims({ nbf: NOW + 11 })),
  ],
  [
    'with an iat 60 seconds ahead is refused',
    'FAPI 2.0 §5.3.2.1',
    () => refused(withClaims({ iat: NOW + 60, exp: NOW + 600 })),
  ],
  ['of one long text is refused', 'RFC 7515 §7.1', () => refused('a'.repeat(1_000_000))],
];

/** What the token of a machine says; all other claims are those of the tokens of users. */
const MACHINE_CLAIMS = {
  ...CLAIMS,
  sub: 'svc_1',
  sid: 'key-1',
  client_id: 'svc_1',
  auth_time: undefined,
  amr: undefined,
  scope: 'posts:read',
};
const ofMachine = (change: object = {}) => token({ claims: { ...MACHINE_CLAIMS, ...change } });

/** No token is of both kinds: what begins like an id of a service account makes it one, and then all else must agree. */
const MACHINES: readonly Check[] = [
  ['of a machine is one', 'RFC 9068 §2.2', () => accepted(ofMachine(), 'machine svc_1')],
  [
    'of a machine that has expired is expired',
    'RFC 7519 §4.1.4',
    () => ({ text: ofMachine(), verdict: 'TOKEN_EXPIRED', nowSeconds: NOW + 610 }),
  ],
  [
    'of a machine with a claim of users is refused',
    'RFC 9068 §2.2.1',
    () =>
      [
        { auth_time: NOW },
        { amr: ['pwd'] },
        { amr: [] },
        { acr: 'aal1' },
        { roles: [] },
        { roles: ['admin'] },
        { auth_time: NOW, amr: ['pwd'], acr: 'aal2', roles: [] },
        { act: { sub: 'user-1' } },
        { auth_time: null },
        { roles: null },
      ].map((change) => refused(ofMachine(change))),
  ],
  [
    'of a machine that is the client of another subject is refused',
    'RFC 9068 §2.2',
    () =>
      [
        { sub: 'svc_2' },
        { sub: 'user-1' },
        { client_id: 'svc_2' },
        { client_id: 'first-party' },
        { sub: 'SVC_1' },
        { client_id: 'SVC_1' },
      ].map((change) => refused(ofMachine(change))),
  ],
  [
    'of a user with the id of a machine is refused',
    'RFC 9068 §5',
    () =>
      [{ sub: 'svc_1' }, { client_id: 'svc_1' }, { sub: 'svc_1', client_id: 'svc_1' }, { sub: 'svc_' }].map(
        (change) => refused(withClaims(change)),
      ),
  ],
  [
    'without what users say, and with another id than that of a machine, is refused',
    'RFC 9068 §2.2',
    () =>
      ['user-1', 'first-party', 'svc-1', 'svc', 'xsvc_1', ' svc_1'].map((id) =>
        refused(ofMachine({ sub: id, client_id: id })),
      ),
  ],
  ...['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'sid', 'client_id', 'scope'].map(
    (name): Check => [
      `of a machine without ${name} is refused`,
      'RFC 9068 §2.2',
      () => refused(ofMachine({ [name]: undefined })),
    ],
  ),
];

export const without = (json: Json, name: string) =>
  Object.fromEntries(Object.entries(json).filter(([key]) => key !== name));
const withParameter = (change: Json) => (h: Json, c: Json) => [{ ...h, ...change }, c] as const;
export const withClaim = (change: (claims: Json & { iat: number }) => Json) => (h: Json, c: Json) =>
  [h, { ...c, ...change(c as Json & { iat: number }) }] as const;

/** Right signatures over a wrong header or claim, made of the right ones. */
export const WRONG: readonly (readonly [
  what: string,
  clause: string,
  change: (h: Json, c: Json) => readonly [string | Json, string | Json],
])[] = [
  ['typ JWT', 'RFC 9068 §4', withParameter({ typ: 'JWT' })],
  ['typ missing', 'RFC 9068 §4', (h: Json, c: Json) => [without(h, 'typ'), c] as const],
  ['typ of another case', 'RFC 9068 §2.1', withParameter({ typ: 'AT+JWT' })],
  ['alg none', 'RFC 8725 §3.1', withParameter({ alg: 'none' })],
  ['alg HS256', 'RFC 8725 §2.1', withParameter({ alg: 'HS256' })],
  ['alg ES384', 'RFC 8725 §3.1', withParameter({ alg: 'ES384' })],
  ['an unknown kid', 'RFC 8725 §3.10', withParameter({ kid: 'unknown' })],
  ['no kid', 'RFC 8725 §3.10', (h: Json, c: Json) => [without(h, 'kid'), c] as const],
  ['a numeric kid', 'RFC 7515 §4.1.4', withParameter({ kid: 1 })],
  ['kid __proto__', 'RFC 8725 §3.10', withParameter({ kid: '__proto__' })],
  ['crit', 'RFC 7515 §4.1.11', withParameter({ crit: ['exp'] })],
  ['b64 false', 'RFC 7797 §3', withParameter({ b64: false })],
  ['jwk', 'RFC 8725 §3.10', withParameter({ jwk: {} })],
  ['jku', 'RFC 8725 §3.10', withParameter({ jku: 'https://evil.example/jwks' })],
  ['x5u', 'RFC 8725 §3.10', withParameter({ x5u: 'https://evil.example/x5u' })],
  ['x5c', 'RFC 8725 §3.10', withParameter({ x5c: [] })],
  ['zip', 'RFC 8725 §3.6', withParameter({ zip: 'DEF' })],
  ['a header that is a list', 'RFC 7515 §4', (_h: Json, c: Json) => ['[]', c] as const],
  ['a header that is no JSON', 'RFC 7515 §5.2', (_h: Json, c: Json) => ['{', c] as const],
  ['claims that are no object', 'RFC 7519 §7.2', (h: Json) => [h, '"text"'] as const],
  ['claims that are null', 'RFC 7519 §7.2', (h: Json) => [h, 'null'] as const],
  ['another issuer', 'RFC 9068 §4', withClaim(() => ({ iss: 'http://localhost:4001' }))],
  ['an issuer that begins like ours', 'RFC 9068 §4', withClaim(({ iss }) => ({ iss: `${iss}/` }))],
  ['another audience', 'RFC 9068 §4', withClaim(() => ({ aud: 'http://localhost:4001' }))],
  ['an audience among others', 'RFC 9068 §4', withClaim(({ aud }) => ({ aud: [aud, 'x'] }))],
  ['exp in the far future', 'RFC 6750 §5.3', withClaim(() => ({ exp: 1e308 }))],
  ['a lifetime over an hour', 'RFC 6750 §5.3', withClaim(({ iat }) => ({ exp: iat + 3_601 }))],
  ['exp before iat', 'RFC 7519 §4.1.4', withClaim(({ iat }) => ({ exp: iat - 1 }))],
  ['exp as text', 'RFC 7519 §4.1.4', withClaim(({ iat }) => ({ exp: String(iat + 600) }))],
  ['iat a minute ahead', 'FAPI 2.0 §5.3.2.1', withClaim(({ iat }) => ({ iat: iat + 60, exp: iat + 600 }))],
  ['nbf a minute ahead', 'FAPI 2.0 §5.3.2.1', withClaim(({ iat }) => ({ nbf: iat + 60 }))],
  ['a fractional iat', 'RFC 7519 §2', withClaim(({ iat }) => ({ iat: iat + 0.5 }))],
  ['an object as sub', 'RFC 7519 §4.1.2', withClaim(() => ({ sub: {} }))],
  ['an empty sub', 'RFC 9068 §2.2', withClaim(() => ({ sub: '' }))],
  ['amr as text', 'RFC 8176 §1', withClaim(() => ({ amr: 'pwd' }))],
  ['acr as a number', 'RFC 9068 §2.2.1', withClaim(() => ({ acr: 1 }))],
  ['an act that is no object', 'RFC 8693 §4.1', withClaim(() => ({ act: 'operator' }))],
  ['an act without a sub', 'RFC 8693 §4.1', withClaim(() => ({ act: { iss: 'here' } }))],
  ['roles as text', 'RFC 9068 §2.2.3.1', withClaim(() => ({ roles: 'admin' }))],
  ['a role that is no text', 'RFC 9068 §2.2.3.1', withClaim(() => ({ roles: ['admin', 1] }))],
  ...['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'sid', 'client_id', 'auth_time', 'amr', 'scope'].map(
    (name) => [`no ${name}`, 'RFC 9068 §2.2', (h: Json, c: Json) => [h, without(c, name)] as const] as const,
  ),
];

/** Every case, with what it says and the clause that decides. */
export const ACCESS_TOKEN_CASES: readonly Check[] = [
  ...CONFORMANCE,
  ...MACHINES,
  ...WRONG.map(([what, clause, change]): Check => {
    const make = () => {
      const [header, claims] = change(HEADER, CLAIMS);
      return refused(token({ header, claims }));
    };
    return [`with ${what} is refused`, clause, make];
  }),
];
