import { type AddressInfo, connect } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import type { InjectOptions } from 'fastify';
import { getIntrospectionQuery, parse, print, separateOperations } from 'graphql';
import { pino } from 'pino';
import { AuthError, ERRORS } from '../../src/errors.ts';
import type { Caller } from '../../src/platform/caller.ts';
import { gate } from '../support/gate.ts';
import { type HttpServer, SECRET, TOKENS, useHttpServers } from '../support/http-server.ts';
import { sandboxOf } from '../support/sandbox.ts';

const start = useHttpServers();

const STUDIO = 'https://studio.apollographql.com';
const PRODUCTION = { config: { mode: 'production', issuer: 'https://id.example.com' } } as const;
const JSON_TYPE = { 'content-type': 'application/json' };
const graphql = (request: InjectOptions): InjectOptions => ({ method: 'POST', url: '/graphql', ...request });

describe('/graphql', () => {
  const cases: [string, InjectOptions, { status: number; code: string }][] = [
    [
      'malformed JSON',
      { headers: JSON_TYPE, payload: `{"query": ${SECRET}` },
      { status: 400, code: 'BAD_REQUEST' },
    ],
    ['an empty body', { headers: JSON_TYPE }, { status: 400, code: 'BAD_REQUEST' }],
    ['no body and no content type', {}, { status: 400, code: 'BAD_REQUEST' }],
    ['an empty object', { headers: JSON_TYPE, payload: '{}' }, { status: 400, code: 'BAD_REQUEST' }],
    [
      'JSON that is no object',
      { headers: JSON_TYPE, payload: `"${SECRET}"` },
      { status: 400, code: 'BAD_REQUEST' },
    ],
    [
      'a batch (GQL-3)',
      { headers: JSON_TYPE, payload: '[{"query":"{__typename}"}]' },
      { status: 400, code: 'BAD_REQUEST' },
    ],
    [
      'a poisoned prototype',
      { headers: JSON_TYPE, payload: '{"__proto__":{"query":"{__typename}"}}' },
      { status: 400, code: 'BAD_REQUEST' },
    ],
    [
      'a body over 64 KiB (GQL-2)',
      { headers: JSON_TYPE, payload: JSON.stringify({ query: SECRET.repeat(3_000) }) },
      { status: 413, code: 'BAD_REQUEST' },
    ],
    [
      'a form',
      { headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload: `query=${SECRET}` },
      { status: 415, code: 'BAD_REQUEST' },
    ],
    [
      'an upload (GQL-9)',
      { headers: { 'content-type': 'multipart/form-data; boundary=x' }, payload: `--x--${SECRET}` },
      { status: 415, code: 'BAD_REQUEST' },
    ],
    [
      'text (WEB-2)',
      { headers: { 'content-type': 'text/plain' }, payload: '{"query":"{__typename}"}' },
      { status: 415, code: 'BAD_REQUEST' },
    ],
    [
      'text with a preflight header',
      { headers: { 'content-type': 'text/plain', 'apollo-require-preflight': '1' }, payload: SECRET },
      { status: 415, code: 'BAD_REQUEST' },
    ],
    [
      'a malformed content type',
      { headers: { 'content-type': SECRET }, payload: SECRET },
      { status: 415, code: 'BAD_REQUEST' },
    ],
    [
      'GET without a preflight header (WEB-2)',
      { method: 'GET', url: '/graphql?query={__typename}' },
      { status: 400, code: 'BAD_REQUEST' },
    ],
    [
      'a mutation by GET (WEB-2)',
      {
        method: 'GET',
        url: '/graphql?query=mutation{logout{revokedSessions}}',
        headers: { 'apollo-require-preflight': '1' },
      },
      { status: 405, code: 'BAD_REQUEST' },
    ],
    [
      'a wrong method',
      { method: 'PUT', headers: JSON_TYPE, payload: '{"query":"{__typename}"}' },
      { status: 405, code: 'BAD_REQUEST' },
    ],
    [
      'another wrong method',
      { method: 'DELETE', headers: { 'apollo-require-preflight': '1' } },
      { status: 405, code: 'BAD_REQUEST' },
    ],
    [
      'an Accept that no answer fits',
      { headers: { ...JSON_TYPE, accept: 'image/png' }, payload: '{"query":"{__typename}"}' },
      { status: 406, code: 'BAD_REQUEST' },
    ],
    [
      'a malformed Host',
      { headers: { ...JSON_TYPE, host: `[${SECRET}` }, payload: '{}' },
      { status: 400, code: 'BAD_REQUEST' },
    ],
    ['a URL that does not decode', { url: `/graphql/%zz${SECRET}` }, { status: 400, code: 'BAD_REQUEST' }],
    [
      'another path',
      { url: `/${SECRET}`, headers: JSON_TYPE, payload: '{}' },
      { status: 404, code: 'NOT_FOUND' },
    ],
  ];

  it.each(cases)(
    '/graphql refuses %s with a code, and repeats no value of it (GQL-5)',
    async (_name, request, expected) => {
      const { inject } = await start();
      const answer = await inject(graphql(request));
      expect({ status: answer.status, code: answer.json().errors[0].extensions.code }).toEqual(expected);
      expect(answer.headers['content-type']).toMatch(/^application\/json; charset=utf-8/);
      expect(answer.headers['cache-control']).toBe('no-store');
      expect(answer.body).not.toMatch(/stack|FST_|node_modules/);
    },
  );

  it('/graphql answers a query by GET with a preflight header, even when its Host is malformed', async () => {
    const { inject } = await start();
    for (const host of ['localhost', '[', '']) {
      const answer = await inject({
        url: '/graphql?query={__typename}',
        headers: { 'apollo-require-preflight': '1', host },
      });
      expect(answer.json()).toEqual({ data: { __typename: 'Query' } });
    }
  });

  it('/graphql answers a wrong method with the methods that it allows', async () => {
    const { inject } = await start();
    expect((await inject(graphql({ method: 'PUT', headers: JSON_TYPE, payload: '{}' }))).headers.allow).toBe(
      'GET, POST',
    );
  });

  it('the context gets the Authorization header of a request, and two of them as one joined value (AT-7)', async () => {
    const seen: (string | undefined)[] = [];
    const { app } = await start({
      createContext: ({ authorization, caller }) => {
        seen.push(authorization);
        return { bearer: new AuthError('UNAUTHENTICATED'), caller };
      },
    });
    const body = JSON.stringify({ query: '{ __typename }' });
    await app.listen({ host: '127.0.0.1', port: 0 });
    for (const lines of [
      '',
      'Authorization: Bearer a\r\n',
      'Authorization: Bearer a\r\nauthorization: Bearer b\r\n',
    ]) {
      await raw(
        app,
        `POST /graphql HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    }
    expect(seen).toEqual([undefined, 'Bearer a', 'Bearer a, Bearer b']);
  });
});

describe('the client of a request', () => {
  async function clientFor(
    trustProxy: string[],
    headers: Record<string, string>,
    remoteAddress = '127.0.0.1',
  ) {
    let seen: Caller | undefined;
    const { inject } = await start({
      config: { trustProxy },
      createContext: ({ caller }) => {
        seen = caller;
        return { bearer: new AuthError('UNAUTHENTICATED'), caller };
      },
    });
    const payload = JSON.stringify({ query: '{ __typename }' });
    await inject(graphql({ headers: { ...JSON_TYPE, ...headers }, remoteAddress, payload }));
    return seen;
  }

  it('X-Forwarded-For names the client of a request only when the peer is a trusted proxy (LOG-4)', async () => {
    const forwarded = { 'x-forwarded-for': '203.0.113.9' };
    expect((await clientFor([], forwarded))?.ip).toBe('127.0.0.1');
    expect((await clientFor(['10.0.0.0/8'], forwarded))?.ip).toBe('127.0.0.1');
    expect((await clientFor(['127.0.0.1'], forwarded))?.ip).toBe('203.0.113.9');
  });

  it('the client of a request is the first forwarded address from the right that is no trusted proxy (LOG-4)', async () => {
    const forwarded = { 'x-forwarded-for': '1.1.1.1, 203.0.113.9, 10.1.1.1' };
    expect((await clientFor(['127.0.0.1', '10.0.0.0/8'], forwarded))?.ip).toBe('203.0.113.9');
  });

  it('the address of a client has one spelling (LOG-4)', async () => {
    expect((await clientFor([], {}, '::ffff:192.0.2.7'))?.ip).toBe('192.0.2.7');
    expect((await clientFor(['127.0.0.1'], { 'x-forwarded-for': '2001:DB8:0:0::1' }))?.ip).toBe(
      '2001:db8::1',
    );
    expect((await clientFor(['127.0.0.1'], { 'x-forwarded-for': 'nonsense' }))?.ip).toBe('127.0.0.1');
  });

  it('a caller has at most 256 characters of user agent, and a request id that the server chose (AUD-3)', async () => {
    const caller = await clientFor([], {
      'user-agent': 'u'.repeat(1_000),
      'request-id': 'theirs',
      'x-request-id': 'theirs',
    });
    expect(caller?.userAgent).toHaveLength(256);
    expect(caller?.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('headers of answers', () => {
  const probes: InjectOptions[] = [
    graphql({ headers: JSON_TYPE, payload: '{"query":"{__typename}"}' }),
    graphql({ headers: JSON_TYPE, payload: '{' }),
    graphql({ headers: JSON_TYPE, payload: '{"extensions":{"persistedQuery":{"version":1}}}' }),
    { url: '/nowhere' },
    { url: '/livez' },
    { url: '/token', method: 'POST' },
  ];

  it.each(probes)('every answer has strict headers (WEB-5): %j', async (request) => {
    const { inject } = await start(PRODUCTION);
    const { headers } = await inject(request);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'content-type': expect.stringMatching(/^application\/json; charset=utf-8$/),
      'referrer-policy': 'no-referrer',
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    });
    expect(Object.keys(headers)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(server|x-powered-by|set-cookie)$/)]),
    );
  });

  it('answers of localhost do not pin it to https', async () => {
    const { inject } = await start();
    expect((await inject({ url: '/livez' })).headers).not.toHaveProperty('strict-transport-security');
  });
});

describe('CORS', () => {
  const preflight = (origin: string): InjectOptions => ({
    method: 'OPTIONS',
    url: '/graphql',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    },
  });

  it('CORS allows listed pages of apps and extensions by the exact origins that they send (WEB-3)', async () => {
    const origins = ['capacitor://localhost', 'chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb'];
    const { inject, query } = await start({ config: { ...PRODUCTION.config, corsOrigins: origins } });
    for (const origin of origins) {
      expect((await inject(preflight(origin))).headers['access-control-allow-origin']).toBe(origin);
      const { headers } = await query({ query: '{ __typename }' }, { origin });
      expect(headers['access-control-allow-origin']).toBe(origin);
      const form = { 'content-type': 'application/x-www-form-urlencoded', origin };
      const login = {
        method: 'POST',
        url: '/token',
        headers: form,
        payload: 'username=a@b.example&password=p',
      };
      expect((await inject(login as InjectOptions)).status).toBe(200);
    }
    for (const origin of [
      'capacitor://localhost:1',
      'capacitor://localhost.evil.example',
      'ionic://localhost',
    ])
      expect((await inject(preflight(origin))).headers['access-control-allow-origin']).toBeUndefined();
  });

  it('CORS allows exactly the listed origins, without credentials (WEB-3)', async () => {
    const { inject } = await start(PRODUCTION);
    const allowed = await inject(preflight('https://app.example.com'));
    expect(allowed.status).toBe(204);
    expect(allowed.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example.com',
      'access-control-allow-headers': 'content-type',
      vary: expect.stringContaining('Origin'),
    });
    expect(allowed.headers).not.toHaveProperty('access-control-allow-credentials');
    for (const origin of [
      'https://evil.example',
      'https://app.example.com.evil.example',
      'http://app.example.com',
      'null',
      STUDIO,
    ]) {
      const refused = await inject(preflight(origin));
      expect(refused.headers).not.toHaveProperty('access-control-allow-origin');
      expect(refused.headers.vary).toContain('Origin');
    }
  });

  it('CORS lets allowed pages read Retry-After at the token endpoints', async () => {
    const refuse = () => Promise.reject(new AuthError('TOO_MANY_REQUESTS', { retryAfter: 7 }));
    const { inject } = await start({
      config: PRODUCTION.config,
      login: { withPassword: refuse },
      sessions: { refresh: refuse },
    });
    const origin = 'https://app.example.com';
    for (const url of ['/token', '/token/refresh']) {
      const { headers } = await inject({
        method: 'POST',
        url,
        headers: { origin, 'content-type': 'application/x-www-form-urlencoded' },
        payload: url === '/token' ? 'username=a@b.example&password=p' : 'refresh_token=lkr_1',
      });
      expect(headers).toMatchObject({
        'retry-after': '7',
        'access-control-allow-origin': origin,
        'access-control-expose-headers': 'Retry-After',
      });
    }
  });

  it('CORS allows no origin by default (WEB-3)', async () => {
    const { inject } = await start({ config: { ...PRODUCTION.config, corsOrigins: [] } });
    const answer = await inject(preflight('https://app.example.com'));
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect(answer.json().errors[0].extensions.code).toBe('BAD_REQUEST');
  });
});

describe('the Sandbox', () => {
  const browser: InjectOptions = { url: '/graphql', headers: { accept: 'text/html,*/*;q=0.8' } };
  const introspect = (origin: string): InjectOptions =>
    graphql({
      headers: { ...JSON_TYPE, origin },
      payload: JSON.stringify({ query: getIntrospectionQuery() }),
    });

  it('the Sandbox opens in a browser in development, with a policy that carries its own nonce (WEB-4)', async () => {
    const { inject } = await start();
    const [first, second] = [await inject(browser), await inject(browser)];
    expect(first.status).toBe(200);
    expect(first.headers['content-type']).toBe('text/html; charset=utf-8');
    const nonces = new Set([...first.body.matchAll(/nonce="?([0-9a-f]+)/g)].map(([, nonce]) => nonce));
    expect(nonces.size).toBe(1);
    const policy = String(first.headers['content-security-policy']);
    const [nonce] = nonces;
    expect(policy).toContain(`script-src 'nonce-${nonce}' https://embeddable-sandbox.cdn.apollographql.com;`);
    expect(policy).toContain(`style-src 'nonce-${nonce}' `);
    expect(second.headers['content-security-policy']).not.toBe(policy);
    const hosts = [...policy.matchAll(/https:\/\/([^ ;]+)/g)].map(([, host]) => host);
    for (const host of hosts)
      expect(host).toMatch(/\.apollographql\.com$|^fonts\.(googleapis|gstatic)\.com$/);
    // Everything that the page loads is one of them.
    for (const [, host] of first.body.matchAll(/(?:src|href)="https:\/\/([^/"]+)/g))
      expect(hosts).toContain(host);
  });

  it('the Sandbox has the first story typed in, with variables that fit it', async () => {
    const accounts: unknown[] = [];
    const keep = (_root: unknown, { input }: { input: unknown }) => {
      accounts.push(input);
      throw new AuthError('UNAVAILABLE');
    };
    const { inject, query } = await start({
      resolvers: { Mutation: { register: keep, login: keep, refreshToken: keep } },
    });
    const page = (await inject(browser)).body;
    const { document, variables, headers } = sandboxOf(page);
    // The page runs the operation that the cursor is in, by itself: more would be more than one credential (GQL-1).
    const operations = separateOperations(parse(document));
    const run = (name: string) =>
      query({ query: operations[name] && print(operations[name]), variables, operationName: name });
    expect(headers.Authorization).toMatch(/^Bearer /);
    for (const operationName of ['Register', 'Login', 'RefreshToken']) {
      const answer = await run(operationName);
      expect(answer.json().errors[0].extensions.code).toBe('UNAVAILABLE');
    }
    expect((await run('Me')).json().errors[0].extensions.code).toBe('UNAUTHENTICATED');
    const [registered, loggedIn] = accounts as { email: string; password: string }[];
    expect(registered?.email).toMatch(/^ada\+[0-9a-f]{8}@example\.com$/);
    expect(registered?.password.length).toBeGreaterThanOrEqual(15);
    expect(loggedIn).toMatchObject({ email: registered?.email, password: registered?.password });

    const other = await start();
    expect((await other.inject(browser)).body).not.toContain(registered?.email);
  });

  it('the hosted Sandbox may send preflights and introspect in development (WEB-4)', async () => {
    const { inject } = await start();
    const preflight = await inject({
      method: 'OPTIONS',
      url: '/graphql',
      headers: {
        origin: STUDIO,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,authorization',
      },
    });
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': STUDIO,
      'access-control-allow-headers': 'content-type,authorization',
      'access-control-allow-methods': 'GET,POST',
    });
    const answer = await inject(introspect(STUDIO));
    expect(answer.headers['access-control-allow-origin']).toBe(STUDIO);
    expect(answer.json().data.__schema.mutationType.name).toBe('Mutation');
  });

  it('production has no Sandbox, and introspection only when it is switched on (WEB-4, GQL-4)', async () => {
    const { inject } = await start(PRODUCTION);
    const page = await inject(browser);
    expect(page.status).toBe(400);
    expect(page.json().errors[0].extensions.code).toBe('BAD_REQUEST');
    const refused = await inject(introspect('https://app.example.com'));
    expect(refused.status).toBe(400);
    expect(refused.json().errors[0]).toMatchObject({
      message: ERRORS.GRAPHQL_VALIDATION_FAILED,
      extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
    });
    const open = await start({ config: { ...PRODUCTION.config, introspection: true } });
    expect((await open.inject(introspect('https://app.example.com'))).json().data.__schema).toBeDefined();
    expect((await open.inject(browser)).status).toBe(400);
  });
});

