import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { freePort } from '../faults/support/server.ts';
import {
  authenticatorOf,
  complete,
  type Enrolled,
  enrol,
  mfaTokenOf,
  wrongCode,
} from '../support/authenticator.ts';
import { LOGIN, login, register } from '../support/documents.ts';
import { mailedCode } from '../support/letters.ts';
import { PASSWORD, startApp, type TestApp } from '../support/start-app.ts';
import { until } from '../support/until.ts';
import { describePages, EMAIL, NEW_PASSWORD, PATIENCE_MS, type Tab, VIEWS } from './support/account-pages.ts';

const CODE_TITLE = 'Type the code of your app';
const WRONG = 'This code is wrong, or it was used before.';
const AGAIN = 'It took too long, or too many codes were wrong. Sign in again.';
const PROOF = 'Prove that it is you';
/** No access token and no authentication is fresh for so long. */
const STALE_MS = 11 * 60_000;
const REQUEST_FACTOR_RESET =
  'mutation ($input: RequestFactorResetInput!) { requestFactorReset(input: $input) { expiresIn } }';
const THREE_DAYS_S = 3 * 86_400;

describePages('second factors in the pages', (pages) => {
  const { start, open, linkIn, verify, signedIn, faultsOf, app, account, chromium } = pages;

  /** An account with an app, which nobody is signed in to in this browser. */
  async function enrolled({ isVerified = true } = {}): Promise<Enrolled> {
    const { accessToken } = await register(app(), EMAIL);
    if (isVerified) await verify();
    return enrol(app(), accessToken);
  }

  async function typePassword(page: Tab): Promise<void> {
    await page.fill({ 'Email address': EMAIL, Password: PASSWORD });
    await page.press('Sign in');
  }

  async function typeCode(page: Tab, owner: Enrolled): Promise<void> {
    await page.heading(CODE_TITLE);
    await page.fill({ Code: owner.nextCode() });
    await page.press('Sign in');
  }

  /** A tab whose session showed both factors. */
  async function withBoth(owner: Enrolled): Promise<Tab> {
    const page = await open('sign-in');
    await typePassword(page);
    await typeCode(page, owner);
    await page.heading('Profile');
    return page;
  }

  /** The question above the page. */
  const asks = (page: Tab, title: string) =>
    page.until(`shown().querySelector('h2')?.textContent === ${JSON.stringify(title)}`);

  async function begin(page: Tab): Promise<string> {
    await page.press('Second factor');
    await page.heading('Second factor');
    await page.press('Add an authenticator app');
    return showCode(page);
  }

  /** The secret behind the QR code. */
  async function showCode(page: Tab): Promise<string> {
    await page.press('Show the QR code');
    await page.until('document.querySelector("img.qr-code")?.naturalWidth > 0');
    const uri = await page.run('document.querySelector("a[href^=otpauth]").href');
    return new URL(uri).searchParams.get('secret') ?? '';
  }

  const codeOf = (secret: string) => authenticatorOf(secret).codeAt(app().clock.now());
  const shownCodes = (page: Tab): Promise<string[]> =>
    page.run(`[...document.querySelectorAll('.codes code')].map((code) => code.textContent)`);

  /** What a link of a page downloads. */
  async function downloaded(page: Tab, name: string): Promise<string> {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-downloads-'));
    try {
      await page.tell('Page.setDownloadBehavior', { behavior: 'allow', downloadPath: folder });
      await page.press(name);
      const file = await until(async () => readdirSync(folder).find((entry) => entry.endsWith('.txt')));
      return readFileSync(join(folder, file), 'utf8');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  it(
    'a person adds an app by its QR code or its secret, and signs in with both factors from then on',
    async () => {
      await start();
      await chromium().grantClipboard(new URL(account()).origin);
      const page = await signedIn();
      const secret = await begin(page);
      expect(await page.run('document.querySelector("img.qr-code").src')).toMatch(/^data:image\/svg\+xml/);
      await page.press('You cannot scan it?');
      expect((await page.text()).replaceAll(' ', '')).toContain(secret);
      await page.press('Copy the secret');
      await page.says('Copied.');
      expect(await page.run('navigator.clipboard.readText()')).toBe(secret);
      await page.fill({ Code: wrongCode(app(), { secret } as Enrolled), 'A name for it': 'My phone' });
      await page.press('Add the app');
      await page.says(WRONG);
      await page.fill({ Code: codeOf(secret) });
      await page.press('Add the app');
      await page.heading('Keep these recovery codes');
      await page.press('I have kept them');
      await page.heading('Second factor');
      await page.says('My phone');
      await page.says('10 of your codes are left.');

      await page.press('Sign out');
      await page.heading('Sign in');
      await typePassword(page);
      await page.heading(CODE_TITLE);
      const field = `(({ inputMode, autocomplete }) => [inputMode, autocomplete])(byLabel('Code'))`;
      expect(await page.run(field)).toEqual(['numeric', 'one-time-code']);
      app().clock.travel(30_000);
      await page.fill({ Code: wrongCode(app(), { secret } as Enrolled) });
      await page.press('Sign in');
      await page.says(WRONG);
      expect(await page.run(`document.activeElement === byLabel('Code')`)).toBe(true);
      const code = codeOf(secret);
      await page.fill({ Code: `${code.slice(0, 3)} ${code.slice(3)}` });
      await page.press('Sign in');
      await page.heading('Profile');
    },
    PATIENCE_MS,
  );

  it(
    'recovery codes are copied, downloaded and printed, and stay until the person has kept them',
    async () => {
      await start();
      await chromium().grantClipboard(new URL(account()).origin);
      const page = await signedIn();
      const secret = await begin(page);
      await page.fill({ Code: codeOf(secret) });
      await page.press('Add the app');
      await page.heading('Keep these recovery codes');
      const codes = await shownCodes(page);
      expect(new Set(codes).size).toBe(10);
      await page.press('Copy');
      await page.says('Copied.');
      expect(await page.run('navigator.clipboard.readText()')).toBe(codes.join('\n'));
      const file = await downloaded(page, 'Download');
      expect(file).toContain(EMAIL);
      expect(file.split('\n')).toEqual(expect.arrayContaining(codes));
      await page.run('globalThis.print = () => { globalThis.isPrinted = true; }');
      await page.press('Print');
      expect(await page.run('isPrinted')).toBe(true);
      await page.tell('Emulation.setEmulatedMedia', { media: 'print' });
      const onPaper = await page.text();
      expect(onPaper).not.toContain('I have kept them');
      for (const text of [EMAIL, ...codes]) expect(onPaper).toContain(text);
      await page.tell('Emulation.setEmulatedMedia', { media: '' });
      // Nothing on the page leads elsewhere, and the browser asks before it leaves.
      expect(await page.run(`document.querySelector('nav') === null`)).toBe(true);
      const isHeld = `(() => { const leaving = new Event('beforeunload', { cancelable: true });
        dispatchEvent(leaving); return leaving.defaultPrevented; })()`;
      expect(await page.run(isHeld)).toBe(true);
      await page.press('I have kept them');
      await page.heading('Second factor');
      expect(await page.text()).not.toContain(codes[0]);
      expect(await page.run(isHeld)).toBe(false);
    },
    PATIENCE_MS,
  );

  it(
    'an app that was not proven within ten minutes is shown anew',
    async () => {
      await start();
      const page = await signedIn();
      const late = await begin(page);
      app().clock.travel(STALE_MS);
      await page.fill({ Code: codeOf(late) });
      await page.press('Add the app');
      await asks(page, PROOF);
      await page.fill({ Password: PASSWORD });
      await page.press('Continue');
      await page.says('That took longer than ten minutes. Start again.');
      expect(await showCode(page)).not.toBe(late);
    },
    PATIENCE_MS,
  );

  it(
    'each way in asks for the second factor: a password at any page, the link of a mail, and its code',
    async () => {
      await start({ magicLinks: true });
      const owner = await enrolled();
      const page = await open('sessions');
      await typePassword(page);
      await typeCode(page, owner);
      await page.heading('Devices');
      for (const way of ['link', 'code']) {
        await page.press('Sign out');
        await page.press('Sign in by mail, without a password');
        await page.fill({ 'Email address': EMAIL });
        await page.press('Send me a link');
        await page.heading('Look into your mail');
        if (way === 'link') await page.visit(await linkIn('magic-link'));
        else await page.fill({ Code: await mailedCode(app()) });
        await page.press('Sign in');
        await typeCode(page, owner);
        await page.heading('Profile');
      }
    },
    PATIENCE_MS,
  );

  it(
    'a recovery code signs in once, and people are warned when few are left',
    async () => {
      await start();
      const owner = await enrolled();
      const page = await open('sign-in');
      for (const [index, code] of owner.recoveryCodes.slice(0, 7).entries()) {
        await typePassword(page);
        await page.press('Use a recovery code instead');
        await page.heading('Type a recovery code');
        if (index === 1) {
          await page.fill({ 'Recovery code': owner.recoveryCodes[0] ?? '' });
          await page.press('Sign in');
          await page.says(WRONG);
        }
        await page.fill({ 'Recovery code': code.toUpperCase() });
        await page.press('Sign in');
        await page.heading('Profile');
        await page.press('Second factor');
        await page.says(`${9 - index} of your codes are left.`);
        expect((await page.text()).includes('Make new ones before they run out.')).toBe(index === 6);
        await page.press('Sign out');
        await page.heading('Sign in');
      }
    },
    PATIENCE_MS,
  );

  it(
    'a login that waited too long, or took too many wrong codes, leads back to the first step',
    async () => {
      await start({ magicLinks: true });
      const owner = await enrolled();
      const page = await open('sign-in');
      await typePassword(page);
      await page.heading(CODE_TITLE);
      const refusals = () => app().lines.filter((line) => line.includes('"INVALID_CODE"')).length;
      for (let tries = 0; tries < 5; tries += 1) {
        await page.fill({ Code: wrongCode(app(), owner) });
        await page.press('Sign in');
        await until(async () => refusals() === tries + 1 || undefined);
        await page.until(`document.querySelector('form').ariaBusy === 'false'`);
      }
      await page.press('Sign in');
      await page.heading('Sign in');
      await page.says(AGAIN);
      // From a link that is spent, to where another step can be taken.
      await page.visit('email-code');
      await page.fill({ 'Email address': EMAIL });
      await page.press('Send me a link');
      await page.heading('Look into your mail');
      await page.visit(await linkIn('magic-link'));
      await page.press('Sign in');
      await page.heading(CODE_TITLE);
      app().clock.travel(6 * 60_000);
      await page.fill({ Code: owner.nextCode() });
      await page.press('Sign in');
      await page.says(AGAIN);
      expect(await page.address()).toBe(`${account()}/sign-in`);
      await typePassword(page);
      await page.heading(CODE_TITLE);
      expect(await page.text()).not.toContain(AGAIN);
    },
    PATIENCE_MS,
  );

  it(
    'after too many wrong codes of an account the page says how long to wait',
    async () => {
      await start();
      const owner = await enrolled();
      for (const tries of [5, 5]) {
        const token = mfaTokenOf(await app().send(LOGIN, { input: { email: EMAIL, password: PASSWORD } }));
        for (let count = 0; count < tries; count += 1)
          await complete(app(), token, { totpCode: wrongCode(app(), owner) });
      }
      const page = await open('sign-in');
      await typePassword(page);
      await typeCode(page, owner);
      await page.says('Too many attempts. Try again in 15 minutes.');
      await page.heading(CODE_TITLE);
    },
    PATIENCE_MS,
  );

  it(
    'who lost the device asks for the removal of the factors, and a session can cancel it',
    async () => {
      await start({ factorResetSeconds: THREE_DAYS_S });
      const owner = await enrolled({ isVerified: false });
      const page = await open('sign-in');
      await typePassword(page);
      await page.press('I lost my device');
      await page.heading('You lost your device?');
      await page.press('Remove my second factors');
      await page.says('Your email address is not confirmed');
      await verify();
      await page.press('Remove my second factors');
      await page.heading('Your second factors will be removed');
      await page.says('This happens in 3 days.');

      expect(await resetAt(owner)).not.toBeNull();
    },
    PATIENCE_MS,
  );

  it(
    'the owner of a session sees that a removal of the factors was asked for, and cancels it',
    async () => {
      await start({ factorResetSeconds: THREE_DAYS_S });
      const owner = await enrolled();
      const page = await withBoth(owner);
      const mfaToken = mfaTokenOf(await app().send(LOGIN, { input: { email: EMAIL, password: PASSWORD } }));
      await app().send(REQUEST_FACTOR_RESET, { input: { mfaToken } });
      expect(await resetAt(owner)).not.toBeNull();
      await page.press('Second factor');
      await page.says('asked us to remove all your second factors');
      await page.press('Cancel the removal');
      await page.says('Your second factors stay.');
      expect(await page.text()).not.toContain('asked us to remove');
      expect(await resetAt(owner)).toBeNull();
    },
    PATIENCE_MS,
  );

  it(
    'where nobody can ask for the removal of factors, the page sends people to the operator',
    async () => {
      await start();
      await enrolled();
      const page = await open('sign-in');
      await typePassword(page);
      await page.press('I lost my device');
      await page.says('Otherwise ask the people who run this site.');
      expect(await page.run(`byText('button', 'Remove my second factors') === undefined`)).toBe(true);
      await page.press('Use a code of the app instead');
      await page.heading(CODE_TITLE);
    },
    PATIENCE_MS,
  );

  it(
    'a change of the factors asks for the password and a code where the last proof is old',
    async () => {
      await start();
      const owner = await enrolled();
      const page = await withBoth(owner);
      await page.press('Second factor');
      await page.press('Rename Authenticator app');
      await page.fill({ Name: 'My phone' });
      await page.press('Rename');
      await page.says('It is renamed.');
      await page.press('Make new codes');
      await asks(page, 'Make new codes');
      await page.press('Make new codes');
      await page.heading('Keep these recovery codes');
      const [code = ''] = await shownCodes(page);
      expect(owner.recoveryCodes).not.toContain(code);
      await page.press('I have kept them');

      app().clock.travel(STALE_MS);
      await page.press('Remove My phone');
      await page.says('This is your only second factor.');
      await page.press('Remove');
      await asks(page, PROOF);
      await page.fill({ Password: 'not the password', Code: owner.nextCode() });
      await page.press('Continue');
      await page.says('This is not the password of your account.');
      await page.fill({ Password: PASSWORD, Code: wrongCode(app(), owner) });
      await page.press('Continue');
      await page.says(WRONG);
      await page.press('Use a recovery code instead');
      await page.fill({ 'Recovery code': code });
      await page.press('Continue');
      await page.says('It is removed.');
      await page.says('A second factor keeps your account safe');
      expect((await app().send(LOGIN, { input: { email: EMAIL, password: PASSWORD } })).code).toBe('OK');
    },
    PATIENCE_MS,
  );

  it(
    'a person who gives up the proof changes nothing',
    async () => {
      await start();
      const owner = await enrolled();
      const page = await withBoth(owner);
      app().clock.travel(STALE_MS);
      await page.press('Second factor');
      await page.heading('Second factor');
      await page.until(`document.activeElement.tagName === 'H1'`);
      await page.run(`byText('button', 'Remove Authenticator app').focus()`);
      await page.press('Remove Authenticator app');
      await page.press('Remove');
      await asks(page, PROOF);
      await page.press('Cancel');
      await asks(page, 'Remove Authenticator app?');
      await page.press('Cancel');
      await page.until('document.querySelector("dialog") === null');
      expect(await page.run('document.activeElement.textContent')).toBe('Remove');
      expect((await app().send(LOGIN, { input: { email: EMAIL, password: PASSWORD } })).code).toBe(
        'MFA_REQUIRED',
      );
    },
    PATIENCE_MS,
  );

  it(
    'a proof asks for a code, too, when the factor was added elsewhere meanwhile',
    async () => {
      await start();
      const page = await signedIn();
      await page.press('Password');
      await page.heading('Change your password');
      const owner = await enrol(app(), (await login(app(), { email: EMAIL })).accessToken);
      app().clock.travel(STALE_MS);
      await page.fill({ 'Current password': PASSWORD, 'New password': NEW_PASSWORD });
      await page.press('Change the password');
      await asks(page, PROOF);
      await page.fill({ Password: PASSWORD });
      await page.press('Continue');
      await page.says('Your account has a second factor. Type a code as well.');
      await page.fill({ Code: owner.nextCode() });
      await page.press('Continue');
      await page.says('The password is changed.');
    },
    PATIENCE_MS,
  );

  it(
    'with a second factor, password and address change by a fresh proof, and the account goes by a new one',
    async () => {
      await start();
      const owner = await enrolled();
      const page = await withBoth(owner);
      await page.press('Password');
      await page.fill({ 'New password': NEW_PASSWORD });
      expect(await page.run(`byLabel('Current password') === undefined`)).toBe(true);
      await page.press('Change the password');
      await page.says('The password is changed.');
      app().clock.travel(STALE_MS);
      await page.visit('email');
      await page.fill({ 'New email address': 'new@example.com' });
      await page.press('Send the link');
      await asks(page, PROOF);
      await page.fill({ Password: NEW_PASSWORD, Code: owner.nextCode() });
      await page.press('Continue');
      await page.says('A mail is on its way to new@example.com');
      await page.press('Delete');
      await page.press('Delete my account');
      await asks(page, PROOF);
      await page.fill({ Password: NEW_PASSWORD, Code: owner.nextCode() });
      await page.press('Continue');
      await page.heading('The account is deleted');
    },
    PATIENCE_MS,
  );

  describe('the way back to an app', () => {
    let target = '';
    let other: TestApp | undefined;

    beforeEach(async () => {
      const port = await freePort();
      other = await startApp({ engine: 'sqlite' });
      await other.server.listen({ port, host: '127.0.0.1' });
      target = `http://localhost:${port}/livez`;
    });
    afterEach(async () => {
      other?.server.server.closeAllConnections();
      await other?.stop();
    });

    it(
      'where each account must have a second factor, people add one before they go on to the app',
      async () => {
        await start({ mfa: 'required', redirectOrigins: [new URL(target).origin] });
        const redirect = `?redirect_to=${encodeURIComponent(target)}`;
        await register(app(), EMAIL);
        const page = await open(`sign-in${redirect}`);
        await typePassword(page);
        await page.heading('Add a second factor');
        await page.says('This site wants every account to have a second factor.');
        for (const name of ['profile', 'sessions', 'remove']) {
          await page.visit(`${name}${redirect}`);
          await page.heading('Add a second factor');
        }
        await page.press('Add an authenticator app');
        const secret = await showCode(page);
        await page.fill({ Code: codeOf(secret) });
        await page.press('Add the app');
        await page.heading('Keep these recovery codes');
        await page.press('I have kept them');
        await page.until(`location.href === ${JSON.stringify(target)}`);
        await page.visit('profile');
        await page.heading('Profile');
      },
      PATIENCE_MS,
    );

    it(
      'who signed in before the factor was there is told to show it, and goes on with it',
      async () => {
        await start({ mfa: 'required' });
        const { accessToken } = await register(app(), EMAIL);
        const page = await open('sign-in');
        await typePassword(page);
        await page.heading('Add a second factor');
        const owner = await enrol(app(), accessToken);
        await page.visit('sessions');
        await page.says('You signed in before your account had a second factor.');
        await page.visit('second-factor');
        await page.heading('Second factor');
        await page.press('Make new codes');
        await asks(page, 'Make new codes');
        await page.press('Make new codes');
        await asks(page, PROOF);
        await page.fill({ Password: PASSWORD, Code: owner.nextCode() });
        await page.press('Continue');
        await page.heading('Keep these recovery codes');
      },
      PATIENCE_MS,
    );

    it(
      'an app sends people to add a factor, and the browser asks nothing on the way back',
      async () => {
        await start({ redirectOrigins: [new URL(target).origin] });
        const page = await signedIn();
        await page.visit(`second-factor?redirect_to=${encodeURIComponent(target)}`);
        await page.press('Add an authenticator app');
        const secret = await showCode(page);
        await page.fill({ Code: codeOf(secret) });
        await page.press('Add the app');
        await page.heading('Keep these recovery codes');
        // A key makes the browser take the page for one that is in use, which it asks about.
        await page.run(`byText('button', 'I have kept them').focus()`);
        await page.key('Enter');
        await page.until(`location.href === ${JSON.stringify(target)}`);
      },
      PATIENCE_MS,
    );
  });

  it(
    'a person adds an app with the keyboard alone, and the focus goes on with each step',
    async () => {
      await start();
      const page = await signedIn();
      await page.visit('second-factor');
      await page.heading('Second factor');
      await page.until(`document.activeElement.tagName === 'H1'`);
      await page.key('Tab');
      await page.key('Enter');
      await page.until(`document.activeElement.textContent === 'Add an authenticator app'`);
      await page.key('Tab');
      await page.key('Enter');
      await page.until(`document.activeElement.textContent === 'Scan this picture with the app.'`);
      const order: string[] = [];
      for (let step = 0; step < 4; step += 1) {
        await page.key('Tab');
        order.push(await page.run('document.activeElement.name || document.activeElement.textContent'));
      }
      expect(order).toEqual(['Open it in an app on this device', 'You cannot scan it?', 'code', 'name']);
      const uri = await page.run('document.querySelector("a[href^=otpauth]").href');
      await page.fill({ Code: codeOf(new URL(uri).searchParams.get('secret') ?? '') });
      await page.key('Enter');
      await page.heading('Keep these recovery codes');
      await page.until(`document.activeElement.tagName === 'H1'`);
    },
    PATIENCE_MS,
  );

  it(
    'a person takes the second step with the keyboard alone',
    async () => {
      await start();
      const owner = await enrolled();
      const page = await open('sign-in');
      await typePassword(page);
      await page.heading(CODE_TITLE);
      await page.until(`document.activeElement.tagName === 'H1'`);
      const order: string[] = [];
      for (let step = 0; step < 4; step += 1) {
        await page.key('Tab');
        order.push(await page.run('document.activeElement.name || document.activeElement.textContent'));
      }
      expect(order).toEqual(['totpCode', 'Sign in', 'Use a recovery code instead', 'I lost my device']);
      await page.run(`byText('button', 'Use a recovery code instead').focus()`);
      await page.key('Enter');
      await page.heading('Type a recovery code');
      await page.until(`document.activeElement.tagName === 'H1'`);
      await page.key('Tab');
      await page.fill({ 'Recovery code': owner.recoveryCodes[0] ?? '' });
      await page.key('Enter');
      await page.heading('Profile');
    },
    PATIENCE_MS,
  );

  describe.each(VIEWS)('in %s at %d px', (colorScheme, width) => {
    it(
      `no page of second factors has a fault that axe knows or an overflow (${colorScheme}, ${width})`,
      async () => {
        await start({ factorResetSeconds: THREE_DAYS_S });
        const page = await signedIn({ colorScheme, width });
        const faults: unknown[] = [];
        const look = async (name: string) => {
          const found = await faultsOf(page);
          if (found.length > 0) faults.push([name, found]);
        };
        const secret = await begin(page);
        await page.press('You cannot scan it?');
        await page.press('Add the app');
        await page.says('Fill this in.');
        await look('enrolment');
        await page.fill({ Code: codeOf(secret), 'A name for it': 'x'.repeat(60) });
        await page.press('Add the app');
        await page.heading('Keep these recovery codes');
        await look('recovery codes');
        await page.press('I have kept them');
        await page.says('10 of your codes are left.');
        const mfaToken = mfaTokenOf(await app().send(LOGIN, { input: { email: EMAIL, password: PASSWORD } }));
        await verify();
        await app().send(REQUEST_FACTOR_RESET, { input: { mfaToken } });
        await page.visit('second-factor');
        await page.says('asked us to remove');
        await look('factors');
        for (const name of [`Rename ${'x'.repeat(60)}`, `Remove ${'x'.repeat(60)}`, 'Make new codes']) {
          await page.press(name);
          await page.until('document.querySelector("dialog[open]") !== null');
          await look(name);
          await page.press('Cancel');
          await page.until('document.querySelector("dialog") === null');
        }
        await page.press('Delete');
        await page.press('Delete my account');
        await asks(page, PROOF);
        await look('proof');
        await page.press('Cancel');
        await page.press('Sign out');
        await typePassword(page);
        for (const choice of [
          'I lost my device',
          'Use a recovery code instead',
          'Use a code of the app instead',
        ]) {
          await page.press(choice);
          await page.until(`byText('button', ${JSON.stringify(choice)}) === undefined`);
          await look(choice);
        }
        expect(faults).toEqual([]);
      },
      PATIENCE_MS,
    );
  });

  async function resetAt({ auth: { accessToken: token } }: Enrolled): Promise<unknown> {
    const { data } = await app().send('{ me { mfa { resetAt } } }', {}, { token });
    return data.me.mfa.resetAt;
  }
});
