import { randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { fastify } from 'fastify';
import ipaddr from 'ipaddr.js';
import { pino } from 'pino';
import {
  type AccessToken,
  checkAccessToken,
  type SigningKey,
  signAccessToken,
} from '../../src/core/tokens/access-token.ts';
import { createDeviceTokens } from '../../src/core/tokens/device-token.ts';
import { createRefreshTokens } from '../../src/core/tokens/refresh-token.ts';
import { canonicalEmail } from '../../src/core/users/service.ts';
import { createKeyring } from '../../src/crypto/keyring.ts';
import { createMacTokens } from '../../src/crypto/mac-token.ts';
import { AuthError } from '../../src/errors.ts';
import { createContext } from '../../src/graphql/context.ts';
import { createFunnel } from '../../src/graphql/format-error.ts';
import { installTokenEndpoint } from '../../src/http/doors/token.ts';
import { createForwardedFor, readEntry } from '../../src/http/forwarded-for.ts';
import { networkOf } from '../../src/platform/caller.ts';
import { NO_DEADLINE } from '../../src/platform/deadline.ts';
import { parseEmailAddress } from '../../src/platform/email-address.ts';
import { parseLabel } from '../../src/platform/label.ts';
import { TOKENS } from '../support/http-server.ts';
import { createKeyPair } from '../support/key-pair.ts';

/** Properties of everything that reads bytes from outside; 10,000 runs each. */
const RUNS = { numRuns: 10_000 };
// Some seconds for the slowest on a machine that has nothing else to do.
jest.setTimeout(120_000);

const anyText = () => fc.string({ unit: 'binary', maxLength: 300 });
const caller = {
  ip: '192.0.2.1',
  userAgent: undefined,
  requestId: 'one',
  deadline: NO_DEADLINE,
  connection: {},
};

/** A text with one change: something else put in, left out, or in the place of something; often at its end. */
function mutationsOf(text: fc.Arbitrary<string>): fc.Arbitrary<{ text: string; mutation: string }> {
  const put = fc.oneof(fc.stringMatching(/^[\w-]{0,3}$/), anyText());
  // The last character of base64url has bits to spare: the one place where another text could be the same bytes.
  const last = fc.tuple(text, fc.stringMatching(/^[\w-]$/)).map(([original, end]) => ({
    text: original,
    mutation: original.slice(0, -1) + end,
  }));
  const anywhere = fc.tuple(text, fc.nat(), fc.nat(3), put).map(([original, at, cut, other]) => {
    const index = at % (original.length + 1);
    return { text: original, mutation: original.slice(0, index) + other + original.slice(index + cut) };
  });
  return fc.oneof(last, anywhere).filter(({ text: original, mutation }) => original !== mutation);
}

describe('the bearer header', () => {
  const verify = (text: string) => ({ id: text }) as AccessToken;

  it('reading the bearer header never throws, and lets no token with a space through (AT-7, AT-8)', () => {
    const header = fc.oneof(
      anyText(),
      fc
        .tuple(fc.constantFrom('Bearer', 'bearer ', 'BEARER', 'Bearer\t', 'Basic'), anyText())
        .map((parts) => parts.join(' ')),
    );
    fc.assert(
      fc.property(fc.option(header, { nil: undefined }), (authorization) => {
        const { bearer } = createContext({ verifyAccessToken: verify }, { authorization, caller });
        return bearer instanceof AuthError
          ? bearer.code === 'UNAUTHENTICATED'
          : /^\S+$/.test(bearer.id) && authorization?.replace(/^bearer +/i, '') === bearer.id;
      }),
      RUNS,
    );
  });

  it.each([
    [undefined, 'TOKEN_MISSING'],
    ['', 'TOKEN_MISSING'],
    ['Basic YTpi', 'TOKEN_INVALID'],
    ['Bearers token', 'TOKEN_INVALID'],
    ['Bearer', 'TOKEN_INVALID'],
    ['Bearer ', 'TOKEN_INVALID'],
    ['Bearer two tokens', 'TOKEN_INVALID'],
    ['Bearer\ttoken', 'TOKEN_INVALID'],
  ])('the authorization header %j is refused as %s (AT-7)', (authorization, reason) => {
    const { bearer } = createContext({ verifyAccessToken: verify }, { authorization, caller });
    expect(bearer).toMatchObject({ extensions: { code: 'UNAUTHENTICATED', reason } });
  });

  it('the bearer header hands on its token for every spelling of the scheme, and never the error of its check', () => {
    const written = fc.tuple(
      fc.mixedCase(fc.constant('bearer')),
      fc.stringMatching(/^ {1,3}$/),
      fc.stringMatching(/^[\w.~+/=-]{1,80}$/),
    );
    fc.assert(
      fc.property(
        written,
        fc.option(fc.anything(), { nil: undefined }),
        ([scheme, spaces, token], thrown) => {
          const authorization = scheme + spaces + token;
          const read = createContext({ verifyAccessToken: verify }, { authorization, caller }).bearer;
          const failing = () => {
            throw thrown;
          };
          const failed = createContext({ verifyAccessToken: failing }, { authorization, caller }).bearer;
          return !(read instanceof AuthError) && read.id === token && failed instanceof AuthError;
        },
      ),
      RUNS,
    );
  });
});

describe('an access token', () => {
  const NOW = 1_800_000_000;
  const PARTIES = { issuer: 'https://id.example.com', audience: 'https://id.example.com' };
  const key: SigningKey = {
    kid: 'key-1',
    algorithm: 'ES256',
    ...createKeyPair(),
  };
  const check = (text: string) =>
    checkAccessToken(text, {
      findKey: (kid) => (kid === key.kid ? key : undefined),
      nowSeconds: NOW,
      ...PARTIES,
    });

  /** What it says, or `undefined` when it is refused as it must be. */
  function read(text: string): AccessToken | undefined {
    try {
      return check(text);
    } catch (error) {
      if (error instanceof AuthError && error.code === 'UNAUTHENTICATED') return undefined;
      throw error;
    }
  }

  const seconds = fc.integer({ min: 1, max: NOW });
  const name = () => fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });
  const said = fc.record({
    kind: fc.constant('user' as const),
    userId: name(),
    sessionId: name(),
    clientId: name(),
    amr: fc.array(name(), { maxLength: 4 }),
    acr: name(),
    scope: fc.string({ maxLength: 40 }),
    roles: fc.array(name(), { maxLength: 4 }),
    issuedAt: fc.integer({ min: NOW - 500, max: NOW + 59 }),
    expiresAt: fc.integer({ min: NOW + 60, max: NOW + 3_000 }),
    authenticatedAt: seconds,
  });
  const valid = signAccessToken(
    {
      kind: 'user',
      userId: 'user',
      sessionId: 'session',
      clientId: 'first-party',
      amr: ['pwd'],
      acr: 'aal1',
      scope: '',
      roles: [],
      claims: {},
      authenticatedAt: NOW,
    },
    { ...PARTIES, issuedAt: NOW, expiresAt: NOW + 600 },
    key,
  );

  it('an access token says what it was signed with', () => {
    fc.assert(
      fc.property(said, (token) => {
        const { id, ...others } =
          read(signAccessToken({ ...token, claims: {} }, { ...token, ...PARTIES }, key)) ?? {};
        return typeof id === 'string' && isDeepStrictEqual(others, { ...token });
      }),
      RUNS,
    );
  });

  it('a text that is no access token is refused as UNAUTHENTICATED, and in no other way (AT-6)', () => {
    const segment = fc.oneof(
      anyText(),
      fc.base64String(),
      fc.json().map((json) => Buffer.from(json).toString('base64url')),
    );
    const text = fc.oneof(
      anyText(),
      fc.array(segment, { minLength: 2, maxLength: 4 }).map((parts) => parts.join('.')),
    );
    fc.assert(
      fc.property(text, (candidate) => read(candidate) === undefined),
      RUNS,
    );
  });

  it('a signed access token of arbitrary JSON is read as its own claims or refused (AT-3)', () => {
    const claims = {
      iss: PARTIES.issuer,
      aud: PARTIES.audience,
      sub: 'user',
      jti: 'token',
      sid: 'session',
      client_id: 'first-party',
      auth_time: NOW,
      iat: NOW,
      exp: NOW + 600,
      amr: ['pwd'],
      scope: '',
    };
    const header = { alg: 'ES256', typ: 'at+jwt', kid: key.kid };
    const wrong = <T extends object>(right: T) =>
      fc.dictionary(fc.oneof(fc.constantFrom(...Object.keys(right)), fc.string()), fc.jsonValue(), {
        maxKeys: 2,
      });
    fc.assert(
      fc.property(wrong(header), wrong(claims), (headerChange, claimsChange) => {
        const text = [
          { ...header, ...headerChange },
          { ...claims, ...claimsChange },
        ]
          .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
          .join('.');
        const signature = sign('sha256', Buffer.from(text), {
          key: key.privateKey,
          dsaEncoding: 'ieee-p1363',
        });
        const token = read(`${text}.${signature.toString('base64url')}`);
        if (token === undefined) return true;
        const { sub, sid, exp, iat } = { ...claims, ...claimsChange };
        const isRead = isDeepStrictEqual(
          [token.userId, token.sessionId, token.expiresAt, token.issuedAt],
          [sub, sid, exp, iat],
        );
        return (
          isRead && typeof sub === 'string' && typeof sid === 'string' && exp > iat && exp - iat <= 3_600
        );
      }),
      RUNS,
    );
  });

  it('an access token with any change in its text is refused (AT-6)', () => {
    expect(read(valid)).toBeDefined();
    fc.assert(
      fc.property(mutationsOf(fc.constant(valid)), ({ mutation }) => read(mutation) === undefined),
      RUNS,
    );
  });
});

