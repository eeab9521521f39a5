import { type AddressInfo, connect, type Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import type { InjectOptions } from 'fastify';
import { AuthError } from '../../src/errors.ts';
import { type HttpServer, type HttpServerOptions, useHttpServers } from '../support/http-server.ts';

const PAGE = 'https://app.example.com';
const QUERY = '{"query":"{ __typename }"}';
const JSON_TYPE = { 'content-type': 'application/json' };
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' };

const serve = useHttpServers();

async function start(options: HttpServerOptions = {}): Promise<HttpServer> {
  return serve({
    ...options,
    config: { mode: 'production', issuer: 'https://id.example.com', ...options.config },
  });
}

async function listen(options?: Parameters<typeof start>[0]): Promise<number> {
  const { app } = await start(options);
  await app.listen({ host: '127.0.0.1', port: 0 });
  return (app.server.address() as AddressInfo).port;
}

/** A socket, and everything that came back once the server has closed it. */
function open(port: number, bytes: string): { socket: Socket; closed: Promise<string> } {
  let received = '';
  const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    received += chunk;
  });
  // A write after the server has closed is what a slow client does.
  socket.on('error', () => {});
  return { socket, closed: new Promise((resolve) => socket.once('close', () => resolve(received))) };
}

const HEAD = `POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;

describe('slow clients', () => {
  it('slow clients are disconnected within 12 seconds, while others are served (DOS-3)', async () => {
    const port = await listen();
    const slow = Array.from({ length: 50 }, (_, index) =>
      // Half of them dribble headers, half a body, a byte at a time.
      open(port, index % 2 === 0 ? HEAD : `${HEAD}Content-Length: 1000\r\n\r\n`),
    );
    const served: number[] = [];
    const dribble = setInterval(async () => {
      for (const { socket } of slow) if (socket.writable) socket.write('x');
      const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
        method: 'POST',
        headers: JSON_TYPE,
        body: QUERY,
      });
      served.push(response.status);
    }, 500);
    try {
      for (const answer of await Promise.all(slow.map(({ closed }) => closed)))
        expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    } finally {
      clearInterval(dribble);
    }
    expect(served.length).toBeGreaterThan(5);
    expect(new Set(served)).toEqual(new Set([200]));
    // The limit is the test's: the requirement's 12 seconds, and one for the start.
  }, 13_000);
});

describe('one socket', () => {
  it('a socket carries 1,000 requests and no more, and the last answer says that it closes (DOS-3)', async () => {
    const { closed } = open(await listen(), 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_001));
    const answers = (await closed).split(/(?=HTTP\/1\.1 )/);
    const served = answers.filter((answer) => answer.startsWith('HTTP/1.1 200 '));
    expect(served).toHaveLength(1_000);
    expect(served.findIndex((answer) => /^connection: close\r$/im.test(answer))).toBe(999);
    expect(answers).toHaveLength(1_000);
  });

  it('a request may have headers up to 16 KiB and no more (DOS-3)', async () => {
    const port = await listen();
    const get = (size: number) => `GET /livez HTTP/1.1\r\nConnection: close\r\nX: ${'x'.repeat(size)}\r\n`;
    const [within, beyond] = [16 * 1024 - 200, 16 * 1024];
    expect(await open(port, `${get(within)}Host: x\r\n\r\n`).closed).toMatch(/^HTTP\/1\.1 200 /);
    expect(await open(port, `${get(beyond)}Host: x\r\n\r\n`).closed).toMatch(/^HTTP\/1\.1 431 /);
  });
});

/** Each way that each route has of answering. A new route is missing here until it is written down. */
const ANSWERS: [route: string, what: string, request: InjectOptions, status: number][] = [
  ['/graphql', 'a query', { method: 'POST', headers: JSON_TYPE, payload: QUERY }, 200],
  [
    '/graphql',
    'a query by GET',
    { url: '/graphql?query={__typename}', headers: { 'apollo-require-preflight': '1' } },
    200,
  ],
  ['/graphql', 'HEAD', { method: 'HEAD' }, 405],
  [
    '/graphql',
    'a refused field',
    { method: 'POST', headers: JSON_TYPE, payload: '{"query":"{ me { id } }"}' },
    200,
  ],
  [
    '/graphql',
    'a field that fails',
    {
      method: 'POST',
      headers: { ...JSON_TYPE, authorization: 'Bearer good' },
      payload: '{"query":"{ me { id } }"}',
    },
    200,
  ],
  [
    '/graphql',
    'a document that does not parse',
    { method: 'POST', headers: JSON_TYPE, payload: '{"query":"{"}' },
    400,
  ],
  ['/graphql', 'a malformed body', { method: 'POST', headers: JSON_TYPE, payload: '{' }, 400],
  [
    '/graphql',
    'a body that is too large',
    { method: 'POST', headers: JSON_TYPE, payload: ' '.repeat(65_537) },
    413,
  ],
  [
    '/graphql',
    'a body of text',
    { method: 'POST', headers: { 'content-type': 'text/plain' }, payload: QUERY },
    415,
  ],
  ['/graphql', 'a visit without a preflight', { headers: { accept: 'text/html' } }, 400],
  ['/graphql', 'a wrong method', { method: 'DELETE', headers: JSON_TYPE }, 405],
  [
    '/graphql',
    'a preflight',
    { method: 'OPTIONS', headers: { origin: PAGE, 'access-control-request-method': 'POST' } },
    204,
  ],
  [
    '/graphql',
    'a foreign preflight',
    {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    },
    204,
  ],
  [
    '/token',
    'a grant',
    { method: 'POST', headers: FORM_TYPE, payload: 'username=a@b.example&password=p' },
    200,
  ],
  ['/token', 'a refusal', { method: 'POST', headers: FORM_TYPE, payload: 'username=a&password=p' }, 400],
  ['/token', 'a wrong form', { method: 'POST', headers: FORM_TYPE, payload: '' }, 400],
  [
    '/token',
    'a foreign page',
    { method: 'POST', headers: { ...FORM_TYPE, origin: 'https://evil.example' }, payload: '' },
    403,
  ],
  ['/token', 'a wrong method', { method: 'GET' }, 404],
  [
    '/token',
    'a preflight',
    { method: 'OPTIONS', headers: { origin: PAGE, 'access-control-request-method': 'POST' } },
    204,
  ],
  ['/token/refresh', 'a grant', { method: 'POST', headers: FORM_TYPE, payload: 'refresh_token=lkr_' }, 200],
  ['/token/refresh', 'a request without a token', { method: 'POST' }, 401],
  ['/.well-known/jwks.json', 'the keys', {}, 200],
  ['/.well-known/jwks.json', 'the keys again', { headers: { 'if-none-match': '*' } }, 304],
  ['/.well-known/oauth-authorization-server', 'the metadata', {}, 200],
  ['/.well-known/openid-configuration', 'the metadata', {}, 200],
  ['/.well-known/openid-configuration', 'it again', { headers: { 'if-none-match': '*' } }, 304],
  ['/external/callback/:provider', 'an answer', { url: '/external/callback/work?state=good' }, 303],
  ['/external/callback/:provider', 'an unknown state', { url: '/external/callback/work?state=x' }, 400],
  [
    '/external/callback/:provider',
    'a form',
    { method: 'POST', url: '/external/callback/work', headers: FORM_TYPE, payload: 'state=good' },
    303,
  ],
  [
    '/external/callback/:provider',
    'another type',
    { method: 'POST', url: '/external/callback/work', headers: JSON_TYPE, payload: '{}' },
    415,
  ],
  [
    '/external/callback/:provider',
    'HEAD',
    { method: 'HEAD', url: '/external/callback/work?state=good' },
    404,
  ],
  ['/livez', 'a probe', {}, 200],
  ['/livez', 'a wrong method', { method: 'POST' }, 404],
  ['/readyz', 'a probe', {}, 503],
  ['*', 'a path without a route', { url: '/nowhere' }, 404],
  ['*', 'a URL that does not decode', { url: '/%zz' }, 400],
];

describe('every answer', () => {
  const options: Parameters<typeof start>[0] = {
    readiness: async () => ({ database: false, writable: true, keys: true, migrations: true }),
    resolvers: { Query: { me: () => Promise.reject(new Error('a fault')) } },
    externalCallback: async (_provider, parameters) => {
      if (parameters.get('state') === 'good') return 'https://app.example.com/#code=lke_';
      throw new AuthError('EXTERNAL_LOGIN_FAILED', { reason: 'EXPIRED' });
    },
  };

  it.each(ANSWERS)(
    'the answer of %s to %s has strict headers (WEB-3, WEB-5)',
    async (route, _what, request, status) => {
      const { inject } = await start(options);
      const answer = await inject({ method: 'GET', url: route, ...request });
      expect(answer.status).toBe(status);
      const isPublic = route.startsWith('/.well-known/');
      expect(answer.headers).toMatchObject({
        'cache-control': isPublic ? 'public, max-age=300' : 'no-store',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'referrer-policy': 'no-referrer',
        'strict-transport-security': 'max-age=31536000; includeSubDomains',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      });
      expect(Object.keys(answer.headers)).not.toContain('server');
      expect(Object.keys(answer.headers)).not.toContain('x-powered-by');
      const allowed = answer.headers['access-control-allow-origin'];
      const asked = (request.headers as Record<string, string> | undefined)?.origin;
      expect(allowed).toBe(isPublic ? '*' : asked === PAGE ? PAGE : undefined);
    },
  );

  it('every route is in the list of answers whose headers are tested (WEB-5)', async () => {
    const { app } = await start(options);
    await app.ready();
    const listed = new Set(ANSWERS.map(([route]) => route));
    expect(routesOf(app.printRoutes({ commonPrefix: false })).filter((route) => !listed.has(route))).toEqual(
      [],
    );
    expect(routesOf(app.printRoutes({ commonPrefix: false }))).toContain('/token/refresh');
  });

  it.each([
    ['bytes that are not HTTP', 'nonsense\r\n\r\n', 400],
    ['headers that are too large', `GET /livez HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`, 431],
  ])('the answer to %s has strict headers (WEB-5)', async (_name, bytes, status) => {
    const text = await open(await listen(), bytes).closed;
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    for (const line of [
      'cache-control: no-store',
      "content-security-policy: default-src 'none'; frame-ancestors 'none'",
      'content-type: application/json; charset=utf-8',
      'referrer-policy: no-referrer',
      'strict-transport-security: max-age=31536000; includeSubDomains',
      'x-content-type-options: nosniff',
      'x-frame-options: DENY',
    ])
      expect(text.split('\r\n')).toContain(line);
  });
});

/** The full paths in Fastify's drawing of its tree, where a path stands below the one that it continues. */
function routesOf(drawing: string): string[] {
  const paths: string[] = [];
  const above: string[] = [];
  for (const [, indent = '', part = ''] of drawing.matchAll(/^([│ ]*)[├└]── (\S+)/gm)) {
    const level = indent.length / 4;
    above[level] = part;
    paths.push(above.slice(0, level + 1).join(''));
  }
  return paths;
}
