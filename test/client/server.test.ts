import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { AuthClientError } from '../../packages/client/src/client.ts';
import {
  type ServerSession,
  type ServerSessionOptions,
  serverSession,
} from '../../packages/client/src/server.ts';
import { authenticatorOf, START_TOTP } from '../support/authenticator.ts';
import { eventsOf } from '../support/events.ts';
import { describeApp, PASSWORD, START, type TestApp } from '../support/start-app.ts';
import { injectFetch } from './support/inject-fetch.ts';
import {
  CREDENTIALS,
  codeOf,
  inTime,
  lost,
  refusal,
  scriptServer,
  standStill,
  URL_OF_SERVER,
  unauthenticated,
} from './support/scripted-server.ts';

const PAGE = 'https://app.example.com/account';
const NAMES = ['__Host-session-access', '__Host-session-refresh', '__Host-session-device'];

/** A browser: it keeps cookies, and knows when they end. */
function browse(now: () => number = () => START) {
  const cookies = new Map<string, { value: string; endsAt: number }>();
  return {
    cookies: () => [...cookies].filter(([, { endsAt }]) => endsAt > now()).map(([name]) => name),
    header: () =>
      [...cookies]
        .filter(([, { endsAt }]) => endsAt > now())
        .map(([name, { value }]) => `${name}=${value}`)
        .join('; '),
    take(headers: Headers) {
      for (const line of headers.getSetCookie()) {
        const [, name = '', value = '', age] = /^([^=]+)=([^;]*);.*Max-Age=(\d+)/.exec(line) ?? [];
        cookies.set(name, { value, endsAt: now() + Number(age) * 1_000 });
      }
    },
    request(method = 'GET', headers: Record<string, string> = {}) {
      return new Request(PAGE, {
        method,
        headers: { cookie: this.header(), 'user-agent': 'Browser/1', ...headers },
      });
    },
  };
}

function scripted(options: Partial<ServerSessionOptions> = {}) {
  const server = scriptServer();
  const browser = browse();
  const open = (request = browser.request()) =>
    serverSession(request, { url: URL_OF_SERVER, fetch: server.fetch, ...options });
  return { server, browser, open };
}

async function signedIn() {
  const all = scripted();
  const session = await (await all.open()).login(CREDENTIALS);
  all.browser.take(session.headers);
  return { ...all, session };
}

afterEach(() => {
  jest.useRealTimers();
});

