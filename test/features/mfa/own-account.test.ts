import { expect, it } from '@jest/globals';
import {
  complete,
  type Enrolled,
  enrol,
  loginWithBoth,
  MFA,
  mfaTokenOf,
  REGENERATE,
  wrongCode,
} from '../../support/authenticator.ts';
import {
  CHANGE_PASSWORD,
  CONFIRM_EMAIL_CHANGE,
  DELETE_ME,
  LOGIN,
  LOGIN_WITH_LINK,
  login,
  ME,
  REAUTHENTICATE,
  REQUEST_EMAIL_CHANGE,
  REQUEST_MAGIC_LINK,
  REQUEST_RESET,
  RESET_PASSWORD,
  refresh,
  refreshed,
  register,
  UNDO_EMAIL_CHANGE,
} from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { mailedToken, subjectsTo } from '../../support/letters.ts';
import { describeApp, PASSWORD, type TestApp } from '../../support/start-app.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NEW_PASSWORD = 'an entirely new passphrase';
const REMOVE_PASSWORD = `mutation ($input: RemovePasswordInput) { removePassword(input: $input) { id } }`;

async function enrolled(app: TestApp): Promise<Enrolled> {
  const { accessToken } = await register(app);
  await app.database.run('UPDATE users SET email_verified_at = 1');
  return enrol(app, accessToken);
}

/** The same session, a while after it was opened. */
async function aged(app: TestApp, refreshToken: string): Promise<string> {
  app.clock.travel(10 * MINUTE + 1);
  return (await refreshed(app, refreshToken)).accessToken;
}

function reauthenticate(app: TestApp, token: string, codes: object, password: string | null = PASSWORD) {
  return app.send(REAUTHENTICATE, { input: { password, ...codes } }, { token });
}

