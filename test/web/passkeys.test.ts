import { describe, expect, it } from '@jest/globals';
import { register } from '../support/documents.ts';
import { registerPasskey } from '../support/passkeys.ts';
import {
  createSoftAuthenticator,
  type SoftAuthenticator,
  type SoftAuthenticatorOptions,
} from '../support/soft-authenticator.ts';
import { PASSWORD } from '../support/start-app.ts';
import { describePages, EMAIL, PATIENCE_MS, type Tab, VIEWS } from './support/account-pages.ts';

const BY_PASSKEY = 'Sign in with a passkey';
const CANCELLED = 'No passkey came: it was cancelled, or it took too long. Try again.';
const REFUSED = 'This passkey does not work here.';
const PROOF = 'Prove that it is you';
/** No access token and no authentication is fresh for so long. */
const STALE_MS = 11 * 60_000;

/** Keeps what the page asks the browser's passkeys for. */
const LISTEN = `{
const get = navigator.credentials.get.bind(navigator.credentials);
globalThis.asked = [];
navigator.credentials.get = (options) => {
  asked.push(options);
  return get(options);
};
}`;

/** Lets a ceremony last a second. The browser ends it then. */
const HURRY = `{
const parse = PublicKeyCredential.parseRequestOptionsFromJSON.bind(PublicKeyCredential);
PublicKeyCredential.parseRequestOptionsFromJSON = (options) => parse({ ...options, timeout: 1_000 });
}`;

