import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { readRoles } from '../../../src/core/roles/roles-file.ts';
import { freePort } from '../../faults/support/server.ts';
import { complete as completeMfa, enrol, mfaTokenOf } from '../../support/authenticator.ts';
import { createBrowser, setCookies } from '../../support/cookie-browser.ts';
import { ME } from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { type EvilProvider, providerOf, startEvilProvider } from '../../support/evil-provider.ts';
import {
  authOf,
  begin,
  COMPLETE_EXTERNAL,
  COMPLETE_EXTERNAL_REGISTRATION,
  comeBack,
  complete,
  linkTo,
  loginBy,
  PAGE,
  REQUEST_EXTERNAL_REGISTRATION,
  refusalOf,
  registerVerified,
  registrationOf,
  START_EXTERNAL,
  visit,
} from '../../support/external-logins.ts';
import { mailedCode } from '../../support/letters.ts';
import { createFrozenClock, describeApp, TEST_CONFIG } from '../../support/start-app.ts';

const ADA = { sub: 'ada-1', email: 'ada@example.com', email_verified: true, name: 'Ada Lovelace' };
const PROVIDERS = '{ externalProviders { name displayName } }';
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

const workProvider = () => providerOf('work', { issuer: evil.origin, authoritativeFor: ['example.com'] });