describeApp('a fresh authentication of an account with a factor', (start) => {
  it('the password alone answers MFA_REQUIRED without a token, and the session goes on', async () => {
    const app = await start();
    const { auth } = await enrolled(app);
    const { errors } = await reauthenticate(app, auth.accessToken, {});
    expect(errors?.[0]?.extensions).toEqual({ code: 'MFA_REQUIRED', factors: ['TOTP', 'RECOVERY_CODE'] });
    expect((await app.send(ME, {}, { token: auth.accessToken })).code).toBe('OK');
    expect(await app.database.all('SELECT token_hash FROM mfa_challenges')).toEqual([]);
  });

  it('password and code in one call put a session of two factors in the place of this one (SES-1)', async () => {
    const app = await start();
    const account = await enrolled(app);
    const token = await aged(app, account.auth.refreshToken);
    expect((await app.send(REGENERATE, {}, { token })).code).toBe('REAUTHENTICATION_REQUIRED');
    const { data } = await reauthenticate(app, token, { totpCode: account.nextCode() });
    const fresh = data.reauthenticate;
    expect(fresh.session.amr).toEqual(['pwd', 'otp', 'mfa']);
    expect(fresh.session.authenticatedAt).toBe(new Date(app.clock.now()).toISOString());
    expect((await app.send(REGENERATE, {}, { token: fresh.accessToken })).code).toBe('OK');
    expect((await app.send(ME, {}, { token })).code).toBe('UNAUTHENTICATED');
  });

  it('a recovery code does in the place of the app, once', async () => {
    const app = await start();
    const { auth, recoveryCodes } = await enrolled(app);
    const [recoveryCode = ''] = recoveryCodes;
    const first = await reauthenticate(app, auth.accessToken, { recoveryCode });
    expect(first.code).toBe('OK');
    const token = first.data.reauthenticate.accessToken;
    expect((await reauthenticate(app, token, { recoveryCode })).code).toBe('INVALID_CODE');
  });

  it('a wrong password is refused before the code is looked at, and a wrong code costs the password nothing', async () => {
    const app = await start();
    const account = await enrolled(app);
    const token = account.auth.accessToken;
    const totpCode = account.nextCode();
    expect((await reauthenticate(app, token, { totpCode }, 'wrong')).code).toBe('INVALID_CREDENTIALS');
    // More than the five that a run of wrong passwords of a session has.
    for (let i = 0; i < 4; i += 1)
      expect((await reauthenticate(app, token, { totpCode: wrongCode(app, account) })).code).toBe(
        'INVALID_CODE',
      );
    expect((await reauthenticate(app, token, { totpCode })).code).toBe('OK');
    // The owner need not be told of what they did themselves.
    expect(await eventsOf(app, 'authn_login_successafterfail')).toEqual([]);
  });

  it('without a password it is BAD_USER_INPUT, and so are two codes', async () => {
    const app = await start();
    const { auth, nextCode } = await enrolled(app);
    expect((await reauthenticate(app, auth.accessToken, { totpCode: nextCode() }, null)).code).toBe(
      'BAD_USER_INPUT',
    );
    const two = { totpCode: nextCode(), recoveryCode: 'x' };
    expect((await reauthenticate(app, auth.accessToken, two)).code).toBe('BAD_USER_INPUT');
  });

  it('a session with the factor goes on while a thief of the password closes the door, and opens it again (MFA-2)', async () => {
    const app = await start({ config: { accountDisableAfter: 12 } });
    const account = await enrolled(app);
    for (let i = 0; i < 12; i += 1) {
      if (i === 9) app.clock.travel(15 * MINUTE);
      const thief = mfaTokenOf(
        await app.send(
          LOGIN,
          { input: { email: 'ada@example.com', password: PASSWORD } },
          { ip: `192.0.2.${i}` },
        ),
      );
      await complete(app, thief, { totpCode: wrongCode(app, account) });
    }
    const closed = mfaTokenOf(
      await app.send(LOGIN, { input: { email: 'ada@example.com', password: PASSWORD } }),
    );
    expect((await complete(app, closed, { totpCode: account.nextCode() })).code).toBe('TOO_MANY_REQUESTS');
    const { accessToken } = await refreshed(app, account.auth.refreshToken);
    expect((await reauthenticate(app, accessToken, { totpCode: account.nextCode() })).code).toBe('OK');
    const [event] = await eventsOf(app, 'authn_login_successafterfail');
    expect(JSON.parse(event?.details ?? '{}')).toMatchObject({ failures: 12 });
    expect(await subjectsTo(app)).toContain('A login after failed attempts');
    expect((await complete(app, closed, { totpCode: account.nextCode() })).code).toBe('OK');
  });

  it('a session of one factor opens nothing: it waits with the thief', async () => {
    const app = await start();
    await register(app);
    const old = await login(app);
    const account = await enrol(app, (await login(app)).accessToken);
    for (let i = 0; i < 10; i += 1) {
      const thief = mfaTokenOf(
        await app.send(
          LOGIN,
          { input: { email: 'ada@example.com', password: PASSWORD } },
          { ip: `192.0.2.${i}` },
        ),
      );
      await complete(app, thief, { totpCode: wrongCode(app, account) });
    }
    const refused = await reauthenticate(app, old.accessToken, { totpCode: account.nextCode() });
    expect(refused.code).toBe('TOO_MANY_REQUESTS');
  });

  it('a reset of the password ends the 15 minutes once in 24 hours, and keeps the factor (OTT-4)', async () => {
    const app = await start({ config: { addressMails: 10 } });
    const account = await enrolled(app);
    let password = PASSWORD;
    const reset = async (newPassword: string) => {
      await app.send(REQUEST_RESET, { input: { email: 'ada@example.com' } });
      const token = await mailedToken(app, '/reset-password');
      expect((await app.send(RESET_PASSWORD, { input: { token, newPassword } })).code).toBe('OK');
      password = newPassword;
    };
    const pending = async (ip?: string) =>
      mfaTokenOf(
        await app.send(
          LOGIN,
          { input: { email: 'ada@example.com', password } },
          ip === undefined ? {} : { ip },
        ),
      );
    const fill = async () => {
      for (let i = 0; i < 10; i += 1)
        await complete(app, await pending(`192.0.2.${i}`), { totpCode: wrongCode(app, account) });
      return (await complete(app, await pending(), { totpCode: account.nextCode() })).code;
    };
    expect(await fill()).toBe('TOO_MANY_REQUESTS');
    await reset(NEW_PASSWORD);
    expect((await complete(app, await pending(), { totpCode: account.nextCode() })).code).toBe('OK');
    expect(await fill()).toBe('TOO_MANY_REQUESTS');
    await reset(`${NEW_PASSWORD} again`);
    expect((await complete(app, await pending(), { totpCode: account.nextCode() })).code).toBe(
      'TOO_MANY_REQUESTS',
    );
    app.clock.travel(24 * HOUR);
    expect(await fill()).toBe('TOO_MANY_REQUESTS');
    await reset(`${NEW_PASSWORD} and again`);
    expect((await complete(app, await pending(), { totpCode: account.nextCode() })).code).toBe('OK');
  });
});

