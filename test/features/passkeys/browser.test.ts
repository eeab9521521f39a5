import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import type { Config } from '../../../src/config/config.ts';
import { freePort } from '../../faults/support/server.ts';
import { COMPLETE_MFA } from '../../support/authenticator.ts';
import { type Chromium, describeInChromium, startChromium } from '../../support/chromium.ts';
import { type Auth, LOGIN, REAUTHENTICATE, register } from '../../support/documents.ts';
import {
  FINISH_REGISTRATION,
  LOGIN_WITH_PASSKEY,
  START_CHALLENGE,
  START_LOGIN,
  START_REGISTRATION,
} from '../../support/passkeys.ts';
import { createFrozenClock, PASSWORD, startApp, type TestApp } from '../../support/start-app.ts';

/*
 * Whole ceremonies in Chromium, whose authenticator is a virtual one. The page hands the options to the browser as they
 * are, and the answer of the browser to the server as it is: no library stands between.
 */

const PATIENCE_MS = 60_000;
const EMAIL = 'ada@example.com';

/** What a page does that has passkeys. */
const PAGE = `
globalThis.ask = async (query, input, token) => {
  const headers = { 'content-type': 'application/json', ...(token && { authorization: 'Bearer ' + token }) };
  const body = JSON.stringify({ query, variables: { input } });
  const { data, errors } = await (await fetch('/graphql', { method: 'POST', headers, body })).json();
  return { code: errors?.[0].extensions.code ?? 'OK', mfaToken: errors?.[0].extensions.mfaToken,
    ...Object.values(data ?? {})[0] };
};
globalThis.create = async (options, signal) => {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  const credential = await navigator.credentials.create({ publicKey, signal });
  return { challengeId: options.challengeId, response: credential.toJSON() };
};
globalThis.get = async (options, more) => {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const credential = await navigator.credentials.get({ publicKey, ...more });
  return { challengeId: options.challengeId, response: credential.toJSON() };
};
globalThis.failing = (work) => work.then(() => 'no error', ({ name }) => name);
`;