describe('the session of a visitor', () => {
  it('a visitor without cookies is nobody, which costs no request', async () => {
    const { server, open } = scripted();
    const session = await open();
    expect(session).toMatchObject({ accessToken: undefined, user: undefined, cookie: '' });
    expect([...session.headers]).toEqual([]);
    expect(server.sent).toEqual([]);
  });

  it('a login sets cookies that no script and no other host reads, and no cache keeps', async () => {
    const { session } = await signedIn();
    expect(session.user?.id).toBe('ada');
    expect(session.headers.get('cache-control')).toBe('private, no-store');
    expect(session.headers.getSetCookie()).toEqual([
      '__Host-session-access=access-ada-1; Path=/; Max-Age=570; Secure; HttpOnly; SameSite=Lax',
      '__Host-session-refresh=lkr_ada-1; Path=/; Max-Age=34560000; Secure; HttpOnly; SameSite=Lax',
      '__Host-session-device=lkd_device; Path=/; Max-Age=34560000; Secure; HttpOnly; SameSite=Lax',
    ]);
  });

  it('a signed-in visitor is known by the server, and their response sets nothing', async () => {
    const { open, server } = await signedIn();
    const session = await open();
    expect(session).toMatchObject({ accessToken: 'access-ada-1', user: { id: 'ada' } });
    expect([...session.headers]).toEqual([]);
    expect(server.sent.at(-1)).toMatchObject({ name: 'me', authorization: 'Bearer access-ada-1' });
  });

  it('an access token of another making is not believed', async () => {
    const { open, browser } = await signedIn();
    const session = await open(browser.request('GET', { cookie: '__Host-session-access=forged' }));
    expect(session.user).toBeUndefined();
    expect(session.cookie).toBe('');
  });

  it('an expired session is refreshed before the page is rendered, for the page and for the browser', async () => {
    const { open, browser, server } = await signedIn();
    server.expire();
    const cookie = `theme=dark; ${browser.header()}; other="a=b"`;
    const session = await open(browser.request('GET', { cookie }));
    expect(session).toMatchObject({ accessToken: 'access-ada-3', user: { id: 'ada' } });
    expect(session.cookie).toBe(
      'theme=dark; other="a=b"; __Host-session-access=access-ada-3; __Host-session-refresh=lkr_ada-2; __Host-session-device=lkd_device',
    );
    const again = await open(new Request(PAGE, { headers: { cookie: session.cookie } }));
    expect(again.accessToken).toBe('access-ada-3');
    expect(server.count('refreshToken')).toBe(1);
  });

  it.each<[string, () => object]>([
    ['no network', lost],
    ['the page of a proxy', () => new Response('<h1>502</h1>', { status: 502 })],
    ['UNAVAILABLE', () => refusal('UNAVAILABLE')],
  ])(
    'after %s the same token is sent again, and in the end the failure is told and the cookies stay',
    async (_, fault) => {
      standStill();
      const { open, browser, server } = await signedIn();
      server.expire();
      server.script('refreshToken', fault as () => object, undefined);
      const session = await inTime(open());
      expect(session.user?.id).toBe('ada');
      browser.take(session.headers);
      server.expire();
      server.script('refreshToken', ...Array(3).fill(fault));
      expect(await inTime(codeOf(open()))).not.toBe('OK');
      expect((await open()).user?.id).toBe('ada');
    },
  );

  it('an access token that cannot be checked is no reason to refresh', async () => {
    const { open, server } = await signedIn();
    server.script('me', refusal('UNAVAILABLE'));
    expect(await codeOf(open())).toBe('UNAVAILABLE');
    expect(server.count('refreshToken')).toBe(0);
  });

  it('after INVALID_REFRESH_TOKEN the visitor is nobody, and the dead token is sent no more for ten minutes', async () => {
    let now = START;
    const server = scriptServer();
    const browser = browse(() => now);
    const open = () => serverSession(browser.request(), { url: URL_OF_SERVER, fetch: server.fetch });
    browser.take((await (await open()).login(CREDENTIALS)).headers);
    const refuse = () => {
      server.script('me', unauthenticated);
      server.script('refreshToken', refusal('INVALID_REFRESH_TOKEN'));
    };
    refuse();
    for (let render = 0; render < 3; render += 1) {
      const session = await open();
      expect(session).toMatchObject({ user: undefined, accessToken: undefined });
      expect(session.cookie).toBe('__Host-session-device=lkd_device');
      browser.take(session.headers);
    }
    expect(server.sent.map(({ name }) => name)).toEqual(['login', 'me', 'refreshToken']);
    now += 601_000;
    refuse();
    expect((await open()).user).toBeUndefined();
    expect(server.count('refreshToken')).toBe(2);
    browser.take((await (await open()).login(CREDENTIALS)).headers);
    expect((await open()).user?.id).toBe('ada');
  });

  it('a request with the cookies of before a login does not touch the new ones, however late its response is', async () => {
    const { server, browser, open } = await signedIn();
    const early = browser.request();
    browser.take((await (await open()).login(CREDENTIALS)).headers);
    server.script('refreshToken', refusal('INVALID_REFRESH_TOKEN'));
    const late = await open(early);
    expect(late.user).toBeUndefined();
    browser.take(late.headers);
    expect((await open()).user?.id).toBe('ada');
    expect((await (await open()).logout()).headers.getSetCookie()).toHaveLength(2);
  });

  it('an access token without a refresh token changes no cookie', async () => {
    const { open, browser, server } = await signedIn();
    server.expire();
    const session = await open(browser.request('GET', { cookie: '__Host-session-access=access-ada-1' }));
    expect(session.user).toBeUndefined();
    expect([...session.headers]).toEqual([]);
  });

  it('an access token that no browser keeps is renewed for each render', async () => {
    const { server, browser, open } = scripted();
    const id = { id: 'ada' };
    const long = (name: string) => ({
      data: {
        [name]: {
          accessToken: 'x'.repeat(4_096),
          refreshToken: `lkr_${name}`,
          expiresIn: 600,
          expiresAt: '',
          session: id,
          user: id,
        },
      },
    });
    server.script('login', long('login'));
    server.script('refreshToken', long('refreshToken'));
    const session = await (await open()).login(CREDENTIALS);
    expect(Math.max(...session.headers.getSetCookie().map(({ length }) => length))).toBeLessThan(200);
    browser.take(session.headers);
    expect(browser.cookies()).toEqual(['__Host-session-refresh']);
    expect(await open()).toMatchObject({ user: id, accessToken: 'x'.repeat(4_096) });
  });

  it('a cookie is kept no longer than browsers keep one', async () => {
    const { server, open } = scripted();
    server.liveFor(1e300);
    const session = await (await open()).login(CREDENTIALS);
    expect(session.headers.getSetCookie()[0]).toContain('Max-Age=34560000;');
  });

  it('a cookie whose name begins with another blank is none of these', async () => {
    const { server, open, browser } = scripted();
    const cookie = '\u00a0__Host-session-refresh=EVIL;\t__Host-session-device=lkd_device ; a=1';
    const session = await open(browser.request('GET', { cookie }));
    expect(server.sent).toEqual([]);
    expect(session.cookie).toBe('\u00a0__Host-session-refresh=EVIL; a=1; __Host-session-device=lkd_device');
  });

  it.each<[string, Partial<ServerSessionOptions>]>([
    ['an origin without a scheme', { origin: 'app.example.com' }],
    ['an origin with a path', { origin: 'https://app.example.com/login' }],
    ['a relative address', { url: '/graphql' }],
    ['an address with a password', { url: 'https://user:planted@auth.example.com/graphql' }],
  ])('%s is a bad request at once', async (_, options) => {
    const { open, server } = scripted(options);
    const failure = await open().catch(Object);
    expect(failure.code).toBe('BAD_REQUEST');
    expect(`${failure.message} ${failure.stack} ${failure.cause}`).not.toContain('planted');
    expect(server.sent).toEqual([]);
  });

  it('a login without its field is a bad answer', async () => {
    const { open, server } = scripted();
    server.script('login', { data: {} });
    expect(await codeOf((await open()).login(CREDENTIALS))).toBe('BAD_RESPONSE');
  });

  it('a logout ends the session and removes the cookies; where the server is away, they stay', async () => {
    const { open, browser, server } = await signedIn();
    server.script('logout', lost());
    const session = await open();
    expect(await codeOf(session.logout())).toBe('NETWORK_ERROR');
    const gone = await session.logout();
    expect(server.sent.at(-1)).toMatchObject({
      name: 'logout',
      input: { scope: 'CURRENT', refreshToken: 'lkr_ada-1' },
    });
    browser.take(gone.headers);
    expect(browser.cookies()).toEqual(['__Host-session-device']);
    expect(gone.cookie).toBe('__Host-session-device=lkd_device');
    await (await open()).login(CREDENTIALS);
    expect(server.sent.at(-1)?.input).toMatchObject({ deviceToken: 'lkd_device', delivery: 'BODY' });
  });

  it('a login ends the session that it replaces', async () => {
    const { open, server } = await signedIn();
    await (await open()).login(CREDENTIALS);
    expect(server.sent.at(-1)).toMatchObject({ name: 'logout', input: { refreshToken: 'lkr_ada-1' } });
  });

  it("the visitor's address and browser are passed on, and cookies can be called otherwise", async () => {
    const { server, open } = scripted({ address: '203.0.113.7', cookie: 'shop' });
    const session = await (await open()).login(CREDENTIALS);
    const { headers } = server.sent[0]?.request ?? new Request(PAGE);
    expect(headers.get('x-forwarded-for')).toBe('203.0.113.7');
    expect(headers.get('user-agent')).toBe('Browser/1');
    expect(session.headers.getSetCookie()[0]).toContain('__Host-shop-access=');
  });
});

