import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import type { InjectOptions } from 'fastify';
import { type HttpServer, type HttpServerOptions, useHttpServers } from '../support/http-server.ts';

const serve = useHttpServers();

async function start(options: HttpServerOptions = {}): Promise<HttpServer> {
  return serve({
    resolvers: { Query: { me: () => ({ id: 'ada' }) } },
    ...options,
  });
}

const QUERY = '{ __typename }';
const JSON_TYPE = { 'content-type': 'application/json' };
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' };
const post = (payload: string | Buffer, headers: Record<string, string> = {}): InjectOptions => ({
  method: 'POST',
  url: '/graphql',
  headers: { ...JSON_TYPE, ...headers },
  payload,
});

describe('a query by GET', () => {
  const url = `/graphql?query=${encodeURIComponent(QUERY)}`;

  it.each(['Bearer good', 'bearer stale', 'BEARER  x', 'Bearer'])(
    'a query by GET with a bearer needs no preflight header: %s (WEB-2)',
    async (authorization) => {
      const { inject } = await start();
      expect((await inject({ url, headers: { authorization } })).json()).toEqual({
        data: { __typename: 'Query' },
      });
    },
  );

  it.each([
    {},
    { authorization: '' },
    { authorization: 'Basic YTpi' },
    { authorization: 'Bearers x' },
    { authorization: 'Digest Bearer' },
    { authorization: 'Negotiate Bearer' },
    { cookie: 'authorization=Bearer' },
    { 'x-authorization': 'Bearer x' },
  ])(
    'a query by GET without a bearer or a preflight header is refused, whichever other scheme it has: %j (WEB-2)',
    async (headers) => {
      const { inject } = await start();
      const answer = await inject({ url, headers: headers as Record<string, string> });
      expect([answer.status, answer.json().errors[0].extensions.code]).toEqual([400, 'BAD_REQUEST']);
    },
  );

  it('a query by GET is answered for the user of its bearer', async () => {
    const { inject } = await start();
    const mine = (authorization: string) =>
      inject({ url: '/graphql?query={me{id}}', headers: { authorization } });
    expect((await mine('Bearer good')).json().data).toEqual({ me: { id: 'ada' } });
    expect((await mine('Bearer bad')).json().errors[0].extensions.code).toBe('UNAUTHENTICATED');
  });

  it.each([
    'operationName=',
    'operationName',
    'variables=',
    'variables=null',
    'extensions=',
    'extensions=null',
    'operationName=&variables=&extensions=',
    'operationName=&operationName=',
    '&&',
  ])('a query by GET may name parameters and leave them empty: %s', async (parameters) => {
    const { inject } = await start();
    for (const search of [`query={__typename}&${parameters}`, `${parameters}&query={__typename}`]) {
      const answer = await inject({
        url: `/graphql?${search}`,
        headers: { 'apollo-require-preflight': '1' },
      });
      expect(answer.json()).toEqual({ data: { __typename: 'Query' } });
    }
  });

  it.each([
    'operationName=x',
    'operationName=null',
    'variables=0',
    'variables=""',
    'extensions=[]',
    'query=',
  ])('a query by GET is refused with a wrong parameter or without a document: %s', async (parameters) => {
    const { inject } = await start();
    const search = parameters === 'query=' ? parameters : `query={__typename}&${parameters}`;
    const headers = { 'apollo-require-preflight': '1' };
    expect((await inject({ url: `/graphql?${search}`, headers })).status).toBe(400);
  });

  it('a query by GET keeps its other parameters when one is empty', async () => {
    const { inject } = await start();
    const search = new URLSearchParams({
      query: 'query A($n: String!) { __type(name: $n) { name } } query B { __typename }',
      operationName: 'A',
      variables: '{"n":"User"}',
      extensions: '',
    });
    const answer = await inject({ url: `/graphql?${search}`, headers: { 'apollo-require-preflight': '1' } });
    expect(answer.json()).toEqual({ data: { __type: { name: 'User' } } });
  });
});

describe('a query by POST', () => {
  it.each([{ operationName: '' }, { operationName: null, variables: null, extensions: null }])(
    'a query by POST may hold parameters that are empty or null: %j',
    async (parameters) => {
      const { query } = await start();
      expect((await query({ query: QUERY, ...parameters })).json()).toEqual({
        data: { __typename: 'Query' },
      });
    },
  );

  it('a query by POST with an empty operationName is refused when its document has several operations', async () => {
    const { query } = await start();
    const two = { query: 'query A { __typename } query B { __typename }', operationName: '' };
    expect((await query(two)).json().errors[0].extensions.code).toBe('OPERATION_RESOLUTION_FAILURE');
  });
});

