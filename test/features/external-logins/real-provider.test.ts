import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { freePort } from '../../faults/support/server.ts';
import { type Chromium, describeInChromium, type Page, startChromium } from '../../support/chromium.ts';
import { providerOf } from '../../support/evil-provider.ts';
import {
  authOf,
  begin,
  COMPLETE_EXTERNAL,
  COMPLETE_LINK,
  complete,
  LINK_EXTERNAL,
  registerVerified,
  START_EXTERNAL,
} from '../../support/external-logins.ts';
import type { RealProvider } from '../../support/real-provider.ts';
import { createFrozenClock, startApp, type TestApp } from '../../support/start-app.ts';
import { until } from '../../support/until.ts';

describeInChromium('a person who logs in at oidc-provider in Chromium', () => {
  let provider: RealProvider;
  let app: TestApp;
  let chromium: Chromium;
  let home: string;
  const tabs: Page[] = [];

  beforeAll(async () => {
    const port = await freePort();
    // Another site than the provider's: what it sends the browser back with brings no strict cookie.
    const issuer = `http://localhost:${port}`;
    home = `${issuer}/`;
    // It warns of its store in memory, and of the oldest Node.js that runs it.
    jest.spyOn(console, 'warn').mockImplementation(() => {});
    const { REAL_CLIENT, startRealProvider } = await import('../../support/real-provider.ts');
    const names = ['real', 'form'];
    provider = await startRealProvider(names.map((name) => `${issuer}/external/callback/${name}`));
    const { clientId, clientSecret } = REAL_CLIENT;
    const definition = { issuer: provider.issuer, clientId, authoritativeFor: ['example.com'] };
    const providers = [
      { ...providerOf('real', definition), clientSecret },
      { ...providerOf('form', { ...definition, responseMode: 'form_post' }), clientSecret },
    ];
    // The provider looks at the clock of the machine.
    const clock = createFrozenClock(Date.now());
    app = await startApp({ engine: 'sqlite', clock, config: { issuer, providers, cookies: true } });
    await app.server.listen({ host: '127.0.0.1', port });
    chromium = await startChromium();
  }, 60_000);

  afterAll(async () => {
    await chromium?.stop();
    await app?.stop();
    await provider?.close();
    jest.restoreAllMocks();
  }, 30_000);

  afterEach(async () => {
    for (const tab of tabs.splice(0)) await tab.close();
    await chromium.clearCookies();
  });

  /** Answers the page of the provider, and gives the fragment with which the browser comes back. */
  async function logIn(
    authorizationUrl: string,
    account: string,
    answer = 'sign-in',
  ): Promise<URLSearchParams> {
    const tab = await chromium.open(authorizationUrl);
    tabs.push(tab);
    return answerAt(tab, account, answer);
  }

  async function answerAt(tab: Page, account: string, answer = 'sign-in'): Promise<URLSearchParams> {
    await tab.until("document.querySelector('[name=account]')");
    await tab.run(`document.querySelector('[name=account]').value = ${JSON.stringify(account)}`);
    await tab.click(`[value=${answer}]`);
    const look = `location.href.startsWith(${JSON.stringify(home)}) && location.hash && location.href`;
    // A page that is being left answers nothing.
    const address: string = await until(async () => (await tab.run(look).catch(() => '')) || undefined);
    return new URLSearchParams(address.split('#')[1]);
  }

  it.each(['real', 'form'])(
    'comes back with a code that opens a session, by way of the provider %s',
    async (name) => {
      const begun = await begin(app, name, { redirectTo: home });
      const fragment = await logIn(begun.authorizationUrl, 'ada');
      const auth = authOf(await complete(app, fragment.get('code') ?? '', begun.verifier));
      expect(auth.user).toMatchObject({ email: 'ada@example.com', emailVerified: true, name: 'ada' });
      const links = await app.database.all('SELECT issuer, subject FROM external_logins');
      expect(links).toEqual([{ issuer: provider.issuer, subject: 'real|ada' }]);
    },
  );

  it('in cookie mode the page that began has the cookie when the browser is back from the other site', async () => {
    const tab = await chromium.open(home);
    tabs.push(tab);
    const send = (query: string, input: object) => {
      const body = JSON.stringify({ query, variables: { input } });
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
      return tab.run(`fetch('/graphql', ${JSON.stringify(init)}).then((answer) => answer.json())`);
    };
    const input = { provider: 'form', redirectTo: home, delivery: 'COOKIE' };
    const { authorizationUrl, verifier } = (await send(START_EXTERNAL, input)).data.startExternalLogin;
    expect(verifier).toBeNull();
    await tab.go(authorizationUrl);
    const fragment = await answerAt(tab, 'hedy');
    const done = await send(COMPLETE_EXTERNAL, { code: fragment.get('code') });
    expect(done.data.completeExternalLogin.auth).toMatchObject({
      refreshToken: null,
      user: { email: 'hedy@example.com' },
    });
    const names = (await chromium.cookies()).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['__Host-latchkey-external', '__Host-latchkey-refresh']));
  });

  it('who declines comes back with a refusal', async () => {
    const begun = await begin(app, 'real', { redirectTo: home });
    const fragment = await logIn(begun.authorizationUrl, 'eve', 'decline');
    expect(Object.fromEntries(fragment)).toEqual({
      error: 'EXTERNAL_LOGIN_FAILED',
      reason: 'DENIED',
      error_description: 'You did not let the provider sign you in here.',
    });
  });

  it('links the account at the provider to an account that was there', async () => {
    const { accessToken: token } = await registerVerified(app, 'grace@elsewhere.example');
    const { data } = await app.send(
      LINK_EXTERNAL,
      { input: { provider: 'real', redirectTo: home } },
      { token },
    );
    const { authorizationUrl, verifier } = data.linkExternalLogin;
    const fragment = await logIn(authorizationUrl, 'grace');
    const input = { code: fragment.get('code'), verifier };
    const linked = await app.send(COMPLETE_LINK, { input }, { token });
    expect(linked.data.completeExternalLink.externalLogins).toMatchObject([
      { provider: 'real', email: 'grace@example.com' },
    ]);
  });

  it('a callback that comes a second time says so in words, and leads nowhere', async () => {
    const begun = await begin(app, 'real', { redirectTo: home });
    await logIn(begun.authorizationUrl, 'ada');
    const callback = tabs[0]?.requests.find((url) => url.includes('/external/callback/')) ?? '';
    const tab = await chromium.open(callback);
    tabs.push(tab);
    expect(await tab.run('document.querySelector("h1").textContent')).toBe('The sign-in did not work');
    expect(await tab.run('document.body.textContent')).toContain('was used before');
    expect(tab.complaints.filter((text) => !text.includes('400'))).toEqual([]);
  });
});