describe('a request from another site', () => {
  it.each<[string, string, Record<string, string>, boolean]>([
    ['a link', 'GET', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }, true],
    ['a form', 'POST', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }, false],
    ['a form without Fetch Metadata', 'POST', { origin: 'https://evil.example' }, false],
    ['a sandboxed frame', 'POST', { origin: 'null' }, false],
    [
      'a sibling subdomain',
      'PUT',
      { 'sec-fetch-site': 'same-site', origin: 'https://blog.example.com' },
      false,
    ],
    ['a page over http', 'POST', { origin: 'http://app.example.com', host: 'app.example.com' }, false],
    ['an app with a scheme', 'POST', { origin: 'app://app.example.com', host: 'app.example.com' }, false],
    ['a host that is none', 'POST', { origin: 'https://app.example.com', host: 'a b' }, false],
    [
      'the port of the scheme',
      'POST',
      { origin: 'https://app.example.com', host: 'app.example.com:443' },
      true,
    ],
    ['a scheme of its own', 'DELETE', { origin: 'https://app.example.com:8443' }, false],
    [
      'a form of its own',
      'POST',
      { 'sec-fetch-site': 'same-origin', origin: 'https://app.example.com' },
      true,
    ],
    ['a form of its own without Fetch Metadata', 'POST', { origin: 'https://app.example.com' }, true],
    ['no browser', 'POST', {}, true],
  ])('%s by %s is let in or refused', async (_, method, headers, isAllowed) => {
    const { open, browser } = await signedIn();
    const opening = open(browser.request(method, headers));
    if (isAllowed) expect((await opening).user?.id).toBe('ada');
    else await expect(opening).rejects.toMatchObject({ code: 'FORBIDDEN', reason: 'FOREIGN_ORIGIN' });
  });

  it('where TLS ends before the server, its pages are told by https: as well', async () => {
    const { server } = scripted();
    const post = (origin: string) =>
      serverSession(new Request('http://app.example.com/', { method: 'POST', headers: { origin } }), {
        url: URL_OF_SERVER,
        fetch: server.fetch,
      });
    expect(await codeOf(post('https://app.example.com'))).toBe('OK');
    expect(await codeOf(post('http://app.example.com'))).toBe('OK');
    expect(await codeOf(post('https://app.example.com:80'))).toBe('FORBIDDEN');
  });

  it('behind a proxy, the origin of the app is what it is said to be', async () => {
    const { server, browser } = await signedIn();
    const options = { url: URL_OF_SERVER, fetch: server.fetch, origin: 'https://public.example.com' };
    const post = (origin: string) =>
      serverSession(browser.request('POST', { origin, host: 'internal:3000' }), options);
    expect(await codeOf(post('https://public.example.com'))).toBe('OK');
    for (const other of ['https://internal:3000', 'http://public.example.com', 'null'])
      expect(await codeOf(post(other))).toBe('FORBIDDEN');
  });
});

