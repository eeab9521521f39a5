import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createTestIssuer, type TestIssuer, type TestToken } from '../../packages/verify/src/testing.ts';
import {
  createVerifier,
  type Requirements,
  type VerifierOptions,
} from '../../packages/verify/src/verifier.ts';
import { gate } from '../support/gate.ts';
import { createKeyPair } from '../support/key-pair.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Moves the wall clock and the monotonic one, both frozen. */
let elapsed = 0;
function travel(ms: number): void {
  elapsed += ms;
}
/** What the key set answers next; every request for it is counted. */
let answer: () => Response | Promise<Response>;
let requests = 0;
const errors: string[] = [];

beforeEach(() => {
  requests = 0;
  errors.length = 0;
  const start = Date.UTC(2027, 0, 1);
  jest.spyOn(Date, 'now').mockImplementation(() => start + elapsed);
  jest.spyOn(performance, 'now').mockImplementation(() => 1_000 + elapsed);
});
afterEach(() => {
  jest.restoreAllMocks();
});

const first = await createTestIssuer();
const second = await createTestIssuer();

const publish =
  (...keys: unknown[]) =>
  () =>
    Response.json({ keys });
const publishOf = (...issuers: TestIssuer[]) => publish(...issuers.flatMap(({ jwks }) => jwks.keys));
const fail = () => Response.json({}, { status: 502 });
const hang = () => new Promise<Response>(() => {});

function start(options: Partial<VerifierOptions> = {}) {
  const verifier = createVerifier({
    issuer: first.issuer,
    fetch: async () => {
      requests += 1;
      return answer();
    },
    onKeySetError: (error) => void errors.push(error.message),
    ...options,
  });
  return {
    ...verifier,
    /** The user, or the reason. */
    async ask(token: string): Promise<string | undefined> {
      const { viewer, reason } = await verifier.verify(token);
      return viewer?.userId ?? reason;
    },
  };
}