describe('a refresh token', () => {
  const { encode, decode } = createRefreshTokens(createKeyring([randomBytes(32)], 'refresh-token'));
  const content = fc.record({
    sessionId: fc.uuid(),
    generation: fc.nat(0xffff_ffff),
    familySecret: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
  });

  it('a refresh token says what was written into it, and has one spelling (RT-1)', () => {
    fc.assert(
      fc.property(content, (token) => {
        const text = encode(token);
        const read = decode(text);
        // jest compares buffers byte by byte; ten thousand times that takes seconds.
        return (
          read?.sessionId === token.sessionId &&
          read.generation === token.generation &&
          read.familySecret.equals(token.familySecret) &&
          encode(read) === text
        );
      }),
      RUNS,
    );
  });

  it('a text that is no refresh token decodes to nothing (RT-1)', () => {
    const shaped = fc.stringMatching(/^lkr_[\w-]{119}$/);
    fc.assert(
      fc.property(fc.oneof(anyText(), shaped), (text) => decode(text) === undefined),
      RUNS,
    );
  });

  it('a refresh token with any change in its text decodes to nothing (RT-1)', () => {
    fc.assert(
      fc.property(mutationsOf(content.map(encode)), ({ mutation }) => decode(mutation) === undefined),
      RUNS,
    );
  });
});

