import { generateKeyPairSync } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { jwtVerify } from 'jose';
import { type EvilProvider, providerOf, startEvilProvider } from '../../support/evil-provider.ts';
import {
  authOf,
  begin,
  COMPLETE_EXTERNAL_REGISTRATION,
  comeBack,
  complete,
  loginBy,
  REQUEST_EXTERNAL_REGISTRATION,
  registrationOf,
  visit,
} from '../../support/external-logins.ts';
import { mailedCode } from '../../support/letters.ts';
import { createFrozenClock, describeApp } from '../../support/start-app.ts';

/*
 * What the documentation of each provider says that it answers. None of the real ones was asked: the shapes are replayed
 * at their addresses.
 */

/** Google, "OpenID Connect", an ID token's payload. */
const GOOGLE = {
  at_hash: 'HK6E_P6Dh8Y93mRNtsDB1Q',
  email_verified: true,
  sub: '10769150350006150715113082367',
  email: 'jsmith@example.com',
  hd: 'example.com',
  name: 'J. Smith',
};

/** Microsoft identity platform, "ID token claims reference", version 2.0. */
const MICROSOFT = {
  ver: '2.0',
  sub: 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ',
  name: 'Abe Lincoln',
  preferred_username: 'AbeLi@microsoft.com',
  oid: '00000000-0000-0000-66f3-3332eca7ea81',
  tid: '9122040d-6c67-4c5b-b112-36a304b66dad',
  aio: 'Df2UVXL1ix!lMCWMSOJBcFatzcGfvFGhjKv8q5g0x732dR5MB5BisvGQO7YWByjd8iQDLq!eGbIDakyp5mnOrcdqHeYSnltepQmRp6AIZ8jY',
  email: 'abeli@example.com',
  xms_edov: true,
};

/** GitHub REST API, "Get the authenticated user" and "List email addresses for the authenticated user". */
const GITHUB_USER = {
  login: 'octocat',
  sub: 1,
  node_id: 'MDQ6VXNlcjE=',
  type: 'User',
  name: 'monalisa octocat',
  email: null,
  emails: [
    { email: 'second@github.com', verified: true, primary: false, visibility: null },
    { email: 'octocat@github.com', verified: true, primary: true, visibility: 'public' },
  ],
};

/** GitHub, "Authorizing OAuth apps": no ID token, no lifetime, scopes with commas. */
const GITHUB_TOKEN = ({ state: { secrets } }: EvilProvider) => ({
  access_token: secrets.at(-4),
  scope: 'read:user,user:email',
  token_type: 'bearer',
});

const ADA = { sub: 'ada-1', email: 'ada@example.com', email_verified: true, name: 'Ada Lovelace' };
const clock = createFrozenClock();
let evil: EvilProvider;
beforeAll(async () => {
  evil = await startEvilProvider(clock.now);
});
afterAll(() => evil.close());
afterEach(() => {
  evil.state.twist = {};
  evil.state.issuer = undefined;
});

function options(more: object = {}) {
  const work = providerOf('work', { issuer: evil.origin, authoritativeFor: ['example.com'] });
  const config = { providers: [work], redirectOrigins: ['https://app.example.com'] };
  return { clock, fetchOfProviders: evil.fetch, config: { ...config, ...more } };
}

/** A provider that answers at the addresses of a preset. */
function presetOptions(name: string, definition: object, host: string) {
  evil.state.issuer = host;
  return options({ providers: [providerOf(name, definition as Record<string, unknown>)] });
}