describe('the token endpoint', () => {
  const form = (fields: string, headers: Record<string, string> = {}, url = '/token'): InjectOptions => ({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    payload: fields,
  });
  const REFRESH = '/token/refresh';
  const granted = {
    access_token: TOKENS.accessToken,
    token_type: 'bearer',
    expires_in: TOKENS.expiresInSeconds,
    refresh_token: TOKENS.refreshToken,
  };

  it.each<[string, InjectOptions, unknown[]]>([
    ['a password', form('username=+Ada%40Example.com&password=p%20w'), ['login', 'Ada@Example.com', 'p w']],
    [
      'a password, named as such',
      form('grant_type=password&username=ada@example.com&password=%2B&scope='),
      ['login', 'ada@example.com', '+'],
    ],
    ['a refresh token', form('grant_type=refresh_token&refresh_token=lkr_1'), ['refresh', 'lkr_1']],
    [
      'a refresh token as bearer',
      { method: 'POST', url: REFRESH, headers: { authorization: 'bEARER  lkr_1' } },
      ['refresh', 'lkr_1'],
    ],
    ['a refresh token in the form', form('refresh_token=lkr_1', {}, REFRESH), ['refresh', 'lkr_1']],
    [
      'a page of an allowed origin',
      form('grant_type=refresh_token&refresh_token=lkr_1', { origin: 'https://app.example.com' }),
      ['refresh', 'lkr_1'],
    ],
    [
      'a page of its own',
      form('grant_type=refresh_token&refresh_token=lkr_1', { origin: 'http://localhost:4000' }),
      ['refresh', 'lkr_1'],
    ],
  ])('the token endpoint grants tokens for %s', async (_name, request, expected) => {
    const calls: unknown[] = [];
    const { inject } = await start({
      login: {
        async withPassword({ email, password }) {
          calls.push('login', email, password);
          return TOKENS;
        },
      },
      sessions: {
        async refresh(token) {
          calls.push('refresh', token);
          return TOKENS;
        },
      },
    });
    const answer = await inject(request);
    expect(answer.status).toBe(200);
    expect(answer.json()).toEqual(granted);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.headers).not.toHaveProperty('set-cookie');
    expect(calls).toEqual(expected);
  });

  it.each<[string, InjectOptions, [number, string, string]]>([
    [
      'a username that is not an email address',
      form(`username=${SECRET}&password=${SECRET}`),
      [400, 'invalid_grant', 'Invalid credentials'],
    ],
    ['an empty form', form(''), [400, 'invalid_request', 'The form needs username and password']],
    [
      'a form without a password',
      form('username=ada@example.com'),
      [400, 'invalid_request', 'The form needs username and password'],
    ],
    [
      'an empty password',
      form('username=ada@example.com&password='),
      [400, 'invalid_request', 'The form needs username and password'],
    ],
    [
      'a repeated parameter',
      form(`username=a@b.c&password=p&password=${SECRET}`),
      [400, 'invalid_request', 'A parameter is there twice'],
    ],
    [
      'an unknown grant',
      form(`grant_type=${SECRET}`),
      [400, 'unsupported_grant_type', 'Unsupported grant type'],
    ],
    [
      'a refresh grant without a token',
      form('grant_type=refresh_token'),
      [400, 'invalid_request', 'The form needs refresh_token'],
    ],
    [
      'JSON',
      { method: 'POST', url: '/token', headers: JSON_TYPE, payload: `{"password":"${SECRET}"}` },
      [400, 'invalid_request', 'Send a form, of content type application/x-www-form-urlencoded'],
    ],
    [
      'an oversize form',
      form(`username=a@b.c&password=${SECRET.repeat(4_000)}`),
      [413, 'invalid_request', 'The form is too large'],
    ],
    [
      'credentials in the URL',
      { method: 'POST', url: `/token?username=a@b.c&password=${SECRET}` },
      [400, 'invalid_request', 'The form needs username and password'],
    ],
    [
      'a page of a foreign origin',
      form('username=a@b.c&password=p', { origin: 'https://evil.example' }),
      [403, 'invalid_request', 'Origin not allowed'],
    ],
    [
      'a page without an origin',
      form('username=a@b.c&password=p', { origin: 'null' }),
      [403, 'invalid_request', 'Origin not allowed'],
    ],
    [
      'a refresh without a bearer or a form',
      { method: 'POST', url: REFRESH },
      [401, 'invalid_request', 'Not authenticated'],
    ],
    [
      'another authorization scheme',
      { method: 'POST', url: REFRESH, headers: { authorization: `Basic ${SECRET}` } },
      [401, 'invalid_request', 'Not authenticated'],
    ],
    [
      'a refresh token in both places',
      form('refresh_token=lkr_1', { authorization: 'Bearer lkr_1' }, REFRESH),
      [400, 'invalid_request', 'Send one refresh token, as bearer or in the form'],
    ],
    [
      'two refresh tokens',
      form(`refresh_token=lkr_${SECRET}`, { authorization: 'bearer lkr_2' }, REFRESH),
      [400, 'invalid_request', 'Send one refresh token, as bearer or in the form'],
    ],
    ...[
      ['an empty JSON object, as of axios', JSON_TYPE['content-type'], '{}'],
      ['JSON with the token', JSON_TYPE['content-type'], `{"refresh_token":"${SECRET}"}`],
      ['an upload', 'multipart/form-data; boundary=x', `--x--${SECRET}`],
      ['text', 'text/plain', `refresh_token=${SECRET}`],
      ['a malformed content type', 'form', `refresh_token=${SECRET}`],
    ].map(([name = '', type = '', payload = '']): [string, InjectOptions, [number, string, string]] => [
      `${name}, with a bearer`,
      {
        method: 'POST',
        url: REFRESH,
        headers: { 'content-type': type, authorization: 'Bearer lkr_1' },
        payload,
      },
      [400, 'invalid_request', 'Send a form, of content type application/x-www-form-urlencoded'],
    ]),
  ])('the token endpoint refuses %s', async (_name, request, [status, error, description]) => {
    const fail = () => Promise.reject(new Error('must not be asked'));
    const { inject } = await start({ login: { withPassword: fail }, sessions: { refresh: fail } });
    const answer = await inject(request);
    expect(answer.json()).toEqual({ error, error_description: description, detail: description });
    expect(answer.status).toBe(status);
    expect(answer.headers['www-authenticate']).toBe(status === 401 ? 'Bearer' : undefined);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it.each<[unknown, [number, string, string, string | undefined]]>([
    [new AuthError('INVALID_CREDENTIALS'), [400, 'invalid_grant', 'Invalid credentials', undefined]],
    [
      new AuthError('INVALID_REFRESH_TOKEN', { cause: 'reuse' }),
      [400, 'invalid_grant', 'Invalid token', undefined],
    ],
    [
      new AuthError('OVERLOADED', { retryAfter: 3 }),
      [503, 'temporarily_unavailable', 'Try again later', '3'],
    ],
    [
      new AuthError('UNAVAILABLE', { cause: new Error('disk') }),
      [503, 'temporarily_unavailable', 'Try again later', '1'],
    ],
    [
      new AuthError('BAD_USER_INPUT', { field: 'input.scope' }),
      [400, 'invalid_scope', 'The scope is malformed, or more than the account has', undefined],
    ],
    [new AuthError('BAD_USER_INPUT'), [400, 'invalid_request', 'Malformed request', undefined]],
    [new Error('SELECT'), [500, 'server_error', 'Something went wrong', undefined]],
  ])(
    'the token endpoint turns %p into an OAuth error without internal details',
    async (thrown, [status, error, description, retryAfter]) => {
      const fail = () => Promise.reject(thrown);
      const { inject } = await start({ login: { withPassword: fail }, sessions: { refresh: fail } });
      for (const request of [
        form(`username=ada@example.com&password=${SECRET}`),
        form(`grant_type=refresh_token&refresh_token=${SECRET}`),
        { method: 'POST', url: REFRESH, headers: { authorization: `Bearer ${SECRET}` } } as const,
      ]) {
        const answer = await inject(request);
        expect(answer.status).toBe(status);
        expect(answer.json()).toEqual({ error, error_description: description, detail: description });
        expect(answer.headers['retry-after']).toBe(retryAfter);
        // RFC 6749 §5.2: an answer with a challenge is one whose body OAuth libraries do not read.
        expect(answer.headers).not.toHaveProperty('www-authenticate');
      }
    },
  );

  it.each([
    ['a password', 'username=a@b.example&password=p&scope=openid+profile', { scope: '' }],
    ['a refresh token', 'grant_type=refresh_token&refresh_token=lkr_1&scope=openid', { scope: '' }],
    ['a password and the client there is', 'username=a@b.example&password=p&client_id=first-party', {}],
    ['a password and an empty client', 'username=a@b.example&password=p&client_id=', {}],
    ['a password without a scope', 'username=a@b.example&password=p', {}],
    ['a password and an empty scope', 'username=a@b.example&password=p&scope=+', {}],
  ])(
    'the token endpoint says which scope it granted when one was asked for (RFC 6749 §5.1): %s',
    async (_name, body, scope) => {
      const { inject } = await start();
      expect((await inject(form(body))).json()).toEqual({ ...granted, ...scope });
      const refreshed = await inject(
        form(body.replace(/^username.*p(?=&|$)/, 'refresh_token=lkr_1'), {}, REFRESH),
      );
      expect(refreshed.json()).toEqual({ ...granted, ...scope });
    },
  );

  it.each([
    'Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln',
    'bearer stale',
    'Basic YTpi',
    'Bearer',
    'Bearer a, Bearer lkr_2',
  ])(
    '/token/refresh takes the token of its form, and ignores another Authorization header: %s',
    async (authorization) => {
      const taken: string[] = [];
      const { inject } = await start({
        sessions: {
          async refresh(token) {
            taken.push(token);
            return TOKENS;
          },
        },
      });
      expect((await inject(form('refresh_token=lkr_1', { authorization }, REFRESH))).json()).toEqual(granted);
      expect(taken).toEqual(['lkr_1']);
    },
  );

  it('the token endpoint answers 404 when it is switched off', async () => {
    const { inject } = await start({ config: { tokenEndpoint: false } });
    expect((await inject(form('username=a@b.c&password=p'))).status).toBe(404);
  });
});

describe('the key set', () => {
  const url = '/.well-known/jwks.json';

  it('the key set is public, cacheable and readable from any origin (KEY-3)', async () => {
    const { inject } = await start();
    const answer = await inject({ url, headers: { origin: 'https://elsewhere.example' } });
    expect(answer.json()).toEqual({ keys: [{ kty: 'EC', kid: 'one' }] });
    expect(answer.headers).toMatchObject({
      'content-type': 'application/jwk-set+json',
      'cache-control': 'public, max-age=300',
      'access-control-allow-origin': '*',
    });
  });

  it('the key set is not sent again to a client that has it (KEY-3)', async () => {
    const keys = [{ kty: 'EC', kid: 'one' }];
    const { inject } = await start({ tokens: { jwks: () => ({ keys }) } });
    const etag = String((await inject({ url })).headers.etag);
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const answer = await inject({ url, headers: { 'if-none-match': tag } });
      expect(answer).toMatchObject({
        status: 304,
        body: '',
        headers: { etag, 'cache-control': 'public, max-age=300' },
      });
    }
    keys.push({ kty: 'EC', kid: 'two' });
    const changed = await inject({ url, headers: { 'if-none-match': etag } });
    expect(changed.status).toBe(200);
    expect(changed.headers.etag).not.toBe(etag);
  });
});

