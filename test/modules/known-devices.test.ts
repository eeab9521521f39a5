import { expect, it } from '@jest/globals';
import {
  CHANGE_PASSWORD,
  CONFIRM_EMAIL_CHANGE,
  LOGIN,
  login,
  ME,
  REAUTHENTICATE,
  REQUEST_EMAIL_CHANGE,
  REQUEST_RESET,
  RESET_PASSWORD,
  register,
  UNDO_EMAIL_CHANGE,
} from '../support/documents.ts';
import { mailedToken } from '../support/letters.ts';
import { describeApp, PASSWORD, type Sender, type TestApp } from '../support/start-app.ts';

const ADA = 'ada@example.com';
const WRONG = 'wrong horse battery staple';
const NEW_PASSWORD = 'another horse altogether';

/** A sender from a network of its own. */
const from = (n: number): Sender => ({ ip: `203.0.113.${n}` });

async function attempt(
  app: TestApp,
  input: { email?: string; password?: string; deviceToken?: string | null | undefined } = {},
  sender?: Sender,
) {
  const { code, errors } = await app.send(
    LOGIN,
    { input: { email: ADA, password: PASSWORD, ...input } },
    sender,
  );
  return { code, retryAfter: errors?.[0]?.extensions.retryAfter };
}

async function fail(
  app: TestApp,
  times: number,
  { deviceToken }: { deviceToken?: string | null | undefined } = {},
): Promise<void> {
  for (let i = 0; i < times; i += 1)
    expect((await attempt(app, { password: WRONG, deviceToken }, from(i))).code).toBe('INVALID_CREDENTIALS');
}

describeApp('the proof of a known device', (start) => {
  it.each<[string, (app: TestApp, accessToken: string) => Promise<unknown>]>([
    [
      'a change of password',
      (app, token) =>
        app.send(
          CHANGE_PASSWORD,
          { input: { currentPassword: PASSWORD, newPassword: NEW_PASSWORD } },
          { token },
        ),
    ],
    [
      'a reset',
      async (app) => {
        await app.send(REQUEST_RESET, { input: { email: ADA } });
        const token = await mailedToken(app, '/reset-password');
        await app.send(RESET_PASSWORD, { input: { token, newPassword: NEW_PASSWORD } });
      },
    ],
    ['a password that the operator sets', (app) => app.admin.setPassword(ADA, NEW_PASSWORD)],
    [
      'the undo of a change of address, and the reset after it',
      async (app, token) => {
        const change = { newEmail: 'eve@example.org', password: PASSWORD };
        await app.database.run('UPDATE users SET email_verified_at = 1');
        await app.send(REQUEST_EMAIL_CHANGE, { input: change }, { token });
        const confirmation = await mailedToken(app, '/confirm-email', change.newEmail);
        await app.send(CONFIRM_EMAIL_CHANGE, { input: { token: confirmation } });
        await app.send(UNDO_EMAIL_CHANGE, { input: { token: await mailedToken(app, '/undo-email-change') } });
        const reset = await mailedToken(app, '/reset-password');
        await app.send(RESET_PASSWORD, { input: { token: reset, newPassword: NEW_PASSWORD } });
      },
    ],
  ])('ends with %s: a thief who holds one is a stranger from then on', async (_cause, change) => {
    const app = await start({ config: { accountFailures: 2 } });
    const { deviceToken, accessToken } = await register(app, ADA, from(9));
    await change(app, accessToken);
    const known = await login(app, { password: NEW_PASSWORD }, from(8));
    await fail(app, 2);
    const before = { password: NEW_PASSWORD, deviceToken };
    expect((await attempt(app, before, from(50))).code).toBe('TOO_MANY_REQUESTS');
    const after = { password: NEW_PASSWORD, deviceToken: known.deviceToken };
    expect((await attempt(app, after, from(50))).code).toBe('OK');
  });

  it('that a change of password answers with is of the new password', async () => {
    const app = await start({ config: { accountFailures: 2 } });
    const { accessToken: token } = await register(app);
    const input = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD };
    const { data } = await app.send(CHANGE_PASSWORD, { input }, { token });
    const proven = await app.send(
      REAUTHENTICATE,
      { input: { password: NEW_PASSWORD } },
      { token: data.changePassword.accessToken },
    );
    await fail(app, 2);
    for (const { deviceToken } of [data.changePassword, proven.data.reauthenticate])
      expect((await attempt(app, { password: NEW_PASSWORD, deviceToken }, from(50))).code).toBe('OK');
  });

  it('survives the login of another device, disabling and enabling', async () => {
    const app = await start({ config: { accountFailures: 2 } });
    const { deviceToken } = await register(app);
    await login(app);
    await app.admin.disable(ADA);
    await app.admin.enable(ADA);
    await fail(app, 2);
    expect((await attempt(app, { deviceToken }, from(50))).code).toBe('OK');
  });
});

describeApp('POST /token and known devices', (start) => {
  async function post(app: TestApp, form: Record<string, string>, ip = '203.0.113.50') {
    const { statusCode, body } = await app.server.inject({
      method: 'POST',
      url: '/token',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-forwarded-for': ip },
      body: new URLSearchParams(form).toString(),
    });
    return { statusCode, answer: JSON.parse(body) };
  }
  const credentials = { username: ADA, password: PASSWORD };

  it('answers with a device token and takes it, as login does (LOG-6)', async () => {
    const app = await start({ config: { accountFailures: 2 } });
    await register(app, ADA, from(9));
    const first = await post(app, credentials);
    expect(first.answer.device_token).toMatch(/^lkd_/);
    await fail(app, 2);
    expect((await post(app, credentials)).statusCode).toBe(429);
    expect((await post(app, { ...credentials, device_token: '' })).statusCode).toBe(429);
    expect((await post(app, { ...credentials, device_token: 'lkd_none' })).statusCode).toBe(429);
    const second = await post(app, { ...credentials, device_token: first.answer.device_token });
    expect(second.statusCode).toBe(200);
    // The same device at both doors.
    const { device_token: deviceToken } = second.answer;
    expect((await attempt(app, { deviceToken }, from(51))).code).toBe('OK');
    expect((await app.send(ME, {}, { token: second.answer.access_token })).code).toBe('OK');
  });

  it('answers a refresh without one', async () => {
    const app = await start();
    await register(app, ADA, from(9));
    const { answer } = await post(app, credentials);
    const refreshed = await post(app, { grant_type: 'refresh_token', refresh_token: answer.refresh_token });
    expect(refreshed.statusCode).toBe(200);
    expect(Object.keys(refreshed.answer)).not.toContain('device_token');
  });
});
