import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { AuthClientError, serverSession } from '../../packages/client/src/server.ts';
import { type Chromium, describeInChromium, type Page, startChromium } from '../support/chromium.ts';
import { register } from '../support/documents.ts';
import { eventsOf } from '../support/events.ts';
import { PASSWORD, startApp, type TestApp } from '../support/start-app.ts';
import { injectFetch } from './support/inject-fetch.ts';

describeInChromium('a server that renders pages, for Chromium', () => {
  const servers: Server[] = [];
  let app: TestApp;
  let chromium: Chromium;
  let tab: Page;
  let home: string;
  let elsewhere: string;

  beforeAll(async () => {
    app = await startApp({ engine: 'sqlite' });
    await register(app);
    const { fetch } = injectFetch(app);
    home = `http://localhost:${await listen(async (request, response) => {
      const { url = '/', method = 'GET', headers } = request;
      const visit = new Request(`http://${headers.host}${url}`, { method, headers: textOf(headers) });
      const session = await serverSession(visit, { url: 'http://localhost:4000/graphql', fetch });
      session.writeTo(response);
      if (url === '/login')
        (await session.login({ email: 'ada@example.com', password: PASSWORD })).writeTo(response);
      if (url === '/logout') (await session.logout()).writeTo(response);
      response
        .setHeader('content-type', 'text/html')
        .end(`<!doctype html><p>${session.user?.email ?? 'stranger'}`);
    })}`;
    // To a browser, an address and a name of one machine are two sites.
    elsewhere = `http://127.0.0.1:${await listen(async (_request, response) => {
      response.setHeader('content-type', 'text/html').end(`<!doctype html>
        <a href="${home}/">A link</a><form method="post" action="${home}/logout"><button>A form</button></form>`);
    })}`;
    chromium = await startChromium();
    tab = await chromium.open(`${home}/`);
  }, 60_000);

  afterAll(async () => {
    await chromium?.stop();
    await app?.stop();
    for (const server of servers) server.close();
  }, 30_000);

  async function listen(answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>) {
    const server = createServer((request, response) => {
      answer(request, response).catch((error: unknown) => {
        response.statusCode = error instanceof AuthClientError && error.code === 'FORBIDDEN' ? 403 : 500;
        response.end(`<!doctype html><p>${error instanceof AuthClientError ? error.code : error}`);
      });
    });
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return (server.address() as AddressInfo).port;
  }

  const shown = () => tab.run(`document.querySelector('p').textContent`);
  const kept = async () =>
    (await chromium.cookies()).map(({ name, httpOnly, secure, sameSite }) => [
      name,
      httpOnly,
      secure,
      sameSite,
    ]);

  it('a visitor logs in, and a link on another site leads them to a page that knows them', async () => {
    expect(await shown()).toBe('stranger');
    await tab.run(`fetch('/login', { method: 'POST' }).then(({ status }) => status)`);
    const names = ['access', 'device', 'refresh'].map((kind) => `__Host-session-${kind}`);
    expect((await kept()).sort()).toEqual(names.map((name) => [name, true, true, 'Lax']));
    await tab.visit(elsewhere);
    await tab.leave(`document.querySelector('a').click()`);
    expect(await shown()).toBe('ada@example.com');
  });

  it('a form on another site is refused, and the visitor stays signed in', async () => {
    await tab.visit(elsewhere);
    await tab.leave(`document.querySelector('button').click()`);
    expect(await shown()).toBe('FORBIDDEN');
    await tab.visit(`${home}/`);
    expect(await shown()).toBe('ada@example.com');
  });

  it('twenty pages at once on an expired cookie cost one generation, and the cookies of the browser are good', async () => {
    app.clock.travel(3_600_000);
    const ask = `fetch('/').then((response) => response.text()).then((text) => text.includes('ada@example.com'))`;
    const known = await tab.run(`Promise.all(Array.from({ length: 20 }, () => ${ask}))`);
    expect(known).toEqual(Array(20).fill(true));
    const rows = await app.database.all<{ generation: number }>(
      'SELECT generation FROM sessions ORDER BY generation DESC',
      {},
    );
    expect(Number(rows[0]?.generation)).toBe(1);
    app.clock.travel(3_600_000);
    await tab.visit(`${home}/`);
    expect(await shown()).toBe('ada@example.com');
    expect(await eventsOf(app, 'authn_token_reuse')).toEqual([]);
    expect(await kept()).toHaveLength(3);
  });

  it('a logout leaves nothing but the proof of the device', async () => {
    await tab.run(`fetch('/logout', { method: 'POST' }).then(({ status }) => status)`);
    expect((await kept()).map(([name]) => name)).toEqual(['__Host-session-device']);
    await tab.visit(`${home}/`);
    expect(await shown()).toBe('stranger');
  });
});

function textOf(headers: IncomingMessage['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