describe('the probes', () => {
  it('/livez answers 200 while the process lives', async () => {
    const { inject } = await start();
    expect((await inject({ url: '/livez' })).status).toBe(200);
  });

  it('/readyz checks the server at most once a second', async () => {
    let now = 0;
    let asked = 0;
    const { inject } = await start({
      clock: { now: () => now },
      readiness: async () => {
        asked += 1;
        return { database: asked === 1, writable: true, keys: true, migrations: true };
      },
    });
    expect(await Promise.all([inject({ url: '/readyz' }), inject({ url: '/readyz' })])).toMatchObject([
      { status: 200 },
      { status: 200 },
    ]);
    now = 999;
    expect((await inject({ url: '/readyz' })).status).toBe(200);
    expect(asked).toBe(1);
    now = 1_000;
    const unready = await inject({ url: '/readyz' });
    expect(unready.status).toBe(503);
    expect(unready.json()).toEqual({ database: false, writable: true, keys: true, migrations: true });
  });

  it('/readyz answers UNAVAILABLE when its check throws', async () => {
    const { inject } = await start({ readiness: () => Promise.reject(new AuthError('UNAVAILABLE')) });
    const answer = await inject({ url: '/readyz' });
    expect(answer.status).toBe(503);
    expect(answer.json().errors[0].extensions.code).toBe('UNAVAILABLE');
  });
});

