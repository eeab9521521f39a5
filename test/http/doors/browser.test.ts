import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { parse, print, separateOperations } from 'graphql';
import { type Chromium, describeInChromium, type Page, startChromium } from '../../support/chromium.ts';
import { LOGIN, LOGOUT, ME, REFRESH, register } from '../../support/documents.ts';
import { sandboxOf } from '../../support/sandbox.ts';
import { PASSWORD, startApp, type TestApp } from '../../support/start-app.ts';

// A browser keeps the rules that cookies rest on, so one has to be asked. `.ci/run` installs it.
const CREDENTIALS = { email: 'ada@example.com', password: PASSWORD };

/** What a page does to ask the server; everything in it is the page's own. */
const ask = (url: string, query: string, options: { input?: unknown; token?: string } = {}) => `
  fetch(${JSON.stringify(url)}, {
    method: 'POST',
    credentials: 'include',
    headers: ${JSON.stringify({
      'content-type': 'application/json',
      ...(options.token && { authorization: `Bearer ${options.token}` }),
    })},
    body: ${JSON.stringify(JSON.stringify({ query, variables: { input: options.input } }))},
  }).then((response) => response.json(), (error) => ({ blocked: error.name }))`;

describeInChromium('cookie mode in Chromium', () => {
  const pages: Server[] = [];
  /** What reached the server since the test began. */
  const seen: { method: string; origin: string | undefined; hasCookie: boolean; status: number }[] = [];
  let app: TestApp;
  let chromium: Chromium;
  let url: string;
  let home: string;
  let elsewhere: { port: number };

  beforeAll(async () => {
    home = `http://localhost:${(await servePage()).port}`;
    elsewhere = await servePage();
    // In production no page of ours answers a visit to the endpoint.
    const config = { mode: 'production', cookies: true, corsOrigins: [home] } as const;
    app = await startApp({ engine: 'sqlite', config });
    app.server.addHook('onSend', async ({ method, headers }, { statusCode }) => {
      const hasCookie = headers.cookie?.includes('__Host-latchkey-refresh') ?? false;
      seen.push({ method, origin: headers.origin, hasCookie, status: statusCode });
    });
    await app.server.listen({ host: '127.0.0.1', port: 0 });
    url = `http://localhost:${(app.server.server.address() as AddressInfo).port}/graphql`;
    await register(app);
    chromium = await startChromium();
  }, 60_000);

  afterAll(async () => {
    await chromium?.stop();
    await app?.stop();
    for (const page of pages) page.close();
  }, 30_000);

  let page: Page;
  beforeEach(async () => {
    page = await chromium.open(home);
    const { data } = await page.run(ask(url, LOGIN, { input: { ...CREDENTIALS, delivery: 'COOKIE' } }));
    expect(data.login).toMatchObject({ refreshToken: null, deviceToken: null });
    seen.length = 0;
  });

  async function servePage(): Promise<{ port: number }> {
    const server = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html').end('<!doctype html><title>A page</title>');
    });
    pages.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return server.address() as AddressInfo;
  }

  const rotations = () =>
    app.database.all('SELECT id, generation, revoked_at FROM sessions ORDER BY id, generation', {});

  it('cookies are hidden from scripts, survive their page and refresh its session (WEB-1)', async () => {
    expect(await page.run('document.cookie')).toBe('');
    const cookies = await chromium.cookies();
    expect(cookies.map(({ name }) => name).sort()).toEqual([
      '__Host-latchkey-device',
      '__Host-latchkey-refresh',
    ]);
    for (const cookie of cookies)
      expect(cookie).toMatchObject({
        domain: 'localhost',
        path: '/',
        httpOnly: true,
        secure: true,
        sameSite: 'Strict',
        session: false,
      });

    await page.visit(`${home}/again`);
    const { data } = await page.run(ask(url, REFRESH));
    expect(data.refreshToken.refreshToken).toBeNull();
    const me = await page.run(ask(url, ME, { token: data.refreshToken.accessToken }));
    expect(me.data.me.email).toBe(CREDENTIALS.email);
    expect((await chromium.cookies()).map(({ value }) => value)).not.toContain(
      cookies.find(({ name }) => name === '__Host-latchkey-refresh').value,
    );
    expect((await page.run(ask(url, REFRESH))).data.refreshToken.session.id).toBe(
      data.refreshToken.session.id,
    );
  });

  it('the page of the Sandbox may run each operation of its story as it is typed in', async () => {
    const development = await startApp({ engine: 'sqlite', config: { cookies: true } });
    await development.server.listen({ host: '127.0.0.1', port: 0 });
    const { port } = development.server.server.address() as AddressInfo;
    try {
      const sandbox = await chromium.open(`http://127.0.0.1:${port}/graphql`);
      const { document, variables, includeCookies } = sandboxOf(
        await sandbox.run('document.documentElement.outerHTML'),
      );
      expect(includeCookies).toBe(true);
      for (const [name, operation] of Object.entries(separateOperations(parse(document)))) {
        const body = JSON.stringify({ query: print(operation), variables, operationName: name });
        const answer = await sandbox.run(`fetch('/graphql', { method: 'POST', credentials: 'include',
          headers: { 'content-type': 'application/json' }, body: ${JSON.stringify(body)} }).then((it) => it.json())`);
        const code = answer.errors?.[0].extensions.code ?? 'OK';
        expect([name, code]).toEqual([name, name === 'Me' ? 'UNAUTHENTICATED' : 'OK']);
      }
    } finally {
      await development.stop();
      await chromium.clearCookies();
    }
  });

  it('ten tabs that wake up at once stay logged in (RT-5)', async () => {
    const tabs = await Promise.all(Array.from({ length: 10 }, () => chromium.open(home)));
    const answers = await Promise.all(tabs.map((tab) => tab.run(ask(url, REFRESH))));
    const sessions = answers.map(({ data }) => data?.refreshToken.session.id);
    expect(new Set(sessions).size).toBe(1);
    expect((await page.run(ask(url, REFRESH))).data.refreshToken.session.id).toBe(sessions[0]);
  });

  it('logout by the cookie takes the refresh cookie from the browser', async () => {
    expect((await page.run(ask(url, LOGOUT))).data.logout.revokedSessions).toBe(1);
    expect((await chromium.cookies()).map(({ name }) => name)).toEqual(['__Host-latchkey-device']);
    expect((await page.run(ask(url, REFRESH))).errors[0].extensions.code).toBe('INVALID_REFRESH_TOKEN');
  });

  // Another port is another origin of the same site: SameSite lets the cookie go along, the rest must hold.
  it.each([
    ['of the same site', 'localhost', true],
    ['of another site', '127.0.0.1', false],
  ])('a hostile page %s reads and changes nothing (WEB-2, WEB-3)', async (_name, host, sendsCookie) => {
    const origin = `http://${host}:${elsewhere.port}`;
    const hostile = await chromium.open(origin);
    const before = await rotations();
    const values = (await chromium.cookies()).map(({ value }) => value).sort();

    const input = { ...CREDENTIALS, delivery: 'COOKIE' };
    expect(await hostile.run(ask(url, REFRESH))).toEqual({ blocked: 'TypeError' });
    expect(await hostile.run(ask(url, LOGOUT))).toEqual({ blocked: 'TypeError' });
    expect(await hostile.run(ask(url, LOGIN, { input }))).toEqual({ blocked: 'TypeError' });
    // A preflight each, which allowed nothing.
    expect(seen).toEqual(
      Array.from({ length: 3 }, () => ({
        method: 'OPTIONS',
        origin,
        hasCookie: false,
        status: expect.any(Number),
      })),
    );

    seen.length = 0;
    const body = JSON.stringify({ query: 'mutation { refreshToken { accessToken } }' });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])
      await hostile.run(`fetch(${JSON.stringify(url)}, { method: 'POST', mode: 'no-cors', credentials: 'include',
        headers: { 'content-type': '${type}' }, body: ${JSON.stringify(body)} }).then(() => undefined)`);
    await hostile.visit(`${url}?query=${encodeURIComponent('mutation { refreshToken { accessToken } }')}`);
    await hostile.visit(origin);
    // A form's field is `name=value`, so that the whole of it reads as JSON.
    const [name, value] = ['{"query":"mutation{refreshToken{accessToken}}","x":"', '"}'];
    await hostile.leave(`
      const form = Object.assign(document.createElement('form'),
        { method: 'post', enctype: 'text/plain', action: ${JSON.stringify(url)} });
      form.append(Object.assign(document.createElement('input'), { name: '${name}', value: '${value}' }));
      document.body.append(form);
      form.submit();`);
    expect(seen).toEqual([
      { method: 'POST', origin, hasCookie: sendsCookie, status: 415 },
      { method: 'POST', origin, hasCookie: sendsCookie, status: 415 },
      { method: 'POST', origin, hasCookie: sendsCookie, status: 415 },
      { method: 'GET', origin: undefined, hasCookie: expect.any(Boolean), status: 400 },
      { method: 'POST', origin, hasCookie: sendsCookie, status: 415 },
    ]);

    expect(await rotations()).toEqual(before);
    expect((await chromium.cookies()).map(({ value: kept }) => kept).sort()).toEqual(values);
    expect((await page.run(ask(url, REFRESH))).errors).toBeUndefined();
  });
});
