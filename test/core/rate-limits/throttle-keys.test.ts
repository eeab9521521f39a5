import { createHmac, randomBytes } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { createKeyring } from '../../../src/crypto/keyring.ts';
import {
  CONFIRM_EMAIL_CHANGE,
  DELETE_ME,
  LOGIN,
  LOGIN_WITH_CODE,
  login,
  REGISTER,
  REQUEST_EMAIL_CHANGE,
  REQUEST_MAGIC_LINK,
  REQUEST_VERIFICATION,
  register,
  VERIFY_EMAIL,
} from '../../support/documents.ts';
import { mailedCode, mailedToken } from '../../support/letters.ts';
import { describeApp, PASSWORD, type TestApp } from '../../support/start-app.ts';

const ADA = 'ada@example.com';
const NEW = 'ada@example.org';
const WRONG = 'wrong horse battery staple';
const NEW_PASSWORD = 'another horse altogether';
/** Ten failures in a row, on any network, disable a password. */
const TEN = { accountFailures: 100, accountDisableAfter: 10, networkFailures: 1_000 } as const;

const attempt = (app: TestApp, email = ADA, password = PASSWORD) =>
  app.send(LOGIN, { input: { email, password } });

async function fail(app: TestApp, times: number, email = ADA): Promise<void> {
  for (let i = 0; i < times; i += 1)
    expect((await attempt(app, email, WRONG)).code).toBe('INVALID_CREDENTIALS');
}

/** Every way in which an address comes to have an account, or another one. */
const BEGINNINGS: Record<string, { from?: string; begin: (app: TestApp) => Promise<unknown> }> = {
  register: { begin: (app) => register(app) },
  'verifyEmail after a registration': {
    begin: async (app) => {
      await app.send(REGISTER, { input: { email: ADA, password: PASSWORD } });
      await app.send(VERIFY_EMAIL, {
        input: { token: await mailedToken(app, '/verify-email'), password: PASSWORD },
      });
    },
  },
  'the operator': { begin: (app) => app.admin.createUser({ email: ADA, password: PASSWORD }) },
  'an import': {
    begin: async (app) => {
      await app.admin.createUser({ email: NEW, password: PASSWORD });
      const { value: user } = await app.transfers.exportUsers({ withPasswordHashes: true }).next();
      const fields = { ...user, id: '6b0f3b3e-9d1c-4a55-8a0e-0f6f6a6f0c11', email: ADA };
      const rows = (async function* () {
        yield { line: 1, fields };
      })();
      await app.transfers.importUsers({ digest: 'any', rows }, { onBatch: () => {} });
    },
  },
  'a change of address': {
    begin: async (app) => {
      const { accessToken: token } = await register(app, NEW);
      await app.send(REQUEST_EMAIL_CHANGE, { input: { newEmail: ADA, password: PASSWORD } }, { token });
      await app.send(CONFIRM_EMAIL_CHANGE, {
        input: { token: await mailedToken(app, '/confirm-email'), password: PASSWORD },
      });
    },
  },
};