describe('a device token', () => {
  const { encode, deviceOf } = createDeviceTokens(createKeyring([randomBytes(32)], 'device-token'));
  const nowSeconds = 1_800_000_000;
  const passwordVersion = 1;
  const content = fc.record({ userId: fc.uuid(), deviceId: fc.uuid(), passwordVersion: fc.nat() });

  it('a device token names its device only for the user and the password that it was made for', () => {
    fc.assert(
      fc.property(content, fc.uuid(), fc.nat(), ({ deviceId, ...owner }, userId, otherVersion) => {
        const text = encode({ deviceId, ...owner, nowSeconds });
        const known = { ...owner, nowSeconds };
        return (
          deviceOf(text, known) === deviceId.replaceAll('-', '') &&
          (userId === owner.userId || deviceOf(text, { ...known, userId }) === undefined) &&
          (otherVersion === owner.passwordVersion ||
            deviceOf(text, { ...known, passwordVersion: otherVersion }) === undefined)
        );
      }),
      RUNS,
    );
  });

  it('a device token of the version before, which named no password, is of an unknown device', () => {
    const userId = '00000000-0000-4000-8000-000000000000';
    const keyring = createKeyring([randomBytes(32)], 'device-token');
    const before = createMacTokens({ keyring, prefix: 'lkd_', bodyBytes: 38 });
    const body = Buffer.alloc(38);
    body.writeUIntBE(nowSeconds, 32, 6);
    const known = { userId, passwordVersion, nowSeconds };
    expect(createDeviceTokens(keyring).deviceOf(before.encode(body), known)).toBeUndefined();
  });

  it('a text that is no device token, or a changed one, names no device', () => {
    const userId = '00000000-0000-4000-8000-000000000000';
    const known = { userId, passwordVersion, nowSeconds };
    const valid = encode(known);
    expect(deviceOf(valid, known)).toBeDefined();
    const neighbour = mutationsOf(fc.constant(valid)).map(({ mutation }) => mutation);
    fc.assert(
      fc.property(fc.oneof(anyText(), neighbour), (text) => deviceOf(text, known) === undefined),
      RUNS,
    );
  });
});

