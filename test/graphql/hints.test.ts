import { describe, expect, it } from '@jest/globals';
import type { InjectOptions } from 'fastify';
import { AuthError } from '../../src/errors.ts';
import { createContext } from '../../src/graphql/context.ts';
import { SECRET, useHttpServers } from '../support/http-server.ts';
import { describeApp } from '../support/start-app.ts';

const serve = useHttpServers();
const JSON_TYPE = { 'content-type': 'application/json' };
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' };
const LOGIN = 'mutation($input: LoginInput!) { login(input: $input) { accessToken } }';

const post = (body: unknown, headers: Record<string, string> = {}): InjectOptions => ({
  method: 'POST',
  url: '/graphql',
  headers: { ...JSON_TYPE, ...headers },
  payload: JSON.stringify(body),
});
const inline = (input: string) => post({ query: `mutation { login(${input}) { accessToken } }` });
const byVariable = (input: unknown) => post({ query: LOGIN, variables: { input } });
const form = (payload: string, url = '/token'): InjectOptions => ({
  method: 'POST',
  url,
  headers: FORM_TYPE,
  payload,
});

/** What beginners send, and a part of what they are told. A secret in it must come back in no answer. */
const MISTAKES: [string, InjectOptions, string | RegExp][] = [
  [
    'no input in the document',
    post({ query: 'mutation { login { accessToken } }' }),
    '`input` is required and was not given.',
  ],
  ['no variables', post({ query: LOGIN }), '`input` is required and was not given.'],
  ['a null for the input', byVariable(null), '`input` is required and was not given.'],
  ['no password in a variable', byVariable({ email: SECRET }), /^`input\.(email|password)` is/],
  [
    'no password in the document',
    inline('input: { email: "a@b.example" }'),
    '`input.password` is required and was not given.',
  ],
  [
    'a null in the document',
    inline('input: { email: "a@b.example", password: null }'),
    '`input.password` is required and was not given.',
  ],
  [
    'a bad email in a variable',
    byVariable({ email: SECRET, password: 'p' }),
    '`input.email` is not an email address.',
  ],
  [
    'a bad email in the document',
    inline(`input: { email: "${SECRET}", password: "p" }`),
    '`input.email` is not an email address.',
  ],
  [
    'an unknown field in a variable',
    byVariable({ email: 'a@b.example', password: 'p', [SECRET]: 1 }),
    '`input` has a field that the schema does not know.',
  ],
  [
    'an unknown field in the document',
    inline('input: { email: "a@b.example", password: "p", hunter: 1 }'),
    '`input` has a field that the schema does not know.',
  ],
  [
    'a number for a password',
    byVariable({ email: 'a@b.example', password: 7 }),
    '`input.password` has a value that the schema does not allow there.',
  ],
  ['a document that does not parse', post({ query: `{ ${SECRET} "` }), /not GraphQL/],
  [
    'two operations and no name',
    post({ query: 'query A { __typename } query B { __typename }' }),
    /operationName/,
  ],
  ['a form', { ...post({}), headers: FORM_TYPE }, /content-type: application\/json/],
  ['no content type', { ...post({}), headers: {} }, /content-type: application\/json/],
  ['a body that is no JSON', { ...post({}), payload: `{"query": ${SECRET}` }, /not valid JSON/],
  ['another method', { method: 'PUT', url: '/graphql' }, /Send a POST/],
  ['another path', { url: `/${SECRET}` }, /POST \/graphql/],
  ['no token', post({ query: '{ me { id } }' }), /authorization: Bearer <access token>/],
  ['JSON at the token endpoint', { ...post({}), url: '/token' }, /takes no JSON/],
  [
    'another grant',
    form('grant_type=authorization_code'),
    /`password`, `refresh_token`, `client_credentials` or `urn:latchkey:mfa`/,
  ],
  ['no API key', form('grant_type=client_credentials'), /`svc_…` and its API key `lka_…`/],
  ['no username', form(`email=${SECRET}`), /`username` is the email address/],
  ['no refresh token', form('', '/token/refresh'), /authorization: Bearer <refresh token>/],
  [
    'a page of another site',
    { ...form(''), headers: { ...FORM_TYPE, origin: 'https://other.example' } },
    /LATCHKEY_CORS_ORIGINS/,
  ],
];