describeApp('failures at an address before and after it changes hands', (start) => {
  it.each(Object.entries(BEGINNINGS))(
    'an account that gets its address through %s is not slowed down by earlier guesses there (LOG-6)',
    async (name, { begin }) => {
      const registration = name.startsWith('verifyEmail') ? 'verify' : 'open';
      const app = await start({ config: { ...TEN, registration, magicLinks: true } });
      await fail(app, 10);
      expect((await attempt(app)).code).toBe('TOO_MANY_REQUESTS');
      await begin(app);
      expect((await attempt(app)).code).toBe('OK');
    },
  );

  it('a new registration is not slowed down by guesses at the deleted account of its address', async () => {
    const app = await start({ config: TEN });
    const { accessToken: token } = await register(app);
    await fail(app, 10);
    await app.send(DELETE_ME, { input: { password: PASSWORD } }, { token });
    await register(app);
    expect((await attempt(app)).code).toBe('OK');
  });

  it('the code of a newly registered account is not slowed down by codes that were guessed before', async () => {
    const app = await start({ config: { accountFailures: 2, magicLinks: true } });
    const guess = (code: string) => app.send(LOGIN_WITH_CODE, { input: { email: ADA, code } });
    for (let i = 0; i < 2; i += 1) await guess('00000000');
    expect((await guess('00000000')).code).toBe('TOO_MANY_REQUESTS');
    await register(app);
    await app.send(REQUEST_MAGIC_LINK, { input: { email: ADA } });
    expect((await guess(await mailedCode(app))).code).toBe('OK');
  });

  it('a change of address carries the failures of the account over to the new address', async () => {
    const app = await start({ config: TEN });
    const { accessToken: token } = await register(app);
    await fail(app, 10);
    await app.send(REQUEST_EMAIL_CHANGE, { input: { newEmail: NEW, password: PASSWORD } }, { token });
    await app.send(CONFIRM_EMAIL_CHANGE, {
      input: { token: await mailedToken(app, '/confirm-email', NEW), password: PASSWORD },
    });
    expect((await attempt(app, NEW)).code).toBe('TOO_MANY_REQUESTS');
  });
});

describeApp('a change of master secrets', (start) => {
  const [before, next] = [randomBytes(32), randomBytes(32)];

  /** Servers of one database, with one list of secrets after the other, as deployments bring them. */
  async function startEach(first: readonly Buffer[], config: object = {}) {
    const app = await start({ config: { ...config, secrets: first } });
    const { database, clock } = app;
    return {
      app,
      startWith: (secrets: readonly Buffer[]) => start({ database, clock, config: { ...config, secrets } }),
    };
  }

  it.each([
    ['appended', [before, next]],
    ['promoted', [next, before]],
  ])(
    'a new master secret that is %s forgets no block of an account and no failures of a network',
    async (_how, secrets) => {
      const { app, startWith } = await startEach([before], { accountFailures: 2, networkFailures: 4 });
      await register(app);
      await fail(app, 2);
      const later = await startWith(secrets);
      expect((await attempt(later)).code).toBe('TOO_MANY_REQUESTS');
      await fail(later, 2, 'nobody@example.com');
      expect((await attempt(later, 'somebody@example.com')).code).toBe('TOO_MANY_REQUESTS');
    },
  );

  it('a password stays disabled while a master secret is appended and promoted, until it is set anew', async () => {
    const { app, startWith } = await startEach([before], TEN);
    await register(app);
    await fail(app, 10);
    for (const secrets of [
      [before, next],
      [next, before],
    ]) {
      const later = await startWith(secrets);
      expect((await attempt(later)).code).toBe('TOO_MANY_REQUESTS');
    }
    const last = await startWith([next, before]);
    await last.admin.setPassword(ADA, NEW_PASSWORD);
    for (const secrets of [[before], [before, next], [next, before]])
      expect((await attempt(await startWith(secrets), ADA, NEW_PASSWORD)).code).toBe('OK');
  });

  it('failures form one run when processes with different current master secrets count them', async () => {
    const { app, startWith } = await startEach([before, next], TEN);
    const other = await startWith([next, before]);
    await register(app);
    for (let i = 0; i < 5; i += 1) for (const one of [app, other]) await fail(one, 1);
    for (const one of [app, other]) expect((await attempt(one)).code).toBe('TOO_MANY_REQUESTS');
    expect((await attempt(await startWith([next, before]), 'nobody@example.com', WRONG)).code).toBe(
      'INVALID_CREDENTIALS',
    );
  });

  it('a right password ends its run of failures under both master secrets', async () => {
    const { app, startWith } = await startEach([before], TEN);
    await register(app);
    await fail(app, 9);
    const later = await startWith([next, before]);
    expect((await attempt(later)).code).toBe('OK');
    await fail(later, 9);
    await fail(await startWith([before, next]), 1);
    expect((await attempt(later)).code).toBe('TOO_MANY_REQUESTS');
  });

  it('a code that was mailed before a master secret is promoted still works', async () => {
    const { app, startWith } = await startEach([before], { magicLinks: true });
    await register(app);
    await app.send(REQUEST_MAGIC_LINK, { input: { email: ADA } });
    const code = await mailedCode(app);
    const later = await startWith([next, before]);
    expect((await later.send(LOGIN_WITH_CODE, { input: { email: ADA, code } })).code).toBe('OK');
  });

  it('a pending registration is found after a master secret is promoted, and its link ends with the next one (OTT-2)', async () => {
    const { app, startWith } = await startEach([before], { registration: 'verify' });
    await app.send(REGISTER, { input: { email: ADA, password: PASSWORD, name: 'Ada' } });
    const first = await mailedToken(app, '/verify-email');
    const later = await startWith([next, before]);
    await later.send(REQUEST_VERIFICATION, { input: { email: ADA } });
    const second = await mailedToken(later, '/verify-email');
    expect((await later.send(VERIFY_EMAIL, { input: { token: first } })).code).toBe('INVALID_TOKEN');
    expect((await later.send(VERIFY_EMAIL, { input: { token: second, password: PASSWORD } })).code).toBe(
      'OK',
    );
    expect((await login(later)).user.name).toBe('Ada');
  });
});