function options(more: object = {}) {
  const config = { providers: [workProvider()], redirectOrigins: ['https://app.example.com'] };
  return { clock, fetchOfProviders: evil.fetch, config: { ...config, ...more } };
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('base64url');

describeApp('external logins', (start) => {
  it('a login by a provider makes an account of an address that the provider proves, and finds it again', async () => {
    const app = await start(options());
    const begun = await begin(app, 'work', { deviceName: 'phone' });
    const back = await visit(app, evil, begun, ADA);
    expect(back).toMatchObject({ status: 303, reason: undefined });
    expect(back.location).toMatch(/^https:\/\/app\.example\.com\/signed-in#code=lke_/);
    const auth = authOf(await complete(app, back.code, begun.verifier));
    expect(auth.user).toMatchObject({ email: 'ada@example.com', emailVerified: true, name: 'Ada Lovelace' });
    expect(auth.session).toMatchObject({ amr: ['fed'], deviceName: 'phone' });
    expect((await app.send(ME, {}, { token: auth.accessToken })).data.me.id).toBe(auth.user.id);
    const again = authOf(await loginBy(app, evil, ADA));
    expect(again.user.id).toBe(auth.user.id);
    expect(again.session.id).not.toBe(auth.session.id);
    const [created] = await eventsOf(app, 'user_created');
    expect(created).toMatchObject({ userId: auth.user.id, sessionId: auth.session.id });
    const [event] = await eventsOf(app, 'authn_login_success');
    expect(JSON.parse(event?.details ?? '')).toEqual({ amr: ['fed'], provider: 'work' });
  });

  it('a request to a provider has PKCE, a nonce and a state, and the row of it has none of them (EXT-2)', async () => {
    const app = await start(options());
    const begun = await begin(app);
    const url = new URL(begun.authorizationUrl);
    expect(url.origin + url.pathname).toBe(`${evil.origin}/authorize`);
    const {
      state = '',
      nonce = '',
      code_challenge: challenge,
      ...rest
    } = Object.fromEntries(url.searchParams);
    expect(rest).toEqual({
      client_id: 'latchkey',
      code_challenge_method: 'S256',
      redirect_uri: 'http://localhost:4000/external/callback/work',
      response_type: 'code',
      scope: 'openid email profile',
    });
    await visit(app, evil, begun, ADA);
    const verifier =
      evil.state.requests.findLast(({ path }) => path === '/token')?.form.get('code_verifier') ?? '';
    expect(sha256(verifier)).toBe(challenge);
    const secrets = [state, nonce, verifier, begun.verifier];
    for (const secret of secrets) expect(Buffer.from(secret, 'base64url').length).toBeGreaterThanOrEqual(32);
    expect(new Set(secrets).size).toBe(4);
    const rows = JSON.stringify(await app.database.all('SELECT * FROM external_starts'));
    for (const secret of secrets) expect(rows).not.toContain(secret);
    const other = new URL((await begin(app)).authorizationUrl).searchParams;
    expect([other.get('state'), other.get('nonce')]).not.toContain(state);
    expect(other.get('code_challenge')).not.toBe(challenge);
  });

  it('the callback is below the path of the issuer, whether or not a proxy takes that away', async () => {
    const app = await start(options({ issuer: 'http://localhost:4000/auth' }));
    for (const prefix of ['', '/auth']) {
      const begun = await begin(app);
      const { searchParams } = new URL(begun.authorizationUrl);
      expect(searchParams.get('redirect_uri')).toBe('http://localhost:4000/auth/external/callback/work');
      const answer = new URLSearchParams(evil.authorize(begun.authorizationUrl, ADA));
      const { headers } = await app.server.inject(`${prefix}/external/callback/work?${answer}`);
      expect(headers.location).toContain('#code=lke_');
    }
  });

  it('a login that was begun goes on after another master secret was promoted', async () => {
    const [before] = TEST_CONFIG.secrets;
    const app = await start(options());
    const begun = await begin(app);
    const answer = evil.authorize(begun.authorizationUrl, ADA);
    const secrets = [Buffer.alloc(32, 7), before ?? Buffer.alloc(0)];
    const promoted = await start({ ...options({ secrets }), database: app.database });
    const { code } = await comeBack(promoted, 'work', answer);
    expect((await complete(promoted, code, begun.verifier)).code).toBe('OK');
  });

  it('providers are listed for everybody, in the order of the file', async () => {
    const google = providerOf('google', {});
    const app = await start(options({ providers: [workProvider(), google] }));
    expect((await app.send(PROVIDERS)).data.externalProviders).toEqual([
      { name: 'work', displayName: 'work' },
      { name: 'google', displayName: 'Google' },
    ]);
  });

  it('without providers there is nothing to begin, and no callback', async () => {
    const app = await start({ config: { providers: [] } });
    expect((await app.send(PROVIDERS)).data.externalProviders).toEqual([]);
    const input = { provider: 'work', redirectTo: PAGE };
    expect((await app.send(START_EXTERNAL, { input })).code).toBe('FEATURE_DISABLED');
    expect((await app.server.inject('/external/callback/work')).statusCode).toBe(404);
  });

  it('an unknown provider is refused, whatever its name', async () => {
    const app = await start(options());
    for (const provider of ['', 'Work', '__proto__', 'constructor', 'x'.repeat(5_000)]) {
      const answer = await app.send(START_EXTERNAL, { input: { provider, redirectTo: PAGE } });
      expect(answer.errors?.[0]?.extensions).toMatchObject({
        code: 'BAD_USER_INPUT',
        field: 'input.provider',
      });
    }
  });

  it.each([
    'https://app.example.com',
    'https://app.example.com/a/b?c=d',
    'http://localhost:4000/account/signed-in',
    'https:app.example.com\\@evil.example',
    'com.example.app:/signed-in',
  ])('a browser may be led to %s', async (redirectTo) => {
    const redirectOrigins = ['https://app.example.com', 'com.example.app:/signed-in'];
    const app = await start(options({ redirectOrigins }));
    const begun = await begin(app, 'work', { redirectTo });
    const { location } = await visit(app, evil, begun, ADA);
    expect(location?.split('#')[0]).toBe(new URL(redirectTo).href);
  });

  it.each([
    'https://evil.example',
    'https://app.example.com.evil.example',
    'https://app.example.com@evil.example',
    'https://user@app.example.com/',
    'http://app.example.com/',
    'https://app.example.com:8443/',
    'https://app.example.com/#code=lke_',
    '//app.example.com/',
    '/account',
    'javascript:alert(1)',
    'com.example.app:/signed-in/elsewhere',
    'com.example.app:/other',
    'data:text/html,x',
    `https://app.example.com/${'x'.repeat(2_000)}`,
    `https://app.example.com/${'é'.repeat(500)}`,
    '',
  ])('a browser may not be led to %s', async (redirectTo) => {
    const redirectOrigins = ['https://app.example.com', 'com.example.app:/signed-in'];
    const app = await start(options({ redirectOrigins }));
    const answer = await app.send(START_EXTERNAL, { input: { provider: 'work', redirectTo } });
    expect(answer.errors?.[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'input.redirectTo',
    });
    expect(await app.database.all('SELECT id FROM external_starts')).toEqual([]);
  });

  it('one network begins as many logins in a minute as it may check credentials', async () => {
    const app = await start(options({ networkChecks: 3 }));
    const input = { provider: 'work', redirectTo: PAGE };
    const codes = [];
    for (let i = 0; i < 5; i += 1) codes.push((await app.send(START_EXTERNAL, { input })).code);
    expect(codes).toEqual(['OK', 'OK', 'OK', 'TOO_MANY_REQUESTS', 'TOO_MANY_REQUESTS']);
    expect((await app.send(START_EXTERNAL, { input }, { ip: '203.0.113.9' })).code).toBe('OK');
  });

  it('a second factor is asked for as at any login', async () => {
    const app = await start(options());
    const { accessToken } = await registerVerified(app, 'owner@elsewhere.example');
    await linkTo(app, evil, accessToken, ADA);
    const enrolled = await enrol(app, accessToken);
    const begun = await begin(app, 'work', { deviceName: 'phone' });
    const { code } = await visit(app, evil, begun, ADA);
    const answer = await complete(app, code, begun.verifier);
    expect(answer.errors?.[0]?.extensions).toMatchObject({
      code: 'MFA_REQUIRED',
      factors: ['TOTP', 'RECOVERY_CODE'],
    });
    expect(answer.data).toBeNull();
    const { data } = await completeMfa(app, mfaTokenOf(answer), { totpCode: enrolled.nextCode() });
    expect(data.completeMfaLogin.session).toMatchObject({ amr: ['fed', 'otp', 'mfa'], deviceName: 'phone' });
    expect(refusalOf(await complete(app, code, begun.verifier))).toBe('EXTERNAL_LOGIN_FAILED EXPIRED');
  });

  it('a login may ask for less, and not for more than the roles of the account allow', async () => {
    const content = readRoles(
      { default: ['member'], roles: { member: { scopes: ['posts:read', 'posts:write'] } } },
      () => {},
    );
    const app = await start(options({ rolesFile: { path: '', text: '', content } }));
    const less = authOf(await loginBy(app, evil, ADA, { scope: ['posts:read'] }));
    expect(less.scope).toEqual(['posts:read']);
    for (const person of [ADA, { ...ADA, sub: 'new', email: 'new@example.com' }]) {
      const more = await loginBy(app, evil, person, { scope: ['admin:all'] });
      expect(more.errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'input.scope' });
    }
    const malformed = { provider: 'work', redirectTo: PAGE, scope: ['two words'] };
    expect((await app.send(START_EXTERNAL, { input: malformed })).code).toBe('BAD_USER_INPUT');
  });

  it('a provider with client_secret_basic is sent the secret in a header, and others in the form', async () => {
    const app = await start(options());
    await loginBy(app, evil, ADA);
    evil.state.twist = { document: { token_endpoint_auth_methods_supported: ['client_secret_basic'] } };
    const other = await start(options());
    await loginBy(other, evil, ADA);
    const exchanges = evil.state.requests.filter(({ path }) => path === '/token').slice(-2);
    expect(
      exchanges.map(({ form, headers }) => [form.has('client_secret'), headers.authorization !== undefined]),
    ).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  it('in development a provider on this machine is asked over plain HTTP', async () => {
    const app = await start({ ...options(), fetchOfProviders: undefined as never });
    expect(authOf(await loginBy(app, evil, ADA)).user.email).toBe(ADA.email);
  });

  it.each([
    ['production', 'https://127.0.0.1:1', 'the address is not public'],
    ['production', 'http://localhost:1', 'the address is no https URL'],
    ['development', 'http://localhost:', 'nothing listens at its address (ECONNREFUSED)'],
  ] as const)('in %s a provider at %s cannot be used', async (mode, issuer, fault) => {
    const address = issuer.endsWith(':') ? `${issuer}${await freePort()}` : issuer;
    const providers = [providerOf('work', { issuer: address })];
    const app = await start({ ...options({ providers, mode }), fetchOfProviders: undefined as never });
    const answer = await app.send(START_EXTERNAL, { input: { provider: 'work', redirectTo: PAGE } });
    expect(refusalOf(answer)).toBe('EXTERNAL_LOGIN_FAILED PROVIDER');
    const line = app.lines.find((text) => text.includes('a provider cannot be used')) ?? '{}';
    expect(JSON.parse(line)).toMatchObject({ provider: 'work', fault });
  });
});

describeApp('an external login in cookie mode', (start) => {
  const COOKIES = { cookies: true, corsOrigins: ['https://app.example.com'] };
  const ORIGIN = 'https://app.example.com';
  const BINDING = '__Host-latchkey-external';
  const COOKIE = { provider: 'work', redirectTo: PAGE, delivery: 'COOKIE' };

  it('the browser keeps what ties the end to the beginning, and the tokens come as cookies', async () => {
    const app = await start(options(COOKIES));
    const browser = createBrowser(app, ORIGIN);
    const started = await browser.send(START_EXTERNAL, { input: COOKIE });
    const { authorizationUrl, verifier } = started.data.startExternalLogin;
    expect(verifier).toBeNull();
    expect(setCookies(started)).toEqual([
      expect.stringMatching(
        /^__Host-latchkey-external=[\w-]{43}; Max-Age=2700; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
      ),
    ]);
    // From another site: without a cookie.
    const { code } = await comeBack(app, 'work', evil.authorize(authorizationUrl, ADA));
    const stranger = createBrowser(app, ORIGIN);
    expect(refusalOf(await stranger.send(COMPLETE_EXTERNAL, { input: { code } }))).toBe(
      'EXTERNAL_LOGIN_FAILED EXPIRED',
    );
    const secret = browser.jar.get(BINDING);
    expect(refusalOf(await stranger.send(COMPLETE_EXTERNAL, { input: { code, verifier: secret } }))).toBe(
      'EXTERNAL_LOGIN_FAILED EXPIRED',
    );
    const foreign = await browser.send(COMPLETE_EXTERNAL, {
      input: { code },
      origin: 'https://evil.example',
    });
    expect(foreign.code).toBe('FORBIDDEN');
    const { data } = await browser.send(COMPLETE_EXTERNAL, { input: { code } });
    expect(data.completeExternalLogin.auth).toMatchObject({ refreshToken: null, user: { email: ADA.email } });
    expect(browser.jar.has('__Host-latchkey-refresh')).toBe(true);
  });

  it('two tabs of a browser each end what they began, in any order', async () => {
    const app = await start(options(COOKIES));
    const browser = createBrowser(app, ORIGIN);
    const codes = [];
    for (const sub of ['one', 'two']) {
      const { data } = await browser.send(START_EXTERNAL, { input: COOKIE });
      const person = { ...ADA, sub, email: `${sub}@example.com` };
      const answer = evil.authorize(data.startExternalLogin.authorizationUrl, person);
      codes.push((await comeBack(app, 'work', answer)).code);
    }
    for (const [i, code] of codes.entries()) {
      const { data } = await browser.send(COMPLETE_EXTERNAL, { input: { code } });
      expect(data.completeExternalLogin.auth.user.email).toBe(`${['one', 'two'][i]}@example.com`);
    }
  });

  it('a registration goes on in the browser in which it began, and nowhere else', async () => {
    const app = await start(options(COOKIES));
    const browser = createBrowser(app, ORIGIN);
    const { data } = await browser.send(START_EXTERNAL, { input: COOKIE });
    const { code } = await comeBack(
      app,
      'work',
      evil.authorize(data.startExternalLogin.authorizationUrl, { sub: 'x' }),
    );
    const registrationToken = registrationOf(await browser.send(COMPLETE_EXTERNAL, { input: { code } }));
    const input = { registrationToken, email: 'ada@example.com' };
    const stranger = createBrowser(app, ORIGIN);
    expect(refusalOf(await stranger.send(REQUEST_EXTERNAL_REGISTRATION, { input }))).toBe(
      'EXTERNAL_LOGIN_FAILED EXPIRED',
    );
    await browser.send(REQUEST_EXTERNAL_REGISTRATION, { input });
    const typed = { registrationToken, code: await mailedCode(app) };
    expect(refusalOf(await stranger.send(COMPLETE_EXTERNAL_REGISTRATION, { input: typed }))).toBe(
      'EXTERNAL_LOGIN_FAILED EXPIRED',
    );
    const done = await browser.send(COMPLETE_EXTERNAL_REGISTRATION, { input: typed });
    expect(done.data.completeExternalRegistration).toMatchObject({
      refreshToken: null,
      user: { email: ADA.email },
    });
  });

  it('a page of another origin may begin nothing in cookie mode, and neither may any page where cookies are off', async () => {
    const app = await start(options(COOKIES));
    const foreign = createBrowser(app, 'https://evil.example');
    expect((await foreign.send(START_EXTERNAL, { input: COOKIE })).code).toBe('FORBIDDEN');
    const without = await start(options());
    const browser = createBrowser(without, ORIGIN);
    expect((await browser.send(START_EXTERNAL, { input: COOKIE })).code).toBe('BAD_USER_INPUT');
  });
});
