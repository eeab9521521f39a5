import { describe, expect, it } from '@jest/globals';
import type { Context } from '../../src/graphql/context.ts';
import { useHttpServers } from '../support/http-server.ts';

const start = useHttpServers();

const preflight = (origin: string, url = '/graphql') =>
  ({
    method: 'OPTIONS',
    url,
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,authorization',
    },
  }) as const;

const NEIGHBOURS = [
  'http://localhost:5173',
  'http://127.0.0.1:3000',
  'http://[::1]:8080',
  'https://localhost:3000',
];

describe('development', () => {
  it.each(NEIGHBOURS)('development lets a page of %s ask, without credentials (WEB-3)', async (origin) => {
    const { inject, query } = await start({ config: { cookies: true } });
    const allowed = await inject(preflight(origin));
    expect(allowed.status).toBe(204);
    expect(allowed.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-headers': 'content-type,authorization',
      vary: expect.stringContaining('Origin'),
    });
    expect(allowed.headers).not.toHaveProperty('access-control-allow-credentials');
    const answer = await query({ query: '{ __typename }' }, { origin });
    expect(answer.headers['access-control-allow-origin']).toBe(origin);
    expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
  });

  it.each([
    'http://localhost.evil.example',
    'http://evil.example:4000',
    'http://127.0.0.1.evil.example',
    'http://192.168.1.5:3000',
    'capacitor://localhost',
    'null',
  ])('development refuses a page of %s (WEB-3)', async (origin) => {
    const { inject } = await start();
    expect((await inject(preflight(origin))).headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('development reads no cookie for a page of another port (WEB-3)', async () => {
    const renew = (_root: unknown, _input: unknown, { cookies }: Context) =>
      cookies.renew(() => Promise.reject(new Error('The cookie was read.')));
    const { query } = await start({
      config: { cookies: true },
      resolvers: { Mutation: { refreshToken: renew } },
    });
    const cookie = '__Host-latchkey-refresh=lkr_1';
    const { json } = await query(
      { query: 'mutation { refreshToken { accessToken } }' },
      { origin: 'http://localhost:5173', cookie },
    );
    expect(json().errors[0].extensions).toMatchObject({ code: 'FORBIDDEN', reason: 'FOREIGN_ORIGIN' });
  });

  it.each([
    [
      'http://192.168.1.5:3000',
      'A page of http://192.168.1.5:3000 was refused: add it to LATCHKEY_CORS_ORIGINS.',
    ],
    [
      'capacitor://localhost',
      'A page of capacitor://localhost was refused: add it to LATCHKEY_CORS_ORIGINS.',
    ],
    ['http://localhost:5173', 'A page of http://localhost:5173 asks. Development lets it, without cookies'],
    ['null', 'A page without an origin was refused'],
  ])(
    'the log of development says once whether a page of %s was allowed or refused',
    async (origin, sentence) => {
      const { inject, lines } = await start();
      await inject(preflight(origin));
      await inject(preflight(origin));
      const said = lines.filter(({ msg }) => String(msg).startsWith(sentence));
      expect(said).toHaveLength(1);
    },
  );

  it.each([
    ['a listed page', 'https://app.example.com'],
    ['a page of its own', 'http://localhost:4000'],
    ['a page of its own by another name', 'http://127.0.0.1:4000'],
    ["Apollo's hosted Sandbox", 'https://studio.apollographql.com'],
    ['text that is no origin', "http://x'; DROP"],
  ])('the log of development says nothing about %s', async (_, origin) => {
    const { inject, lines } = await start();
    await inject({ url: '/livez', headers: { origin, host: '127.0.0.1:4000' } });
    expect(lines.filter(({ msg }) => String(msg).startsWith('A page'))).toEqual([]);
  });

  it('the log of development names at most 50 origins', async () => {
    const { inject, lines } = await start();
    for (let port = 1; port <= 60; port += 1)
      await inject({ url: '/livez', headers: { origin: `http://evil.example:${port}` } });
    expect(lines.filter(({ msg }) => String(msg).startsWith('A page'))).toHaveLength(50);
  });
});

describe('production', () => {
  it.each(NEIGHBOURS)(
    'production refuses a page of %s, and logs nothing about it (WEB-3)',
    async (origin) => {
      const { inject, lines } = await start({ config: { mode: 'production' } });
      expect((await inject(preflight(origin))).headers).not.toHaveProperty('access-control-allow-origin');
      expect(lines.filter(({ msg }) => String(msg).startsWith('A page'))).toEqual([]);
    },
  );
});
