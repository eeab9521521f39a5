import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { GraphQLClient } from 'graphql-request';
import { readOperation, wasRefused } from '../../packages/client/src/refusal.ts';
import {
  CREDENTIALS,
  codeOf,
  lost,
  refusal,
  scriptServer,
  URL_OF_SERVER,
  unauthenticated,
} from './support/scripted-server.ts';

async function signedIn(options: Parameters<ReturnType<typeof scriptServer>['client']>[0] = {}) {
  const server = scriptServer();
  const auth = server.client(options);
  await auth.login(CREDENTIALS);
  return { server, auth };
}

const post = (query: string): RequestInit => ({ method: 'POST', body: JSON.stringify({ query }) });
const UNAUTHENTICATED = unauthenticated.errors[0];

describe('the fetch of a client', () => {
  it.each<[string, string, string | null]>([
    ['the server', 'https://auth.example.com/other', 'Bearer access-ada-1'],
    ['an origin of the list', 'https://api.example.com/x', 'Bearer access-ada-1'],
    ['another host', 'https://example.com/', null],
    ['another scheme', 'http://auth.example.com/', null],
    ['another port', 'https://auth.example.com:8443/', null],
    ['a host that begins like the server', 'https://auth.example.com.evil.example/', null],
    ['a user name that looks like the server', 'https://auth.example.com@evil.example/', null],
    ['data in the address', 'data:,x', null],
  ])('of a signed-in user, %s gets the right header', async (_, url, header) => {
    const { server, auth } = await signedIn({ origins: ['https://api.example.com'] });
    await auth.fetch(url).catch(() => {});
    expect(server.sent.at(-1)?.authorization ?? null).toBe(header);
    expect(auth.trusts(url)).toBe(header !== null);
  });

  it('takes an address, a URL or a request, and leaves an Authorization of its own alone', async () => {
    const { server, auth } = await signedIn();
    await auth.fetch(new URL(URL_OF_SERVER), { headers: { 'x-a': 'b' } });
    await auth.fetch(new Request(URL_OF_SERVER, { headers: { 'x-a': 'b' } }));
    await auth.fetch(URL_OF_SERVER, { headers: { authorization: 'Basic eDp5', 'x-a': 'b' } });
    const [, ...sent] = server.sent;
    expect(sent.map(({ authorization }) => authorization)).toEqual([
      'Bearer access-ada-1',
      'Bearer access-ada-1',
      'Basic eDp5',
    ]);
    expect(sent.map(({ request }) => request.headers.get('x-a'))).toEqual(['b', 'b', 'b']);
  });

  it('sends a request with its body again after a 401, once', async () => {
    const { server, auth } = await signedIn();
    server.script(
      '/api',
      () => new Response('no', { status: 401 }),
      () => new Response('yes'),
    );
    const stream = new Blob(['{"a":1}']).stream();
    const init = { method: 'PUT', body: stream, duplex: 'half' } as RequestInit;
    expect(await (await auth.fetch('https://auth.example.com/api', init)).text()).toBe('yes');
    server.script(
      '/api',
      () => new Response('no', { status: 401 }),
      () => new Response('no', { status: 401 }),
    );
    expect((await auth.fetch('https://auth.example.com/api', { method: 'DELETE' })).status).toBe(401);
    expect(server.count('refreshToken')).toBe(2);
    const texts = await Promise.all(
      server.sent.filter(({ name }) => name === '/api').map(({ request }) => request.text()),
    );
    expect(texts).toEqual(['{"a":1}', '{"a":1}', '', '']);
  });

  it('answers with the refusal when the refresh ends the session', async () => {
    const { server, auth } = await signedIn();
    server.expire();
    server.script('refreshToken', refusal('INVALID_REFRESH_TOKEN'));
    const response = await auth.fetch(URL_OF_SERVER, post('{ me { id } }'));
    expect(await response.json()).toEqual(unauthenticated);
    expect(auth.state.status).toBe('signedOut');
  });

  it('sends without a token while nobody is signed in, and does not refresh then', async () => {
    const server = scriptServer();
    const auth = server.client();
    expect(await (await auth.fetch(URL_OF_SERVER, post('{ me { id } }'))).json()).toEqual(unauthenticated);
    expect(server.sent.map(({ name }) => name)).toEqual(['me']);
  });

  it('tells no network and what is no request by its codes, and an abort as the abort', async () => {
    const { server, auth } = await signedIn();
    server.script('me', lost());
    expect(await codeOf(auth.fetch(URL_OF_SERVER, post('{ me { id } }')))).toBe('NETWORK_ERROR');
    for (const url of ['/graphql', 'https://', 'https://user:planted@auth.example.com/'])
      expect(await codeOf(auth.fetch(url))).toBe('BAD_REQUEST');
    const reason = new Error('of the app');
    await expect(auth.fetch(URL_OF_SERVER, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('a caller that gives up does not wait for a refresh', async () => {
    const { server, auth } = await signedIn();
    server.expire();
    server.script('refreshToken', () => new Promise<never>(() => {}));
    const controller = new AbortController();
    const fetching = auth.fetch(URL_OF_SERVER, { ...post('{ me { id } }'), signal: controller.signal });
    while (server.count('refreshToken') === 0) await new Promise(setImmediate);
    const reason = new Error('of the app');
    controller.abort(reason);
    await expect(fetching).rejects.toBe(reason);
  });

  it('a 401 that asks for a stronger authentication is no reason to refresh', async () => {
    const { server, auth } = await signedIn();
    const headers = { 'www-authenticate': 'Bearer error="insufficient_user_authentication"' };
    server.script('/api', () => new Response('no', { status: 401, headers }));
    expect((await auth.fetch('https://auth.example.com/api')).status).toBe(401);
    expect(server.sent.map(({ name }) => name)).toEqual(['login', '/api']);
  });

  it('serves graphql-request', async () => {
    const { server, auth } = await signedIn();
    const client = new GraphQLClient(URL_OF_SERVER, { fetch: auth.fetch });
    server.expire();
    expect(await client.request('{ me { id } }')).toMatchObject({ me: { id: 'ada' } });
    expect(server.count('refreshToken')).toBe(1);
  });
});

describe('an answer that refuses in part', () => {
  const partial = { data: { me: null, open: 1 }, errors: [{ ...UNAUTHENTICATED, path: ['me'] }] };

  it('a query is sent again', async () => {
    const { server, auth } = await signedIn();
    server.script('me', partial);
    const response = await auth.fetch(URL_OF_SERVER, post('{ me { id } open }'));
    expect(await response.json()).toMatchObject({ data: { me: { id: 'ada' } } });
    expect(server.count('me')).toBe(2);
  });

  it('a mutation is not, and its answer comes as it is', async () => {
    const { server, auth } = await signedIn();
    server.script('me', partial);
    const response = await auth.fetch(URL_OF_SERVER, post('mutation { me { id } open }'));
    expect(await response.json()).toEqual(partial);
    expect(server.count('me')).toBe(1);
  });

  const error = (...path: string[]) => ({
    message: 'No.',
    ...(path.length && { path }),
    extensions: { code: 'UNAUTHENTICATED' },
  });
  it.each<[string, string, object, boolean]>([
    ['one field', 'mutation { a }', { data: null, errors: [error('a')] }, true],
    [
      'the first of two fields',
      'mutation M($x: I!) { a(x: $x) b }',
      { data: null, errors: [error('a')] },
      true,
    ],
    ['the alias of the first', 'mutation { z: a b }', { data: null, errors: [error('z')] }, true],
    [
      'all fields',
      'mutation { a b }',
      { data: { a: null, b: null }, errors: [error('a'), error('b')] },
      true,
    ],
    ['the whole request', 'mutation { a b }', { data: null, errors: [error()] }, true],
    ['the whole request, without data', 'mutation { a b }', { errors: [error()] }, true],
    ['the second field', 'mutation { a b }', { data: null, errors: [error('b')] }, false],
    ['one of two fields', 'mutation { a b }', { data: { a: null, b: null }, errors: [error('a')] }, false],
    [
      'a field within',
      'mutation { a { b } }',
      { data: { a: { b: null } }, errors: [error('a', 'b')] },
      false,
    ],
    [
      'a fragment',
      'mutation { ...F } fragment F on Mutation { a b }',
      { data: null, errors: [error('b')] },
      false,
    ],
    [
      'one of two operations',
      'mutation A { a } mutation B { b a }',
      { data: null, errors: [error('a')] },
      false,
    ],
    ['an operation that is not known', '', { data: null, errors: [error('a')] }, false],
    ['a field that the answer leaves out', 'mutation { a }', { data: {}, errors: [error('a')] }, false],
    ['no field', 'mutation { a }', { data: { a: 1 } }, false],
    ['a part of a query', 'query Q { a b }', { data: { a: 1, b: null }, errors: [error('b')] }, true],
    [
      'a query that mentions a mutation in a text',
      '{ a(b: "mutation") }',
      { data: null, errors: [error('a')] },
      true,
    ],
  ])('where %s was refused, it is known whether to send again', (_, document, answer, expected) => {
    expect(wasRefused(answer, readOperation(document || undefined))).toBe(expected);
  });
});

describe('a redirect', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  async function listen(answer: (request: IncomingMessage) => { status: number; location?: string }) {
    const seen: IncomingMessage[] = [];
    const server = createServer((request, response) => {
      seen.push(request);
      const { status, location } = answer(request);
      response.writeHead(status, location === undefined ? {} : { location }).end('{"data":{}}');
    });
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
  }

  it.each([301, 302, 307, 308])(
    'a redirect of status %i is not followed with the token, nor with a password',
    async (status) => {
      const scripted = scriptServer();
      const elsewhere = await listen(() => ({ status: 200 }));
      const server = await listen(() => ({ status, location: elsewhere.url }));
      const fetch: typeof globalThis.fetch = async (input, init) => {
        const request = new Request(input, init);
        const isLogin = (await request.clone().text()).includes('mutation login');
        return isLogin ? scripted.fetch(request) : globalThis.fetch(request);
      };
      const auth = scripted.client({ url: server.url, fetch });
      await auth.login(CREDENTIALS);
      expect(await codeOf(auth.fetch(server.url, { method: 'POST', body: '{}' }))).toBe('BAD_RESPONSE');
      expect(await codeOf(auth.fetch(server.url))).toBe('BAD_RESPONSE');
      expect((await auth.fetch(server.url, { redirect: 'manual' })).status).toBe(status);
      expect(await codeOf(auth.changePassword({ currentPassword: 'a', newPassword: 'b' }))).toBe(
        'BAD_RESPONSE',
      );
      expect(server.seen[0]?.headers.authorization).toBe('Bearer access-ada-1');
      expect(elsewhere.seen).toEqual([]);
    },
  );
});