describe('a compressed body', () => {
  const json = JSON.stringify({ query: QUERY });

  it.each(['gzip', 'GZIP', 'br', 'deflate', 'zstd', 'gzip, identity', 'x'])(
    'a compressed body is refused with 415 and the coding that is accepted: %s (RFC 9110 §15.5.16)',
    async (coding) => {
      const { inject } = await start();
      const headers = { 'content-encoding': coding };
      const asJson = await inject(post(gzipSync(json), headers));
      expect([asJson.status, asJson.headers['accept-encoding']]).toEqual([415, 'identity']);
      expect(asJson.json().errors[0].extensions.code).toBe('BAD_REQUEST');
      for (const url of ['/token', '/token/refresh']) {
        const asForm = await inject({
          method: 'POST',
          url,
          headers: { ...FORM_TYPE, ...headers },
          payload: gzipSync('username=a@b.example&password=p'),
        });
        expect([asForm.status, asForm.headers['accept-encoding']]).toEqual([415, 'identity']);
        expect(asForm.json()).toMatchObject({
          error: 'invalid_request',
          error_description: 'The form must not be compressed',
        });
      }
    },
  );

  it.each(['identity', 'Identity', ''])(
    'a body is read when its Content-Encoding is identity or empty: %j',
    async (coding) => {
      const { inject } = await start();
      const answer = await inject(post(json, { 'content-encoding': coding }));
      expect(answer.json()).toEqual({ data: { __typename: 'Query' } });
    },
  );

  it('a body of a wrong type is refused without an Accept-Encoding, unlike a compressed one', async () => {
    const { inject } = await start();
    const answer = await inject(post('{}', { 'content-type': 'text/plain' }));
    expect(answer.status).toBe(415);
    expect(answer.headers).not.toHaveProperty('accept-encoding');
  });
});

describe('a wrong method', () => {
  it.each(['DELETE', 'PUT', 'PATCH', 'HEAD', 'TRACE', 'OPTIONS'] as const)(
    'a wrong method at /graphql is refused with 405 and the allowed ones, with any headers and body: %s',
    async (method) => {
      const { inject } = await start({ config: { mode: 'production', corsOrigins: [] } });
      for (const [headers, payload] of [
        [{}, undefined],
        [JSON_TYPE, undefined],
        [JSON_TYPE, '{'],
        [{ 'content-type': 'text/plain' }, 'text'],
        [{ 'apollo-require-preflight': '1' }, undefined],
      ] as [Record<string, string>, string | undefined][]) {
        const answer = await inject({
          method,
          url: '/graphql',
          headers,
          ...(payload !== undefined && { payload }),
        });
        expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, POST']);
        if (method !== 'HEAD') expect(answer.json().errors[0].extensions.code).toBe('BAD_REQUEST');
      }
    },
  );
});

describe('a slash at the end of a path', () => {
  it('a slash at the end of a path changes nothing', async () => {
    const { inject, lines } = await start();
    expect((await inject({ ...post(JSON.stringify({ query: QUERY })), url: '/graphql/' })).json()).toEqual({
      data: { __typename: 'Query' },
    });
    const headers = { authorization: 'Bearer good' };
    expect((await inject({ url: '/graphql/?query={me{id}}', headers })).json().data.me).toEqual({
      id: 'ada',
    });
    for (const [url, payload] of [
      ['/token/', 'username=a@b.example&password=p'],
      ['/token/refresh/', 'refresh_token=lkr_1'],
    ] as const) {
      const answer = await inject({ method: 'POST', url, headers: FORM_TYPE, payload });
      expect(answer.json()).toHaveProperty('access_token');
    }
    for (const url of ['/livez/', '/readyz/', '/.well-known/jwks.json/'])
      expect((await inject({ url })).status).toBe(200);
    expect((await inject({ url: '//graphql' })).status).toBe(404);
    expect(new Set(lines.map(({ route }) => route))).toEqual(
      new Set([
        '/graphql',
        '/token',
        '/token/refresh',
        '/livez',
        '/readyz',
        '/.well-known/jwks.json',
        'none',
      ]),
    );
  });

  it('/graphql/ lets a page use its cookies, as /graphql does', async () => {
    const { inject } = await start({ config: { cookies: true } });
    const answer = await inject({
      method: 'OPTIONS',
      url: '/graphql/',
      headers: {
        origin: 'https://app.example.com',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      },
    });
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example.com',
      'access-control-allow-credentials': 'true',
    });
  });
});
