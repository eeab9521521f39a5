import { expect, it } from '@jest/globals';
import {
  CHANGE_PASSWORD,
  LOGIN,
  login,
  ME,
  REGISTER,
  REQUEST_VERIFICATION,
  register,
  VERIFY_EMAIL,
} from '../support/documents.ts';
import { eventsOf } from '../support/events.ts';
import { lettersTo, mailedToken, subjectsTo } from '../support/letters.ts';
import { describeApp, PASSWORD, type TestApp } from '../support/start-app.ts';

const OTHER_PASSWORD = 'another horse altogether';
const DAY_MS = 86_400_000;
const VERIFY = { config: { registration: 'verify' } } as const;

const registerAt = (app: TestApp, email = 'ada@example.com', password = PASSWORD) =>
  app.send(REGISTER, { input: { email, password } });

const verify = (app: TestApp, token: string) => app.send(VERIFY_EMAIL, { input: { token } });

const requestLink = (app: TestApp, email = 'ada@example.com') =>
  app.send(REQUEST_VERIFICATION, { input: { email } });

const tryLogin = (app: TestApp, password = PASSWORD, email = 'ada@example.com') =>
  app.send(LOGIN, { input: { email, password } });

/** An account whose address is proven. */
async function registerVerified(app: TestApp, email?: string) {
  await registerAt(app, email);
  return (await verify(app, await mailedToken(app, '/verify-email', email))).data.verifyEmail;
}

describeApp('register, where addresses are verified', (start) => {
  it('makes the account and its first session once the link is followed', async () => {
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

  it('answers a known address as a new one, byte for byte, and writes as much (LOG-8, OTT-3)', async () => {
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

  it('sends the owner of a known address a notice, and leaves the account alone (LOG-8)', async () => {
    const app = await start(VERIFY);
    const { user } = await registerVerified(app);
    await registerAt(app, 'ADA@example.com', OTHER_PASSWORD);
    expect(await subjectsTo(app)).toEqual(['Confirm your email address', 'You already have an account']);
    expect((await tryLogin(app, OTHER_PASSWORD)).code).toBe('INVALID_CREDENTIALS');
    expect((await login(app)).user.id).toBe(user.id);
  });

  it('sends an account that is not verified its own link, and does not change its password', async () => {
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

  it('keeps the newest registration of an address: its password, and its link alone (OTT-2)', async () => {
    const app = await start(VERIFY);
    await registerAt(app, 'ada@example.com', OTHER_PASSWORD);
    const first = await mailedToken(app, '/verify-email');
    await registerAt(app, 'ADA@example.com', PASSWORD);
    const second = await mailedToken(app, '/verify-email');
    expect((await verify(app, first)).code).toBe('INVALID_TOKEN');
    expect((await verify(app, second)).code).toBe('OK');
    expect((await tryLogin(app, OTHER_PASSWORD)).code).toBe('INVALID_CREDENTIALS');
    expect((await tryLogin(app)).code).toBe('OK');
  });

  it('occupies no address: whoever proves it has it, once (LOG-9)', async () => {
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

  it('refuses a weak password as ever, for every address alike', async () => {
    const app = await start(VERIFY);
    await registerVerified(app);
    for (const email of ['ada@example.com', 'new@example.com'])
      expect((await registerAt(app, email, 'short')).code).toBe('WEAK_PASSWORD');
    expect(await app.mailed()).toHaveLength(1);
  });

  it('forgets a registration that nobody proves', async () => {
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

  it('mails three times an hour to one address, whether it is known or not (OTT-3)', async () => {
    const app = await start(VERIFY);
    await registerVerified(app, 'known@example.com');
    app.clock.travel(60 * 60_000);
    for (const email of ['known@example.com', 'new@example.com']) {
      const codes = [];
      for (let i = 0; i < 4; i += 1) codes.push((await registerAt(app, email)).code);
      expect(codes).toEqual(['OK', 'OK', 'OK', 'TOO_MANY_REQUESTS']);
    }
  });
});

describeApp('verifyEmail', (start) => {
  it('proves the address of an account that is there, and does not log in with a link of a day (OTT-4)', async () => {
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

  it('lets whoever was kept out for want of it log in (LOG-1)', async () => {
    const app = await start();
    await register(app);
    const strict = await start({ ...VERIFY, database: app.database });
    const refused = await tryLogin(strict);
    expect([refused.code, refused.body]).toEqual(['INVALID_CREDENTIALS', (await tryLogin(strict, 'x')).body]);
    await requestLink(strict);
    await verify(strict, await mailedToken(strict, '/verify-email'));
    expect((await tryLogin(strict)).code).toBe('OK');
  });

  it('gives no device name that is none', async () => {
    const app = await start(VERIFY);
    await registerAt(app);
    const token = await mailedToken(app, '/verify-email');
    const input = { token, deviceName: 'a\nb' };
    const { errors } = await app.send(VERIFY_EMAIL, { input });
    expect(errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', field: 'input.deviceName' });
    const named = await app.send(VERIFY_EMAIL, { input: { token, deviceName: ' phone ' } });
    expect(named.data.verifyEmail.session.deviceName).toBe('phone');
  });
});

describeApp('requestEmailVerification', (start) => {
  it('answers alike for every address and mails to whoever waits for it (OTT-3)', async () => {
    const app = await start({ config: { registration: 'verify', networkMails: 100 } });
    await registerVerified(app, 'known@example.com');
    await registerAt(app, 'pending@example.com', OTHER_PASSWORD);
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
    expect((await verify(app, second)).data.verifyEmail.user.email).toBe('pending@example.com');
    expect((await tryLogin(app, OTHER_PASSWORD, 'pending@example.com')).code).toBe('OK');
  });

  it('is refused where no mail is sent, and changes of password work there all the same', async () => {
    const app = await start({ config: { appUrl: undefined } });
    const { accessToken } = await register(app);
    expect((await requestLink(app)).code).toBe('FEATURE_DISABLED');
    const input = { currentPassword: PASSWORD, newPassword: OTHER_PASSWORD };
    expect((await app.send(CHANGE_PASSWORD, { input }, { token: accessToken })).code).toBe('OK');
    expect(await app.database.all('SELECT id FROM mails')).toEqual([]);
  });
});

describeApp('an account that the operator creates', (start) => {
  it('counts as verified: they answer for the address', async () => {
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