describe('the log', () => {
  it('the log has one line per request, with nothing that the client chose except a bounded operation name (AUD-2, AUD-3)', async () => {
    const { inject, query, lines } = await start();
    const name = 'N'.repeat(100);
    await query(
      { query: `query ${name} { __typename }`, variables: { a: SECRET } },
      { authorization: SECRET, 'user-agent': SECRET },
    );
    await query({ query: 'query Mine { me { id } }' });
    await query({ query: '{' });
    await inject({ url: `/${SECRET}?${SECRET}` });
    await inject({ method: 'POST', url: `/token?${SECRET}` });
    const common = {
      level: 30,
      time: expect.any(Number),
      pid: expect.any(Number),
      hostname: expect.any(String),
      requestId: expect.any(String),
      ms: expect.any(Number),
      msg: 'request',
    };
    expect(lines).toEqual([
      { ...common, method: 'POST', route: '/graphql', status: 200, operation: 'N'.repeat(64), outcome: 'OK' },
      {
        ...common,
        method: 'POST',
        route: '/graphql',
        status: 200,
        operation: 'Mine',
        outcome: 'UNAUTHENTICATED',
      },
      { ...common, method: 'POST', route: '/graphql', status: 400, outcome: 'GRAPHQL_PARSE_FAILED' },
      { ...common, method: 'GET', route: 'none', status: 404, outcome: 'NOT_FOUND' },
      { ...common, method: 'POST', route: '/token', status: 400, outcome: 'BAD_REQUEST' },
    ]);
    expect(new Set(lines.map(({ requestId }) => requestId)).size).toBe(5);
  });

  it.each([
    ['the logger of the process', {}],
    ['a child logger', { region: 'eu "west"' }],
  ])('%s writes lines of requests in the format of its other lines', async (_name, bindings) => {
    const written: string[] = [];
    const logger = pino({}, { write: (line: string) => void written.push(line) }).child(bindings);
    const { inject } = await start({ logger });
    await inject({ url: '/livez' });
    const [line = ''] = written.splice(0);
    const { requestId, method, route, status, outcome, ms } = JSON.parse(line);
    logger.info({ requestId, method, route, status, outcome, ms }, 'request');
    const timeless = (text = '') => text.replace(/"time":\d{13},/, '');
    expect(timeless(line)).toBe(timeless(written[0]));
  });

  it('a log for warnings only has no lines of requests', async () => {
    const written: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => void written.push(line) });
    const { inject } = await start({ logger });
    await inject({ url: '/livez' });
    expect(written).toEqual([]);
  });
});

