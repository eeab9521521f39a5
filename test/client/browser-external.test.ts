import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { freePort } from '../faults/support/server.ts';
import { type Chromium, describeInChromium, type Page, startChromium } from '../support/chromium.ts';
import { providerOf } from '../support/evil-provider.ts';
import type { RealProvider } from '../support/real-provider.ts';
import { createFrozenClock, PASSWORD, startApp, type TestApp } from '../support/start-app.ts';
import { until } from '../support/until.ts';
import { serveClient } from './support/pages.ts';

describeInChromium('the client at oidc-provider in Chromium', () => {
  let pages: Awaited<ReturnType<typeof serveClient>>;
  let provider: RealProvider;
  let app: TestApp;
  let chromium: Chromium;
  const tabs: Page[] = [];

  beforeAll(async () => {
    const port = await freePort();
    const issuer = `http://localhost:${port}`;
    pages = await serveClient(() => `${issuer}/graphql`);
    // It warns of its store in memory, and of the oldest Node.js that runs it.
    jest.spyOn(console, 'warn').mockImplementation(() => {});
    const { REAL_CLIENT, startRealProvider } = await import('../support/real-provider.ts');
    provider = await startRealProvider([`${issuer}/external/callback/work`]);
    const { clientId, clientSecret } = REAL_CLIENT;
    const definition = { issuer: provider.issuer, clientId, authoritativeFor: ['example.com'] };
    const providers = [{ ...providerOf('work', definition), clientSecret }];
    const origins = { corsOrigins: [pages.origin], redirectOrigins: [pages.origin] };
    const config = { issuer, providers, cookies: true, ...origins };
    // The provider looks at the clock of the machine.
    app = await startApp({ engine: 'sqlite', clock: createFrozenClock(Date.now()), config });
    await app.server.listen({ host: '127.0.0.1', port });
    chromium = await startChromium();
  }, 60_000);

  afterAll(async () => {
    await chromium?.stop();
    await app?.stop();
    await provider?.close();
    pages?.close();
    jest.restoreAllMocks();
  }, 30_000);

  afterEach(async () => {
    for (const tab of tabs.splice(0)) {
      await tab.run('localStorage.clear()');
      await tab.close();
    }
    await chromium.clearCookies();
  });

  async function open(search: string): Promise<Page> {
    const tab = await chromium.open(`${pages.origin}/?${search}`);
    tabs.push(tab);
    await tab.until(`globalThis.auth?.state.status === 'signedOut'`);
    return tab;
  }

  /** A page that is being left answers nothing. */
  const soon = (tab: Page, expression: string) =>
    until(async () => (await tab.run(expression).catch(() => undefined)) || undefined);

  /** A person answers the page of the provider, and the browser comes back to the app. */
  async function answerAt(tab: Page, account: string, answer = 'sign-in'): Promise<void> {
    await soon(tab, `document.querySelector('[name=account]')?.form`);
    await tab.run(`document.querySelector('[name=account]').value = ${JSON.stringify(account)}`);
    await tab.click(`[value=${answer}]`);
    await soon(tab, `location.origin === ${JSON.stringify(pages.origin)} && globalThis.auth`);
  }

  const complete = (tab: Page) =>
    tab.run(`auth.completeRedirect().catch(({ code, reason }) => ({ code, reason }))`);

  it.each(['cookie', 'localStorage'])(
    'with %s a person signs in by redirect, and the address of the page keeps nothing of it',
    async (tokens) => {
      const tab = await open(`tokens=${tokens}`);
      await tab.run(`void auth.loginWith('work', { deviceName: 'Laptop' })`);
      await answerAt(tab, `ada-${tokens.toLowerCase()}`);
      const email = `ada-${tokens.toLowerCase()}@example.com`;
      expect(await complete(tab)).toMatchObject({
        kind: 'login',
        registrationToken: null,
        auth: { user: { email }, session: { amr: ['fed'], deviceName: 'Laptop' } },
      });
      expect(await tab.run('location.href')).toBe(`${pages.origin}/?tokens=${tokens}`);
      expect(await tab.run('sessionStorage.length')).toBe(0);
      expect(await tab.run('auth.me().then(({ email }) => email)')).toBe(email);
      expect(await complete(tab)).toBeUndefined();
    },
  );

  it.each(['cookie', 'localStorage'])('with %s a person links the provider by redirect', async (tokens) => {
    const tab = await open(`tokens=${tokens}`);
    const name = `grace-${tokens.toLowerCase()}`;
    const account = JSON.stringify({ email: `${name}@elsewhere.example`, password: PASSWORD });
    await tab.run(`auth.register(${account})`);
    await tab.run(`void auth.linkWith('work')`);
    await answerAt(tab, name);
    expect(await complete(tab)).toMatchObject({
      kind: 'link',
      user: { email: `${name}@elsewhere.example` },
    });
    expect(await tab.run('auth.externalLogins()')).toMatchObject([
      { provider: 'work', email: `${name}@example.com`, lastUsedAt: null },
    ]);
  });

  it('a code that another tab got opens nothing there, and the login goes on where it began', async () => {
    const tab = await open('tokens=localStorage');
    await tab.run(`void auth.loginWith('work')`);
    await answerAt(tab, 'hedy');
    const address = await tab.run('location.href');
    const other = await chromium.open(address);
    tabs.push(other);
    await other.until('globalThis.auth');
    expect(await complete(other)).toEqual({ code: 'EXTERNAL_LOGIN_FAILED', reason: 'EXPIRED' });
    expect(await complete(tab)).toMatchObject({ kind: 'login', auth: { user: { name: 'hedy' } } });
  });

  it('a person who declines comes back with the reason', async () => {
    const tab = await open('tokens=cookie');
    await tab.run(`void auth.loginWith('work')`);
    await answerAt(tab, 'eve', 'decline');
    expect(await complete(tab)).toEqual({ code: 'EXTERNAL_LOGIN_FAILED', reason: 'DENIED' });
    await tab.until(`auth.state.status === 'signedOut'`);
    expect(await tab.run('location.hash')).toBe('');
  });
});
