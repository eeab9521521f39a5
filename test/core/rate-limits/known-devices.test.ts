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
} from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { mailedToken } from '../../support/letters.ts';
import { describeApp, PASSWORD, type Sender, type TestApp } from '../../support/start-app.ts';

const ADA = 'ada@example.com';
const WRONG = 'wrong horse battery staple';
const NEW_PASSWORD = 'another horse altogether';
const MINUTE_MS = 60_000;

/** No failure makes a login wait before the tenth in a row, which closes the door; networks do not matter. */
const TEN = { accountFailures: 100, accountDisableAfter: 10, networkFailures: 1_000 } as const;

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

/** Proofs of as many devices of one account as if each had logged in; neighbours have different lanes. */
function proofsOf(app: TestApp, userId: string, count: number): string[] {
  const nowSeconds = Math.floor(app.clock.now() / 1_000);
  return Array.from({ length: count }, (_, i) => {
    const deviceId = `${i.toString(16).padStart(2, '0')}000000-0000-4000-8000-000000000000`;
    return app.tokens.deviceTokens.encode({ userId, passwordVersion: 1, deviceId, nowSeconds });
  });
}

describeApp('device tokens', (start) => {
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
        await app.send(CONFIRM_EMAIL_CHANGE, { input: { token: confirmation, password: PASSWORD } });
        await app.send(UNDO_EMAIL_CHANGE, { input: { token: await mailedToken(app, '/undo-email-change') } });
        const reset = await mailedToken(app, '/reset-password');
        await app.send(RESET_PASSWORD, { input: { token: reset, newPassword: NEW_PASSWORD } });
      },
    ],
  ])('a device token no longer proves a known device after %s', async (_cause, change) => {
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

  it('the device tokens from changePassword and reauthenticate are valid for the new password', async () => {
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

  it('a device token survives the login of another device, and disabling and enabling the account', async () => {
    const app = await start({ config: { accountFailures: 2 } });
    const { deviceToken } = await register(app);
    await login(app);
    await app.admin.disable(ADA);
    await app.admin.enable(ADA);
    await fail(app, 2);
    expect((await attempt(app, { deviceToken }, from(50))).code).toBe('OK');
  });
});

describeApp('the lanes of known devices', (start) => {
  it('an account has eight lanes for known devices, however many devices it has', async () => {
    const app = await start({ config: { accountFailures: 100, networkChecks: 1_000 } });
    const { user } = await register(app);
    const rows = async () => (await app.database.all('SELECT key FROM throttles WHERE window_ms = 0')).length;
    const before = await rows();
    for (const deviceToken of proofsOf(app, user.id, 60))
      await attempt(app, { password: WRONG, deviceToken });
    // And one of all devices together.
    expect((await rows()) - before).toBe(8 + 1);
  });

  it('a burst of guesses from one known device is hashed no more often than the limit (LOG-3)', async () => {
    const app = await start();
    const { deviceToken } = await register(app, ADA, from(9));
    const burst = await Promise.all(
      Array.from({ length: 30 }, (_, i) => attempt(app, { password: WRONG, deviceToken }, from(i))),
    );
    expect(burst.filter(({ code }) => code === 'INVALID_CREDENTIALS')).toHaveLength(5);
  });

  it('all known devices of an account wait together after four times the failures of one lane', async () => {
    const app = await start({ config: { accountFailures: 2, networkChecks: 1_000 } });
    const { user } = await register(app, ADA, from(9));
    let checked = 0;
    for (const deviceToken of proofsOf(app, user.id, 40)) {
      const { code } = await attempt(app, { password: WRONG, deviceToken });
      if (code === 'INVALID_CREDENTIALS') checked += 1;
    }
    expect(checked).toBe(8);
    const [deviceToken] = proofsOf(app, user.id, 1);
    expect(await attempt(app, { deviceToken })).toEqual({ code: 'TOO_MANY_REQUESTS', retryAfter: 1 });
    app.clock.travel(1_000);
    await attempt(app, { password: WRONG, deviceToken });
    expect(await attempt(app, { deviceToken })).toEqual({ code: 'TOO_MANY_REQUESTS', retryAfter: 2 });
  });

  it('a right password ends the run of failures of its device and that of all devices together', async () => {
    const app = await start({ config: { accountFailures: 2, networkChecks: 1_000 } });
    const { user } = await register(app, ADA, from(9));
    const [deviceToken] = proofsOf(app, user.id, 1);
    for (let round = 0; round < 9; round += 1) {
      await fail(app, 1, { deviceToken });
      expect((await attempt(app, { deviceToken })).code).toBe('OK');
    }
  });

  it('the lane of a known device is not closed by failures of strangers or of another account’s devices (LOG-6)', async () => {
    const app = await start({ config: TEN });
    const { deviceToken } = await register(app, ADA, from(9));
    const eve = await register(app, 'eve@example.com', from(9));
    await fail(app, 10);
    for (let i = 0; i < 10; i += 1)
      await attempt(
        app,
        { email: 'eve@example.com', password: WRONG, deviceToken: eve.deviceToken },
        from(i),
      );
    expect((await attempt(app, {}, from(50))).code).toBe('TOO_MANY_REQUESTS');
    expect((await attempt(app, { deviceToken }, from(50))).code).toBe('OK');
  });

  it('the lanes of known devices close after as many failures in a row as disable a password, until it is set anew', async () => {
    const app = await start({ config: TEN });
    const { user, deviceToken } = await register(app, ADA, from(9));
    const [first, second, another] = proofsOf(app, user.id, 3);
    await fail(app, 5, { deviceToken: first });
    await fail(app, 5, { deviceToken: second });
    for (const proof of [first, second, another, deviceToken])
      expect(await attempt(app, { deviceToken: proof }, from(50))).toEqual({
        code: 'TOO_MANY_REQUESTS',
        retryAfter: 900,
      });
    app.clock.travel(24 * 60 * MINUTE_MS);
    expect((await attempt(app, { deviceToken }, from(50))).code).toBe('TOO_MANY_REQUESTS');
    await app.admin.setPassword(ADA, NEW_PASSWORD);
    const known = await login(app, { password: NEW_PASSWORD }, from(50));
    const again = { password: NEW_PASSWORD, deviceToken: known.deviceToken };
    expect((await attempt(app, again, from(50))).code).toBe('OK');
  });

  it('a burst from many known devices is hashed no more often than the limit that closes their lanes', async () => {
    const app = await start({ config: { ...TEN, networkChecks: 1_000 } });
    const { user } = await register(app, ADA, from(9));
    const burst = await Promise.all(
      proofsOf(app, user.id, 30).map((deviceToken, i) =>
        attempt(app, { password: WRONG, deviceToken }, from(i)),
      ),
    );
    expect(burst.filter(({ code }) => code === 'INVALID_CREDENTIALS')).toHaveLength(10);
  });
});

describeApp('failures that disable a password', (start) => {
  it('the failures that disable a password are counted over strangers, devices and sessions, and recorded once (LOG-6)', async () => {
    const app = await start({ config: TEN });
    const { deviceToken, accessToken } = await register(app, ADA, from(9));
    await fail(app, 4);
    await fail(app, 3, { deviceToken });
    for (let i = 0; i < 3; i += 1) {
      const input = { password: WRONG };
      expect((await app.send(REAUTHENTICATE, { input }, { token: accessToken })).code).toBe(
        'INVALID_CREDENTIALS',
      );
    }
    expect(await attempt(app, {}, from(50))).toEqual({ code: 'TOO_MANY_REQUESTS', retryAfter: 900 });
    expect((await attempt(app, { deviceToken }, from(50))).code).toBe('OK');
    expect(await eventsOf(app, 'authn_login_lock')).toHaveLength(1);
  });

  it('a right password at any door restarts the count of failures, unless the password is already disabled', async () => {
    const app = await start({ config: { ...TEN, networkChecks: 1_000 } });
    const { deviceToken, ...auth } = await register(app, ADA, from(9));
    let { accessToken } = auth;
    await fail(app, 9);
    expect((await attempt(app, { deviceToken }, from(50))).code).toBe('OK');
    await fail(app, 9);
    const proof = await app.send(REAUTHENTICATE, { input: { password: PASSWORD } }, { token: accessToken });
    accessToken = proof.data.reauthenticate.accessToken;
    await fail(app, 9);
    expect((await attempt(app, {}, from(50))).code).toBe('OK');

    await fail(app, 10);
    expect((await attempt(app, { deviceToken }, from(50))).code).toBe('OK');
    await app.send(REAUTHENTICATE, { input: { password: PASSWORD } }, { token: accessToken });
    for (let i = 0; i < 3; i += 1)
      expect((await attempt(app, {}, from(60 + i))).code).toBe('TOO_MANY_REQUESTS');
    await app.admin.setPassword(ADA, NEW_PASSWORD);
    expect((await attempt(app, { password: NEW_PASSWORD }, from(50))).code).toBe('OK');
  });

  it('a burst of guesses is checked no more often than the limit that disables a password (LOG-3)', async () => {
    const app = await start({ config: TEN });
    await register(app, ADA, from(9));
    const burst = await Promise.all(
      Array.from({ length: 30 }, (_, i) => attempt(app, { password: WRONG }, from(i))),
    );
    expect(burst.filter(({ code }) => code === 'INVALID_CREDENTIALS')).toHaveLength(10);
    expect(await eventsOf(app, 'authn_login_lock')).toHaveLength(1);
  });
});

describeApp('a known device and its network', (start) => {
  it('a known device is not refused for the failures of its network, and does not add to them (LOG-6)', async () => {
    const app = await start({ config: { networkFailures: 3 } });
    const { deviceToken } = await register(app, ADA, from(1));
    await register(app, 'eve@example.com', from(9));
    for (let i = 0; i < 2; i += 1) await attempt(app, { password: WRONG, deviceToken }, from(1));
    for (let i = 0; i < 3; i += 1) {
      const { code } = await attempt(app, { email: `user${i}@example.com` }, from(1));
      expect(code).toBe('INVALID_CREDENTIALS');
    }
    expect((await attempt(app, { email: 'eve@example.com' }, from(1))).code).toBe('TOO_MANY_REQUESTS');
    expect((await attempt(app, { deviceToken }, from(1))).code).toBe('OK');
  });

  it('logins from known devices are limited to the checks that their network may make in a minute (LOG-3)', async () => {
    const app = await start({ config: { networkChecks: 3 } });
    const ada = await register(app, ADA, from(9));
    const eve = await register(app, 'eve@example.com', from(9));
    for (const { deviceToken, user } of [ada, eve, ada])
      expect((await attempt(app, { email: user.email, deviceToken }, from(1))).code).toBe('OK');
    expect((await attempt(app, { deviceToken: ada.deviceToken }, from(1))).code).toBe('TOO_MANY_REQUESTS');
    expect((await attempt(app, { deviceToken: ada.deviceToken }, from(2))).code).toBe('OK');
    app.clock.travel(MINUTE_MS);
    expect((await attempt(app, { deviceToken: ada.deviceToken }, from(1))).code).toBe('OK');
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

  it('POST /token answers with a device token and accepts it, as login does (LOG-6)', async () => {
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

  it('POST /token answers a refresh without a device token', async () => {
    const app = await start();
    await register(app, ADA, from(9));
    const { answer } = await post(app, credentials);
    const refreshed = await post(app, { grant_type: 'refresh_token', refresh_token: answer.refresh_token });
    expect(refreshed.statusCode).toBe(200);
    expect(Object.keys(refreshed.answer)).not.toContain('device_token');
  });
});
