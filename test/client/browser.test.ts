import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { type Chromium, describeInChromium, type Page, startChromium } from '../support/chromium.ts';
import { login } from '../support/documents.ts';
import { eventsOf } from '../support/events.ts';
import { PASSWORD, startApp, type TestApp } from '../support/start-app.ts';
import { serveClient } from './support/pages.ts';

const ADA = JSON.stringify({ email: 'ada@example.com', password: PASSWORD });
const GRACE = JSON.stringify({ email: 'grace@example.com', password: PASSWORD });
const LIFETIME_MS = 600_000;

describeInChromium('the client in Chromium', () => {
  let pages: Awaited<ReturnType<typeof serveClient>>;
  let app: TestApp;
  let chromium: Chromium;
  let refreshes = 0;
  const tabs: Page[] = [];

  beforeAll(async () => {
    let url = '';
    pages = await serveClient(() => url);
    const config = {
      mode: 'production',
      cookies: true,
      corsOrigins: [pages.origin],
      throttles: false,
    } as const;
    app = await startApp({ engine: 'sqlite', config });
    app.server.addHook('preHandler', async ({ body }) => {
      if (JSON.stringify(body ?? '').includes('mutation refreshToken')) refreshes += 1;
    });
    await app.server.listen({ host: '127.0.0.1', port: 0 });
    url = `http://localhost:${(app.server.server.address() as AddressInfo).port}/graphql`;
    chromium = await startChromium();
    const tab = await chromium.open(`${pages.origin}/?tokens=localStorage`);
    for (const user of [ADA, GRACE]) await tab.run(`auth.register(${user}).then(() => auth.logout())`);
    await tab.close();
  }, 60_000);

  afterAll(async () => {
    await chromium?.stop();
    await app?.stop();
    pages?.close();
  }, 30_000);

  beforeEach(() => {
    refreshes = 0;
  });

  afterEach(async () => {
    for (const tab of tabs.splice(0)) await tab.close();
    await chromium.clearCookies();
  });

  async function open(count: number, search = 'tokens=cookie'): Promise<Page[]> {
    for (let index = 0; index < count; index += 1)
      tabs.push(await chromium.open(`${pages.origin}/?${search}`));
    return tabs;
  }

  const everywhere = (expression: string) => Promise.all(tabs.map((tab) => tab.run(expression)));
  const untilEverywhere = (expression: string) => Promise.all(tabs.map((tab) => tab.until(expression)));

  /** Some tabs of one signed-in user, whose access token has just expired, here and at the server. */
  async function expired(count: number, search?: string): Promise<void> {
    // Without channels a tab learns of a sign-in when it is loaded.
    const [first] = await open(1, search);
    await first?.run(`auth.login(${ADA})`);
    await open(count - 1, search);
    await untilEverywhere(`auth.state.status === 'signedIn'`);
    await expire();
  }

  async function expire(): Promise<void> {
    app.clock.travel(LIFETIME_MS + 60_000);
    await everywhere(`shift += ${LIFETIME_MS + 60_000}`);
    refreshes = 0;
  }

  it('ten tabs at once cost one refresh when their token expires', async () => {
    await expired(10);
    const emails = await everywhere('auth.me().then(({ email }) => email)');
    expect(emails).toEqual(Array(10).fill('ada@example.com'));
    expect(refreshes).toBe(1);
    const tokens = await everywhere('auth.getAccessToken()');
    expect(new Set(tokens).size).toBe(1);
  });

  it('ten tabs over two seconds cost one refresh when their token expires', async () => {
    await expired(10);
    const later = (index: number) => `new Promise((resolve) => setTimeout(resolve, ${index * 200}))`;
    const ask = '.then(() => auth.me()).then(({ email }) => email)';
    const emails = await Promise.all(tabs.map((tab, index) => tab.run(later(index) + ask)));
    expect(emails).toEqual(Array(10).fill('ada@example.com'));
    expect(refreshes).toBe(1);
  });

  it.each(['without-locks', 'without-channels', 'without-locks&without-channels'])(
    'tabs %s refresh each for itself and stay signed in',
    async (lack) => {
      await expired(5, `tokens=cookie&${lack}`);
      for (let round = 0; round < 3; round += 1) {
        const emails = await everywhere('auth.me().then(({ email }) => email, (error) => error.code)');
        expect(emails).toEqual(Array(5).fill('ada@example.com'));
        await expire();
      }
      expect(await eventsOf(app, 'authn_token_reuse')).toEqual([]);
      await tabs[0]?.run('auth.logout()');
      const codes = await everywhere('auth.me().catch(({ code }) => code)');
      expect(codes).toEqual(Array(5).fill('UNAUTHENTICATED'));
      expect(await everywhere('auth.state.status')).toEqual(Array(5).fill('signedOut'));
    },
  );

  it.each(['cookie', 'localStorage'])(
    'with %s a sign-in, another user and a sign-out reach every tab',
    async (tokens) => {
      const [first, second] = await open(4, `tokens=${tokens}`);
      await untilEverywhere(`auth.state.status === 'signedOut'`);
      await first?.run(`auth.login(${ADA})`);
      await untilEverywhere(`auth.state.user?.email === 'ada@example.com'`);
      await second?.run(`auth.login(${GRACE})`);
      await untilEverywhere(`auth.state.user?.email === 'grace@example.com'`);
      expect(await everywhere('auth.me().then(({ email }) => email)')).toEqual(
        Array(4).fill('grace@example.com'),
      );
      await first?.run('auth.logout()');
      await untilEverywhere(`auth.state.status === 'signedOut'`);
      const story = ['signedOut', 'ada@example.com', 'grace@example.com', 'signedOut'];
      expect(await everywhere('seen')).toEqual(Array(4).fill(story));
    },
  );

  it('without channels another user in the cookie is found out, and nothing is sent again in their name', async () => {
    const [first, second] = await open(2, 'tokens=cookie&without-channels');
    await first?.run(`auth.login(${ADA})`);
    await second?.run(`auth.getAccessToken()`);
    await second?.run(`auth.login(${GRACE})`);
    const update = await first?.run(
      `auth.updateMe({ name: 'Ada' }).then(() => 'done', (error) => error.code)`,
    );
    expect(update).toBe('UNAUTHENTICATED');
    expect(await first?.run('auth.me().then(({ email, name }) => [email, name])')).toEqual([
      'grace@example.com',
      null,
    ]);
  });

  it('a session that ended elsewhere is over in every tab', async () => {
    await expired(3);
    const { accessToken } = await login(app, { email: 'ada@example.com' });
    await app.send(
      'mutation { logout(input: { scope: ALL }) { revokedSessions } }',
      {},
      { token: accessToken },
    );
    expect(await tabs[0]?.run('auth.me().catch(({ code }) => code)')).toBe('UNAUTHENTICATED');
    await untilEverywhere(`auth.state.status === 'signedOut'`);
    expect(refreshes).toBe(1);
  });

  it('a page that is loaded again is signed in', async () => {
    const [tab] = await open(1);
    await tab?.run(`auth.login(${ADA})`);
    await tab?.visit(`${pages.origin}/?tokens=cookie`);
    await tab?.until(`auth.state.status === 'signedIn'`);
    expect(await tab?.run('seen')).toEqual(['ada@example.com']);
  });

  it('a page on the way back asks again who is signed in', async () => {
    const [first, second] = await open(2, 'tokens=cookie&without-channels');
    const back = `void dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))`;
    await first?.run(`auth.login(${ADA})`);
    await second?.run(back);
    await second?.until(`auth.state.user?.email === 'ada@example.com'`);
    await first?.run('auth.logout()');
    expect(await second?.run('auth.state.status')).toBe('signedIn');
    await second?.run(back);
    await second?.until(`auth.state.status === 'signedOut'`);
  });

  it('tabs with a storage of their own have sessions of their own', async () => {
    const [first, second] = await open(2, 'tokens=sessionStorage');
    await first?.run(`auth.login(${ADA})`);
    await second?.run(`auth.login(${GRACE})`);
    await first?.run('auth.logout()');
    expect(await second?.run('auth.me().then(({ email }) => email)')).toBe('grace@example.com');
    expect(await first?.run('auth.state.status')).toBe('signedOut');
    expect(await second?.run('seen')).toEqual(['signedOut', 'grace@example.com']);
  });

  it('two users in two tabs with a storage each stay who they are when their tokens expire', async () => {
    const [first, second] = await open(2, 'tokens=sessionStorage');
    await first?.run(`auth.login(${ADA})`);
    await second?.run(`auth.login(${GRACE})`);
    const both = ['ada@example.com', 'grace@example.com'];
    for (let round = 0; round < 2; round += 1) {
      await expire();
      expect(await everywhere('auth.me().then(({ email }) => email)')).toEqual(both);
      // After all delays in which a tab looks for the session that it heard of.
      await everywhere('new Promise((resolve) => setTimeout(resolve, 1_500))');
      expect(await everywhere('auth.state.user?.email')).toEqual(both);
    }
    expect(await eventsOf(app, 'authn_token_reuse')).toEqual([]);
  });

  it('in tabs with one storage a logout and a login, one after the other, reach every tab', async () => {
    const [first] = await open(3, 'tokens=localStorage');
    await first?.run(`auth.login(${ADA})`);
    await untilEverywhere(`auth.state.user?.email === 'ada@example.com'`);
    await first?.run(`Promise.all([auth.logout(), auth.login(${GRACE})]).then(() => {})`);
    await untilEverywhere(`auth.state.user?.email === 'grace@example.com'`);
    expect(await everywhere('auth.me().then(({ email }) => email)')).toEqual(
      Array(3).fill('grace@example.com'),
    );
  });

  it('a login that follows a logout at once keeps its session in the cookie', async () => {
    const [tab] = await open(1);
    await tab?.run(`auth.login(${ADA})`);
    await tab?.run(`Promise.all([auth.logout(), auth.login(${GRACE})]).then(() => {})`);
    await tab?.visit(`${pages.origin}/?tokens=cookie`);
    await tab?.until(`auth.state.user?.email === 'grace@example.com'`);
  });

  it('tabs that share a storage share a refresh', async () => {
    await expired(4, 'tokens=localStorage');
    expect(await everywhere('auth.me().then(({ email }) => email)')).toEqual(
      Array(4).fill('ada@example.com'),
    );
    expect(refreshes).toBe(1);
  });

  it('a redirect to another origin is not followed', async () => {
    const [tab] = await open(1);
    await tab?.run(`auth.login(${ADA})`);
    const fetching = `auth.fetch('${pages.origin}/elsewhere').then(({ status }) => status, ({ code }) => code)`;
    // The origin of the page is none of the client's, so the platform's rules hold there.
    expect(await tab?.run(fetching)).toBe('NETWORK_ERROR');
    const own = `import('/client.js').then(async ({ createAuthClient }) => {
      const trusting = createAuthClient({ url: auth.url, tokens: 'cookie', origins: [location.origin] });
      return trusting.fetch('/elsewhere').then(({ status }) => status, ({ code }) => code);
    })`;
    expect(await tab?.run(own)).toBe('BAD_RESPONSE');
  });

  it('a component renders who is signed in, and begins with what the server rendered', async () => {
    const [tab] = await open(1);
    const render = (text: string) => `document.querySelector('#root').textContent === '${text}'`;
    await tab?.until(`auth.state.status === 'signedOut'`);
    await tab?.run(`void (() => {
      window.shown = [];
      const App = ({ serverState }) => {
        const { status, user } = useAuth(auth, serverState);
        shown.push(status);
        return React.createElement('p', null, user ? user.email : status);
      };
      const root = document.querySelector('#root');
      root.innerHTML = '<p>loading</p>';
      ReactDOM.hydrateRoot(root, React.createElement(App), { onRecoverableError: (error) => shown.push(String(error)) });
    })()`);
    await tab?.until(render('signedOut'));
    await tab?.run(`auth.login(${ADA})`);
    await tab?.until(render('ada@example.com'));
    expect(await tab?.run('[...new Set(shown)]')).toEqual(['loading', 'signedOut', 'signedIn']);
  });
});