describe('the response to a visitor', () => {
  it('the cookies go into headers, a response, and a response of Node.js beside other cookies', async () => {
    const { session } = await signedIn();
    const headers = new Headers({ 'cache-control': 'public' });
    session.writeTo(headers);
    const response = new Response('page');
    session.writeTo(response);
    for (const one of [headers, response.headers]) {
      expect(one.getSetCookie()).toHaveLength(3);
      expect(one.get('cache-control')).toBe('private, no-store');
    }
    const server = createServer((_request, answer) => {
      answer.setHeader('set-cookie', 'theme=dark');
      session.writeTo(answer);
      answer.end('page');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    server.close();
    expect(answer.headers.getSetCookie().map((line) => line.split('=')[0])).toEqual(['theme', ...NAMES]);
    expect(answer.headers.get('cache-control')).toBe('private, no-store');
  });

  it('where the response has begun, that is said', async () => {
    const { session, open } = await signedIn();
    const begun = { headersSent: true, getHeader: () => undefined, setHeader: () => undefined };
    const write = async () => session.writeTo(begun);
    await expect(write()).rejects.toMatchObject({
      code: 'RESPONSE_BEGUN',
      message: /before the response begins/,
    });
    // Nothing to set: nothing is too late.
    (await open()).writeTo(begun);
  });
});

describe('a response whose headers are fixed', () => {
  it('the headers of a redirect cannot be set, and a copy of it can take them', async () => {
    const { session } = await signedIn();
    const redirect = Response.redirect(PAGE, 302);
    const write = async () => session.writeTo(redirect);
    await expect(write()).rejects.toMatchObject({ code: 'RESPONSE_FIXED', message: /new Response\(/ });
    const copy = new Response(redirect.body, redirect);
    session.writeTo(copy);
    expect(copy.status).toBe(302);
    expect(copy.headers.get('location')).toBe(PAGE);
    expect(copy.headers.getSetCookie()).toHaveLength(3);
  });
});

describeApp('an app that renders pages for visitors of a server', (start) => {
  const ADA = { email: 'ada@example.com', password: PASSWORD };
  function pagesOf(app: TestApp) {
    const { fetch } = injectFetch(app);
    const browser = browse(app.clock.now);
    return { browser, open: () => serverSession(browser.request(), { url: URL_OF_SERVER, fetch }) };
  }
  const sessions = (app: TestApp) =>
    app.database.all<{ generation: number }>('SELECT generation FROM sessions WHERE revoked_at IS NULL', {});

  it('twenty renders at once on one expired cookie cost one generation, sign nobody out and agree on the cookie', async () => {
    const app = await start();
    const { browser, open } = pagesOf(app);
    browser.take((await (await open()).signIn('register', ADA)).headers);
    app.clock.travel(700_000);
    expect(browser.cookies()).toEqual(NAMES.slice(1));
    const renders = await Promise.all(Array.from({ length: 20 }, () => open()));
    expect(renders.map(({ user }) => user?.email)).toEqual(Array(20).fill(ADA.email));
    const refreshCookies = renders.map(({ headers }) =>
      headers.getSetCookie().find((line) => line.includes('-refresh=')),
    );
    expect(new Set(refreshCookies).size).toBe(1);
    expect((await sessions(app)).map(({ generation }) => Number(generation))).toEqual([1]);
    expect(await eventsOf(app, 'authn_token_reuse')).toEqual([]);
    for (const { headers } of renders) browser.take(headers);
    app.clock.travel(700_000);
    expect((await open()).user?.email).toBe(ADA.email);
  });

  it.each<[string, (session: ServerSession) => Promise<ServerSession>]>([
    [
      'a new password',
      (session) =>
        session.signIn('changePassword', {
          currentPassword: PASSWORD,
          newPassword: 'another long horse battery',
        }),
    ],
    ['a proven password', (session) => session.signIn('reauthenticate', { password: PASSWORD })],
    ['a login', (session) => session.login(ADA)],
  ])('a page under way while %s replaces the session signs nobody out', async (_, replace) => {
    const app = await start();
    const { fetch } = injectFetch(app);
    const { browser, open } = pagesOf(app);
    browser.take((await (await open()).signIn('register', ADA)).headers);
    const early = browser.request();
    browser.take((await replace(await open())).headers);
    app.clock.travel(2_000);
    const late = await serverSession(early, { url: URL_OF_SERVER, fetch });
    expect(late.user).toBeUndefined();
    browser.take(late.headers);
    expect((await open()).user?.email).toBe(ADA.email);
  });

  it('a visitor enrols a second factor and completes a login with it', async () => {
    const app = await start();
    const { browser, open } = pagesOf(app);
    const { fetch } = injectFetch(app);
    const registered = await (await open()).signIn('register', ADA);
    browser.take(registered.headers);
    expect(registered.recoveryCodes).toBeUndefined();
    const { secret } = (await app.send(START_TOTP, {}, { token: registered.accessToken ?? '' })).data
      .startTotpEnrolment;
    const code = authenticatorOf(secret).codeAt(app.clock.now());
    const enrolled = await (await open()).signIn('confirmTotpEnrolment', { code });
    browser.take(enrolled.headers);
    expect(enrolled.recoveryCodes).toHaveLength(10);
    expect((await open()).user?.email).toBe(ADA.email);

    const stranger = browse(app.clock.now);
    const visit = () => serverSession(stranger.request(), { url: URL_OF_SERVER, fetch });
    const session = await visit();
    const pending = session.login(ADA).then(
      () => undefined,
      (error: AuthClientError) => error.mfa,
    );
    const mfaToken = (await pending)?.token ?? '';
    const recoveryCode = enrolled.recoveryCodes?.[0] ?? '';
    const completed = await session.signIn('completeMfaLogin', { mfaToken, recoveryCode });
    expect(completed.recoveryCodes).toBeUndefined();
    stranger.take(completed.headers);
    expect((await visit()).user?.email).toBe(ADA.email);
  });

  it('a visitor logs in, changes the password and logs out', async () => {
    const app = await start();
    const { browser, open } = pagesOf(app);
    browser.take((await (await open()).signIn('register', ADA)).headers);
    const newPassword = 'another long horse battery';
    browser.take(
      (await (await open()).signIn('changePassword', { currentPassword: PASSWORD, newPassword })).headers,
    );
    expect((await open()).user?.email).toBe(ADA.email);
    browser.take((await (await open()).login({ ...ADA, password: newPassword })).headers);
    expect(await sessions(app)).toHaveLength(1);
    browser.take((await (await open()).logout({ scope: 'ALL' })).headers);
    expect((await open()).user).toBeUndefined();
    expect(await codeOf((await open()).login(ADA))).toBe('INVALID_CREDENTIALS');
  });
});