describe('an email address', () => {
  const padding = fc.stringMatching(/^[ \t\r\n]{0,3}$/);

  it('an email address read from any value is plain ASCII before the @ and at most 254 characters long, or nothing (GQL-7)', () => {
    fc.assert(
      fc.property(fc.oneof(anyText(), fc.anything(), fc.emailAddress()), (value) => {
        const address = parseEmailAddress(value);
        if (address === undefined) return;
        expect(address.length).toBeLessThanOrEqual(254);
        expect(canonicalEmail(address)).toMatch(/^[\x21-\x7e]+$/);
        expect(address).toMatch(/^[\x21-\x7e]+@/);
        expect(parseEmailAddress(address)).toBe(address);
      }),
      RUNS,
    );
  });

  it('an email address has one canonical form in any case and with any spaces around it (LOG-5)', () => {
    const typed = fc.emailAddress().chain((address) =>
      fc.record({
        address: fc.constant(address),
        before: padding,
        spelt: fc.mixedCase(fc.constant(address)),
        after: padding,
      }),
    );
    fc.assert(
      fc.property(typed, ({ address, before, spelt, after }) => {
        const canonical = canonicalEmail(spelt);
        return (
          parseEmailAddress(before + spelt + after) === spelt &&
          canonical === canonicalEmail(address) &&
          canonical === canonicalEmail(canonical) &&
          canonical === parseEmailAddress(canonical)
        );
      }),
      RUNS,
    );
  });
});

describe('a label', () => {
  it('a label is either refused as BAD_USER_INPUT or short, trimmed and without control characters', () => {
    const text = fc.oneof(
      anyText(),
      fc.string({ unit: fc.constantFrom('a', ' ', '😀', '\u0301', '\ud800', '\u0000'), maxLength: 110 }),
    );
    fc.assert(
      fc.property(fc.option(text), (typed) => {
        try {
          const label = parseLabel(typed, 'input.name');
          if (label === null) return;
          expect([...label].length).toBeLessThanOrEqual(100);
          expect(label).not.toMatch(/\p{Cc}|^\s|\s$/u);
          expect(parseLabel(label, 'input.name')).toBe(label);
        } catch (error) {
          if (!(error instanceof AuthError)) throw error;
          expect(error.extensions).toEqual({ code: 'BAD_USER_INPUT', field: 'input.name' });
        }
      }),
      RUNS,
    );
  });
});

describe('the form of /token', () => {
  let calls: unknown[] = [];
  const app = fastify();
  installTokenEndpoint(app, {
    issuer: 'http://localhost',
    scopes: [],
    callerOf: () => caller,
    secondStep: { complete: () => Promise.reject(new Error('no second step')) },
    serviceAccounts: { exchange: () => Promise.reject(new Error('no API key')) },
    login: {
      async withPassword({ email, password }) {
        calls.push([email, password]);
        return TOKENS;
      },
    },
    sessions: {
      async refresh(token) {
        calls.push(token);
        return TOKENS;
      },
    },
    funnel: createFunnel(pino({ enabled: false })),
    allowedOrigins: new Set(),
  });
  afterAll(() => app.close());

  async function post(payload: string | Buffer) {
    calls = [];
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return app.inject({ method: 'POST', url: '/token', headers, payload });
  }

  it('the form of /token may be any bytes, and one that is no request is refused, never a server fault (GQL-5)', async () => {
    const part = fc.constantFrom(
      'username',
      'password',
      'grant_type',
      'refresh_token',
      '=',
      '&',
      '+',
      '%',
      '%zz',
      '%00',
      '%ff',
      'a@b.c',
    );
    const body = fc.oneof(
      fc.array(part, { maxLength: 12 }).map((parts) => Buffer.from(parts.join(''))),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    );
    await fc.assert(
      fc.asyncProperty(body, async (payload) => {
        const { statusCode, body: answer } = await post(payload);
        expect([200, 400, 401]).toContain(statusCode);
        expect(Object.keys(JSON.parse(answer))[0]).toBe(statusCode === 200 ? 'access_token' : 'error');
        expect(calls).toHaveLength(statusCode === 200 ? 1 : 0);
      }),
      RUNS,
    );
  });

  it('the form of /token hands on the password and the token as they were typed, to the last character (PW-4)', async () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(fc.emailAddress(), text, fc.boolean(), async (username, secret, isRefresh) => {
        const form = isRefresh
          ? { grant_type: 'refresh_token', refresh_token: secret }
          : { username, password: secret };
        expect((await post(new URLSearchParams(form).toString())).statusCode).toBe(200);
        expect(calls).toEqual(isRefresh ? [secret] : [[username, secret]]);
      }),
      RUNS,
    );
  });
});

