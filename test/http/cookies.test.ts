import { describe, expect, it } from '@jest/globals';
import type { Database, Params } from '../../src/database/database.ts';
import { unavailable } from '../../src/database/driver.ts';
import { createBrowser as createBrowserAt, setCookies } from '../support/cookie-browser.ts';
import {
  CHANGE_PASSWORD,
  LOGIN,
  LOGOUT,
  login,
  ME,
  REAUTHENTICATE,
  REFRESH,
  REGISTER,
  register,
} from '../support/documents.ts';
import { type Answer, describeApp, PASSWORD, startApp, type TestApp } from '../support/start-app.ts';

const PAGE = 'https://app.example.com';
const CONFIG = { cookies: true, corsOrigins: [PAGE] };
const REFRESH_COOKIE = '__Host-latchkey-refresh';
const DEVICE_COOKIE = '__Host-latchkey-device';
const CREDENTIALS = { email: 'ada@example.com', password: PASSWORD };

const createBrowser = (app: TestApp, origin: string | null = PAGE) => createBrowserAt(app, origin);

const ATTRIBUTES = 'Path=/; HttpOnly; Secure; SameSite=Strict';
const IDLE_SECONDS = 14 * 86_400;
const DEVICE_SECONDS = 180 * 86_400;

describeApp('a cookie that another session takes over', (start) => {
  const liveSessions = (app: TestApp) => app.database.all('SELECT id FROM sessions WHERE revoked_at IS NULL');

  it('a login ends the session whose cookie it replaces, and no other (ASVS 7.2.4)', async () => {
    const app = await start({ config: CONFIG });
    const elsewhere = await register(app);
    const browser = createBrowser(app);
    const answers: Answer[] = [];
    for (let i = 0; i < 4; i += 1)
      answers.push(await browser.send(LOGIN, { input: { ...CREDENTIALS, delivery: 'COOKIE' } }));
    expect(answers.map(({ code }) => code)).toEqual(['OK', 'OK', 'OK', 'OK']);
    expect(await liveSessions(app)).toHaveLength(2);
    const tokens = answers.map(({ data }) => data.login.accessToken);
    const codes = [];
    for (const token of tokens) codes.push((await app.send(ME, {}, { token })).code);
    expect(codes).toEqual([...Array(3).fill('UNAUTHENTICATED'), 'OK']);
    expect((await app.send(ME, {}, { token: elsewhere.accessToken })).code).toBe('OK');
    expect((await browser.send(REFRESH)).code).toBe('OK');
    expect(await liveSessions(app)).toHaveLength(2);
  });

  it('a session ends when its cookie is replaced by a registration of another account or by a token that moves into the cookie', async () => {
    const app = await start({ config: CONFIG });
    const browser = createBrowser(app);
    const input = { ...CREDENTIALS, delivery: 'COOKIE' };
    const { data } = await browser.send(REGISTER, { input });
    await browser.send(REGISTER, { input: { ...input, email: 'eve@example.com' } });
    expect((await app.send(ME, {}, { token: data.register.auth.accessToken })).code).toBe('UNAUTHENTICATED');
    const { refreshToken } = await login(app);
    await browser.send(REFRESH, { input: { refreshToken, delivery: 'COOKIE' } });
    expect(await liveSessions(app)).toHaveLength(1);
  });

  it('a login ends no session for a forged cookie, or when its answer is in the body', async () => {
    const app = await start({ config: CONFIG });
    const { refreshToken } = await register(app);
    const browser = createBrowser(app);
    browser.jar.set(
      REFRESH_COOKIE,
      refreshToken.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
    );
    await browser.send(LOGIN, { input: { ...CREDENTIALS, delivery: 'COOKIE' } });
    await browser.send(LOGIN, { input: { ...CREDENTIALS, delivery: 'BODY' } });
    expect(await liveSessions(app)).toHaveLength(3);
  });

  it('a login succeeds although the session whose cookie it replaces cannot be ended', async () => {
    const plain = await start({ config: CONFIG });
    await register(plain);
    const browser = createBrowser(plain);
    await browser.send(LOGIN, { input: { ...CREDENTIALS, delivery: 'COOKIE' } });
    const database = {
      ...plain.database,
      before: () => database,
      get: (text: string, params: Params = {}) =>
        text.includes('FROM sessions WHERE id')
          ? Promise.reject(unavailable(new Error('away')))
          : plain.database.get(text, params),
    } as Database;
    const app = await startApp({ engine: plain.database.dialect, database, config: CONFIG });
    try {
      const second = createBrowser(app);
      for (const [name, value] of browser.jar) second.jar.set(name, value);
      const answer = await second.send(LOGIN, { input: { ...CREDENTIALS, delivery: 'COOKIE' } });
      expect(answer.code).toBe('OK');
    } finally {
      await app.stop();
    }
  });
});

