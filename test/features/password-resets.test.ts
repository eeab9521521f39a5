import { expect, it } from '@jest/globals';
import { LOGIN, login, ME, REQUEST_RESET, RESET_PASSWORD, refresh, register } from '../support/documents.ts';
import { eventsOf } from '../support/events.ts';
import { lettersTo, mailedToken, subjectsTo } from '../support/letters.ts';
import { describeApp, PASSWORD, type TestApp } from '../support/start-app.ts';

const NEW_PASSWORD = 'another horse altogether';
const MINUTE_MS = 60_000;

const request = (app: TestApp, email = 'ada@example.com', ip?: string) =>
  app.send(REQUEST_RESET, { input: { email } }, ip === undefined ? {} : { ip });

const reset = (app: TestApp, token: string, newPassword = NEW_PASSWORD) =>
  app.send(RESET_PASSWORD, { input: { token, newPassword } });

describeApp('password resets', (start) => {
  it('a password reset sets the password, ends every session and opens none (SES-4, OTT-4)', async () => {
    const app = await start();
    const mine = await register(app);
    const other = await login(app);
    const asked = await request(app);
    expect(asked.data).toEqual({ requestPasswordReset: { expiresIn: 1_800 } });

    const answer = await reset(app, await mailedToken(app, '/reset-password'));
    expect(answer.data).toEqual({ resetPassword: { revokedSessions: 2 } });
    for (const { accessToken, refreshToken } of [mine, other]) {
      expect((await app.send(ME, {}, { token: accessToken })).code).toBe('UNAUTHENTICATED');
      expect((await refresh(app, refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    }
    expect(await app.database.all('SELECT id FROM sessions WHERE revoked_at IS NULL')).toEqual([]);
    const old = { email: 'ada@example.com', password: PASSWORD };
    expect((await app.send(LOGIN, { input: old })).code).toBe('INVALID_CREDENTIALS');
    expect((await login(app, { password: NEW_PASSWORD })).user.id).toBe(mine.user.id);
    const [event] = await eventsOf(app, 'authn_password_change');
    expect(event).toMatchObject({ userId: mine.user.id, outcome: 'success' });
  });

  it('a password reset is reported to the owner by mail, without the password', async () => {
    const app = await start();
    await register(app);
    await request(app);
    await reset(app, await mailedToken(app, '/reset-password'));
    expect(await subjectsTo(app)).toEqual(['Reset your password', 'Your password was changed']);
    expect(JSON.stringify(await app.mailed())).not.toContain(NEW_PASSWORD);
  });

  it('a password reset proves the address, because its link was mailed there', async () => {
    const app = await start();
    expect((await register(app)).user.emailVerified).toBe(false);
    await request(app);
    await reset(app, await mailedToken(app, '/reset-password'));
    expect((await login(app, { password: NEW_PASSWORD })).user.emailVerified).toBe(true);
  });

  it('requesting a password reset changes nothing (OTT-3)', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    const before = await app.database.get('SELECT * FROM users');
    await request(app);
    expect(await app.database.get('SELECT * FROM users')).toEqual(before);
    expect((await app.send(ME, {}, { token: accessToken })).code).toBe('OK');
    expect((await login(app)).user.email).toBe('ada@example.com');
  });

  it('resetPassword refuses a weak password, and does not spend the token for it (PW-6)', async () => {
    const app = await start();
    await register(app);
    await request(app);
    const token = await mailedToken(app, '/reset-password');
    for (const [weak, reason] of [
      ['short', 'TOO_SHORT'],
      ['passwordpassword', 'TOO_COMMON'],
      ['ada@example.com!', 'CONTAINS_PERSONAL_INFO'],
    ] as const) {
      expect((await reset(app, token, weak)).errors?.[0]?.extensions).toMatchObject({
        code: 'WEAK_PASSWORD',
        reason,
      });
    }
    expect((await reset(app, token)).code).toBe('OK');
  });

  it('a password reset lets an account log in again that a hundred failures had blocked (LOG-6)', async () => {
    const app = await start({
      config: { accountFailures: 100, networkFailures: 1_000, networkChecks: 1_000 },
    });
    await register(app);
    const wrong = { email: 'ada@example.com', password: 'wrong horse battery staple' };
    for (let i = 0; i < 100; i += 1) await app.send(LOGIN, { input: wrong });
    app.clock.travel(24 * 60 * MINUTE_MS);
    const right = { email: 'ada@example.com', password: PASSWORD };
    expect((await app.send(LOGIN, { input: right }, { ip: '203.0.113.1' })).code).toBe('TOO_MANY_REQUESTS');
    await request(app);
    await reset(app, await mailedToken(app, '/reset-password'));
    expect((await login(app, { password: NEW_PASSWORD }, { ip: '203.0.113.1' })).user.email).toBe(
      'ada@example.com',
    );
  });

  it('a disabled account gets no reset mail, and a reset link mailed earlier does not work', async () => {
    const app = await start();
    await register(app);
    await request(app);
    const token = await mailedToken(app, '/reset-password');
    await app.admin.disable('ada@example.com');
    expect((await reset(app, token)).code).toBe('INVALID_TOKEN');
    await request(app);
    expect(await lettersTo(app)).toHaveLength(1);
  });

  it('of eight resets at once with one link, exactly one sets the password', async () => {
    const app = await start({ config: { hashConcurrency: 4 } });
    await register(app);
    await request(app);
    const token = await mailedToken(app, '/reset-password');
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) => reset(app, token, `${NEW_PASSWORD} ${i}`)),
    );
    const winners = answers.flatMap(({ code }, i) => (code === 'OK' ? [i] : []));
    expect(winners).toHaveLength(1);
    expect(answers.filter(({ code }) => code === 'INVALID_TOKEN')).toHaveLength(7);
    expect((await login(app, { password: `${NEW_PASSWORD} ${winners[0]}` })).user.email).toBe(
      'ada@example.com',
    );
  });
});
