import { afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Config } from '../../src/config/config.ts';
import { insertExternalLogin } from '../../src/core/external-logins/store.ts';
import { freePort } from '../faults/support/server.ts';
import { enrol } from '../support/authenticator.ts';
import { register } from '../support/documents.ts';
import { providerOf } from '../support/evil-provider.ts';
import { mailedCode } from '../support/letters.ts';
import type { RealProvider } from '../support/real-provider.ts';
import { PASSWORD } from '../support/start-app.ts';
import { until } from '../support/until.ts';
import { describePages, EMAIL, NEW_PASSWORD, PATIENCE_MS, type Tab, VIEWS } from './support/account-pages.ts';

/** It proves addresses of example.com. */
const WORK = 'Continue with Example Inc.';
/** It proves none. */
const CLUB = 'Continue with The club';
const ADDRESS_TITLE = 'What is your email address?';
const CONNECTED = 'Connected accounts';
const TAB = 'Connections';
const DISCONNECT = `Disconnect Example Inc., ${EMAIL}`;
const PROOF = 'Prove that it is you';
/** No authentication is fresh for so long. */
const STALE_MS = 11 * 60_000;

/** What the server says of itself in the page, where it sends no mail. */
const WITHOUT_MAIL = `{
const parse = JSON.parse;
JSON.parse = (text) => {
  const value = parse(text);
  return value?.redirectOrigins === undefined ? value : { ...value, mail: false };
};
}`;

const REASONS = [
  ['DENIED', 'It was cancelled there'],
  ['PROVIDER', 'The other site did not answer as it should.'],
  ['EXPIRED', 'That took too long'],
  ['LINK_FIRST', 'There is an account with this email address here already.'],
  ['LINKED_ELSEWHERE', 'That account is connected to another account here.'],
  ['%3Cb%3ESend+money%3C%2Fb%3E', 'The other site did not answer as it should.'],
] as const;