describeApp('providers that differ', (start) => {
  it('the answer of Apple comes as a form, its secret is signed, and the name is in the form of the first login', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const apple = {
      ...providerOf('apple', {
        ...{ privateKeyFile: 'x', clientId: 'com.example.web' },
        ...{ teamId: 'TEAM', keyId: 'KEY' },
      }),
      clientSecret: privateKey,
    };
    evil.state.issuer = 'https://appleid.apple.com';
    evil.state.twist = { claims: (claims) => ({ ...claims, aud: 'com.example.web' }) };
    const app = await start(options({ providers: [apple] }));
    const begun = await begin(app, 'apple');
    const { searchParams } = new URL(begun.authorizationUrl);
    expect([searchParams.get('response_mode'), searchParams.get('scope')]).toEqual([
      'form_post',
      'openid email name',
    ]);
    const person = { sub: '001.a', email: 'x@privaterelay.appleid.com', email_verified: 'true' };
    const answer = evil.authorize(begun.authorizationUrl, person);
    const user = JSON.stringify({
      name: { firstName: 'Ada', lastName: 'Lovelace' },
      email: 'eve@evil.example',
    });
    const back = await comeBack(app, 'apple', { ...answer, user }, 'POST');
    expect(back.status).toBe(303);
    const form = evil.state.requests.findLast(({ path }) => path === '/token')?.form;
    const { payload, protectedHeader } = await jwtVerify(form?.get('client_secret') ?? '', publicKey, {
      currentDate: new Date(clock.now()),
    });
    expect(protectedHeader).toEqual({ alg: 'ES256', kid: 'KEY' });
    expect(payload).toMatchObject({ iss: 'TEAM', sub: 'com.example.web', aud: 'https://appleid.apple.com' });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300);
    // The address of the form is anybody's word, and "true" is no boolean.
    const done = await complete(app, back.code, begun.verifier);
    expect(done.data.completeExternalLogin).toMatchObject({
      auth: null,
      email: 'x@privaterelay.appleid.com',
    });
    const registrationToken = registrationOf(done);
    await app.send(REQUEST_EXTERNAL_REGISTRATION, { input: { registrationToken, email: 'ada@example.com' } });
    const input = { registrationToken, code: await mailedCode(app) };
    const { data } = await app.send(COMPLETE_EXTERNAL_REGISTRATION, { input });
    expect(data.completeExternalRegistration.user.name).toBe('Ada Lovelace');
  });

  it.each(['{', '[]', '{"name":1}', '{"name":{"firstName":{"a":1}}}', '{"name":{"firstName":"\\u202e"}}'])(
    'a name that is none in the form of an answer is none: %s',
    async (user) => {
      const app = await start(options());
      const begun = await begin(app);
      const answer = evil.authorize(begun.authorizationUrl, { ...ADA, name: 5 });
      const { code } = await comeBack(app, 'work', { ...answer, user }, 'POST');
      expect(authOf(await complete(app, code, begun.verifier)).user.name).toBeNull();
    },
  );

  it('GitHub is asked for the user and the addresses, and its numbers are subjects', async () => {
    const app = await start(presetOptions('github', {}, 'https://github.com'));
    evil.state.twist = { token: () => GITHUB_TOKEN(evil) };
    const begun = await begin(app, 'github');
    const url = new URL(begun.authorizationUrl);
    expect(url.origin + url.pathname).toBe('https://github.com/login/oauth/authorize');
    expect(url.searchParams.get('scope')).toBe('read:user user:email');
    const { code } = await visit(app, evil, begun, GITHUB_USER);
    const answer = await complete(app, code, begun.verifier);
    // GitHub gives out no addresses, so it proves none.
    expect(answer.data.completeExternalLogin).toMatchObject({ auth: null, email: 'octocat@github.com' });
    const { form } = evil.state.requests.findLast(({ path }) => path === '/login/oauth/access_token') ?? {};
    expect(form?.get('code_verifier')).toMatch(/^[\w-]{43}$/);
    for (const path of ['/user', '/user/emails'])
      expect(evil.state.requests.findLast((request) => request.path === path)?.headers).toMatchObject({
        accept: 'application/json',
        'user-agent': 'latchkey',
      });
    expect(await app.database.all('SELECT issuer, subject FROM external_starts')).toEqual([
      { issuer: 'https://api.github.com/user', subject: '1' },
    ]);
  });

  it('an address that GitHub has verified counts where the file says that it is authoritative', async () => {
    const definition = { authoritativeFor: ['github.com'] };
    const app = await start(presetOptions('github', definition, 'https://github.com'));
    evil.state.twist = { token: () => GITHUB_TOKEN(evil) };
    const auth = authOf(await loginBy(app, evil, GITHUB_USER, { provider: 'github' }));
    expect(auth.user).toMatchObject({ email: 'octocat@github.com', name: 'monalisa octocat' });
  });

  it('the ID token of Google as it is documented opens an account', async () => {
    const app = await start(presetOptions('google', {}, 'https://accounts.google.com'));
    const begun = await begin(app, 'google');
    const { code } = await visit(app, evil, begun, GOOGLE);
    const { user } = authOf(await complete(app, code, begun.verifier));
    expect(user).toMatchObject({ email: 'jsmith@example.com', name: 'J. Smith' });
  });

  it('the ID token of a tenant of Microsoft as it is documented opens an account', async () => {
    const issuer = `https://login.microsoftonline.com/${MICROSOFT.tid}/v2.0`;
    const app = await start(presetOptions('microsoft', { tenant: MICROSOFT.tid }, issuer));
    evil.state.twist = { document: { authorization_response_iss_parameter_supported: undefined } };
    const begun = await begin(app, 'microsoft');
    const { iss: _, ...answer } = evil.authorize(begun.authorizationUrl, MICROSOFT);
    const { code } = await comeBack(app, 'microsoft', answer);
    const { user } = authOf(await complete(app, code, begun.verifier));
    expect(user).toMatchObject({ email: 'abeli@example.com', name: 'Abe Lincoln' });
    expect(await app.database.all('SELECT issuer FROM external_logins')).toEqual([{ issuer }]);
  });

  /** An OAuth 2 server with the shapes of GitHub's documentation at other addresses. */
  function oauth2Options(more: object = {}) {
    const urls = {
      authorizationUrl: `${evil.origin}/authorize`,
      tokenUrl: `${evil.origin}/token`,
      userUrl: `${evil.origin}/user`,
    };
    const mapping = {
      subject: 'id',
      email: 'contact.email',
      emailVerified: 'contact.verified',
      name: 'name',
    };
    evil.state.twist = { token: ({ id_token: _, ...rest }) => rest };
    return options({
      providers: [providerOf('forge', { ...urls, mapping, authoritativeFor: ['example.com'], ...more })],
    });
  }

  it('an OAuth 2 server says who the user is by its mapping, and its user URL is the issuer', async () => {
    const app = await start(oauth2Options());
    const person = { sub: 583_231, contact: { email: 'ada@example.com', verified: true }, name: 'Ada' };
    const auth = authOf(await loginBy(app, evil, person, { provider: 'forge' }));
    expect(auth.user).toMatchObject({ email: 'ada@example.com', name: 'Ada' });
    expect(await app.database.all('SELECT issuer, subject FROM external_logins')).toEqual([
      { issuer: `${evil.origin}/user`, subject: '583231' },
    ]);
    const { authorizationUrl } = await begin(app, 'forge');
    const { searchParams } = new URL(authorizationUrl);
    expect([searchParams.get('nonce'), searchParams.get('scope')]).toEqual([null, null]);
    expect(searchParams.get('code_challenge_method')).toBe('S256');
    const asked = evil.state.requests.findLast(({ path }) => path === '/user');
    expect(asked?.headers).toMatchObject({ accept: 'application/json', 'user-agent': 'latchkey' });
  });

  it('an ID token that an OAuth 2 server sends unasked says nothing', async () => {
    const app = await start(oauth2Options());
    evil.state.twist = { claims: (usual) => ({ ...usual, sub: 'somebody else' }), signer: 'garbled' };
    authOf(
      await loginBy(
        app,
        evil,
        { sub: 7, contact: { email: 'ada@example.com', verified: true } },
        { provider: 'forge' },
      ),
    );
    expect(await app.database.all('SELECT subject FROM external_logins')).toEqual([{ subject: '7' }]);
  });

  it.each([
    ['not verified', { contact: { email: 'ada@example.com', verified: false } }],
    ['verified as a text', { contact: { email: 'ada@example.com', verified: 'true' } }],
    ['missing', {}],
  ])('an address of an OAuth 2 server that is %s proves nothing', async (_what, person) => {
    const app = await start(oauth2Options());
    registrationOf(await loginBy(app, evil, { sub: 1, ...person }, { provider: 'forge' }));
  });

  it.each([
    ['missing', undefined],
    ['empty', ''],
    ['a fraction', 1.5],
    ['too large for a number', 1e300],
    ['of 10 kB', 'a'.repeat(10_000)],
    ['a list', ['1']],
    ['a boolean', true],
  ])('a subject of an OAuth 2 server that is %s opens nothing', async (_what, sub) => {
    const app = await start(oauth2Options());
    const begun = await begin(app, 'forge');
    expect(await visit(app, evil, begun, { sub })).toMatchObject({ code: undefined, reason: 'PROVIDER' });
  });

  it.each(['/user', '/token'])('an OAuth 2 server that fails at %s opens nothing', async (path) => {
    const app = await start(oauth2Options());
    const begun = await begin(app, 'forge');
    evil.state.twist = { at: { [path]: (_request, response) => void response.writeHead(500).end('{}') } };
    expect(await visit(app, evil, begun, { sub: 1 })).toMatchObject({ code: undefined, reason: 'PROVIDER' });
  });

  it.each(['GET', 'POST'] as const)('where a form was asked for, an answer by %s works', async (how) => {
    const app = await start(
      options({
        providers: [
          providerOf('work', {
            issuer: evil.origin,
            responseMode: 'form_post',
            authoritativeFor: ['example.com'],
          }),
        ],
      }),
    );
    const begun = await begin(app);
    expect(new URL(begun.authorizationUrl).searchParams.get('response_mode')).toBe('form_post');
    const { code } = await comeBack(app, 'work', evil.authorize(begun.authorizationUrl, ADA), how);
    expect((await complete(app, code, begun.verifier)).code).toBe('OK');
  });
});