describeApp('cookie mode', (start) => {
  async function startWithBrowser() {
    const app = await start({ config: CONFIG });
    await register(app);
    const browser = createBrowser(app);
    const answer = await browser.send(LOGIN, { input: { ...CREDENTIALS, delivery: 'COOKIE' } });
    return { app, browser, answer, first: answer.data.login, token: browser.jar.get(REFRESH_COOKIE) ?? '' };
  }

  const generations = (app: TestApp) =>
    app.database.all<{ generation: number }>(
      'SELECT generation FROM sessions ORDER BY created_at, generation',
      {},
    );

  it('cookie mode keeps both tokens of a login in cookies of this host alone, and out of the answer (WEB-1)', async () => {
    const { answer, first, token } = await startWithBrowser();
    expect(first).toMatchObject({
      refreshToken: null,
      deviceToken: null,
      user: { email: CREDENTIALS.email },
    });
    expect(first.accessToken).toMatch(/^eyJ/);
    expect(setCookies(answer)).toEqual([
      expect.stringMatching(
        new RegExp(`^${REFRESH_COOKIE}=lkr_[\\w-]+; Max-Age=${IDLE_SECONDS}; ${ATTRIBUTES}$`),
      ),
      expect.stringMatching(
        new RegExp(`^${DEVICE_COOKIE}=lkd_[\\w-]+; Max-Age=${DEVICE_SECONDS}; ${ATTRIBUTES}$`),
      ),
    ]);
    expect(answer.body).not.toMatch(/lk[rd]_/);
    expect(answer.body).not.toContain(token);
  });

  it('register, changePassword, reauthenticate and refreshToken keep their tokens in cookies, too (WEB-1)', async () => {
    const app = await start({ config: CONFIG });
    const browser = createBrowser(app);
    const registered = await browser.send(REGISTER, { input: { ...CREDENTIALS, delivery: 'COOKIE' } });
    expect(registered.data.register.auth).toMatchObject({ refreshToken: null, deviceToken: null });
    const first = browser.jar.get(REFRESH_COOKIE);

    const changed = await browser.send(CHANGE_PASSWORD, {
      input: { currentPassword: PASSWORD, newPassword: `${PASSWORD} 2`, delivery: 'COOKIE' },
      token: registered.data.register.auth.accessToken,
    });
    expect(changed.data.changePassword).toMatchObject({ refreshToken: null, deviceToken: null });
    expect(browser.jar.get(REFRESH_COOKIE)).not.toBe(first);
    expect((await browser.send(REFRESH)).code).toBe('OK');

    const second = browser.jar.get(REFRESH_COOKIE);
    const proven = await browser.send(REAUTHENTICATE, {
      input: { password: `${PASSWORD} 2`, delivery: 'COOKIE' },
      token: changed.data.changePassword.accessToken,
    });
    expect(proven.data.reauthenticate).toMatchObject({ refreshToken: null, deviceToken: null });
    expect(browser.jar.get(REFRESH_COOKIE)).not.toBe(second);
    expect((await browser.send(REFRESH)).data.refreshToken.session.id).toBe(
      proven.data.reauthenticate.session.id,
    );

    const { refreshToken } = await login(app, { password: `${PASSWORD} 2` });
    const moved = await browser.send(REFRESH, { input: { refreshToken, delivery: 'COOKIE' } });
    expect(moved.data.refreshToken).toMatchObject({ refreshToken: null, deviceToken: null });
    expect(setCookies(moved)).toEqual([expect.stringContaining(`${REFRESH_COOKIE}=lkr_`)]);
    expect((await browser.send(REFRESH)).data.refreshToken.session.id).toBe(
      moved.data.refreshToken.session.id,
    );
  });

  it('cookie mode sets no cookie for a client that did not ask for one', async () => {
    const app = await start({ config: CONFIG });
    const browser = createBrowser(app);
    const registered = await browser.send(REGISTER, { input: CREDENTIALS });
    const loggedIn = await browser.send(LOGIN, { input: { ...CREDENTIALS, delivery: 'BODY' } });
    const { refreshToken } = loggedIn.data.login;
    const refreshed = await browser.send(REFRESH, { input: { refreshToken } });
    for (const answer of [registered, loggedIn, refreshed]) expect(setCookies(answer)).toEqual([]);
    expect(refreshed.data.refreshToken.refreshToken).toMatch(/^lkr_/);
    expect(loggedIn.data.login.deviceToken).toMatch(/^lkd_/);
  });

  it('refreshToken reads the cookie, which rotates and lives as long as its token (RT-2, RT-6)', async () => {
    const { app, browser, first, token } = await startWithBrowser();
    app.clock.travel(13 * 86_400_000);
    const second = await browser.send(REFRESH);
    expect(second.data.refreshToken).toMatchObject({
      refreshToken: null,
      deviceToken: null,
      session: { id: first.session.id },
    });
    const rotated = browser.jar.get(REFRESH_COOKIE);
    expect(rotated).toMatch(/^lkr_/);
    expect(rotated).not.toBe(token);
    // 13 days of 30 have passed; the device's own cookie stays as it is.
    expect(setCookies(second)).toEqual([expect.stringContaining(`; Max-Age=${IDLE_SECONDS}; `)]);
    app.clock.travel(10 * 86_400_000);
    const late = await browser.send(REFRESH);
    expect(setCookies(late)).toEqual([expect.stringContaining(`; Max-Age=${7 * 86_400}; `)]);
    expect((await browser.send(ME, { token: late.data.refreshToken.accessToken })).code).toBe('OK');
  });

  it('two tabs that refresh by one cookie get the same new one, and an older cookie ends the session (RT-3, RT-4)', async () => {
    const { app, browser, token } = await startWithBrowser();
    const tab = createBrowser(app);
    tab.jar.set(REFRESH_COOKIE, token);
    await browser.send(REFRESH);
    app.clock.travel(29_000);
    expect((await tab.send(REFRESH)).code).toBe('OK');
    expect(tab.jar.get(REFRESH_COOKIE)).toBe(browser.jar.get(REFRESH_COOKIE));

    app.clock.travel(2_000);
    tab.jar.set(REFRESH_COOKIE, token);
    const reuse = await tab.send(REFRESH);
    expect(reuse.code).toBe('INVALID_REFRESH_TOKEN');
    // The cookie in the jar by now may be another tab's new login.
    expect(setCookies(reuse)).toEqual([]);
    expect((await browser.send(REFRESH)).code).toBe('INVALID_REFRESH_TOKEN');
  });

  it.each<[string, string | null, Record<string, string>?]>([
    ['a foreign origin', 'https://evil.example'],
    ['a sibling of an allowed origin', 'https://evil.app.example.com'],
    ['another port of an allowed origin', `${PAGE}:8443`],
    ['another scheme of an allowed origin', 'http://app.example.com'],
    ['an opaque origin', 'null'],
    ['a list that has an allowed origin', `${PAGE}, https://evil.example`],
    ['a browser that sends Sec-Fetch-Site but no Origin', null, { 'sec-fetch-site': 'same-site' }],
    ['a browser that sends Sec-Fetch-Mode but no Origin', null, { 'sec-fetch-mode': 'cors' }],
    ['a browser that sends Sec-Fetch-Dest but no Origin', null, { 'sec-fetch-dest': 'empty' }],
    ["Apollo's hosted Sandbox", 'https://studio.apollographql.com'],
  ])('no cookie is read, set or dropped for %s (WEB-2)', async (_name, origin, headers = {}) => {
    const { app, browser, first, token } = await startWithBrowser();
    const from = { origin, headers };
    const before = await generations(app);
    const bearer = first.accessToken;
    const passwords = { currentPassword: PASSWORD, newPassword: `${PASSWORD} 2` };
    const refused = [
      await browser.send(REFRESH, from),
      await browser.send(LOGOUT, from),
      await browser.send(LOGIN, { ...from, input: { ...CREDENTIALS, delivery: 'COOKIE' } }),
      await browser.send(REFRESH, { ...from, input: { refreshToken: token, delivery: 'COOKIE' } }),
      await browser.send(CHANGE_PASSWORD, {
        ...from,
        token: bearer,
        input: { ...passwords, delivery: 'COOKIE' },
      }),
      await browser.send(REAUTHENTICATE, {
        ...from,
        token: bearer,
        input: { password: PASSWORD, delivery: 'COOKIE' },
      }),
      await browser.send(REGISTER, {
        ...from,
        input: { ...CREDENTIALS, email: 'eve@example.com', delivery: 'COOKIE' },
      }),
    ];
    for (const answer of refused) {
      expect(answer.errors?.[0]?.extensions).toEqual({ code: 'FORBIDDEN', reason: 'FOREIGN_ORIGIN' });
      expect(setCookies(answer)).toEqual([]);
    }
    // Nothing was spent, opened or changed.
    expect(await generations(app)).toEqual(before);
    expect(browser.jar.get(REFRESH_COOKIE)).toBe(token);
    expect((await browser.send(REFRESH)).code).toBe('OK');

    // A bearer needs no origin; what is in the jar is left alone.
    const loggedOut = await browser.send(LOGOUT, { ...from, token: bearer });
    expect(loggedOut.data.logout.revokedSessions).toBe(1);
    expect(setCookies(loggedOut)).toEqual([]);
  });

  it('cookie mode serves a rendering server that hands on the cookie without Origin and Fetch Metadata', async () => {
    const app = await start({ config: CONFIG });
    await register(app);
    const visitor = createBrowser(app, null);
    expect((await visitor.send(LOGIN, { input: { ...CREDENTIALS, delivery: 'COOKIE' } })).code).toBe('OK');
    const first = visitor.jar.get(REFRESH_COOKIE);
    expect((await visitor.send(REFRESH)).data.refreshToken).toMatchObject({ refreshToken: null });
    expect(visitor.jar.get(REFRESH_COOKIE)).not.toBe(first);
    expect((await visitor.send(LOGOUT)).data.logout.revokedSessions).toBe(1);
    expect(visitor.jar.get(REFRESH_COOKIE)).toBeUndefined();
  });

  it('cookie mode serves pages of its own origin without a list of origins', async () => {
    const app = await start({ config: { cookies: true } });
    await register(app);
    const browser = createBrowser(app, 'http://localhost:4000');
    expect((await browser.send(LOGIN, { input: { ...CREDENTIALS, delivery: 'COOKIE' } })).code).toBe('OK');
    expect((await browser.send(REFRESH)).code).toBe('OK');
  });

  it.each([
    ['http://127.0.0.1:4321', '127.0.0.1:4321', 'development', 'OK'],
    ['http://[::1]:4321', '[::1]:4321', 'development', 'OK'],
    ['http://127.0.0.1:4321', '127.0.0.1:4321', 'production', 'FORBIDDEN'],
    // Another program's page, and a name that an attacker made lead here.
    ['http://127.0.0.1:9999', '127.0.0.1:4321', 'development', 'FORBIDDEN'],
    ['http://rebound.example:4321', 'rebound.example:4321', 'development', 'FORBIDDEN'],
  ] as const)('cookie mode answers the page of %s at %s in %s with %s', async (origin, host, mode, code) => {
    const app = await start({ config: { cookies: true, mode } });
    await register(app);
    const input = { ...CREDENTIALS, delivery: 'COOKIE' };
    expect((await app.send(LOGIN, { input }, { headers: { origin, host } })).code).toBe(code);
  });

  it.each([
    ['a body of text', { 'content-type': 'text/plain' }, 415],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['a body without a content type', {}, 415],
  ])(
    'a refresh cookie is not spent by %s, which no browser preflights (WEB-2)',
    async (_name, headers, status) => {
      const { app, token } = await startWithBrowser();
      const before = await generations(app);
      const answer = await app.server.inject({
        method: 'POST',
        url: '/graphql',
        headers: { origin: PAGE, cookie: `${REFRESH_COOKIE}=${token}`, ...headers },
        payload: JSON.stringify({ query: 'mutation { refreshToken { accessToken } }' }),
      });
      expect(answer.statusCode).toBe(status);
      expect(answer.headers).not.toHaveProperty('set-cookie');
      expect(await generations(app)).toEqual(before);
    },
  );

  it('a refresh cookie is not spent by a link or an image (WEB-2)', async () => {
    const { app, token } = await startWithBrowser();
    const before = await generations(app);
    const url = `/graphql?query=${encodeURIComponent('mutation { refreshToken { accessToken } }')}`;
    for (const [headers, status] of [
      [{}, 400],
      [{ 'apollo-require-preflight': '1' }, 405],
    ] as const) {
      const answer = await app.server.inject({
        url,
        headers: { origin: PAGE, cookie: `${REFRESH_COOKIE}=${token}`, ...headers },
      });
      expect(answer.statusCode).toBe(status);
    }
    expect(await generations(app)).toEqual(before);
  });

  it('a refresh without a cookie is INVALID_REFRESH_TOKEN, and does not count against its network', async () => {
    const app = await start({ config: { ...CONFIG, refreshFailures: 1 } });
    const browser = createBrowser(app);
    for (let visit = 0; visit < 3; visit += 1)
      expect((await browser.send(REFRESH)).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await browser.send(REFRESH, { input: { refreshToken: 'lkr_' } })).code).toBe(
      'INVALID_REFRESH_TOKEN',
    );
  });

  it('a malformed refresh cookie is INVALID_REFRESH_TOKEN', async () => {
    const app = await start({ config: CONFIG });
    const browser = createBrowser(app);
    for (const value of ['', 'lkr_', 'x=y', '%E0%A4%A', '"lkr_"', 'é', '__proto__=x', '='.repeat(2_000)]) {
      browser.jar.set(REFRESH_COOKIE, value);
      expect((await browser.send(REFRESH)).code).toBe('INVALID_REFRESH_TOKEN');
    }
  });

  it('logout by the cookie drops the refresh cookie but not the device cookie (RT-8)', async () => {
    const { browser, first, token } = await startWithBrowser();
    const answer = await browser.send(LOGOUT);
    expect(answer.data.logout.revokedSessions).toBe(1);
    expect(setCookies(answer)).toEqual([`${REFRESH_COOKIE}=; Max-Age=0; ${ATTRIBUTES}`]);
    expect([...browser.jar.keys()]).toEqual([DEVICE_COOKIE]);
    browser.jar.set(REFRESH_COOKIE, token);
    expect((await browser.send(REFRESH)).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await browser.send(ME, { token: first.accessToken })).code).toBe('UNAUTHENTICATED');
  });

  it('logout by the cookie works when the access token has expired', async () => {
    const { app, browser, first } = await startWithBrowser();
    app.clock.travel(11 * 60_000);
    const answer = await browser.send(LOGOUT, { token: first.accessToken });
    expect(answer.data.logout.revokedSessions).toBe(1);
    expect(browser.jar.has(REFRESH_COOKIE)).toBe(false);
  });

  it('logout drops the cookie when it ends the session of the bearer, not when it ends others', async () => {
    const { app, browser, first } = await startWithBrowser();
    const others = await browser.send(LOGOUT, { input: { scope: 'OTHERS' }, token: first.accessToken });
    expect(setCookies(others)).toEqual([]);
    const other = await login(app);
    const named = await browser.send(LOGOUT, { input: { refreshToken: other.refreshToken } });
    expect(named.data.logout.revokedSessions).toBe(1);
    expect(browser.jar.has(REFRESH_COOKIE)).toBe(true);
    const all = await browser.send(LOGOUT, { input: { scope: 'ALL' }, token: first.accessToken });
    expect(all.data.logout.revokedSessions).toBe(1);
    expect(browser.jar.has(REFRESH_COOKIE)).toBe(false);
  });

  it('me and a logout of all sessions need a bearer beside the cookie', async () => {
    const { browser } = await startWithBrowser();
    expect((await browser.send(LOGOUT, { input: { scope: 'ALL' } })).code).toBe('UNAUTHENTICATED');
    expect((await browser.send(ME)).code).toBe('UNAUTHENTICATED');
    expect(browser.jar.has(REFRESH_COOKIE)).toBe(true);
    browser.jar.clear();
    expect((await browser.send(LOGOUT)).code).toBe('UNAUTHENTICATED');
  });

  it('a document that logs out and in again sets one cookie of each name (RFC 6265 §4.1.1)', async () => {
    const { browser, first } = await startWithBrowser();
    const answer = await browser.send(
      'mutation Again($input: LoginInput!) { logout { revokedSessions } login(input: $input) { session { id } } }',
      { input: { ...CREDENTIALS, delivery: 'COOKIE' } },
    );
    expect(answer.data.logout.revokedSessions).toBe(1);
    expect(setCookies(answer).map((text) => text.split('=')[0])).toEqual([REFRESH_COOKIE, DEVICE_COOKIE]);
    expect((await browser.send(REFRESH)).data.refreshToken.session.id).toBe(answer.data.login.session.id);
    expect(answer.data.login.session.id).not.toBe(first.session.id);
  });

  it('a browser with a device cookie may log in while its account is under attack (LOG-6)', async () => {
    const { app, browser } = await startWithBrowser();
    await browser.send(LOGOUT);
    for (let guess = 0; guess < 6; guess += 1) {
      const ip = `198.51.100.${guess}`;
      await app.send(LOGIN, { input: { ...CREDENTIALS, password: 'a wrong password' } }, { ip });
    }
    const input = { ...CREDENTIALS, delivery: 'COOKIE' };
    expect((await createBrowser(app).send(LOGIN, { input })).code).toBe('TOO_MANY_REQUESTS');
    expect((await browser.send(LOGIN, { input: CREDENTIALS })).code).toBe('TOO_MANY_REQUESTS');
    expect((await browser.send(LOGIN, { input })).code).toBe('OK');
  });

  it('cookie mode is off by default: no cookie is set, none is read (WEB-1)', async () => {
    const app = await start({ config: { corsOrigins: [PAGE] } });
    const { accessToken, refreshToken } = await register(app);
    const browser = createBrowser(app);
    browser.jar.set(REFRESH_COOKIE, refreshToken);
    const passwords = { currentPassword: PASSWORD, newPassword: `${PASSWORD} 2` };
    const asked = [
      await browser.send(LOGIN, { input: { ...CREDENTIALS, delivery: 'COOKIE' } }),
      await browser.send(REGISTER, { input: { ...CREDENTIALS, delivery: 'COOKIE' } }),
      await browser.send(REFRESH, { input: { refreshToken, delivery: 'COOKIE' } }),
      await browser.send(CHANGE_PASSWORD, {
        input: { ...passwords, delivery: 'COOKIE' },
        token: accessToken,
      }),
    ];
    for (const { errors } of asked)
      expect(errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', field: 'input.delivery' });
    const refreshed = await browser.send(REFRESH);
    expect(refreshed.errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', field: 'input' });
    expect((await browser.send(LOGOUT)).code).toBe('UNAUTHENTICATED');
    const loggedOut = await browser.send(LOGOUT, { token: accessToken });
    expect(loggedOut.data.logout.revokedSessions).toBe(1);
    for (const answer of [...asked, refreshed, loggedOut]) expect(setCookies(answer)).toEqual([]);
  });

  it('the REST door neither reads nor sets cookies', async () => {
    const { app, token } = await startWithBrowser();
    const before = await generations(app);
    for (const payload of ['grant_type=refresh_token', '']) {
      for (const url of ['/token', '/token/refresh']) {
        const answer = await app.server.inject({
          method: 'POST',
          url,
          headers: {
            origin: PAGE,
            cookie: `${REFRESH_COOKIE}=${token}`,
            'content-type': 'application/x-www-form-urlencoded',
          },
          payload,
        });
        expect(answer.statusCode).toBeGreaterThanOrEqual(400);
        expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
      }
    }
    expect(await generations(app)).toEqual(before);
    const answer = await app.server.inject({
      method: 'POST',
      url: '/token',
      headers: { origin: PAGE, 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({ username: CREDENTIALS.email, password: PASSWORD }).toString(),
    });
    expect(answer.json().refresh_token).toMatch(/^lkr_/);
    expect(answer.headers).not.toHaveProperty('set-cookie');
  });

  it('cookies are in no line of the log and in no event (AUD-2)', async () => {
    const { app, browser, token } = await startWithBrowser();
    await browser.send(REFRESH);
    await browser.send(REFRESH, { origin: 'https://evil.example' });
    await browser.send(LOGOUT);
    const events = await app.database.all('SELECT * FROM audit_events', {});
    expect(JSON.stringify([app.lines, events])).not.toMatch(/lk[rd]_|__Host-/);
    expect(token).toMatch(/^lkr_/);
  });

  describe('CORS', () => {
    const ask = async (config: object, url: string, headers: Record<string, string>, method = 'OPTIONS') => {
      const app = await start({ config });
      return (await app.server.inject({ method: method as 'OPTIONS', url, headers })).headers;
    };
    const preflight = (origin: string) => ({
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    });

    it('CORS lets the listed origins alone send cookies to GraphQL (WEB-3)', async () => {
      expect(await ask(CONFIG, '/graphql', preflight(PAGE))).toMatchObject({
        'access-control-allow-origin': PAGE,
        'access-control-allow-credentials': 'true',
        vary: expect.stringContaining('Origin'),
      });
      for (const origin of ['https://evil.example', 'null', `${PAGE}.evil.example`]) {
        const headers = await ask(CONFIG, '/graphql', preflight(origin));
        expect(headers).not.toHaveProperty('access-control-allow-origin');
        expect(headers).not.toHaveProperty('access-control-allow-credentials');
        expect(headers.vary).toContain('Origin');
      }
      const studio = await ask(CONFIG, '/graphql', preflight('https://studio.apollographql.com'));
      expect(studio).not.toHaveProperty('access-control-allow-credentials');
    });

    it('CORS allows credentials at /graphql alone, and never with a star (WEB-3)', async () => {
      expect(await ask(CONFIG, '/token', preflight(PAGE))).not.toHaveProperty(
        'access-control-allow-credentials',
      );
      const keys = await ask(CONFIG, '/.well-known/jwks.json', { origin: PAGE }, 'GET');
      expect(keys['access-control-allow-origin']).toBe('*');
      expect(keys).not.toHaveProperty('access-control-allow-credentials');
    });

    it('CORS allows no credentials when cookies are off (WEB-3)', async () => {
      const headers = await ask({ corsOrigins: [PAGE] }, '/graphql', preflight(PAGE));
      expect(headers['access-control-allow-origin']).toBe(PAGE);
      expect(headers).not.toHaveProperty('access-control-allow-credentials');
    });
  });
});
