import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  type AccessTokenCase,
  ALPHABET,
  accepted,
  type Check,
  CLAIMS,
  encode,
  HEADER,
  KEY,
  N,
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
 * What attackers and careless software make of a JWS (RFC 7515), kind by kind. Each case is an access token that is
 * right but for one fault. Where a signature can cover the fault, it does.
 */

const [H, C] = [encode(HEADER), encode(CLAIMS)];
const HEADER_JSON = JSON.stringify(HEADER);
const CLAIMS_JSON = JSON.stringify(CLAIMS);
const all = (texts: readonly string[]): AccessTokenCase[] => texts.map(refused);
const withHeaderText = (change: (json: string) => string) => token({ header: change(HEADER_JSON) });
const lastMember = (member: string) => (json: string) => json.replace(/}$/, `,${member}}`);
const firstMember = (member: string) => (json: string) => json.replace('{', `{${member},`);

/** A text at the start of, within and at the end of each segment, and before and after the token. */
function inserted(text: string): AccessTokenCase[] {
  const places = (segment: string) => [
    `${text}${segment}`,
    `${segment}${text}`,
    `${segment.slice(0, 8)}${text}${segment.slice(8)}`,
  ];
  const good = token();
  const signature = good.split('.')[2] ?? '';
  return all([
    ...places(H).map((h) => signed(`${h}.${C}`)),
    ...places(C).map((c) => signed(`${H}.${c}`)),
    ...places(signature).map((s) => `${H}.${C}.${s}`),
    `${text}${good}`,
    `${good}${text}`,
  ]);
}

/** Each text with a name that a terminal can show. */
const names = (characters: readonly string[]) =>
  characters.map(
    (text) =>
      [
        text,
        JSON.stringify(text).replace(/[^\x20-\x7e]/g, (c) => `U+${c.charCodeAt(0).toString(16)}`),
      ] as const,
  );
const WHITE_SPACE = [' ', '\t', '\r', '\n', '\r\n', '\v', '\f', '\u00a0', '\u2028', '\ufeff', '\0'];
const FOREIGN = ['=', '==', '+', '/', '?', '#', '*', ',', ';', '%3D', 'é', '\u0430', '\ud83d\ude00'];

/** The numbers of a signature, as many bytes as are asked for. */
function bytesOf(value: bigint, length = 32): Buffer {
  return Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex');
}
const n = BigInt(`0x${N.toString('hex')}`);
const numberOf = (bytes: Buffer) => BigInt(`0x${bytes.toString('hex')}`);
/** A token with other bytes made of the numbers of its signature. */
const withNumbers = (change: (r: bigint, s: bigint) => readonly Buffer[]) => {
  const text = token();
  const bytes = signatureOf(text);
  const parts = change(numberOf(bytes.subarray(0, 32)), numberOf(bytes.subarray(32)));
  return segments(([h = '', c = '']) => [h, c, Buffer.concat(parts).toString('base64url')], text);
};
const EDGES = [0n, 1n, n - 1n, n, n + 1n, 2n ** 256n - 1n];

/** What an attacker who knows the public key could use as the secret of an HMAC (RFC 8725 §2.1). */
function publicSecrets(): readonly (Buffer | string)[] {
  const jwk = KEY.publicKey.export({ format: 'jwk' });
  const [x, y] = [jwk.x, jwk.y].map((part) => Buffer.from(part ?? '', 'base64url')) as [Buffer, Buffer];
  const pem = String(KEY.publicKey.export({ type: 'spki', format: 'pem' }));
  return [
    // The point in SEC 1's two forms, and bare.
    Buffer.concat([Buffer.of(4), x, y]),
    Buffer.concat([Buffer.of(2 + ((y.at(-1) ?? 0) % 2)), x]),
    Buffer.concat([x, y]),
    x,
    JSON.stringify(jwk),
    JSON.stringify({ ...jwk, kid: KEY.kid, use: 'sig', alg: 'ES256' }),
    pem,
    pem.trimEnd(),
    KEY.publicKey.export({ type: 'spki', format: 'der' }),
    KEY.kid,
    '',
  ];
}