function hintOf(body: string): unknown {
  const { errors, hint } = JSON.parse(body) as {
    errors?: { extensions: { hint?: unknown } }[];
    hint?: unknown;
  };
  return errors === undefined ? hint : errors[0]?.extensions.hint;
}

describe('hints in development', () => {
  it.each(MISTAKES)(
    'a refusal in development has a hint that says what to do about %s',
    async (_mistake, request, hint) => {
      const { inject } = await serve();
      expect(hintOf((await inject(request)).body)).toEqual(
        typeof hint === 'string' ? hint : expect.stringMatching(hint),
      );
    },
  );

  it('a refusal has no hint that names a part of the schema when introspection is off (GQL-4)', async () => {
    const { inject } = await serve({ config: { introspection: false } });
    for (const request of [post({ query: LOGIN }), byVariable({ email: SECRET, password: 'p' })])
      expect(hintOf((await inject(request)).body)).toBeUndefined();
  });
});

it('a refusal in production has no hint for any mistake', async () => {
  const { inject } = await serve({ config: { mode: 'production', introspection: true } });
  for (const [mistake, request] of MISTAKES) {
    const { body, status } = await inject(request);
    expect({ mistake, isRefused: status >= 400 || body.includes('"errors"') }).toEqual({
      mistake,
      isRefused: true,
    });
    expect({ mistake, body }).toEqual({ mistake, body: expect.not.stringContaining('"hint"') });
  }
});

describe('hints about the bearer header', () => {
  const caller = {} as never;
  const verifyAccessToken = () => {
    throw new AuthError('UNAUTHENTICATED', { reason: 'TOKEN_INVALID', cause: 'malformed' });
  };

  it.each([
    [SECRET, /no scheme/],
    [`Basic ${SECRET}`, /no scheme, or another one/],
    ['Bearer', /after `Bearer`/],
    [`Bearer lkr_${SECRET}`, /That is a refresh token/],
    [`Bearer lkd_${SECRET}`, /That is a device token/],
  ])(
    'a bearer header without an access token gets a hint of its own, which does not repeat its value: %s',
    (authorization, hint) => {
      const { bearer } = createContext({ verifyAccessToken }, { authorization, caller });
      expect(bearer).toMatchObject({
        extensions: { code: 'UNAUTHENTICATED', reason: 'TOKEN_INVALID' },
        hint: expect.stringMatching(hint),
      });
      expect(JSON.stringify(bearer)).not.toContain(SECRET);
    },
  );

  it('a refusal of the bearer header keeps its cause when it gets a hint', () => {
    const { bearer } = createContext({ verifyAccessToken }, { authorization: 'Bearer lkr_x', caller });
    expect(bearer).toMatchObject({ cause: 'malformed' });
  });
});

describeApp('hints of services', (start) => {
  const magicLink = 'mutation { requestMagicLink(input: { email: "ada@example.com" }) { expiresIn } }';
  const me = '{ me { id } }';
  const login = `mutation { login(input: { email: "ada@example.com", password: "p", delivery: COOKIE }) { accessToken } }`;

  it('a refusal by a service has a hint, such as the missing setting, in development and none in production', async () => {
    const sent = async (mode: 'development' | 'production', query: string, token?: string) => {
      const app = await start({ config: { mode } });
      return hintOf((await app.send(query, {}, { token })).body);
    };
    expect(await sent('development', magicLink)).toBe('Set LATCHKEY_MAGIC_LINKS=on.');
    expect(await sent('development', login)).toMatch(/^Set LATCHKEY_COOKIES=on/);
    expect(await sent('development', me, 'lkr_abc')).toMatch(/^That is a refresh token/);
    for (const query of [magicLink, login, me])
      expect(await sent('production', query, 'lkr_abc')).toBeUndefined();
  });
});