/** Lets what waits for no timer go on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('the key set of the verifier', () => {
  it('1,000 callers of a cold verifier cause one request, and none is refused', async () => {
    const { open, opened } = gate();
    answer = async () => {
      await opened;
      return publishOf(first)();
    };
    const { ask } = start();
    const tokens = await Promise.all(
      Array.from({ length: 20 }, (_, n) => first.sign({ userId: `user-${n}` })),
    );
    const asked = Array.from({ length: 1_000 }, (_, n) => ask(tokens[n % 20] ?? ''));
    await settle();
    open();
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 1_000 }, (_, n) => `user-${n % 20}`));
    expect(requests).toBe(1);
  });

  it.each<[string, () => Response | Promise<Response>]>([
    ['refuses', fail],
    ['cannot be reached', () => Promise.reject(new TypeError('fetch failed'))],
    ['answers with a page', () => new Response('<html></html>')],
    ['answers with bytes that are no text', () => new Response(new Uint8Array([0xff, 0xfe]))],
    ['answers with null', () => Response.json(null)],
    ['answers with another object', () => Response.json({ errors: [] })],
    ['answers with an empty body', () => new Response(null)],
    ['leads elsewhere', () => Response.redirect('https://elsewhere.test', 302)],
    ['has no keys', publish()],
    ['has no key that can be used', publish({ kty: 'oct', kid: 'first', k: 'AA' })],
    ['has more than 1,000 keys', publish(...Array(1_001).fill(first.jwks.keys[0]))],
    ['has more than a megabyte', publish({ ...first.jwks.keys[0], x5c: ['A'.repeat(1_100_000)] })],
  ])(
    'while the key set %s, the keys at hand serve for 24 hours and no token of theirs is refused',
    async (_, away) => {
      answer = publishOf(first);
      const { ask } = start();
      expect(await ask(await first.sign())).toBe('user-1');
      answer = away;
      for (const hours of [0.1, 0.2, 5, 18.6]) {
        travel(hours * HOUR_MS);
        const tokens = await Promise.all([first.sign(), first.sign({ userId: 'user-2' })]);
        expect(await Promise.all(tokens.map(ask))).toEqual(['user-1', 'user-2']);
        expect(await ask(await second.sign())).toBe('UNAVAILABLE');
      }
      expect(errors.length).toBe(requests - 1);
      expect(errors.length).toBeGreaterThan(2);
      const remembered = await first.sign({ expiresInSeconds: 3_600 });
      expect(await ask(remembered)).toBe('user-1');
      travel(0.2 * HOUR_MS);
      for (const token of [remembered, await first.sign()]) expect(await ask(token)).toBe('UNAVAILABLE');
      answer = publishOf(second);
      travel(1_000);
      expect(await ask(await second.sign())).toBe('user-1');
      expect(await ask(await first.sign())).toBe('TOKEN_INVALID');
    },
  );

  it('an issuer that is away at the start is asked once a second, and serves at once when it is back', async () => {
    answer = fail;
    const { ask, warmUp } = start();
    const token = await first.sign();
    expect(await warmUp()).toBe(false);
    for (let call = 0; call < 100; call += 1) expect(await ask(token)).toBe('UNAVAILABLE');
    expect(requests).toBe(1);
    travel(1_000);
    expect(await ask(token)).toBe('UNAVAILABLE');
    expect(requests).toBe(2);
    answer = publishOf(first);
    travel(1_000);
    expect(await ask(token)).toBe('user-1');
    expect(await warmUp()).toBe(true);
    expect(requests).toBe(3);
    expect(errors).toEqual(Array(2).fill('The key set answers with status 502'));
  });

  it('a rotation under load refuses no token, and neither does an emergency rotation its new ones', async () => {
    answer = publishOf(first);
    const { ask } = start();
    for (let minute = 0; minute < 30; minute += 1) {
      if (minute === 5) answer = publishOf(first, second);
      const tokens = [
        first.sign({ userId: `user-${minute}` }),
        ...(minute < 15 ? [] : [second.sign({ userId: `user-${minute}` })]),
      ];
      const asked = await Promise.all((await Promise.all(tokens)).map(ask));
      expect(asked).toEqual(tokens.map(() => `user-${minute}`));
      await settle();
      travel(MINUTE_MS);
    }
    const third = await createTestIssuer();
    const [old, fresh] = await Promise.all([first.sign(), third.sign()]);
    expect(await ask(old)).toBe('user-1');
    answer = publishOf(third);
    expect(await Promise.all([fresh, fresh].map(ask))).toEqual(['user-1', 'user-1']);
    // Remembered, and forgotten with the set that it was judged by.
    expect(await ask(old)).toBe('TOKEN_INVALID');
  });

  it('a token that is judged while its key is withdrawn is not remembered', async () => {
    answer = publishOf(first);
    const { ask } = start();
    const [old, fresh] = await Promise.all([first.sign(), second.sign()]);
    await ask(await first.sign({ userId: 'other' }));
    travel(2_000);
    answer = publishOf(second);
    // Both are judged at once: the set changes between the look-up of the first key and the end of its check.
    await Promise.all([ask(fresh), ...Array.from({ length: 50 }, () => ask(old))]);
    expect(await ask(old)).toBe('TOKEN_INVALID');
  });

  it('tokens of a known key do not wait while the set is renewed in the background after five minutes', async () => {
    answer = publishOf(first);
    const { ask } = start();
    const token = await first.sign();
    await ask(token);
    travel(5 * MINUTE_MS - 1);
    expect(await ask(token)).toBe('user-1');
    expect(requests).toBe(1);
    travel(1);
    const { open, opened } = gate();
    answer = async () => {
      await opened;
      return publishOf(second)();
    };
    expect(await ask(token)).toBe('user-1');
    expect(await ask(await first.sign({ userId: 'user-2' }))).toBe('user-2');
    expect(requests).toBe(2);
    open();
    // Keys are read by a thread of their own, which takes as long as it takes.
    while ((await ask(token)) === 'user-1') await settle();
    expect(await ask(token)).toBe('TOKEN_INVALID');
  });

  it('after ten idle minutes a token waits for a new set, so that a withdrawn key is not taken', async () => {
    answer = publishOf(first);
    const { ask } = start();
    await ask(await first.sign());
    travel(10 * MINUTE_MS);
    answer = fail;
    const remembered = await first.sign({ expiresInSeconds: 3_600 });
    expect(await ask(remembered)).toBe('user-1');
    travel(10 * MINUTE_MS);
    answer = publishOf(second);
    expect(await ask(remembered)).toBe('TOKEN_INVALID');
  });

  it('a flood of unknown keys causes at most one request in 30 seconds', async () => {
    answer = publishOf(first);
    const { ask } = start();
    const flood = await Promise.all(
      Array.from({ length: 20 }, async () => (await createTestIssuer()).sign()),
    );
    for (let second = 0; second < 90; second += 1) {
      expect(new Set(await Promise.all(flood.map(ask)))).toEqual(new Set(['TOKEN_INVALID']));
      travel(1_000);
    }
    expect(requests).toBe(3);
    expect(await ask(await first.sign())).toBe('user-1');
  });

  it('a token that cannot be one causes no request', async () => {
    const { ask, verify } = start();
    const [header = '', claims, signature] = (await first.sign()).split('.');
    for (const text of ['garbage', 'a.b.c', '..', `${header}.${claims}`, `${header}=.${claims}.${signature}`])
      expect(await ask(text)).toBe('TOKEN_INVALID');
    expect((await verify(undefined)).reason).toBe('TOKEN_MISSING');
    expect(requests).toBe(0);
  });

  it('a key server that hangs keeps a cold caller for five seconds, and a caller with a known key not at all', async () => {
    jest.useFakeTimers({ doNotFake: ['performance', 'Date', 'setImmediate', 'nextTick', 'queueMicrotask'] });
    try {
      answer = hang;
      const { ask } = start();
      const token = await first.sign();
      let verdict: string | undefined;
      void ask(token).then((said) => {
        verdict = said;
      });
      await settle();
      jest.advanceTimersByTime(4_999);
      await settle();
      expect(verdict).toBeUndefined();
      jest.advanceTimersByTime(1);
      await settle();
      expect(verdict).toBe('UNAVAILABLE');
      expect(errors).toEqual(['The key set does not answer within 5 s']);

      travel(1_000);
      answer = publishOf(first);
      expect(await ask(token)).toBe('user-1');
      answer = hang;
      travel(5 * MINUTE_MS);
      expect(await ask(token)).toBe('user-1');
      expect(await ask(await first.sign({ userId: 'user-2' }))).toBe('user-2');
    } finally {
      jest.useRealTimers();
    }
  });

  it('an answer that begins and never ends is given up, too, and its request is aborted', async () => {
    jest.useFakeTimers({ doNotFake: ['performance', 'Date', 'setImmediate', 'nextTick', 'queueMicrotask'] });
    try {
      let aborted = false;
      const fetch: typeof globalThis.fetch = async (_url, init) => {
        init?.signal?.addEventListener('abort', () => {
          aborted = true;
        });
        return new Response(
          new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array([0x7b])) }),
        );
      };
      const { ask } = start({ fetch });
      const asked = ask(await first.sign());
      await settle();
      jest.advanceTimersByTime(5_000);
      expect(await asked).toBe('UNAVAILABLE');
      expect(aborted).toBe(true);
    } finally {
      jest.useRealTimers();
    }
  });

  it('keys that the verifier does not understand are skipped (RFC 7517 §5)', async () => {
    const rsa = createKeyPair('rsa').publicKey.export({ format: 'jwk' });
    const [key = {}] = second.jwks.keys;
    const strange = [
      null,
      'key',
      1,
      [],
      {},
      { kty: 'OKP', crv: 'Ed448', kid: 'one', x: 'AA' },
      { kty: 'AKP', alg: 'ML-DSA-65', kid: 'two', pub: 'AA' },
      { kty: 'EC', crv: 'P-256', kid: 'three', x: 'AA', y: 'AA' },
      { ...key, x: key.y, kid: 'off the curve' },
      { kty: 'EC', crv: 'secp256k1', kid: 'four', x: 'AA', y: 'AA' },
      { ...rsa, kid: 'five' },
      { ...key, use: 'enc' },
      { ...key, key_ops: ['sign', 'encrypt'] },
      { ...key, key_ops: 'verify' },
      { ...key, alg: 'ES384' },
      { ...key, kid: undefined },
    ];
    const [usable] = first.jwks.keys;
    answer = publish(...strange, { ...usable, key_ops: ['verify'], x5t: 'AA' }, ...strange);
    const { ask } = start();
    expect(await ask(await first.sign())).toBe('user-1');
    expect(await ask(await second.sign())).toBe('TOKEN_INVALID');
    expect(errors).toEqual([]);
  });

  it('a set of 1,000 keys and nearly a megabyte is taken', async () => {
    const [key] = second.jwks.keys;
    const many = Array.from({ length: 998 }, (_, n) => ({ ...key, kid: `key-${n}`, x5c: ['A'.repeat(800)] }));
    answer = publish(...many, null, ...first.jwks.keys);
    const { ask } = start();
    expect(await ask(await first.sign())).toBe('user-1');
    expect(errors).toEqual([]);
  });

  it('who does not wait for a renewal in the background sets no timer for it', async () => {
    answer = publishOf(first);
    const { ask } = start();
    const token = await first.sign();
    await ask(token);
    travel(5 * MINUTE_MS);
    const { open, opened } = gate();
    answer = () => opened.then(publishOf(first));
    const timers = jest.spyOn(globalThis, 'setTimeout');
    for (let call = 0; call < 100; call += 1) expect(await ask(token)).toBe('user-1');
    // That of the load itself.
    expect(timers).toHaveBeenCalledTimes(1);
    open();
    await settle();
    expect(requests).toBe(2);
  });

  it('a load that never ends is given up by a later request, which begins one of its own', async () => {
    // As on Cloudflare Workers, where the fetch and the timers of a request end with the request.
    const timers = jest.spyOn(globalThis, 'setTimeout').mockImplementation(() => 0 as never);
    answer = hang;
    const { ask } = start();
    const token = await first.sign();
    void ask(token);
    await settle();
    timers.mockRestore();
    travel(4_999);
    void ask(token);
    await settle();
    expect(requests).toBe(1);
    travel(1);
    answer = publishOf(first);
    expect(await ask(token)).toBe('user-1');
    expect(requests).toBe(2);
  });

  it('what the listener of failures throws changes nothing', async () => {
    answer = fail;
    const onKeySetError = jest.fn(() => {
      throw new Error('of the listener');
    });
    const { ask } = start({ onKeySetError });
    expect(await ask(await first.sign())).toBe('UNAVAILABLE');
    await settle();
    expect(onKeySetError).toHaveBeenCalledTimes(1);
  });

  it('keys that are given cause no request, and no other key is taken', async () => {
    const { ask, warmUp } = start({ jwks: first.jwks });
    expect(await warmUp()).toBe(true);
    expect(await ask(await first.sign())).toBe('user-1');
    travel(100 * HOUR_MS);
    expect(await ask(await first.sign())).toBe('user-1');
    expect(await ask(await second.sign())).toBe('TOKEN_INVALID');
    expect(requests).toBe(0);
  });
});

describe('what the verifier takes and says', () => {
  const withKeys = (options: Partial<VerifierOptions> = {}) =>
    start({ ...first.verifierOptions, ...options });

  it('a viewer is what the token says, and cannot be changed', async () => {
    const { verify } = withKeys();
    const seconds = Date.now() / 1_000;
    const token = await first.sign({
      scope: ['a', 'b'],
      roles: ['admin', 'member'],
      acr: 'aal2',
      amr: ['pwd', 'otp'],
      claims: { deep: { x: [1] } },
    });
    const { viewer } = await verify(token);
    expect(viewer).toEqual({
      kind: 'user',
      userId: 'user-1',
      sessionId: 'session-1',
      clientId: 'first-party',
      scope: ['a', 'b'],
      roles: ['admin', 'member'],
      amr: ['pwd', 'otp'],
      acr: 'aal2',
      authenticatedAt: seconds,
      expiresAt: seconds + 600,
      claims: expect.objectContaining({ iss: first.issuer, sub: 'user-1', deep: { x: [1] } }),
    });
    const { roles, claims } = viewer as unknown as { roles: string[]; claims: { deep: { x: number[] } } };
    expect(() => roles.push('root')).toThrow(TypeError);
    expect(() => claims.deep.x.push(2)).toThrow(TypeError);
    expect((await verify(token)).viewer).toBe(viewer);
  });

  it('a token comes in a Request, Headers, a request of Node.js, or as it is', async () => {
    const { verify } = withKeys();
    const token = await first.sign();
    const authorization = `Bearer ${token}`;
    for (const source of [
      token,
      authorization,
      { authorization },
      { headers: { Authorization: authorization } },
      new Request('https://api.test', { headers: { authorization } }),
      new Headers({ authorization: `bearer  ${token}` }),
      { headers: { authorization } },
      { headers: new Headers({ authorization }) },
    ])
      expect((await verify(source)).viewer?.userId).toBe('user-1');
  });

  it('what holds no token is refused and never thrown', async () => {
    const { verify } = withKeys();
    const bearer = `Bearer ${await first.sign()}`;
    const twice = new Headers({ authorization: bearer });
    twice.append('authorization', bearer);
    const verdicts = async (sources: readonly unknown[]) =>
      new Set(await Promise.all(sources.map(async (source) => (await verify(source as string)).reason)));
    expect(
      await verdicts([
        undefined,
        null,
        '',
        {},
        [],
        { headers: {} },
        { headers: undefined },
        new Headers(),
        { headers: { authorization: '' } },
      ]),
    ).toEqual(new Set(['TOKEN_MISSING']));
    const throwing = {
      get headers(): never {
        throw new Error('no headers');
      },
    };
    expect(
      await verdicts([
        1,
        true,
        () => {},
        Symbol('token'),
        `${bearer} x`,
        'Basic YTpi',
        ' ',
        'x'.repeat(1_000_000),
        '\0\ud800',
        throwing,
        twice,
        { headers: { authorization: [bearer, bearer] } },
        { headers: { authorization: bearer, Authorization: bearer } },
        // Node.js keeps the first of them in its headers.
        { headers: { authorization: bearer }, rawHeaders: ['Authorization', bearer, 'authorization', 'x'] },
        {
          headers: { authorization: bearer },
          raw: { rawHeaders: ['Authorization', bearer, 'Authorization', 'x'] },
        },
        { headers: { authorization: 'Basic YTpi' } },
        { headers: { authorization: 'Bearer' } },
        { headers: { authorization: `${bearer} x` } },
        { headers: { authorization: 7 } },
      ]),
    ).toEqual(new Set(['TOKEN_INVALID']));
  });

  it.each<[string, Partial<VerifierOptions>, TestToken, string]>([
    ['a missing scope', { requireScopes: ['a', 'b'] }, { scope: ['a'] }, 'INSUFFICIENT_SCOPE'],
    ['all scopes', { requireScopes: ['a', 'b'] }, { scope: ['c', 'b', 'a'] }, 'user-1'],
    ['a missing role', { requireRoles: ['admin'] }, { roles: ['administrator'] }, 'INSUFFICIENT_SCOPE'],
    ['a role', { requireRoles: ['admin'] }, { roles: ['admin'] }, 'user-1'],
    ['a lower level', { requireAcr: 'aal2' }, { acr: 'aal1' }, 'REAUTHENTICATION_REQUIRED'],
    ['a higher level', { requireAcr: 'aal2' }, { acr: 'aal3' }, 'user-1'],
    ['another acr', { requireAcr: 'aal2' }, { acr: 'aal9' }, 'REAUTHENTICATION_REQUIRED'],
    ['its own acr', { requireAcr: 'phr' }, { acr: 'phr' }, 'user-1'],
    ['a machine', {}, { kind: 'machine' }, 'TOKEN_INVALID'],
    ['a machine that is taken', { acceptMachines: true }, { kind: 'machine' }, 'svc_test'],
    [
      'a machine of two names',
      { acceptMachines: true },
      { kind: 'machine', userId: 'user-1' },
      'TOKEN_INVALID',
    ],
    ['a user beside machines', { acceptMachines: true }, {}, 'user-1'],
    [
      'a machine where a level counts',
      { acceptMachines: true, requireAcr: 'aal1' },
      { kind: 'machine' },
      'REAUTHENTICATION_REQUIRED',
    ],
    [
      'half a machine',
      { acceptMachines: true },
      { kind: 'machine', claims: { amr: ['pwd'] } },
      'TOKEN_INVALID',
    ],
    ['an expired token', {}, { expiresInSeconds: -10 }, 'TOKEN_EXPIRED'],
    ['a token within the tolerance', {}, { expiresInSeconds: -9 }, 'user-1'],
    ['a token within no tolerance', { clockToleranceSeconds: 0 }, { expiresInSeconds: 0 }, 'TOKEN_EXPIRED'],
    ['another audience', { audience: 'https://api.test' }, {}, 'TOKEN_INVALID'],
  ])('%s is judged by the options of the verifier', async (_, options, token, verdict) => {
    expect(await withKeys(options).ask(await first.sign(token))).toBe(verdict);
  });

  it('what one request requires comes on top of what every request does', async () => {
    const { verify } = withKeys({ requireScopes: ['a'] });
    for (const [scope, reason] of [
      [['a', 'b'], undefined],
      [['a'], 'INSUFFICIENT_SCOPE'],
      [['b'], 'INSUFFICIENT_SCOPE'],
    ] as const)
      expect((await verify(await first.sign({ scope }), { requireScopes: ['b'] })).reason).toBe(reason);
  });

  it.each<unknown>([
    'admin',
    ['admin'],
    5,
    null,
    { scopes: ['admin'] },
    { requireScope: ['admin'] },
    { requireScopes: Array(1) },
    { requireScopes: 'admin' },
    { requireRoles: 'admin' },
    { requireRoles: [''] },
    { requireAcr: null },
    { requireAcr: 'a b' },
    { maxAuthAgeSeconds: null },
    { maxAuthAgeSeconds: '300' },
  ])(
    'requirements that cannot be right are a mistake of the caller and let no viewer in: %j',
    async (wrong) => {
      const { verify } = withKeys();
      await expect(verify(await first.sign(), wrong as Requirements)).rejects.toThrow(TypeError);
      if (typeof wrong === 'object' && wrong !== null && !Array.isArray(wrong))
        expect(() => withKeys(wrong)).toThrow(TypeError);
    },
  );

  it('an authentication grows old while its token is remembered', async () => {
    const { ask } = withKeys({ maxAuthAgeSeconds: 300 });
    const token = await first.sign();
    expect(await ask(token)).toBe('user-1');
    travel(300_000);
    expect(await ask(token)).toBe('user-1');
    travel(1_000);
    expect(await ask(token)).toBe('REAUTHENTICATION_REQUIRED');
  });

  it('a remembered token expires in the same second as one that is not', async () => {
    const [remembered, other] = [withKeys(), withKeys({ cacheSize: 0 })];
    const token = await first.sign();
    await remembered.ask(token);
    for (const [ms, verdict] of [
      [609_000, 'user-1'],
      [1_000, 'TOKEN_EXPIRED'],
    ] as const) {
      travel(ms);
      expect(await Promise.all([remembered.ask(token), other.ask(token)])).toEqual([verdict, verdict]);
    }
  });

  it('a fault of the machine is UNAVAILABLE and signs no user out', async () => {
    const { ask } = withKeys();
    await ask(await first.sign());
    const token = await first.sign({ userId: 'user-2' });
    jest.spyOn(Date, 'now').mockImplementation(() => {
      throw new Error('no clock');
    });
    expect(await ask(token)).toBe('UNAVAILABLE');
  });

  it('the tokens that are remembered are bounded, and the least recently used one goes first', async () => {
    const { ask } = withKeys({ cacheSize: 2 });
    const [a = '', b = '', c = ''] = await Promise.all(
      ['a', 'b', 'c'].map((userId) => first.sign({ userId })),
    );
    for (const token of [a, b, a, c]) await ask(token);
    const verify = jest.spyOn(crypto.subtle, 'verify');
    await ask(a);
    await ask(c);
    expect(verify).toHaveBeenCalledTimes(0);
    await ask(b);
    expect(verify).toHaveBeenCalledTimes(1);
  });

  it.each<[string, Partial<VerifierOptions>]>([
    ['no issuer', { issuer: '' }],
    ['an issuer that is no address', { issuer: 'latchkey' }],
    ['keys of a file', { jwksUri: 'file:///keys.json' }],
    ['keys in two places', { jwksUri: 'https://auth.test/keys', jwks: { keys: [] } }],
    ['an empty audience', { audience: '' }],
    ['a tolerance below zero', { clockToleranceSeconds: -1 }],
    ['a cache of no size', { cacheSize: Number.NaN }],
    ['an option that there is not', { requireScope: ['a'] } as object],
    ['a text for a flag', { acceptMachines: 'false' } as object],
    ['a fetch that is no function', { fetch: 'fetch' } as object],
    ['a key set that is a list', { jwks: [] } as object],
    ['a key set without keys', { jwks: { keys: [] } }],
    ['a key set that is null', { jwks: null } as object],
    ['a password in the address of the keys', { jwksUri: 'https://user:password@auth.test/keys' }],
  ])('a verifier with %s is not made', (_, options) => {
    expect(() => start(options)).toThrow(TypeError);
  });
});
