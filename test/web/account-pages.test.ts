import { describe, expect, it } from '@jest/globals';
import { freePort } from '../faults/support/server.ts';
import { LOGIN, register } from '../support/documents.ts';
import { gate } from '../support/gate.ts';
import { mailedCode } from '../support/letters.ts';
import { PASSWORD, startApp } from '../support/start-app.ts';
import { describePages, EMAIL, NEW_PASSWORD, PATIENCE_MS, VIEWS } from './support/account-pages.ts';

describePages(
  'the pages of accounts',
  ({ start, open, linkIn, signedIn, faultsOf, app, account, chromium }) => {
    it(
      'a person signs up, confirms the address, signs out and in, and sets a forgotten password',
      async () => {
        await start();
        const page = await open('');
        await page.heading('Sign in');
        await page.press('Make an account');
        await page.fill({ Name: 'Ada', 'Email address': EMAIL, Password: 'short' });
        await page.press('Make the account');
        await page.says('Use at least 15 characters.');
        expect(await page.run('document.activeElement === byLabel("Password")')).toBe(true);
        await page.fill({ Password: PASSWORD });
        await page.press('Make the account');
        await page.heading('Profile');
        await page.says('not confirmed');
        await page.press('Send me a link to confirm it');
        await page.says('A mail is on its way.');

        await page.visit(await linkIn('verify-email'));
        await page.says(`You are signed in as ${EMAIL}.`);
        await page.press('Confirm the address');
        await page.heading('The address is confirmed');
        await page.press('Go to my account');
        await page.says('(confirmed)');

        await page.press('Sign out');
        await page.heading('Sign in');
        await page.fill({ 'Email address': EMAIL, Password: 'not the password of Ada' });
        await page.press('Sign in');
        await page.says('do not fit together');
        await page.press('Forgot your password?');
        await page.fill({ 'Email address': EMAIL });
        await page.press('Send me a link');
        await page.heading('Look into your mail');
        await page.says('30 minutes');

        await page.visit(await linkIn('reset-password'));
        await page.fill({ 'New password': NEW_PASSWORD });
        await page.press('Change the password');
        await page.heading('The password is changed');
        await page.press('Sign in');
        await page.fill({ 'Email address': EMAIL, Password: NEW_PASSWORD });
        await page.press('Sign in');
        await page.heading('Profile');
      },
      PATIENCE_MS,
    );

    it(
      'where addresses are verified first, the password is chosen at the link of the mail',
      async () => {
        await start({ registration: 'verify' });
        const page = await open('sign-up');
        await page.heading('Make an account');
        expect(await page.run('byLabel("Password") === undefined')).toBe(true);
        await page.fill({ Name: 'Ada', 'Email address': EMAIL });
        await page.press('Send me a link');
        await page.heading('Look into your mail');

        await page.visit(await linkIn('verify-email'));
        await page.press('You do not know the password?');
        await page.press('Confirm without the password');
        await page.says('This link makes a new account.');
        await page.fill({ Password: 'short' });
        await page.press('Confirm the address');
        await page.says('Use at least 15 characters.');
        await page.fill({ Password: PASSWORD });
        await page.press('Confirm the address');
        await page.heading('The address is confirmed');
        await page.press('Go to my account');
        await page.heading('Profile');
        await page.says('(confirmed)');
      },
      PATIENCE_MS,
    );

    it(
      'the first administrator of a new server chooses a password at the link of the terminal, once',
      async () => {
        await start();
        const link = `first-administrator#token=${await app().mintFirstAdministrator()}`;
        const page = await open(link);
        await page.heading('Make the first administrator');
        await page.fill({ Password: 'short' });
        await page.press('Make the account');
        await page.says('Use at least 15 characters.');
        await page.fill({ Password: PASSWORD });
        await page.press('Make the account');
        await page.heading('Profile');
        await page.says('admin@localhost');
        await page.visit(link);
        await page.fill({ Password: PASSWORD });
        await page.press('Make the account');
        await page.says('This link was used before, is too old');
      },
      PATIENCE_MS,
    );

    it(
      'an address is confirmed by its mailbox alone only after a warning, and a new password is mailed then',
      async () => {
        await start();
        await register(app(), EMAIL);
        await app().send(
          'mutation ($input: RequestEmailVerificationInput!) { requestEmailVerification(input: $input) { expiresIn } }',
          { input: { email: EMAIL } },
        );
        const page = await open(await linkIn('verify-email'));
        await page.fill({ Password: 'not the password of Ada' });
        await page.press('Confirm the address');
        await page.says('This is not the password of your account.');
        await page.press('You do not know the password?');
        await page.says('is taken out');
        await page.press('Confirm without the password');
        await page.says('We sent you a link to choose a new password.');
        expect(await linkIn('reset-password')).toContain('#token=');
      },
      PATIENCE_MS,
    );

    it(
      'a person changes the address by a link in the new mailbox, and takes the change back by one in the old',
      async () => {
        await start();
        const page = await signedIn();
        // Only a confirmed address can take a change back.
        await page.press('Send me a link to confirm it');
        await page.says('A mail is on its way.');
        await page.visit(await linkIn('verify-email'));
        await page.press('Confirm the address');
        await page.heading('The address is confirmed');
        await page.visit('profile');
        await page.press('Change the address');
        await page.fill({ 'New email address': 'no address', 'Current password': PASSWORD });
        await page.press('Send the link');
        await page.says('This is no email address.');
        await page.fill({ 'New email address': 'new@example.com', 'Current password': 'not the password' });
        await page.press('Send the link');
        await page.says('This is not the password of your account.');
        await page.fill({ 'Current password': PASSWORD });
        await page.press('Send the link');
        await page.says('A mail is on its way to new@example.com');
        await page.visit(await linkIn('confirm-email', 'new@example.com'));
        await page.says(`You are signed in as ${EMAIL}.`);
        await page.press('Change the address');
        await page.heading('The address is changed');
        await page.press('Go to my account');
        await page.says('new@example.com');

        const undo = await linkIn('undo-email-change');
        await page.visit(undo);
        await page.press('Take the change back');
        await page.heading('The old address is back');
        expect(await linkIn('reset-password')).toContain('#token=');
        const again = await open(undo);
        await again.press('Take the change back');
        await again.says('This link was used before');
      },
      PATIENCE_MS,
    );

    it(
      'a person signs in by the link of a mail, or by its code',
      async () => {
        await start({ magicLinks: true });
        await register(app(), EMAIL);
        const page = await open('sign-in');
        await page.press('Sign in by mail, without a password');
        await page.fill({ 'Email address': EMAIL });
        await page.press('Send me a link');
        await page.heading('Look into your mail');
        await page.fill({ Code: '12345678' });
        await page.press('Sign in');
        await page.says('This code is wrong');
        const code = await mailedCode(app());
        await page.fill({ Code: `${code.slice(0, 4)} ${code.slice(4)}` });
        await page.press('Sign in');
        await page.heading('Profile');
        await page.press('Sign out');
        await page.press('Sign in by mail, without a password');
        await page.fill({ 'Email address': EMAIL });
        await page.press('Send me a link');
        await page.heading('Look into your mail');
        const link = await linkIn('magic-link');
        await page.visit(link);
        await page.heading('Sign in');
        await page.press('Sign in');
        await page.heading('Profile');
        const again = await open(link);
        await again.press('Sign in');
        await again.says('This link was used before');
        await page.press('Sign out');
        await page.press('Sign in by mail, without a password');
        await page.fill({ 'Email address': EMAIL });
        await page.press('Send me a link');
        await page.heading('Look into your mail');
        app().clock.travel(11 * 60_000);
        const late = await open(await linkIn('magic-link'));
        await late.press('Sign in');
        await late.says('is too old');
      },
      PATIENCE_MS,
    );

    it(
      'the token of a link leaves the address bar and the history at once, and is gone when the page is loaded again',
      async () => {
        await start();
        const page = await open('reset-password#token=a-token');
        await page.heading('Choose a new password');
        expect(await page.address()).toBe(`${account()}/reset-password`);
        await page.fill({ 'New password': PASSWORD });
        await page.press('Change the password');
        await page.says('This link was used before');
        await page.press('Forgot your password?');
        await page.heading('Forgot your password?');
        await page.run('history.back()');
        await page.heading('Open the link again');
        expect(await page.address()).toBe(`${account()}/reset-password`);
        // The same page is open already when a second link of it is followed.
        await page.run('location.hash = "token=another"');
        await page.heading('Choose a new password');
        expect(await page.address()).not.toContain('token');
      },
      PATIENCE_MS,
    );

    it(
      'a person sees the sessions, ends one after a fresh proof, and signs out everywhere, in every tab',
      async () => {
        await start();
        const page = await signedIn();
        const other = await open('profile');
        await other.heading('Profile');
        const userAgent = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0';
        await app().send(LOGIN, { input: { email: EMAIL, password: PASSWORD } }, { userAgent });
        await page.press('Devices');
        await page.says('Firefox on Windows');
        await page.says('this device');
        // The access token lives as long.
        app().clock.travel(11 * 60_000);
        await page.run(`document.querySelector('[aria-label="Sign out Firefox on Windows"]').click()`);
        await page.until('document.querySelector("dialog[open]") !== null');
        await page.fill({ Password: 'not the password of Ada' });
        await page.press('Continue');
        await page.says('This is not the password of your account.');
        await page.fill({ Password: PASSWORD });
        await page.press('Continue');
        await page.says('One device is signed out.');
        expect(await page.text()).not.toContain('Firefox on Windows');
        await page.press('Sign out everywhere');
        await page.heading('Sign in');
        await other.heading('Sign in');
      },
      PATIENCE_MS,
    );

    it(
      'a person changes the password and deletes the account',
      async () => {
        await start();
        const page = await signedIn();
        await page.press('Password');
        await page.fill({ 'Current password': 'not the password', 'New password': NEW_PASSWORD });
        await page.press('Change the password');
        await page.says('This is not the password of your account.');
        await page.fill({ 'Current password': PASSWORD });
        await page.press('Change the password');
        await page.says('The password is changed.');
        await page.run('history.back()');
        await page.heading('Profile');
        await page.press('Delete');
        await page.fill({ 'Current password': NEW_PASSWORD });
        await page.press('Delete my account');
        await page.heading('The account is deleted');
        // A page of the account asks who it is, and stays.
        await register(app(), 'grace@example.com');
        await page.visit('sessions');
        await page.fill({ 'Email address': 'grace@example.com', Password: PASSWORD });
        await page.press('Sign in');
        await page.heading('Devices');
        await page.visit('constructor');
        await page.heading('There is no such page');
      },
      PATIENCE_MS,
    );

    it(
      'people are led back only to origins that the operator lists',
      async () => {
        await start({ redirectOrigins: ['https://app.example'] });
        await register(app(), EMAIL);
        for (const target of [
          'https://evil.example/',
          '//evil.example',
          'javascript:alert(1)',
          'data:text/html,x',
        ]) {
          await chromium().clearCookies();
          const page = await open(`sign-in?redirect_to=${encodeURIComponent(target)}`);
          await page.fill({ 'Email address': EMAIL, Password: PASSWORD });
          await page.press('Sign in');
          await page.heading('Profile');
        }
      },
      PATIENCE_MS,
    );

    it(
      'people are led back to where they came from',
      async () => {
        const port = await freePort();
        const app2 = await startApp({ engine: 'sqlite' });
        await app2.server.listen({ port, host: '127.0.0.1' });
        await start({ redirectOrigins: [`http://localhost:${port}`] });
        try {
          await register(app(), EMAIL);
          const page = await open(
            `sign-up?redirect_to=${encodeURIComponent(`http://localhost:${port}/livez?a=b`)}`,
          );
          await page.press('Sign in');
          await page.fill({ 'Email address': EMAIL, Password: PASSWORD });
          await page.press('Sign in');
          await page.until(`location.href === 'http://localhost:${port}/livez?a=b'`);
        } finally {
          app2.server.server.closeAllConnections();
          await app2.stop();
        }
      },
      PATIENCE_MS,
    );

    it(
      'a person signs in with the keyboard alone, and the focus is at the heading of each page',
      async () => {
        await start();
        await register(app(), EMAIL);
        const page = await open('sign-in');
        await page.heading('Sign in');
        await page.until(`document.activeElement.tagName === 'H1'`);
        const order: string[] = [];
        for (let step = 0; step < 4; step += 1) {
          await page.key('Tab');
          order.push(await page.run('document.activeElement.name || document.activeElement.textContent'));
        }
        expect(order).toEqual(['email', 'password', 'Show', 'Sign in']);
        await page.fill({ 'Email address': EMAIL, Password: PASSWORD });
        await page.key('Enter');
        await page.heading('Profile');
        await page.until(`document.activeElement.textContent === 'Profile'`);
      },
      PATIENCE_MS,
    );

    it(
      'each form tells password managers what its fields are',
      async () => {
        await start({ magicLinks: true });
        const page = await open('sign-in');
        const fields = () =>
          page.run(
            `[...document.querySelectorAll('input')].map(({ type, autocomplete }) => type + ' ' + autocomplete)`,
          );
        await page.heading('Sign in');
        expect(await fields()).toEqual(['email username webauthn', 'password current-password']);
        await page.visit('sign-up');
        await page.heading('Make an account');
        expect(await fields()).toEqual(['text name', 'email username', 'password new-password']);
        await page.visit('reset-password#token=x');
        await page.heading('Choose a new password');
        expect(await fields()).toEqual(['password new-password']);
        await page.visit('email-code');
        await page.fill({ 'Email address': EMAIL });
        await page.press('Send me a link');
        await page.heading('Look into your mail');
        expect(await fields()).toEqual(['text one-time-code']);
      },
      PATIENCE_MS,
    );

    it(
      'a form is sent once however often it is pressed while the server is slow',
      async () => {
        let logins = 0;
        const { open: release, opened } = gate();
        const onRequest = async (body: string) => {
          if (!body.includes('mutation login(')) return;
          logins += 1;
          await opened;
        };
        await start({}, { onRequest });
        await register(app(), EMAIL);
        const page = await open('sign-in');
        await page.fill({ 'Email address': EMAIL, Password: PASSWORD });
        await page.press('Sign in');
        await page.until('document.querySelector("form[aria-busy=true]") !== null');
        await page.press('Sign in');
        release();
        await page.heading('Profile');
        expect(logins).toBe(1);
      },
      PATIENCE_MS,
    );

    it(
      'without JavaScript a sentence says what to do',
      async () => {
        await start();
        const page = await open('sign-in', { runsScripts: false });
        expect(await page.text()).toContain('This page needs JavaScript.');
      },
      PATIENCE_MS,
    );

    describe.each(VIEWS)('in %s at %d px', (colorScheme, width) => {
      it(
        `no page has a fault that axe knows or an overflow (${colorScheme}, ${width})`,
        async () => {
          await start({ magicLinks: true });
          const page = await signedIn({ colorScheme, width });
          const faults: unknown[] = [];
          const look = async (name: string) => {
            const found = await faultsOf(page);
            if (found.length > 0) faults.push([name, found]);
          };
          await look('profile');
          for (const name of ['Password', 'Devices', 'Delete']) {
            await page.press(name);
            await page.until(`document.querySelector('[aria-current]')?.textContent === '${name}'`);
            await look(name);
          }
          await page.visit('email');
          await page.heading('Change your email address');
          await look('email');
          await page.press('Sign out');
          await page.heading('Sign in');
          await page.press('Sign in');
          await page.says('Fill this in.');
          await look('sign-in');
          const links = [
            'magic-link',
            'reset-password',
            'verify-email',
            'first-administrator',
            'confirm-email',
            'undo-email-change',
          ];
          const others = ['sign-up', 'email-code', 'forgot-password', 'reset-password', 'nothing'];
          for (const name of [...links.map((link) => `${link}#token=x`), ...others]) {
            await page.visit(name);
            await page.until('document.querySelector("h1") !== null');
            await look(name);
          }
          expect(faults).toEqual([]);
        },
        PATIENCE_MS,
      );
    });
  },
);
