import { expect, it } from '@jest/globals';
import {
  type Auth,
  CHANGE_PASSWORD,
  CONFIRM_EMAIL_CHANGE,
  LOGIN,
  LOGIN_WITH_CODE,
  LOGIN_WITH_LINK,
  login,
  ME,
  REGISTER,
  REQUEST_EMAIL_CHANGE,
  REQUEST_MAGIC_LINK,
  REQUEST_RESET,
  REQUEST_VERIFICATION,
  RESET_PASSWORD,
  refresh,
  refreshed,
  register,
  VERIFY_EMAIL,
} from '../support/documents.ts';
import { eventsOf } from '../support/events.ts';
import { lettersTo, mailedCode, mailedToken, subjectsTo } from '../support/letters.ts';
import { type Answer, describeApp, PASSWORD, type Sender, type TestApp } from '../support/start-app.ts';

const OTHER_PASSWORD = 'another horse altogether';
const DAY_MS = 86_400_000;
const VERIFY = { config: { registration: 'verify' } } as const;

const registerAt = (app: TestApp, email = 'ada@example.com', password: string | null = PASSWORD) =>
  app.send(REGISTER, { input: { email, password } });

/** With a password: a new account's, or the one that the account has. */
const verify = (app: TestApp, token: string, password = PASSWORD) =>
  app.send(VERIFY_EMAIL, { input: { token, password } });

/** With nothing but what was mailed, and what the headers say. */
const verifyByMailbox = (app: TestApp, token: string, sender?: Sender) =>
  app.send(VERIFY_EMAIL, { input: { token } }, sender);

const requestLink = (app: TestApp, email = 'ada@example.com') =>
  app.send(REQUEST_VERIFICATION, { input: { email } });

const tryLogin = (app: TestApp, password = PASSWORD, email = 'ada@example.com') =>
  app.send(LOGIN, { input: { email, password } });

/** An account whose address is proven. */
async function registerVerified(app: TestApp, email?: string) {
  await registerAt(app, email);
  return (await verify(app, await mailedToken(app, '/verify-email', email))).data.verifyEmail;
}