describeApp('changes of an account', (start) => {
  const changes = [
    [
      'changePassword',
      CHANGE_PASSWORD,
      (password: string | null) => ({ currentPassword: password, newPassword: NEW_PASSWORD }),
    ],
    [
      'requestEmailChange',
      REQUEST_EMAIL_CHANGE,
      (password: string | null) => ({ newEmail: 'new@example.com', password }),
    ],
    ['removePassword', REMOVE_PASSWORD, (password: string | null) => ({ password })],
    ['deleteMe', DELETE_ME, (password: string | null) => ({ password })],
  ] as const;

  it.each(changes)(
    '%s takes the password, or an authentication of the last ten minutes (SES-5)',
    async (_name, document, inputOf) => {
      const app = await start({ config: { magicLinks: true } });
      const { refreshToken } = await register(app);
      await app.database.run('UPDATE users SET email_verified_at = 1');
      const stale = await aged(app, refreshToken);
      const send = (token: string, password: string | null) =>
        app.send(document, { input: inputOf(password) }, { token });
      expect((await send(stale, null)).code).toBe('REAUTHENTICATION_REQUIRED');
      expect((await send(stale, 'wrong')).code).toBe('INVALID_CREDENTIALS');
      const fresh = (await login(app)).accessToken;
      expect((await send(fresh, null)).code).toBe('OK');
    },
  );

  it.each(changes)(
    '%s of an account with a factor takes an authentication with it, whatever the password (SES-5)',
    async (_name, document, inputOf) => {
      const app = await start({ config: { magicLinks: true } });
      await register(app);
      await app.database.run('UPDATE users SET email_verified_at = 1');
      const oneFactor = await login(app);
      const account = await enrol(app, (await login(app)).accessToken);
      const send = (token: string, password: string | null) =>
        app.send(document, { input: inputOf(password) }, { token });
      for (const password of [PASSWORD, null])
        expect((await send(oneFactor.accessToken, password)).code).toBe('REAUTHENTICATION_REQUIRED');
      const stale = await aged(app, account.auth.refreshToken);
      for (const password of [PASSWORD, null])
        expect((await send(stale, password)).code).toBe('REAUTHENTICATION_REQUIRED');
      // A right password that was not enough is no failure: more of them than a session has.
      for (let i = 0; i < 6; i += 1)
        expect((await send(stale, PASSWORD)).code).toBe('REAUTHENTICATION_REQUIRED');
      const fresh = (await loginWithBoth(app, account)).accessToken;
      expect((await send(fresh, 'wrong')).code).toBe('INVALID_CREDENTIALS');
      expect((await send(fresh, PASSWORD)).code).toBe('OK');
    },
  );

  it('a change of the password keeps what the session has shown, and when', async () => {
    const app = await start();
    const { auth } = await enrolled(app);
    app.clock.travel(MINUTE);
    const input = { newPassword: NEW_PASSWORD };
    const { data } = await app.send(CHANGE_PASSWORD, { input }, { token: auth.accessToken });
    const { session, accessToken } = data.changePassword;
    expect(session.amr).toEqual(['pwd', 'otp', 'mfa']);
    expect(session.authenticatedAt).toBe(auth.session.authenticatedAt);
    expect(app.tokens.verifyAccessToken(accessToken)).toMatchObject({ acr: 'aal2' });
  });

  it('the last way in cannot be removed', async () => {
    for (const [config, verifiedAt] of [
      [{ magicLinks: false }, 1],
      [{ magicLinks: true }, null],
    ] as const) {
      const app = await start({ config });
      const { accessToken: token } = await register(app);
      await app.database.run('UPDATE users SET email_verified_at = :verifiedAt', { verifiedAt });
      expect((await app.send(REMOVE_PASSWORD, {}, { token })).code).toBe('LAST_CREDENTIAL');
      await login(app);
    }
  });

  it('an account without a password logs in by mail, and a removal counts as a change of the password', async () => {
    const app = await start({ config: { magicLinks: true } });
    const { accessToken: token, refreshToken } = await register(app);
    await app.database.run('UPDATE users SET email_verified_at = 1');
    const other = await login(app);
    expect((await app.send(REMOVE_PASSWORD, {}, { token })).code).toBe('OK');
    expect((await refresh(app, other.refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await refresh(app, refreshToken)).code).toBe('OK');
    const input = { email: 'ada@example.com', password: PASSWORD };
    expect((await app.send(LOGIN, { input })).code).toBe('INVALID_CREDENTIALS');
    expect(await subjectsTo(app)).toContain('Your password was removed');
    expect((await app.send(REMOVE_PASSWORD, {}, { token })).code).toBe('OK');
    await app.send(REQUEST_MAGIC_LINK, { input: { email: 'ada@example.com' } });
    const link = { token: await mailedToken(app, '/magic-link') };
    const { data } = await app.send(LOGIN_WITH_LINK, { input: link });
    // The fresh session is enough to set one again.
    const change = { input: { newPassword: NEW_PASSWORD } };
    const sender = { token: data.loginWithMagicLink.accessToken };
    expect((await app.send(CHANGE_PASSWORD, change, sender)).code).toBe('OK');
    await login(app, { password: NEW_PASSWORD });
  });
});

describeApp('an undo of a change of address', (start) => {
  async function change(app: TestApp, token: string, between?: () => Promise<string>) {
    const ask = (sender: string) =>
      app.send(
        REQUEST_EMAIL_CHANGE,
        { input: { newEmail: 'thief@example.com', password: PASSWORD } },
        { token: sender },
      );
    expect((await ask(token)).code).toBe('OK');
    app.clock.travel(1);
    const next = (await between?.()) ?? token;
    app.clock.travel(1);
    // Asked for once more, with the session that is fresh by then: that makes nothing look older.
    expect((await ask(next)).code).toBe('OK');
    const input = { token: await mailedToken(app, '/confirm-email', 'thief@example.com') };
    expect((await app.send(CONFIRM_EMAIL_CHANGE, { input }, { token: next })).code).toBe('OK');
  }

  async function undo(app: TestApp): Promise<void> {
    const input = { token: await mailedToken(app, '/undo-email-change') };
    expect((await app.send(UNDO_EMAIL_CHANGE, { input })).code).toBe('OK');
    await app.send(REQUEST_RESET, { input: { email: 'ada@example.com' } });
    const reset = { token: await mailedToken(app, '/reset-password'), newPassword: PASSWORD };
    expect((await app.send(RESET_PASSWORD, { input: reset })).code).toBe('OK');
  }

  it('removes the factors and recovery codes that were made since the change was asked for', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    await app.database.run('UPDATE users SET email_verified_at = 1');
    await change(app, accessToken, async () => (await enrol(app, accessToken)).auth.accessToken);
    await undo(app);
    const auth = await login(app);
    expect((await app.send(MFA, {}, { token: auth.accessToken })).data.me.mfa).toEqual({
      enabled: false,
      recoveryCodesLeft: 0,
      factors: [],
    });
  });

  it('keeps those that are older, and removes recovery codes that were made since', async () => {
    const app = await start();
    const account = await enrolled(app);
    const token = account.auth.accessToken;
    app.clock.travel(1);
    await change(app, token, async () => {
      expect((await app.send(REGENERATE, {}, { token })).code).toBe('OK');
      return token;
    });
    await undo(app);
    const auth = await loginWithBoth(app, account);
    const { mfa } = (await app.send(MFA, {}, { token: auth.accessToken })).data.me;
    expect(mfa).toMatchObject({ enabled: true, recoveryCodesLeft: 0 });
  });
});