describe('a network address', () => {
  const odd = fc.constantFrom(
    '::',
    '::1',
    '::ffff:192.0.2.7',
    '::ffff:c000:207',
    'fe80::1%eth0',
    '0x7f.1',
    '127.1',
    '010.0.0.1',
    '1.2.3.4:80',
    '[::1]',
    '::1/64',
    '',
  );
  const address = fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended());

  it('a network address, valid or not, has one network for all its spellings (LOG-4)', () => {
    fc.assert(
      fc.property(fc.oneof(address, odd, anyText()), (text) => {
        const network = networkOf(text);
        expect(networkOf(network)).toBe(network);
        if (ipaddr.isValid(text)) expect(networkOf(ipaddr.process(text).toNormalizedString())).toBe(network);
      }),
      RUNS,
    );
  });

  it('an IPv6 address shares its network with the addresses of its /64 alone, and an IPv4 address with none (LOG-4)', () => {
    // 2000::/3, where the addresses of the internet are: none of them holds an IPv4 address.
    const words = fc
      .array(fc.nat(0xffff), { minLength: 7, maxLength: 7 })
      .chain((others) => fc.integer({ min: 0x2000, max: 0x3fff }).map((first) => [first, ...others]));
    fc.assert(
      fc.property(words, words, fc.ipV4(), fc.ipV4(), (a, b, c, d) => {
        const textOf = (address: number[]) => address.map((word) => word.toString(16)).join(':');
        const neighbour = [...a.slice(0, 4), ...b.slice(4)];
        const isSame = (one: string, other: string) => networkOf(one) === networkOf(other);
        return (
          isSame(textOf(neighbour), textOf(a)) &&
          !isSame(textOf(a.with(3, (a[3] ?? 0) ^ 1)), textOf(a)) &&
          isSame(textOf(a), textOf(b)) === (String(a.slice(0, 4)) === String(b.slice(0, 4))) &&
          isSame(c, d) === (c === d) &&
          isSame(`::ffff:${c}`, c)
        );
      }),
      RUNS,
    );
  });

  it('an entry of X-Forwarded-For is read as an address in its canonical text or as nothing (LOG-4)', () => {
    fc.assert(
      fc.property(fc.oneof(address, odd, anyText()), (text) => {
        const read = readEntry(text);
        if (read === undefined) return isIP(text) === 0;
        return isIP(read) !== 0 && read === canonical(read) && readEntry(read) === read;
      }),
      RUNS,
    );
  });

  it('an entry of X-Forwarded-For reads the same with a port, brackets, quotes or a zone (LOG-4)', () => {
    const plain = fc.oneof(
      fc.ipV4().map((text) => ({ text, spellings: [text, `${text}:443`] })),
      fc.ipV6().map((text) => ({
        text,
        spellings: [text, `[${text}]`, `[${text}]:443`, `[${text}%eth0]`, `${text}%eth0`],
      })),
    );
    const space = fc.stringMatching(/^[ \t]{0,3}$/);
    fc.assert(
      fc.property(plain, space, space, ({ text, spellings }, before, after) =>
        spellings.every((spelling) =>
          [spelling, `"${spelling}"`].every((entry) => readEntry(before + entry + after) === canonical(text)),
        ),
      ),
      RUNS,
    );
  });

  it('an address that a client writes into X-Forwarded-For never replaces the one that a proxy appends (LOG-4)', () => {
    const { clientIn } = createForwardedFor(['10.0.0.0/8']);
    const hop = fc.constantFrom('10.1.2.3', ' 10.1.2.3:80', '"10.9.9.9"', '', ' ');
    const outside = fc.oneof(fc.ipV4(), fc.ipV6()).filter((text) => !canonical(text).startsWith('10.'));
    fc.assert(
      fc.property(anyText(), outside, fc.array(hop, { maxLength: 3 }), (prefix, appended, hops) => {
        const list = [prefix, appended, ...hops].join(',');
        return clientIn(list) === canonical(appended);
      }),
      RUNS,
    );
  });

  function canonical(text: string): string {
    return ipaddr.process(text).toString();
  }
});