describeApp('registering where addresses are verified', (start) => {
  it('a registration creates the account and its first session once the mailed link is followed', async () => {
    const app = await start(VERIFY);
    const input = { email: 'Ada@example.com', password: PASSWORD, name: 'Ada' };
    const registered = await app.send(REGISTER, { input });
    expect(registered.data).toEqual({ register: { auth: null, verificationRequired: true } });
    expect(await app.database.all('SELECT id FROM users')).toEqual([]);
    expect((await tryLogin(app)).code).toBe('INVALID_CREDENTIALS');

    const { data } = await verify(app, await mailedToken(app, '/verify-email'));
    expect(data.verifyEmail).toMatchObject({
      user: { email: 'Ada@example.com', name: 'Ada', emailVerified: true },
      session: { amr: ['otp'], current: true },
    });
    expect((await app.send(ME, {}, { token: data.verifyEmail.accessToken })).code).toBe('OK');
    expect((await login(app)).user.id).toBe(data.verifyEmail.user.id);
    expect(await eventsOf(app, 'user_created')).toEqual([
      expect.objectContaining({ userId: data.verifyEmail.user.id, sessionId: data.verifyEmail.session.id }),
    ]);
  });

  it('register answers a known address as a new one, byte for byte, and writes as much (LOG-8, OTT-3)', async () => {
    const app = await start(VERIFY);
    await registerVerified(app, 'known@example.com');
    await app.admin.createUser({ email: 'off@example.com', password: PASSWORD });
    await app.admin.disable('off@example.com');
    const answers = [];
    const written = [];
    for (const email of ['new@example.com', 'known@example.com', 'off@example.com', 'new@example.com']) {
      const before = await rowCounts(app);
      const { status, body, headers } = await registerAt(app, email, OTHER_PASSWORD);
      const { date: _date, 'x-request-id': _id, ...rest } = headers;
      answers.push(JSON.stringify({ status, body, rest }));
      written.push((await rowCounts(app)).map((count, i) => count - (before[i] ?? 0)));
    }
    expect(new Set(answers).size).toBe(1);
    // A token, its event and its mail each time; the last one takes the place of the first one's token.
    expect(written).toEqual([...Array(3).fill([1, 1, 1]), [0, 1, 1]]);
  });

  it('registering a known address mails its owner a notice, and leaves the account unchanged (LOG-8)', async () => {
    const app = await start(VERIFY);
    const { user } = await registerVerified(app);
    await registerAt(app, 'ADA@example.com', OTHER_PASSWORD);
    expect(await subjectsTo(app)).toEqual(['Confirm your email address', 'You already have an account']);
    expect((await tryLogin(app, OTHER_PASSWORD)).code).toBe('INVALID_CREDENTIALS');
    expect((await login(app)).user.id).toBe(user.id);
  });

  it('registering the address of an unverified account mails that account its link, and does not change its password', async () => {
    const app = await start();
    const { user } = await register(app);
    const strict = await start({ ...VERIFY, database: app.database });
    expect((await tryLogin(strict)).code).toBe('INVALID_CREDENTIALS');
    await registerAt(strict, 'ada@example.com', OTHER_PASSWORD);
    expect((await verify(strict, await mailedToken(strict, '/verify-email'))).data).toEqual({
      verifyEmail: null,
    });
    expect((await tryLogin(strict, OTHER_PASSWORD)).code).toBe('INVALID_CREDENTIALS');
    expect((await login(strict)).user).toMatchObject({ id: user.id, emailVerified: true });
  });

  it('a newer registration of an address ends the link of the earlier one (OTT-2)', async () => {
    const app = await start(VERIFY);
    await registerAt(app);
    const first = await mailedToken(app, '/verify-email');
    await registerAt(app, 'ADA@example.com');
    const second = await mailedToken(app, '/verify-email');
    expect((await verify(app, first)).code).toBe('INVALID_TOKEN');
    expect((await verify(app, second)).code).toBe('OK');
  });

  it('a new account gets the password given with the link, never the one given at registration', async () => {
    const app = await start(VERIFY);
    await registerAt(app);
    await registerAt(app, 'ada@example.com', OTHER_PASSWORD);
    expect((await verify(app, await mailedToken(app, '/verify-email'))).code).toBe('OK');
    expect((await tryLogin(app, OTHER_PASSWORD)).code).toBe('INVALID_CREDENTIALS');
    expect((await tryLogin(app)).code).toBe('OK');
  });

  it('register needs no password, and stores none even if its input has one', async () => {
    const app = await start(VERIFY);
    expect((await registerAt(app, 'ada@example.com', null)).code).toBe('OK');
    expect((await registerAt(app, 'eve@example.com', 'short')).code).toBe('OK');
    const rows = await app.database.all<{ payload: string }>('SELECT payload FROM one_time_tokens');
    expect(rows.map(({ payload }) => JSON.parse(payload))).toEqual([{ name: null }, { name: null }]);
  });

  it('verifying a new account needs a password, and a missing or weak one does not spend the link', async () => {
    const app = await start(VERIFY);
    await registerAt(app);
    const token = await mailedToken(app, '/verify-email');
    const missing = await verifyByMailbox(app, token);
    expect(missing.errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', field: 'input.password' });
    const weak = await verify(app, token, 'short');
    expect(weak.errors?.[0]?.extensions).toMatchObject({ code: 'WEAK_PASSWORD', reason: 'TOO_SHORT' });
    const own = await verify(app, token, 'ada@example.com');
    expect(own.errors?.[0]?.extensions).toMatchObject({ code: 'WEAK_PASSWORD' });
    expect((await verify(app, token)).code).toBe('OK');
  });

  it('an unproven registration reserves no address, and its link creates at most one account (LOG-9)', async () => {
    const app = await start(VERIFY);
    await registerAt(app);
    const token = await mailedToken(app, '/verify-email');
    const answers = await Promise.all(Array.from({ length: 8 }, () => verify(app, token)));
    expect(answers.map(({ code }) => code).sort()).toEqual([...Array(7).fill('INVALID_TOKEN'), 'OK']);
    expect(await app.database.all('SELECT id FROM users')).toHaveLength(1);

    await registerAt(app, 'eve@example.com');
    await app.admin.createUser({ email: 'eve@example.com', password: PASSWORD });
    const late = await verify(app, await mailedToken(app, '/verify-email', 'eve@example.com'));
    expect(late.code).toBe('EMAIL_TAKEN');
  });

  it('a registration that is never proven loses its link after a day, and is deleted later', async () => {
    const app = await start(VERIFY);
    await registerAt(app);
    const token = await mailedToken(app, '/verify-email');
    app.clock.travel(DAY_MS);
    expect((await verify(app, token)).code).toBe('INVALID_TOKEN');
    await requestLink(app);
    expect(await lettersTo(app)).toHaveLength(1);
    app.clock.travel(9 * DAY_MS);
    await app.housekeeping.turn();
    expect(await app.database.all('SELECT email FROM one_time_tokens')).toEqual([]);
  });

  it('register mails at most three times an hour to one address, known or not (OTT-3)', async () => {
    const app = await start(VERIFY);
    await registerVerified(app, 'known@example.com');
    app.clock.travel(60 * 60_000);
    for (const email of ['known@example.com', 'new@example.com']) {
      const before = (await lettersTo(app, email)).length;
      for (let i = 0; i < 4; i += 1) expect((await registerAt(app, email)).code).toBe('OK');
      expect(await lettersTo(app, email)).toHaveLength(before + 3);
    }
  });
});

describeApp('verifyEmail', (start) => {
  it('verifyEmail proves the address of an existing account, and does not log in with a day-long link (OTT-4)', async () => {
    const app = await start();
    const { accessToken, user } = await register(app);
    expect(user.emailVerified).toBe(false);
    expect((await requestLink(app)).data).toEqual({ requestEmailVerification: { expiresIn: 86_400 } });
    const { data } = await verify(app, await mailedToken(app, '/verify-email'));
    expect(data).toEqual({ verifyEmail: null });
    expect((await app.send(ME, {}, { token: accessToken })).data.me.emailVerified).toBe(true);
    expect(await app.database.all('SELECT id FROM sessions')).toHaveLength(1);
    expect(await eventsOf(app, 'user_updated')).toEqual([
      expect.objectContaining({ userId: user.id, details: JSON.stringify({ fields: ['emailVerified'] }) }),
    ]);
  });

  it('an account that may not log in unverified can log in after verifyEmail (LOG-1)', async () => {
    const app = await start();
    await register(app);
    const strict = await start({ ...VERIFY, database: app.database });
    const refused = await tryLogin(strict);
    expect([refused.code, refused.body]).toEqual(['INVALID_CREDENTIALS', (await tryLogin(strict, 'x')).body]);
    await requestLink(strict);
    await verify(strict, await mailedToken(strict, '/verify-email'));
    expect((await tryLogin(strict)).code).toBe('OK');
  });

  it('verifyEmail refuses an invalid device name, and trims a valid one', async () => {
    const app = await start(VERIFY);
    await registerAt(app);
    const token = await mailedToken(app, '/verify-email');
    const input = { token, password: PASSWORD, deviceName: 'a\nb' };
    const { errors } = await app.send(VERIFY_EMAIL, { input });
    expect(errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', field: 'input.deviceName' });
    const named = await app.send(VERIFY_EMAIL, { input: { ...input, deviceName: ' phone ' } });
    expect(named.data.verifyEmail.session.deviceName).toBe('phone');
  });
});

describeApp('the first proof of an address', (start) => {
  /** An account that a stranger registered with another person's address, and all that they did with it. */
  async function registerStranger(app: TestApp) {
    const auth = await register(app);
    const input = { newEmail: 'stranger@example.com', password: PASSWORD };
    await app.send(REQUEST_EMAIL_CHANGE, { input }, { token: auth.accessToken });
    // The look-up of the session is fresh in the process's memory.
    expect((await app.send(ME, {}, { token: auth.accessToken })).code).toBe('OK');
    return auth;
  }

  async function expectNothingLeft(app: TestApp, stranger: Auth): Promise<void> {
    expect((await app.send(ME, {}, { token: stranger.accessToken })).code).toBe('UNAUTHENTICATED');
    expect((await refresh(app, stranger.refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await tryLogin(app)).code).toBe('INVALID_CREDENTIALS');
    const confirmation = await mailedToken(app, '/confirm-email', 'stranger@example.com');
    const input = { token: confirmation, password: PASSWORD };
    expect((await app.send(CONFIRM_EMAIL_CHANGE, { input })).code).toBe('INVALID_TOKEN');
  }

  it('proving an address by mailbox alone ends all access of the stranger who registered it, and mails a reset link', async () => {
    const app = await start();
    const stranger = await registerStranger(app);
    await requestLink(app);
    const answer = await verifyByMailbox(app, await mailedToken(app, '/verify-email'));
    expect(answer.data).toEqual({ verifyEmail: null });
    await expectNothingLeft(app, stranger);
    expect(await eventsOf(app, 'user_updated')).toEqual([
      expect.objectContaining({
        details: JSON.stringify({ fields: ['emailVerified'], reason: 'first_proof', count: 1 }),
      }),
    ]);

    const token = await mailedToken(app, '/reset-password');
    await app.send(RESET_PASSWORD, { input: { token, newPassword: OTHER_PASSWORD } });
    expect((await login(app, { password: OTHER_PASSWORD })).user.id).toBe(stranger.user.id);
  });

  it.each<[string, string, (app: TestApp, token: string) => Promise<Answer>]>([
    [
      'a reset of the password',
      '/reset-password',
      (app, token) => app.send(RESET_PASSWORD, { input: { token, newPassword: OTHER_PASSWORD } }),
    ],
    ['a magic link', '/magic-link', (app, token) => app.send(LOGIN_WITH_LINK, { input: { token } })],
    [
      'a mailed code',
      '/magic-link',
      async (app) =>
        app.send(LOGIN_WITH_CODE, { input: { email: 'ada@example.com', code: await mailedCode(app) } }),
    ],
  ])(
    'proving an address by %s ends all access of the stranger who registered it',
    async (_way, path, use) => {
      const app = await start({ config: { magicLinks: true } });
      const stranger = await registerStranger(app);
      const email = 'ada@example.com';
      await app.send(path === '/magic-link' ? REQUEST_MAGIC_LINK : REQUEST_RESET, { input: { email } });
      expect((await use(app, await mailedToken(app, path))).code).toBe('OK');
      await expectNothingLeft(app, stranger);
    },
  );

  it('proving an address with the password or a live session of the account ends nothing', async () => {
    for (const shown of [{ password: PASSWORD }, {}]) {
      const app = await start();
      const auth = await register(app);
      const other = await login(app);
      await requestLink(app);
      const input = { token: await mailedToken(app, '/verify-email'), ...shown };
      const sender = 'password' in shown ? {} : { token: auth.accessToken };
      expect((await app.send(VERIFY_EMAIL, { input }, sender)).data).toEqual({ verifyEmail: null });
      for (const { accessToken: token } of [auth, other])
        expect((await app.send(ME, {}, { token })).data.me.emailVerified).toBe(true);
      expect((await tryLogin(app)).code).toBe('OK');
    }
  });

  it('a wrong password with a verification link is counted, and neither spends the link nor ends a session', async () => {
    const app = await start();
    const auth = await register(app);
    await requestLink(app);
    const token = await mailedToken(app, '/verify-email');
    for (let i = 0; i < 5; i += 1)
      expect((await verify(app, token, OTHER_PASSWORD)).code).toBe('INVALID_CREDENTIALS');
    expect((await verify(app, token, OTHER_PASSWORD)).code).toBe('TOO_MANY_REQUESTS');
    expect((await app.send(ME, {}, { token: auth.accessToken })).data.me.emailVerified).toBe(false);
    expect((await verifyByMailbox(app, token, { token: auth.accessToken })).code).toBe('OK');
  });

  it('verifyEmail asks a client with an expired access token to refresh before it ends anything', async () => {
    const app = await start();
    const auth = await register(app);
    await requestLink(app);
    const token = await mailedToken(app, '/verify-email');
    app.clock.travel(11 * 60_000);
    const old = await verifyByMailbox(app, token, { token: auth.accessToken });
    expect(old.errors?.[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED', reason: 'TOKEN_EXPIRED' });
    const { accessToken } = await refreshed(app, auth.refreshToken);
    expect((await verifyByMailbox(app, token, { token: accessToken })).code).toBe('OK');
    expect((await tryLogin(app)).code).toBe('OK');
  });

  it('proving an address with a session of another account counts as proof by mailbox alone', async () => {
    const app = await start();
    const stranger = await registerStranger(app);
    const other = await register(app, 'eve@example.com');
    await requestLink(app);
    const token = await mailedToken(app, '/verify-email');
    expect((await verifyByMailbox(app, token, { token: other.accessToken })).code).toBe('OK');
    await expectNothingLeft(app, stranger);
    expect((await app.send(ME, {}, { token: other.accessToken })).code).toBe('OK');
  });

  it('a later proof of an address ends no session and keeps the password', async () => {
    const app = await start({ config: { magicLinks: true } });
    await app.admin.createUser({ email: 'ada@example.com', password: PASSWORD });
    const auth = await login(app);
    await app.send(REQUEST_MAGIC_LINK, { input: { email: 'ada@example.com' } });
    const token = await mailedToken(app, '/magic-link');
    expect((await app.send(LOGIN_WITH_LINK, { input: { token } })).code).toBe('OK');
    expect((await app.send(ME, {}, { token: auth.accessToken })).code).toBe('OK');
    expect((await tryLogin(app)).code).toBe('OK');
  });
});

describeApp('requestEmailVerification', (start) => {
  it('requestEmailVerification answers alike for every address, and mails only where verification is pending (OTT-3)', async () => {
    const app = await start({ config: { registration: 'verify', networkMails: 100 } });
    await registerVerified(app, 'known@example.com');
    await registerAt(app, 'pending@example.com');
    const first = await mailedToken(app, '/verify-email', 'pending@example.com');
    const before = (await app.mailed()).length;
    const answers = [];
    for (const email of ['known@example.com', 'pending@example.com', 'nobody@example.com']) {
      const { status, body } = await requestLink(app, email);
      answers.push(JSON.stringify({ status, body }));
    }
    expect(new Set(answers).size).toBe(1);
    const second = await mailedToken(app, '/verify-email', 'pending@example.com');
    expect((await app.mailed()).slice(before).map(({ to }) => to)).toEqual(['pending@example.com']);

    expect((await verify(app, first)).code).toBe('INVALID_TOKEN');
    const verified = await verify(app, second, OTHER_PASSWORD);
    expect(verified.data.verifyEmail.user.email).toBe('pending@example.com');
    expect((await tryLogin(app, OTHER_PASSWORD, 'pending@example.com')).code).toBe('OK');
  });

  it('requestEmailVerification is refused where no mail is sent, and changePassword still works there', async () => {
    const app = await start({ config: { appUrl: undefined } });
    const { accessToken } = await register(app);
    expect((await requestLink(app)).code).toBe('FEATURE_DISABLED');
    const input = { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD };
    expect((await app.send(CHANGE_PASSWORD, { input }, { token: accessToken })).code).toBe('OK');
    expect(await app.database.all('SELECT id FROM mails')).toEqual([]);
  });
});

describeApp('accounts that the operator creates', (start) => {
  it('an account that the operator creates counts as verified, as the operator answers for its address', async () => {
    const app = await start(VERIFY);
    await app.admin.createUser({ email: 'ada@example.com', password: PASSWORD });
    expect((await login(app)).user.emailVerified).toBe(true);
  });
});

/** Tokens, events and mails. */
async function rowCounts(app: TestApp): Promise<number[]> {
  const letters = await app.mailed();
  const counts = await Promise.all(
    ['one_time_tokens', 'audit_events'].map((table) => app.database.all(`SELECT 1 FROM ${table}`)),
  );
  const decoys = await app.database.all('SELECT id FROM mails');
  return [...counts.map(({ length }) => length), letters.length + decoys.length];
}