describePages('external logins in the pages', (pages) => {
  const { open, faultsOf, signedIn, verify, app, account } = pages;
  let provider: RealProvider | undefined;
  let support: typeof import('../support/real-provider.ts');

  beforeAll(async () => {
    // oidc-provider warns of its store in memory, and of the oldest Node.js that runs it.
    jest.spyOn(console, 'warn').mockImplementation(() => {});
    support = await import('../support/real-provider.ts');
  });

  afterEach(async () => {
    await provider?.close();
    provider = undefined;
  });

  /** The server, and a provider on another site. */
  async function start(config: Partial<Config> = {}, { now = Date.now() } = {}): Promise<void> {
    const port = await freePort();
    const { REAL_CLIENT, startRealProvider } = support;
    const names = ['work', 'club'];
    const callbacks = names.map((name) => `http://localhost:${port}/external/callback/${name}`);
    provider = await startRealProvider(callbacks);
    const { clientId, clientSecret } = REAL_CLIENT;
    const definition = { issuer: provider.issuer, clientId };
    const proves = { authoritativeFor: ['example.com'], displayName: 'Example Inc.' };
    const providers = [
      { ...providerOf('work', { ...definition, ...proves }), clientSecret },
      { ...providerOf('club', { ...definition, displayName: 'The club' }), clientSecret },
    ];
    const redirectOrigins = [`http://localhost:${port}`];
    await pages.start({ providers, redirectOrigins, ...config }, { port, now, elsewhere: [provider.issuer] });
  }

  /** A page that is being left answers nothing. */
  const soon = (page: Tab, expression: string) =>
    until(async () => (await page.run(expression).catch(() => undefined)) || undefined);

  /** The browser is back from the provider. */
  const isBack = (page: Tab) =>
    soon(page, `location.href.startsWith(${JSON.stringify(account())}) && document.querySelector('h1')`);

  /** A person answers the page of the provider. */
  async function answer(page: Tab, person: string, button = 'Sign in'): Promise<void> {
    await soon(page, `document.querySelector('[name=account]')?.form`);
    await page.run(`document.querySelector('[name=account]').value = ${JSON.stringify(person)}`);
    await page.press(button);
    await isBack(page);
  }

  /** The question above the page. */
  const asks = (page: Tab, title: string) =>
    page.until(`document.querySelector('dialog[open] h2')?.textContent === ${JSON.stringify(title)}`);

  /** An account that has a password and is signed in, and its link to the provider, made `now`. */
  async function linked(page: Tab): Promise<void> {
    const user = await app().database.get<{ id: string }>('SELECT id FROM users');
    await insertExternalLogin(app().database, {
      id: 'c9b0b6f4-0c1e-4a8e-9d53-5e3c4c9f7a11',
      userId: user?.id ?? '',
      provider: 'work',
      issuer: provider?.issuer ?? '',
      subject: 'real|ada',
      email: EMAIL,
      lastUsedAt: null,
      now: app().clock.now(),
    });
    await page.visit('external-logins');
    await page.says('Not used yet');
  }

  it(
    'a new person signs in with an account at a provider, and again without a word',
    async () => {
      await start();
      const page = await open('sign-in');
      await page.press(WORK);
      await answer(page, 'ada');
      await page.heading('Profile');
      await page.says(EMAIL);
      expect(await page.address()).toBe(`${account()}/profile`);
      await page.press('Sign out');
      await page.heading('Sign in');
      await page.press(WORK);
      await soon(page, `document.querySelector('h1')?.textContent === 'Profile'`);
      expect(await app().database.all('SELECT email FROM users')).toEqual([{ email: EMAIL }]);
    },
    PATIENCE_MS,
  );

  it(
    'the page for new accounts has the buttons as well, and the person goes on to the app that sent them',
    async () => {
      await start();
      const target = new URL('/livez?a=b', account()).href;
      const page = await open(`sign-up?redirect_to=${encodeURIComponent(target)}`);
      await page.press(WORK);
      await soon(page, `document.querySelector('[name=account]')?.form`);
      await page.run(`document.querySelector('[name=account]').value = 'ada'`);
      await page.press('Sign in');
      await soon(page, `location.href === ${JSON.stringify(target)}`);
    },
    PATIENCE_MS,
  );

  it(
    'nothing of it is shown where there are no providers',
    async () => {
      await start({ providers: [] });
      const page = await signedIn();
      expect(await page.text()).not.toContain(TAB);
      await page.press('Sign out');
      await page.heading('Sign in');
      expect(await page.text()).not.toContain('Continue with');
    },
    PATIENCE_MS,
  );

  it(
    'the second factor is asked for after the provider, and not skipped',
    async () => {
      await start();
      const { accessToken } = await register(app(), EMAIL);
      await verify();
      const owner = await enrol(app(), accessToken);
      const page = await open('sign-in');
      await page.press(WORK);
      await answer(page, 'ada');
      await page.heading('Type the code of your app');
      await page.visit('profile');
      await page.heading('Sign in');
      await page.press(WORK);
      await soon(page, `document.querySelector('h1')?.textContent === 'Type the code of your app'`);
      await page.fill({ Code: owner.nextCode() });
      await page.press('Sign in');
      await page.heading('Profile');
    },
    PATIENCE_MS,
  );

  it(
    'a person whose provider proves no address proves one by a mailed code',
    async () => {
      await start();
      const page = await open('sign-in');
      await page.press(CLUB);
      await answer(page, 'ada');
      await page.heading(ADDRESS_TITLE);
      expect(await page.run(`byLabel('Email address').value`)).toBe(EMAIL);
      await page.fill({ 'Email address': 'no address' });
      await page.press('Send me a code');
      await page.says('This is no email address.');
      await page.fill({ 'Email address': 'grace@example.com' });
      await page.press('Send me a code');
      await page.heading('Look into your mail');
      await page.says('grace@example.com');
      await page.says('10 minutes');
      const code = await mailedCode(app(), 'grace@example.com');
      await page.fill({ Code: code === '12345678' ? '87654321' : '12345678' });
      await page.press('Continue');
      await page.says('This code is wrong');
      expect(await page.run(`document.activeElement === byLabel('Code')`)).toBe(true);
      await page.fill({ Code: `${code.slice(0, 4)} ${code.slice(4)}` });
      await page.press('Continue');
      await page.heading('Profile');
      await page.says('grace@example.com (confirmed)');
    },
    PATIENCE_MS,
  );

  it(
    'a person who gives the address of an account is told to sign in and connect, once they have the code',
    async () => {
      await start();
      await register(app(), EMAIL);
      await verify();
      const page = await open('sign-in');
      await page.press(CLUB);
      await answer(page, 'ada');
      await page.heading(ADDRESS_TITLE);
      await page.press('Send me a code');
      await page.heading('Look into your mail');
      await page.fill({ Code: await mailedCode(app()) });
      await page.press('Continue');
      await page.heading('Sign in');
      await page.says('There is an account with this email address here already.');
      await page.press(CLUB);
      await soon(page, `document.querySelector('h1')?.textContent === ${JSON.stringify(ADDRESS_TITLE)}`);
      await page.press('Back');
      await page.heading('Sign in');
    },
    PATIENCE_MS,
  );

  it(
    'without mail the page says that no address can be proven',
    async () => {
      await start();
      const page = await open('sign-in');
      await page.tell('Page.addScriptToEvaluateOnNewDocument', { source: WITHOUT_MAIL });
      await page.press(CLUB);
      await answer(page, 'ada');
      await page.heading(ADDRESS_TITLE);
      await page.says('This site sends no mail');
      expect(await page.run(`byLabel('Email address')`)).toBeUndefined();
      await page.press('Back');
      await page.heading('Sign in');
    },
    PATIENCE_MS,
  );

  it(
    'a person who declines at the provider is told so, and the address of the page is clean again',
    async () => {
      await start();
      const page = await open('sign-in');
      await page.press(WORK);
      await answer(page, 'ada', 'Decline');
      await page.says('It was cancelled there');
      await page.heading('Sign in');
      expect(await page.address()).toBe(`${account()}/sign-in`);
      expect(await app().database.all('SELECT email FROM users')).toEqual([]);
    },
    PATIENCE_MS,
  );

  it(
    'each failure is said in words of the page, and never in those of the address',
    async () => {
      await start();
      const page = await open('sign-in');
      for (const [reason, words] of REASONS) {
        await page.visit('about:blank');
        await page.visit(
          `${account()}/sign-in#error=EXTERNAL_LOGIN_FAILED&reason=${reason}&error_description=Send+money`,
        );
        await page.says(words);
        expect(await page.text()).not.toContain('Send money');
        expect(await page.address()).toBe(`${account()}/sign-in`);
      }
    },
    PATIENCE_MS,
  );

  it(
    'a code of a login that another browser began opens nothing here',
    async () => {
      await start();
      const page = await open(`sign-in#code=lke_${'A'.repeat(43)}`);
      await page.says('That took too long, or it was begun in another browser.');
      await page.heading('Sign in');
      expect(await page.address()).toBe(`${account()}/sign-in`);
    },
    PATIENCE_MS,
  );

  it(
    'who has no account is told so where nobody can make one',
    async () => {
      await start({ registration: 'closed' });
      const page = await open('sign-in');
      await page.press(WORK);
      await answer(page, 'ada');
      await page.says('Nobody can make an account here.');
    },
    PATIENCE_MS,
  );

  it(
    'an owner connects an account at a provider after a fresh proof, signs in with it, and disconnects it',
    async () => {
      await start({}, { now: Date.now() - STALE_MS });
      const page = await signedIn();
      app().clock.travel(STALE_MS);
      await page.press(TAB);
      await page.heading(CONNECTED);
      await page.says('None is connected.');
      await page.press('Connect Example Inc.');
      await asks(page, PROOF);
      await page.fill({ Password: PASSWORD });
      await page.press('Continue');
      await answer(page, 'ada');
      await page.heading(CONNECTED);
      await page.says('It is connected.');
      await page.says('Not used yet');
      expect(await page.address()).toBe(`${account()}/external-logins`);
      await page.press('Profile');
      expect(await page.text()).not.toContain('It is connected.');

      await page.press('Sign out');
      await page.heading('Sign in');
      await page.press(WORK);
      await soon(page, `document.querySelector('h1')?.textContent === 'Profile'`);
      await page.press(TAB);
      await page.says('Last used');
      await page.press(DISCONNECT);
      await asks(page, 'Disconnect Example Inc.?');
      await page.press('Disconnect');
      await page.says('It is disconnected.');
      await page.says('None is connected.');
      expect(await app().database.all('SELECT id FROM external_logins')).toEqual([]);
    },
    PATIENCE_MS,
  );

  it(
    'an account at a provider that is connected to another account is not connected',
    async () => {
      await start();
      const other = await open('sign-in');
      await other.press(WORK);
      await answer(other, 'grace');
      await other.heading('Profile');
      await other.press('Sign out');
      await other.heading('Sign in');
      const page = await signedIn();
      await page.press(TAB);
      await page.press('Connect Example Inc.');
      await soon(page, `document.body.innerText.includes('connected to another account here')`);
      await page.says('None is connected.');
    },
    PATIENCE_MS,
  );

  it(
    'the last way into an account stays, until there is a password',
    async () => {
      await start();
      const page = await open('sign-in');
      await page.press(WORK);
      await answer(page, 'ada');
      await page.press(TAB);
      await page.press(DISCONNECT);
      await page.press('Disconnect');
      await page.says('This is the only way into your account.');
      await page.press('Cancel');
      await page.press('Password');
      await page.says('Leave it empty if your account has none.');
      await page.fill({ 'New password': NEW_PASSWORD });
      await page.press('Change the password');
      await page.says('The password is changed.');
      await page.press(TAB);
      await page.press(DISCONNECT);
      await page.press('Disconnect');
      await page.says('It is disconnected.');
    },
    PATIENCE_MS,
  );

  it(
    'an owner without a password proves who it is at the provider, and comes back to the page',
    async () => {
      await start({}, { now: Date.now() - STALE_MS });
      const page = await signedIn();
      await linked(page);
      app().clock.travel(STALE_MS);
      await page.press('Password');
      await page.says('Leave it empty if your account has none.');
      await page.fill({ 'New password': NEW_PASSWORD });
      await page.press('Change the password');
      await asks(page, PROOF);
      await page.press(WORK);
      await answer(page, 'ada');
      await page.heading('Change your password');
      await page.says('Leave it empty if your account has none.');
      await page.fill({ 'New password': NEW_PASSWORD });
      await page.press('Change the password');
      await page.says('The password is changed.');
      // The session of before the proof is gone.
      expect(await app().database.all('SELECT id FROM sessions WHERE revoked_at IS NULL')).toHaveLength(1);
    },
    PATIENCE_MS,
  );

  it(
    'an account without a password is deleted after two questions',
    async () => {
      await start();
      const page = await open('sign-in');
      await page.press(WORK);
      await answer(page, 'ada');
      await page.press('Delete');
      await page.says('Leave it empty if your account has none.');
      await page.press('Delete my account');
      await asks(page, 'Delete your account for good?');
      expect(await app().database.all('SELECT email FROM users')).toHaveLength(1);
      await page.press('Delete my account');
      await page.heading('The account is deleted');
      expect(await app().database.all('SELECT email FROM users')).toEqual([]);
    },
    PATIENCE_MS,
  );

  describe.each(VIEWS)('in %s at %d px', (colorScheme, width) => {
    it(
      `no page of external logins has a fault that axe knows or an overflow (${colorScheme}, ${width})`,
      async () => {
        await start();
        const page = await open('sign-in', { colorScheme, width });
        const faults: unknown[] = [];
        const look = async (name: string) => {
          const found = await faultsOf(page);
          if (found.length > 0) faults.push([name, found]);
        };
        await page.heading('Sign in');
        await look('sign-in');
        await page.visit('sign-up');
        await page.heading('Make an account');
        await look('sign-up');
        await page.press(CLUB);
        await answer(page, 'x'.repeat(48));
        await page.heading(ADDRESS_TITLE);
        await look('address');
        await page.press('Send me a code');
        await page.heading('Look into your mail');
        await page.press('Continue');
        await page.says('Fill this in.');
        await look('code');
        await page.fill({ Code: await mailedCode(app(), `${'x'.repeat(48)}@example.com`) });
        await page.press('Continue');
        await page.heading('Profile');
        await page.press(TAB);
        await page.says('Last used');
        await look('connected accounts');
        await page.press(`Disconnect The club, ${'x'.repeat(48)}@example.com`);
        await page.press('Disconnect');
        await page.says('This is the only way into your account.');
        await look('disconnect');
        await page.press('Cancel');
        for (const name of ['Password', 'Delete']) {
          await page.press(name);
          await page.says('Leave it empty if your account has none.');
          await look(name);
        }
        expect(faults).toEqual([]);
      },
      PATIENCE_MS,
    );
  });
});
