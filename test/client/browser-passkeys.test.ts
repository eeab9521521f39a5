import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { type Chromium, describeInChromium, type Page, startChromium } from '../support/chromium.ts';
import { PASSWORD, startApp, type TestApp } from '../support/start-app.ts';
import { serveClient } from './support/pages.ts';

const PATIENCE_MS = 60_000;

/** How a ceremony ended: `OK`, or the code of its error. */
const PAGE = `
globalThis.ends = (work) => work.then(() => 'OK', (error) => error.code ?? error.name ?? error);
globalThis.soon = (ms = 300) => new Promise((resolve) => setTimeout(resolve, ms));
void import('/passkeys.js').then((module) => { globalThis.passkeys = module; });`;

describeInChromium('passkeys of the client in Chromium', () => {
  let chromium: Chromium;
  let pages: Awaited<ReturnType<typeof serveClient>>;
  let app: TestApp;
  let page: Page;
  let tell: Awaited<ReturnType<Page['addAuthenticator']>>;

  beforeAll(async () => {
    let url = '';
    pages = await serveClient(() => url);
    const webauthn = { webauthnRpId: 'localhost', webauthnOrigins: [pages.origin] };
    app = await startApp({
      engine: 'sqlite',
      config: { ...webauthn, cookies: true, corsOrigins: [pages.origin], throttles: false },
    });
    await app.server.listen({ host: '127.0.0.1', port: 0 });
    url = `http://localhost:${(app.server.server.address() as AddressInfo).port}/graphql`;
    chromium = await startChromium();
  }, PATIENCE_MS);

  afterAll(async () => {
    await chromium?.stop();
    app?.server.server.closeAllConnections();
    await app?.stop();
    pages?.close();
  }, PATIENCE_MS);

  let accounts = 0;

  /** A tab that is signed out, on a device with a passkey of a new account. */
  beforeEach(async () => {
    page = await chromium.open(`${pages.origin}/?tokens=localStorage`);
    tell = await page.addAuthenticator();
    await page.run(PAGE);
    await page.until('globalThis.passkeys !== undefined');
    accounts += 1;
    const account = JSON.stringify({ email: `ada${accounts}@example.com`, password: PASSWORD });
    await page.run(`auth.register(${account}).then(() => {})`);
    expect(await page.run(`ends(passkeys.registerPasskey(auth))`)).toBe('OK');
    await page.run('auth.logout().then(() => {})');
  }, PATIENCE_MS);

  afterEach(() => page.close());

  /** A request that has begun keeps the answer of then. */
  const user = (present: boolean) => tell('setAutomaticPresenceSimulation', { enabled: present });

  it('a dialog and a suggestion sign in', async () => {
    expect(await page.run('ends(passkeys.loginWithPasskey(auth))')).toBe('OK');
    await page.run('auth.logout().then(() => {})');
    expect(await page.run('ends(passkeys.loginWithPasskey(auth, { suggest: true }))')).toBe('OK');
    expect(await page.run('auth.state.status')).toBe('signedIn');
  });

  it('a button that is clicked twice opens a second dialog, and the first one is over', async () => {
    await user(false);
    await page.run('void (globalThis.first = ends(passkeys.loginWithPasskey(auth)))');
    await page.run('soon()');
    await user(true);
    expect(await page.run('ends(passkeys.loginWithPasskey(auth))')).toBe('OK');
    expect(await page.run('first')).toBe('PASSKEY_CANCELLED');
  });

  it('the newest of three suggestions stays, a dialog interrupts it, and it signs in after that', async () => {
    await user(false);
    await page.run(`globalThis.suggestions = [1, 2, 3].map(() =>
      ends(passkeys.loginWithPasskey(auth, { suggest: true }))); void 0`);
    expect(await page.run('Promise.all(suggestions.slice(0, 2))')).toEqual(
      Array(2).fill('PASSKEY_CANCELLED'),
    );
    await page.run('soon()');
    await page.run(`globalThis.closing = new AbortController();
      globalThis.dialog = ends(passkeys.loginWithPasskey(auth, { signal: closing.signal })); void 0`);
    await page.run('soon()');
    await user(true);
    expect(await page.run(`closing.abort('closed'), dialog`)).toBe('closed');
    expect(await page.run('suggestions[2]')).toBe('OK');
  });

  it('a suggestion of an effect that runs twice signs in', async () => {
    await page.run(`{ const cleaned = new AbortController();
      globalThis.first = ends(passkeys.loginWithPasskey(auth, { suggest: true, signal: cleaned.signal }));
      cleaned.abort('cleaned up');
      globalThis.second = ends(passkeys.loginWithPasskey(auth, { suggest: true })); } void 0`);
    expect(await page.run('Promise.all([first, second])')).toEqual(['cleaned up', 'OK']);
  });
});