function withHmac(alg: string, secret: Buffer | string, header: string = alg): string {
  const input = `${encode({ ...HEADER, alg: header })}.${C}`;
  return `${input}.${createHmac(alg.replace('HS', 'sha'), secret).update(input).digest('base64url')}`;
}

/** Signers of the algorithms of RFC 7518, RFC 8037 and RFC 8812, each with a key of its own. */
const SIGNERS: Readonly<Record<string, () => (input: string) => Buffer>> = {
  RS256: () => rsa('sha256', constants.RSA_PKCS1_PADDING),
  RS512: () => rsa('sha512', constants.RSA_PKCS1_PADDING),
  PS256: () => rsa('sha256', constants.RSA_PKCS1_PSS_PADDING),
  PS512: () => rsa('sha512', constants.RSA_PKCS1_PSS_PADDING),
  ES256: () => ec('sha256', createKeyPair().privateKey),
  ES384: () => ec('sha384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey),
  ES512: () => ec('sha512', generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey),
  ES256K: () => ec('sha256', generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey),
  EdDSA: () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    return (input) => sign(null, Buffer.from(input), privateKey);
  },
};
function rsa(hash: string, padding: number): (input: string) => Buffer {
  const key = createKeyPair('rsa').privateKey;
  return (input) =>
    sign(hash, Buffer.from(input), { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
}
function ec(hash: string, key: KeyObject): (input: string) => Buffer {
  return (input) => sign(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
}

const SERIALIZATION: readonly Check[] = [
  [
    'without some of its segments and separators is refused',
    'RFC 7515 §7.1',
    () => {
      const [h, c, s] = token().split('.');
      const forms = 'h.c h.c. h..s h.s .c.s c.s .c. .c h c s h. h.. ..s .s c. . .. ... ....'.split(' ');
      return forms.map((form) => refused(form.replace(/[hcs]/g, (part) => String({ h, c, s }[part]))));
    },
  ],
  [
    'with one segment more is refused',
    'RFC 7515 §7.1',
    () =>
      ['', 'foo', C].flatMap((extra) =>
        [0, 1, 2, 3].map((at) => refused(segments((parts) => parts.toSpliced(at, 0, extra)))),
      ),
  ],
  [
    'beside a second token is refused',
    'RFC 7515 §7.1',
    () => ['', ' ', ',', '.', '\n'].map((separator) => refused([token(), token()].join(separator))),
  ],
  [
    'in each form of the JSON serialization is refused',
    'RFC 7515 §7.2',
    () => {
      const [h, payload, signature] = token().split('.');
      const one = { protected: h, signature };
      const forms = [
        { payload, signatures: [one] },
        { payload, signatures: [one, { ...one, signature: 'AA' }] },
        { payload, signatures: [{ ...one, header: { kid: KEY.kid } }] },
        { payload, ...one },
        { payload, ...one, header: { kid: KEY.kid } },
        { payload, header: HEADER, signature },
        [token()],
        token(),
      ];
      return forms.map((form) => refused(JSON.stringify(form)));
    },
  ],
  [
    'with any one of its characters changed is refused',
    'RFC 7515 §5.2',
    () => {
      const text = token();
      return Array.from(text, (character, at) => {
        const other = character === '.' ? 'A' : ALPHABET[(ALPHABET.indexOf(character) + 1) % 64];
        return refused(text.slice(0, at) + other + text.slice(at + 1));
      });
    },
  ],
  [
    'with any one of its characters missing is refused',
    'RFC 7515 §5.2',
    () => {
      const text = token();
      return Array.from(text, (_, at) => refused(text.slice(0, at) + text.slice(at + 1)));
    },
  ],
  ...names(WHITE_SPACE).map(
    ([text, name]): Check => [
      `with white space ${name} anywhere is refused`,
      'RFC 7515 §2',
      () => inserted(text),
    ],
  ),
  ...names(FOREIGN).map(
    ([text, name]): Check => [`with ${name} anywhere is refused`, 'RFC 7515 §2', () => inserted(text)],
  ),
  [
    'with a segment that no bytes encode to is refused',
    'RFC 4648 §4',
    () => {
      // A length of 4n + 1: six bits more than the bytes before them.
      const long = (segment: string) => segment + 'A'.repeat((5 - (segment.length % 4)) % 4 || 4);
      const [, , s = ''] = token().split('.');
      const texts = [signed(`${long(H)}.${C}`), signed(`${H}.${long(C)}`), `${H}.${C}.${long(s)}`];
      if (texts.some((text) => text.split('.').every((part) => part.length % 4 !== 1)))
        throw new Error('no such length');
      return all(texts);
    },
  ],
  [
    'that is encoded twice, or not at all, is refused',
    'RFC 7515 §7.1',
    () =>
      all([
        signed(`${encode(H)}.${C}`),
        signed(`${H}.${encode(C)}`),
        signed(`${HEADER_JSON}.${CLAIMS_JSON}`),
        encode(token()),
      ]),
  ],
];

const ALGORITHMS: readonly Check[] = [
  ...[
    'none',
    'None',
    'NONE',
    'nOnE',
    ' none',
    'none ',
    'none\0',
    '',
    'null',
    null,
    false,
    0,
    [],
    ['none'],
  ].map(
    (alg): Check => [
      `with the alg ${JSON.stringify(alg)}, signed or not, is refused`,
      'RFC 8725 §2.1',
      () => {
        const text = withHeader({ alg });
        const [h, c] = text.split('.');
        return all([text, `${h}.${c}.`, `${h}.${c}`, `${h}.${c}.AA`]);
      },
    ],
  ),
  ...['HS256', 'HS384', 'HS512'].map(
    (alg): Check => [
      `with an ${alg} keyed by the public key in any form is refused`,
      'RFC 8725 §2.1',
      () => publicSecrets().flatMap((secret) => all([withHmac(alg, secret), withHmac(alg, secret, 'ES256')])),
    ],
  ),
  ...Object.entries(SIGNERS).map(
    ([alg, createSigner]): Check => [
      `that another key signed by ${alg} is refused under any alg`,
      'RFC 8725 §3.1',
      () => {
        const signIt = createSigner();
        return [alg, 'ES256'].map((said) => {
          const input = `${encode({ ...HEADER, alg: said })}.${C}`;
          return refused(`${input}.${signIt(input).toString('base64url')}`);
        });
      },
    ],
  ),
  [
    'with its own signature under the name of any other algorithm is refused',
    'RFC 8725 §3.1',
    () =>
      [
        'HS256',
        'RS256',
        'PS256',
        'ES384',
        'ES512',
        'ES256K',
        'EdDSA',
        'Ed25519',
        'ML-DSA-65',
        'dir',
        'ECDH-ES',
      ].flatMap((alg) => [
        refused(withHeader({ alg })),
        refused(token({ header: { ...HEADER, alg }, dsaEncoding: 'der' })),
      ]),
  ],
  [
    'with a signature over another hash is refused',
    'RFC 7518 §3.4',
    () => ['sha1', 'sha384', 'sha512'].map((hash) => refused(signed(`${H}.${C}`, { hash }))),
  ],
  [
    'with a signature over other texts of the same contents is refused',
    'RFC 7515 §5.1',
    () =>
      [
        `${H}.`,
        C,
        `${H}.${C}.`,
        `${H}${C}`,
        `${H}.${CLAIMS_JSON}`,
        `${HEADER_JSON}.${CLAIMS_JSON}`,
        CLAIMS_JSON,
      ].map((over) => refused(signed(`${H}.${C}`, { over }))),
  ],
];

const KEYS: readonly Check[] = [
  [
    'whose header brings the key that signed it, in any way, is refused',
    'RFC 8725 §3.10',
    () => {
      const own = createKeyPair();
      const jwk = own.publicKey.export({ format: 'jwk' });
      const der = own.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
      const set = `data:application/json,${encodeURIComponent(JSON.stringify({ keys: [{ ...jwk, kid: KEY.kid }] }))}`;
      const headers: object[] = [
        { jwk },
        { jwk: { ...jwk, kid: KEY.kid } },
        { jwk, kid: undefined },
        { jwk: own.privateKey.export({ format: 'jwk' }) },
        { kid: jwk },
        { kid: JSON.stringify(jwk) },
        { jwks: { keys: [jwk] } },
        { cnf: { jwk } },
        { x5c: [der] },
        { jku: set },
        { x5u: set },
        { key: jwk, publicKey: jwk },
      ];
      return headers.map((change) =>
        refused(token({ header: { ...HEADER, ...change }, key: own.privateKey })),
      );
    },
  ],
  [
    'with a kid that is a query, a path, an address, a pattern or a name of every object is refused',
    'RFC 8725 §3.10',
    () =>
      [
        "' OR '1'='1",
        "key-1' --",
        '../../dev/null',
        '/dev/null',
        'https://evil.example/key-1',
        'key-1\0',
        ' key-1',
        'key-1 ',
        '.*',
        '*',
        '',
        'constructor',
        'toString',
        'hasOwnProperty',
        'x'.repeat(4_000),
        null,
        true,
        0,
        ['key-1'],
        { toString: 'key-1' },
      ].map((kid) => refused(withHeader({ kid }))),
  ],
];

const SIGNATURES: readonly Check[] = [
  [
    'with the other s of its signature, which no list of revoked texts would hold, is accepted',
    'FIPS 186-5 §6.4',
    () => accepted(withNumbers((r, s) => [bytesOf(r), bytesOf(n - s)])),
  ],
  [
    'with r and s at the edges of their range is refused',
    'FIPS 186-5 §6.4.2',
    () =>
      EDGES.flatMap((r) => EDGES.map((s) => refused(withSignature(Buffer.concat([bytesOf(r), bytesOf(s)]))))),
  ],
  [
    'with one right number beside one at the edges is refused',
    'FIPS 186-5 §6.4.2',
    () =>
      EDGES.flatMap((value) => [
        refused(withNumbers((r) => [bytesOf(r), bytesOf(value)])),
        refused(withNumbers((_, s) => [bytesOf(value), bytesOf(s)])),
      ]),
  ],
  [
    'with numbers that are not reduced, or of more bytes than they need, is refused',
    'RFC 7518 §3.4',
    () =>
      all([
        withNumbers((r, s) => [bytesOf(r + n, 33), bytesOf(s, 33)]),
        withNumbers((r, s) => [bytesOf(r, 33), bytesOf(s + n, 33)]),
        withNumbers((r, s) => [bytesOf(r + n, 33), bytesOf(s + n, 33)]),
        withNumbers((r, s) => [bytesOf(r + n, 33), bytesOf(s)]),
        withNumbers((r, s) => [bytesOf(r, 33), bytesOf(s, 33)]),
        withNumbers((r, s) => [bytesOf(r + 2n ** 256n, 33), bytesOf(s, 33)]),
        withNumbers((r, s) => [bytesOf(r), Buffer.alloc(1), bytesOf(s), Buffer.alloc(1)]),
        withNumbers((r, s) => [bytesOf(r, 48), bytesOf(s, 48)]),
        withNumbers((r, s) => [bytesOf(r, 66), bytesOf(s, 66)]),
        withNumbers((r) => [bytesOf(r)]),
      ]),
  ],
  [
    'with a signature of a few or very many zero bytes is refused',
    'RFC 7518 §3.4',
    () =>
      [1, 2, 32, 63, 65, 66, 96, 132, 1_000].map((length) => refused(withSignature(Buffer.alloc(length)))),
  ],
  [
    'with a signature in DER, cut or filled up, is refused',
    'RFC 7518 §3.4',
    () => {
      const der = signatureOf(token({ dsaEncoding: 'der' }));
      const padded = (length: number) => Buffer.concat([der, Buffer.alloc(Math.max(0, length - der.length))]);
      return [der, padded(80), padded(96), der.subarray(0, 64), der.subarray(-64)].map((bytes) =>
        refused(withSignature(bytes)),
      );
    },
  ],
];

const HEADERS: readonly Check[] = [
  [
    'with white space within and around its header is accepted',
    'RFC 7515 §4',
    () =>
      ['\n', '\t', ' ', '\r\n'].map((space) =>
        accepted(
          withHeaderText((json) => `${space}${json.replaceAll(/[:,]/g, `${space}$&${space}`)}${space}`),
        ),
      ),
  ],
  [
    'with a header parameter in escapes is what the escapes say',
    'RFC 8259 §8.3',
    () => [
      accepted(
        withHeaderText((json) => json.replace('"alg"', '"\\u0061lg"').replace('at+jwt', 'at\\u002bjwt')),
      ),
      refused(withHeaderText(lastMember('"\\u0063rit":["exp"]'))),
      refused(withHeaderText(lastMember('"\\u0061lg":"none"'))),
    ],
  ],
  [
    'with a header parameter twice has the last one',
    'RFC 7515 §4',
    () => [
      accepted(withHeaderText(firstMember('"alg":"none"'))),
      accepted(withHeaderText(firstMember('"kid":"unknown"'))),
      refused(withHeaderText(lastMember('"kid":"unknown"'))),
      refused(withHeaderText(lastMember('"alg":"HS256"'))),
      refused(withHeaderText(firstMember('"jwk":{},"jwk":null'))),
    ],
  ],
  [
    'with a header that is no JSON object in UTF-8 is refused',
    'RFC 7515 §5.2',
    () =>
      [
        '"at+jwt"',
        'null',
        'true',
        '1',
        '[]',
        `[${HEADER_JSON}]`,
        JSON.stringify(HEADER_JSON),
        '{}',
        `\ufeff${HEADER_JSON}`,
        `${HEADER_JSON}\0`,
        `${HEADER_JSON}{}`,
        `)]}'\n${HEADER_JSON}`,
        `${HEADER_JSON.slice(0, -1)},}`,
        HEADER_JSON.replaceAll('"', "'"),
        HEADER_JSON.slice(0, -1),
        Buffer.from(HEADER_JSON, 'utf16le'),
        Buffer.from(HEADER_JSON.replace('{', '{"x":"\xff",'), 'latin1'),
        // The same character in more bytes than it needs, and half of a pair.
        Buffer.from(HEADER_JSON.replace('{', '{"x":"\xc0\xaf",'), 'latin1'),
        Buffer.from(HEADER_JSON.replace('{', '{"x":"\xed\xa0\x80",'), 'latin1'),
      ].map((header) => refused(token({ header }))),
  ],
  [
    'with the typ of any other token is refused',
    'RFC 8725 §3.11',
    () =>
      [
        'JWT',
        'JOSE',
        'JOSE+JSON',
        'id+jwt',
        'rt+jwt',
        'dpop+jwt',
        'secevent+jwt',
        'token-introspection+jwt',
        'oauth-authz-req+jwt',
        'kb+jwt',
      ].map((typ) => refused(withHeader({ typ }))),
  ],
  [
    'with its typ spelled with parameters, escapes or other letters is refused',
    'RFC 9068 §4',
    () =>
      [
        'at+jwt;charset=utf-8',
        'application/at+jwt;v=1',
        'at+jwt\0',
        'at%2Bjwt',
        '\u0430t+jwt',
        'at+jwt\n',
        'text/at+jwt',
        true,
        [],
        {},
      ].map((typ) => refused(withHeader({ typ }))),
  ],
  [
    'with a cty is an access token all the same, and one within another is refused',
    'RFC 7519 §5.2',
    () => [
      accepted(withHeader({ cty: 'JWT' })),
      refused(token({ header: { ...HEADER, cty: 'JWT' }, claims: token() })),
    ],
  ],
  [
    'that says that it is encrypted is refused',
    'RFC 9068 §4',
    () => [
      refused(
        [
          encode({ ...HEADER, alg: 'dir', enc: 'A256GCM' }),
          '',
          'AAAAAAAAAAAAAAAA',
          C,
          'AAAAAAAAAAAAAAAAAAAAAA',
        ].join('.'),
      ),
      refused(withHeader({ alg: 'dir', enc: 'A256GCM' })),
    ],
  ],
];

const CLAIMS_SETS: readonly Check[] = [
  [
    'with claims that are JSON of another kind is refused',
    'RFC 7519 §7.2',
    () =>
      [
        '[]',
        `[${CLAIMS_JSON}]`,
        JSON.stringify(CLAIMS_JSON),
        '""',
        '0',
        '-1',
        '1e3',
        'true',
        'false',
        'null',
        '{}',
        ' ',
        '{',
        'NaN',
        CLAIMS_JSON.replaceAll('"', "'"),
      ].map((claims) => refused(token({ claims }))),
  ],
  [
    'with a claim twice is judged by the last one',
    'RFC 7519 §4',
    () => [
      accepted(withText(firstMember('"iss":"https://evil.example"'))),
      accepted(withText(firstMember('"aud":"https://evil.example"'))),
      accepted(withText(firstMember('"exp":1'))),
      refused(withText(lastMember('"aud":"https://evil.example"'))),
      refused(withText(lastMember('"a\\u0075d":"https://evil.example"'))),
      {
        text: withText(lastMember(`"exp":${CLAIMS.iat + 1}`)),
        verdict: 'TOKEN_EXPIRED',
        nowSeconds: CLAIMS.iat + 60,
      },
      refused(withText(lastMember('"sub":""'))),
    ],
  ],
  [
    'with a claim of the wrong type is refused',
    'RFC 9068 §2.2',
    () => {
      const noText = [1, null, '', [], {}, true];
      const noTexts = ['', 'a', 1, null, {}, [''], [1], [null], [['a']]];
      const noMoment = ['', `${CLAIMS.iat}`, null, 0, -1, 1.5, 1e21, {}, [], true];
      const wrong: Record<string, readonly unknown[]> = {
        ...{ iss: noText, sub: noText, aud: noText, jti: noText, sid: noText, client_id: noText },
        ...{ acr: noText, amr: noTexts, roles: noTexts, scope: [1, null, [], {}, true] },
        ...{ exp: noMoment, iat: noMoment, nbf: noMoment, auth_time: noMoment },
      };
      return Object.entries(wrong).flatMap(([name, values]) =>
        values.map((value) => refused(withClaims({ [name]: value }))),
      );
    },
  ],
  [
    'of an issuer whose name is nearly right is refused',
    'RFC 8725 §3.8',
    () =>
      [
        `${PARTIES.issuer}.evil.example`,
        `${PARTIES.issuer}:443`,
        `${PARTIES.issuer}#`,
        PARTIES.issuer.replace('https', 'http'),
        ` ${PARTIES.issuer}`,
        PARTIES.issuer.replace('e', '\u0435'),
        '',
        null,
        {},
      ].map((iss) => refused(withClaims({ iss }))),
  ],
  [
    'for an audience whose name is nearly right is refused',
    'RFC 8725 §3.9',
    () =>
      [
        `${PARTIES.audience}/`,
        PARTIES.audience.toUpperCase(),
        PARTIES.audience.slice(0, -1),
        [PARTIES.audience, PARTIES.audience],
        [],
        '',
        '*',
        null,
        1,
        {},
        true,
      ].map((aud) => refused(withClaims({ aud }))),
  ],
  [
    'that is an ID token or a logout token of the same key is refused',
    'RFC 8725 §3.12',
    () => {
      const {
        scope: _scope,
        client_id: _client,
        ...idToken
      } = { ...CLAIMS, aud: CLAIMS.client_id, nonce: 'n', azp: CLAIMS.client_id };
      const {
        sub: _sub,
        scope: _none,
        ...logout
      } = { ...CLAIMS, events: { 'http://schemas.openid.net/event/backchannel-logout': {} } };
      return [
        refused(token({ header: { ...HEADER, typ: 'JWT' }, claims: idToken })),
        refused(token({ claims: idToken })),
        refused(token({ header: { ...HEADER, typ: 'logout+jwt' }, claims: logout })),
        refused(token({ claims: logout })),
      ];
    },
  ],
];

export const JWS_CASES: readonly Check[] = [
  ...SERIALIZATION,
  ...ALGORITHMS,
  ...KEYS,
  ...SIGNATURES,
  ...HEADERS,
  ...CLAIMS_SETS,
];