describePages('passkeys in the pages', (pages) => {
  const { start, open, signedIn, faultsOf, app, account } = pages;

  /** An authenticator of the tab: a device that unlocks passkeys while somebody is there. */
  async function addAuthenticator(page: Tab, { isBackedUp = false } = {}) {
    await page.tell('WebAuthn.enable', { enableUI: false });
    const { authenticatorId } = await page.tell('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        ctap2Version: 'ctap2_1',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
        defaultBackupEligibility: isBackedUp,
        defaultBackupState: isBackedUp,
      },
    });
    return {
      /** Whether there is somebody who unlocks it, from the next ceremony on. */
      attend: (enabled: boolean) =>
        page.tell('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled }),
      forget: () => page.tell('WebAuthn.clearCredentials', { authenticatorId }),
    };
  }

  /** An authenticator of another browser, at the origin of the pages. */
  function softAuthenticator(options: SoftAuthenticatorOptions = {}): SoftAuthenticator {
    const authenticator = createSoftAuthenticator(options);
    const { origin } = new URL(account());
    return {
      ...authenticator,
      create: (options) => authenticator.create(options, { clientData: (data) => ({ ...data, origin }) }),
    };
  }

  async function secondFactorPage(page: Tab): Promise<void> {
    await page.press('Second factor');
    await page.heading('Second factor');
  }

  /** Makes the first factor of the account that is signed in. Nobody is at the authenticator after that. */
  async function makePasskey(page: Tab, options?: { isBackedUp: boolean }) {
    const authenticator = await addAuthenticator(page, options);
    await secondFactorPage(page);
    await page.press('Add a passkey');
    await page.fill({ 'A name for it': 'My laptop' });
    await page.press('Make the passkey');
    await page.heading('Keep these recovery codes');
    await authenticator.attend(false);
    await page.press('I have kept them');
    await page.heading('Second factor');
    return authenticator;
  }

  const asks = (page: Tab, title: string) =>
    page.until(`shown().querySelector('h2')?.textContent === ${JSON.stringify(title)}`);

  async function typePassword(page: Tab): Promise<void> {
    await page.fill({ 'Email address': EMAIL, Password: PASSWORD });
    await page.press('Sign in');
  }

  async function signOut(page: Tab): Promise<void> {
    await page.press('Sign out');
    await page.heading('Sign in');
  }

  it(
    'a person makes a passkey, and signs in with it alone',
    async () => {
      await start();
      const page = await signedIn();
      const authenticator = await makePasskey(page);
      await page.says('My laptop');
      await page.says('On one device only');
      await signOut(page);
      await authenticator.attend(true);
      await page.press(BY_PASSKEY);
      await page.heading('Profile');
    },
    PATIENCE_MS,
  );

  it(
    'the browser offers the passkeys in the field of the address, until the page is left',
    async () => {
      await start();
      const page = await signedIn();
      const authenticator = await makePasskey(page);
      await page.tell('Page.addScriptToEvaluateOnNewDocument', { source: LISTEN });
      await signOut(page);
      await page.visit('sign-in');
      await page.until('asked.length === 1');
      expect(await page.run('asked[0].mediation')).toBe('conditional');
      await page.press('Make an account');
      await page.until('asked[0].signal.aborted');
      await page.press('Sign in');
      await page.until('asked.length === 2');
      // A dialog interrupts them, and they come back after it.
      await authenticator.forget();
      await authenticator.attend(true);
      await page.press(BY_PASSKEY);
      await page.says(CANCELLED);
      await page.until('asked.length === 4');
      const kinds = await page.run('asked.map(({ mediation = "dialog" }) => mediation)');
      expect(kinds).toEqual(['conditional', 'conditional', 'dialog', 'conditional']);
      expect(await page.run('asked.map(({ signal }) => signal.aborted)')).toEqual([true, true, false, false]);
    },
    PATIENCE_MS,
  );

  it(
    'who takes an offered passkey is signed in without another click, and one that is refused is said',
    async () => {
      await start();
      const page = await signedIn();
      const authenticator = await makePasskey(page);
      await signOut(page);
      await authenticator.attend(true);
      await page.visit('sign-in');
      await page.heading('Profile');
      await page.press('Second factor');
      await page.press('Remove My laptop');
      await page.says('Delete the passkey on your device or in your password manager, too.');
      await page.press('Remove');
      await page.says('It is removed.');
      await page.press('Sign out');
      await page.says(REFUSED);
      await page.press(BY_PASSKEY);
      await page.until(`document.querySelector('form .problem:not(:empty)') !== null`);
      await page.says(REFUSED);
      await typePassword(page);
      await page.heading('Profile');
    },
    PATIENCE_MS,
  );

  it(
    'a passkey is the second step after a password, and a code can take its place',
    async () => {
      await start();
      const page = await signedIn();
      const authenticator = await makePasskey(page);
      await signOut(page);
      await typePassword(page);
      await page.heading('Use your passkey');
      await authenticator.attend(true);
      await page.press(BY_PASSKEY);
      await page.heading('Profile');
      await authenticator.attend(false);
      await signOut(page);
      await typePassword(page);
      await page.heading('Use your passkey');
      await page.run(LISTEN);
      await page.press(BY_PASSKEY);
      await page.until('asked.length === 1');
      await page.press('Use a recovery code instead');
      await page.heading('Type a recovery code');
      await page.until('asked[0].signal.aborted');
      await page.press('Use a passkey instead');
      await authenticator.forget();
      await authenticator.attend(true);
      await page.press(BY_PASSKEY);
      await page.says(CANCELLED);
    },
    PATIENCE_MS,
  );

  it(
    'a ceremony that nobody answers in time is said in words, and another one can begin',
    async () => {
      await start();
      const page = await signedIn();
      const authenticator = await makePasskey(page);
      await signOut(page);
      await page.run(HURRY);
      await page.press(BY_PASSKEY);
      await page.says(CANCELLED);
      await authenticator.attend(true);
      await page.press(BY_PASSKEY);
      await page.heading('Profile');
    },
    PATIENCE_MS,
  );

  it(
    'a passkey that reaches the server too late is said in words',
    async () => {
      const onRequest = async (body: string) => {
        if (body.includes('mutation finishPasskeyRegistration(')) app().clock.travel(6 * 60_000);
      };
      await start({}, { onRequest });
      const page = await signedIn();
      await addAuthenticator(page);
      await secondFactorPage(page);
      await page.press('Add a passkey');
      await page.press('Make the passkey');
      await page.says(CANCELLED);
    },
    PATIENCE_MS,
  );

  it(
    'a passkey alone is the fresh proof that a change takes',
    async () => {
      await start();
      const page = await signedIn();
      const authenticator = await makePasskey(page);
      app().clock.travel(STALE_MS);
      await page.press('Make new codes');
      await asks(page, 'Make new codes');
      await page.press('Make new codes');
      await asks(page, PROOF);
      await authenticator.attend(true);
      await page.press('Use a passkey');
      await page.heading('Keep these recovery codes');
    },
    PATIENCE_MS,
  );

  it(
    'an authenticator makes one passkey of an account, and the page says so at the second',
    async () => {
      await start();
      const page = await signedIn();
      const authenticator = await makePasskey(page, { isBackedUp: true });
      await page.says('Copied to your other devices');
      await authenticator.attend(true);
      await page.press('Add a passkey');
      await page.press('Make the passkey');
      await page.says('This device has a passkey of your account already.');
    },
    PATIENCE_MS,
  );

  it(
    'where each account must have a second factor, a passkey is enough',
    async () => {
      await start({ mfa: 'required' });
      await register(app(), EMAIL);
      const page = await open('sign-in');
      await addAuthenticator(page);
      await typePassword(page);
      await page.heading('Add a second factor');
      await page.press('Add a passkey');
      await page.press('Make the passkey');
      await page.heading('Keep these recovery codes');
      await page.press('I have kept them');
      await page.heading('Second factor');
      await page.press('Profile');
      await page.heading('Profile');
    },
    PATIENCE_MS,
  );

  it(
    'a passkey without a name is called after its authenticator',
    async () => {
      await start();
      const { accessToken } = await register(app(), EMAIL);
      const aaguid = 'fbfc3007-154e-4ecc-8c0b-6e020557d7bd';
      const authenticator = softAuthenticator({ aaguid, isBackupEligible: true, isBackedUp: true });
      const { recoveryCodes } = await registerPasskey(app(), accessToken, { authenticator });
      const page = await open('sign-in');
      await typePassword(page);
      await page.press('Use a recovery code instead');
      await page.fill({ 'Recovery code': recoveryCodes?.[0] ?? '' });
      await page.press('Sign in');
      await page.heading('Profile');
      await secondFactorPage(page);
      await page.says('Apple Passwords');
      await page.press('Rename Apple Passwords');
      await page.fill({ Name: 'My phone' });
      await page.press('Rename');
      await page.until(`byText('button', 'Remove My phone') !== undefined`);
      expect(await page.text()).toMatch(
        /My phone\s+Passkey\s+Apple Passwords\s+Copied to your other devices/,
      );
    },
    PATIENCE_MS,
  );

  it.each([
    ['in a browser that has none', 'delete globalThis.PublicKeyCredential;', {}],
    ['where the operator has them for other origins', '', { webauthnOrigins: ['https://app.example.com'] }],
  ])(
    'nothing of passkeys is shown %s',
    async (_case, source, config) => {
      await start(config);
      const { accessToken } = await register(app(), EMAIL);
      if (source) await registerPasskey(app(), accessToken, { authenticator: softAuthenticator() });
      const page = await open('about:blank');
      await page.tell('Page.addScriptToEvaluateOnNewDocument', { source });
      await page.visit('sign-in');
      await page.heading('Sign in');
      expect(await page.run('document.querySelectorAll("form").length')).toBe(1);
      expect(await page.run(`byLabel('Email address').autocomplete`)).toBe('username');
      await typePassword(page);
      if (source) {
        await page.heading('Type a recovery code');
        expect(await page.run(`byText('button', 'Use a passkey instead') === undefined`)).toBe(true);
      } else {
        await page.heading('Profile');
        await secondFactorPage(page);
        expect(await page.text()).toContain('Add an authenticator app');
        expect(await page.text()).not.toContain('passkey');
      }
    },
    PATIENCE_MS,
  );

  describe.each(VIEWS)('in %s at %d px', (colorScheme, width) => {
    it(
      `no page with passkeys has a fault that axe knows or an overflow (${colorScheme}, ${width})`,
      async () => {
        await start();
        const page = await signedIn({ colorScheme, width });
        const faults: unknown[] = [];
        const look = async (name: string) => {
          const found = await faultsOf(page);
          if (found.length > 0) faults.push([name, found]);
        };
        await makePasskey(page);
        await look('factors');
        await page.press('Add a passkey');
        await look('another passkey');
        await page.press('Delete');
        await page.press('Delete my account');
        await asks(page, PROOF);
        await look('proof');
        await page.press('Cancel');
        await signOut(page);
        await look('sign-in');
        await typePassword(page);
        await page.heading('Use your passkey');
        await look('second step');
        expect(faults).toEqual([]);
      },
      PATIENCE_MS,
    );
  });
});