describeApp('counts of the previous version', (start) => {
  /** As the version before named the row of an account. */
  function formerKey(app: TestApp, email: string): string {
    const [secret] = app.config.secrets;
    const { key } = createKeyring(secret === undefined ? [] : [secret], 'throttles').current;
    return createHmac('sha256', key)
      .update(JSON.stringify(['account', email]))
      .digest('base64url');
  }

  async function count(app: TestApp, email: string, failures: number): Promise<void> {
    await app.database.run(
      `INSERT INTO throttles (key, count, started_at, blocked_until, max, window_ms)
       VALUES (:key, :failures, :now, 0, 5, 0)`,
      { key: formerKey(app, email), failures, now: app.clock.now() },
    );
  }

  it('a password that the previous version disabled stays so until it is set anew, except for known devices (CR-4)', async () => {
    const app = await start();
    const { deviceToken } = await register(app);
    for (const email of [ADA, 'nobody@example.com']) {
      await count(app, email, 101);
      const { code, errors } = await attempt(app, email);
      expect([code, errors?.[0]?.extensions.retryAfter]).toEqual(['TOO_MANY_REQUESTS', 900]);
    }
    await login(app, { deviceToken });
    await app.rateLimits.prune();
    expect((await attempt(app)).code).toBe('TOO_MANY_REQUESTS');
    await app.admin.setPassword(ADA, NEW_PASSWORD);
    expect((await attempt(app, ADA, NEW_PASSWORD)).code).toBe('OK');
  });

  it('failures that the previous version counted below its limit block no login (CR-4)', async () => {
    const app = await start();
    await register(app);
    await count(app, ADA, 99);
    expect((await attempt(app)).code).toBe('OK');
  });

  it('a link that the previous version mailed does not hold back the next one (CR-4)', async () => {
    const app = await start({ config: { magicLinks: true } });
    const { user } = await register(app);
    // As the version before writes it: it knows no count.
    await app.database.run(
      `INSERT INTO one_time_tokens (token_hash, purpose, subject, email, email_canonical, payload, tries_left,
         created_at, expires_at) VALUES ('a hash', 'magic-link', :id, :email, :email, '', 5, :now, :expiresAt)`,
      { id: user.id, email: ADA, now: app.clock.now(), expiresAt: app.clock.now() + 600_000 },
    );
    await app.send(REQUEST_MAGIC_LINK, { input: { email: ADA } });
    const code = await mailedCode(app);
    expect((await app.send(LOGIN_WITH_CODE, { input: { email: ADA, code } })).code).toBe('OK');
  });
});