describeInChromium('passkeys in Chromium', () => {
  let chromium: Chromium;
  const apps: TestApp[] = [];

  beforeAll(async () => {
    chromium = await startChromium();
  }, PATIENCE_MS);
  afterAll(() => chromium?.stop(), PATIENCE_MS);
  afterEach(async () => {
    for (const app of apps.splice(0)) {
      app.server.server.closeAllConnections();
      await app.stop();
    }
  }, PATIENCE_MS);

  async function start(config: Partial<Config> = {}, database?: TestApp['database']) {
    const port = await freePort();
    const issuer = `http://localhost:${port}`;
    const app = await startApp({
      engine: 'sqlite',
      clock: createFrozenClock(Date.now()),
      ...(database && { database }),
      config: { issuer, audience: issuer, webauthnOrigins: [issuer], ...config },
    });
    apps.push(app);
    await app.server.listen({ port, host: '127.0.0.1' });
    return { app, issuer };
  }

  /** A tab on a page of the server, with an authenticator. */
  async function open(issuer: string, options?: object) {
    const page = await chromium.open(issuer);
    const tell = await page.addAuthenticator(options);
    await page.run(PAGE);
    const text = (value: unknown) => JSON.stringify(value) ?? 'undefined';
    const call = (name: string, ...given: unknown[]) => page.run(`${name}(${given.map(text).join(', ')})`);
    const ask = (document: string, input?: unknown, token?: string) => call('ask', document, input, token);
    return {
      ...page,
      tell,
      call,
      ask,
      async register(token: string) {
        const answer = await call('create', await ask(START_REGISTRATION, undefined, token));
        return ask(FINISH_REGISTRATION, answer, token);
      },
      login: async () => ask(LOGIN_WITH_PASSKEY, { passkey: await call('get', await ask(START_LOGIN)) }),
      /** The second step of a login with the password. */
      async complete(email = EMAIL) {
        const { mfaToken } = await ask(LOGIN, { email, password: PASSWORD });
        const passkey = await call('get', await ask(START_CHALLENGE, { mfaToken }));
        return ask(COMPLETE_MFA, { mfaToken, passkey });
      },
    };
  }

  async function setUp(options?: object) {
    const { app, issuer } = await start();
    const { accessToken } = await register(app, EMAIL);
    const page = await open(issuer, options);
    return { app, issuer, page, accessToken };
  }

  it(
    'a passkey is registered, logs in alone, completes a login with the password, and proves its owner anew (MFA-5)',
    async () => {
      const { app, page, accessToken } = await setUp();
      const { code, factor, recoveryCodes, auth } = await page.register(accessToken);
      expect([code, factor.kind, factor.passkey, recoveryCodes.length]).toEqual([
        'OK',
        'PASSKEY',
        { backedUp: false, transports: ['internal'], authenticator: null },
        10,
      ]);
      expect(auth.session.amr).toEqual(['pwd', 'pop', 'user', 'mfa']);
      const alone: Auth & { code: string } = await page.login();
      expect([alone.code, alone.session.amr, alone.user.email]).toEqual([
        'OK',
        ['pop', 'user', 'mfa'],
        EMAIL,
      ]);
      expect(app.tokens.verifyAccessToken(alone.accessToken)).toMatchObject({ acr: 'aal2' });
      expect((await page.complete()).session.amr).toEqual(['pwd', 'pop', 'user', 'mfa']);
      const options = await page.ask(START_CHALLENGE, {}, alone.accessToken);
      const passkey = await page.call('get', options);
      expect((await page.ask(REAUTHENTICATE, { passkey }, alone.accessToken)).code).toBe('OK');
    },
    PATIENCE_MS,
  );

  it(
    'a synced passkey says so, and conditional mediation takes the same options',
    async () => {
      const { page, accessToken } = await setUp({ defaultBackupEligibility: true, defaultBackupState: true });
      expect((await page.register(accessToken)).factor.passkey.backedUp).toBe(true);
      const options = await page.ask(START_LOGIN);
      const passkey = await page.call('get', options, { mediation: 'conditional' });
      const { code, session } = await page.ask(LOGIN_WITH_PASSKEY, { passkey });
      expect([code, session.amr]).toEqual(['OK', ['pop', 'user', 'swk', 'mfa']]);
    },
    PATIENCE_MS,
  );

  it(
    'two accounts have a passkey on one authenticator, and each logs in as itself',
    async () => {
      const { app, page, accessToken } = await setUp();
      await page.register(accessToken);
      const grace = await register(app, 'grace@example.com');
      await page.register(grace.accessToken);
      for (const email of [EMAIL, 'grace@example.com'])
        expect((await page.complete(email)).user.email).toBe(email);
      const { credentials } = await page.tell('getCredentials');
      expect(credentials).toHaveLength(2);
      const owners = [];
      for (const { credentialId } of credentials) {
        const { credentials: before } = await page.tell('getCredentials');
        const others = before.filter((one: { credentialId: string }) => one.credentialId !== credentialId);
        for (const one of others) await page.tell('removeCredential', { credentialId: one.credentialId });
        owners.push((await page.login()).user.email);
        for (const one of others) await page.tell('addCredential', { credential: one });
      }
      expect(owners.sort()).toEqual([EMAIL, 'grace@example.com']);
    },
    PATIENCE_MS,
  );

  it(
    'an authenticator that has a passkey of the account makes no second one',
    async () => {
      const { page, accessToken } = await setUp();
      const { auth } = await page.register(accessToken);
      const options = await page.ask(START_REGISTRATION, undefined, auth.accessToken);
      expect(await page.run(`failing(create(${JSON.stringify(options)}))`)).toBe('InvalidStateError');
    },
    PATIENCE_MS,
  );

  it(
    'a ceremony that the user cancels or lets time out writes nothing, and the same challenge works until it expires',
    async () => {
      const { app, page, accessToken } = await setUp();
      const registration = JSON.stringify(await page.ask(START_REGISTRATION, undefined, accessToken));
      await page.tell('setAutomaticPresenceSimulation', { enabled: false });
      const cancel = 'AbortSignal.timeout(100)';
      const abort = `(() => { const c = new AbortController(); setTimeout(() => c.abort(), 100); return c.signal; })()`;
      expect(await page.run(`failing(create(${registration}, ${abort}))`)).toBe('AbortError');
      expect(await page.run(`failing(create(${registration}, ${cancel}))`)).toBe('TimeoutError');
      expect(await app.database.all('SELECT id FROM factors')).toEqual([]);
      await page.tell('setAutomaticPresenceSimulation', { enabled: true });
      const answer = await page.run(`create(${registration})`);
      expect((await page.ask(FINISH_REGISTRATION, answer, accessToken)).code).toBe('OK');

      const login = await page.ask(START_LOGIN);
      await page.tell('setAutomaticPresenceSimulation', { enabled: false });
      expect(await page.run(`failing(get(${JSON.stringify(login)}, { signal: ${abort} }))`)).toBe(
        'AbortError',
      );
      await page.tell('setAutomaticPresenceSimulation', { enabled: true });
      const passkey = await page.call('get', login);
      app.clock.travel(5 * 60_000);
      expect((await page.ask(LOGIN_WITH_PASSKEY, { passkey })).code).toBe('INVALID_TOKEN');
      expect((await page.login()).code).toBe('OK');
    },
    PATIENCE_MS,
  );

  it(
    'without user verification a passkey does not log in alone, and is a second factor',
    async () => {
      const { page, accessToken } = await setUp();
      await page.register(accessToken);
      await page.tell('setUserVerified', { isUserVerified: false });
      const options = await page.ask(START_LOGIN);
      expect(await page.run(`failing(get(${JSON.stringify(options)}))`)).toBe('NotAllowedError');
      const getUnverified = async (asked: object) =>
        page.call('get', { ...asked, userVerification: 'discouraged' });
      const alone = await getUnverified(options);
      expect((await page.ask(LOGIN_WITH_PASSKEY, { passkey: alone })).code).toBe('INVALID_CODE');
      const { mfaToken } = await page.ask(LOGIN, { email: EMAIL, password: PASSWORD });
      const passkey = await getUnverified(await page.ask(START_CHALLENGE, { mfaToken }));
      expect((await page.ask(COMPLETE_MFA, { mfaToken, passkey })).code).toBe('OK');
    },
    PATIENCE_MS,
  );

  it(
    'an authenticator that signs wrong, was copied, or can be copied all of a sudden is refused',
    async () => {
      const { page, accessToken } = await setUp();
      await page.register(accessToken);
      expect((await page.login()).code).toBe('OK');
      for (const fault of ['isBogusSignature', 'isBadUV', 'isBadUP']) {
        await page.tell('setResponseOverrideBits', { [fault]: true });
        expect([fault, (await page.login()).code]).toEqual([fault, 'INVALID_CODE']);
        await page.tell('setResponseOverrideBits', { [fault]: false });
      }
      expect((await page.login()).code).toBe('OK');
      const [credential] = (await page.tell('getCredentials')).credentials;
      const { credentialId } = credential;
      await page.tell('setCredentialProperties', {
        credentialId,
        backupEligibility: true,
        backupState: true,
      });
      expect((await page.login()).code).toBe('INVALID_CODE');
      await page.tell('clearCredentials');
      await page.tell('addCredential', { credential: { ...credential, signCount: 1 } });
      expect((await page.login()).code).toBe('INVALID_CODE');
      await page.tell('clearCredentials');
      await page.tell('addCredential', { credential: { ...credential, signCount: 100 } });
      expect((await page.login()).code).toBe('OK');
    },
    PATIENCE_MS,
  );

  it(
    'a page of an origin that is not in the settings is refused, though the domain is the same',
    async () => {
      const { app, issuer, page, accessToken } = await setUp();
      await page.register(accessToken);
      const elsewhere = await start({ ...app.config, webauthnOrigins: [issuer] }, app.database);
      await page.visit(elsewhere.issuer);
      await page.run(PAGE);
      expect(await page.run('location.origin')).not.toBe(issuer);
      expect((await page.login()).code).toBe('INVALID_CODE');
      await page.visit(issuer);
      await page.run(PAGE);
      expect((await page.login()).code).toBe('OK');
    },
    PATIENCE_MS,
  );
});