describe('sockets of the server', () => {
  const query = '{"query":"query Slow { me { id } }"}';
  const post = `POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nContent-Type: application/json\r\nContent-Length: ${query.length}\r\n\r\n${query}`;

  it('the server sets every socket limit that Fastify leaves open (DOS-3)', async () => {
    const { app } = await start();
    expect(app.server).toMatchObject({
      headersTimeout: 5_000,
      requestTimeout: 10_000,
      timeout: 30_000,
      keepAliveTimeout: 5_000,
      maxRequestsPerSocket: 1_000,
    });
    const behindProxy = await start({ config: { trustProxy: ['10.0.0.0/8'] } });
    expect(behindProxy.app.server.keepAliveTimeout).toBe(65_000);
  });

  it('the server closes connections beyond its maximum, and takes a new one when another has closed (DOS-3)', async () => {
    const { app } = await start({ maxConnections: 2 });
    await app.listen({ host: '127.0.0.1', port: 0 });
    const open = () => {
      const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
      socket.on('error', () => {});
      return socket;
    };
    const livez = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n';
    const answered = (socket: ReturnType<typeof open>) =>
      new Promise<boolean>((resolve) => {
        socket.once('data', () => resolve(true));
        socket.once('close', () => resolve(false));
        socket.write(livez);
      });
    const sockets = [open(), open()];
    expect(await Promise.all(sockets.map(answered))).toEqual([true, true]);
    expect(await answered(open())).toBe(false);
    const gone = new Promise((resolve) => sockets[0]?.once('close', resolve));
    sockets[0]?.end();
    await gone;
    const last = open();
    expect(await answered(last)).toBe(true);
    for (const socket of [...sockets, last]) socket.destroy();
  });

  it.each([
    [
      'headers over 16 KiB (DOS-3)',
      `GET /graphql HTTP/1.1\r\nHost: x\r\nX: ${SECRET.repeat(1_000)}\r\n\r\n`,
      431,
    ],
    ['bytes that are not HTTP', `${SECRET}\r\n\r\n`, 400],
  ])('the server refuses %s in the shape of its other refusals', async (_name, request, status) => {
    const { app } = await start();
    await app.listen({ host: '127.0.0.1', port: 0 });
    const answer = await raw(app, request);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    const [, body] = answer.split('\r\n\r\n');
    expect(JSON.parse(body ?? '')).toEqual({
      errors: [{ message: ERRORS.BAD_REQUEST, extensions: { code: 'BAD_REQUEST' } }],
    });
  });

  it('the server finishes requests under way before it closes, and leaves no socket open (CR-3)', async () => {
    const reached = gate();
    const released = gate();
    const { app } = await start({
      // Sockets are kept for 65 seconds then, longer than a test may take.
      config: { trustProxy: ['10.0.0.0/8'] },
      resolvers: {
        Query: {
          me: async () => {
            reached.open();
            await released.opened;
            return { id: 'ada' };
          },
        },
      },
    });
    await app.listen({ host: '127.0.0.1', port: 0 });
    // No Connection: close: the socket would stay open for the whole keep-alive.
    const answer = raw(app, post);
    await reached.opened;
    const { port } = app.server.address() as AddressInfo;
    const closed = app.close();
    // It goes on accepting while a client that had connected before may wait in its queue.
    while (app.server.listening) await new Promise((resolve) => setImmediate(resolve));
    await expect(raw({ port }, post)).rejects.toThrow('ECONNREFUSED');
    released.open();
    expect(await answer).toContain('{"data":{"me":{"id":"ada"}}}');
    await closed;
    // Less than the 10 seconds after which sockets are cut off.
  }, 8_000);
});

/** Sends bytes and resolves with everything that comes back until the server closes the socket. */
function raw(target: HttpServer['app'] | { port: number }, bytes: string): Promise<string> {
  const port = 'server' in target ? (target.server.address() as AddressInfo).port : target.port;
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('utf8').on('data', (chunk) => {
      received += chunk;
    });
    socket.on('error', reject).on('close', () => resolve(received));
  });
}
