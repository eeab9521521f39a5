import { expect, it } from '@jest/globals';
import { COMPLETE_MFA, complete, enrol, mfaTokenOf, wrongCode } from '../../support/authenticator.ts';
import { LOGIN, ME, REAUTHENTICATE, register } from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import {
  LOGIN_WITH_PASSKEY,
  loginWithPasskey,
  registerPasskey,
  START_CHALLENGE,
  START_LOGIN,
  startChallenge,
  startLogin,
} from '../../support/passkeys.ts';
import { createSoftAuthenticator, FLAGS } from '../../support/soft-authenticator.ts';
import { describeApp, PASSWORD, type TestApp } from '../../support/start-app.ts';

const MINUTE = 60_000;
const EMAIL = 'ada@example.com';
const withoutVerification = { flags: (flags: number) => flags & ~FLAGS.UV };

function firstStep(app: TestApp) {
  return app.send(LOGIN, { input: { email: EMAIL, password: PASSWORD } });
}

async function lastFailure(app: TestApp): Promise<string> {
  const [event] = (await eventsOf(app, 'authn_login_fail')).slice(-1);
  return JSON.parse(event?.details ?? '{}').reason;
}

describeApp('a login with a passkey alone', (start) => {
  it('shows two factors, and needs no further step (MFA-5)', async () => {
    const app = await start();
    const { authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    app.clock.travel(MINUTE);
    const { data } = await loginWithPasskey(app, authenticator, { deviceName: 'phone', scope: [] });
    const { accessToken, session, user } = data.loginWithPasskey;
    expect(user.email).toBe(EMAIL);
    expect(session).toMatchObject({ amr: ['pop', 'user', 'mfa'], deviceName: 'phone' });
    expect(app.tokens.verifyAccessToken(accessToken)).toMatchObject({
      acr: 'aal2',
      amr: ['pop', 'user', 'mfa'],
      scope: '',
    });
    const [event] = (await eventsOf(app, 'authn_login_success')).slice(-1);
    expect(JSON.parse(event?.details ?? '')).toMatchObject({ factor: 'PASSKEY' });
    const [passkey] = await app.database.all(
      'SELECT sign_count AS count, last_used_at AS used FROM passkeys JOIN factors ON factors.id = factor_id',
    );
    expect(passkey).toEqual({ count: 2, used: app.clock.now() });
  });

  it('a synced passkey says swk', async () => {
    const app = await start();
    const synced = { isBackupEligible: true, isBackedUp: true };
    const { authenticator } = await registerPasskey(app, (await register(app)).accessToken, synced);
    const { data } = await loginWithPasskey(app, authenticator);
    expect(data.loginWithPasskey.session.amr).toEqual(['pop', 'user', 'swk', 'mfa']);
  });

  it('an authenticator that counts nothing logs in again and again', async () => {
    const app = await start();
    const { authenticator } = await registerPasskey(app, (await register(app)).accessToken, {
      counts: false,
    });
    for (let time = 0; time < 3; time += 1)
      expect((await loginWithPasskey(app, authenticator)).code).toBe('OK');
  });

  it('the options name no passkey and no account, whoever asks', async () => {
    const app = await start();
    const before = (await app.send(START_LOGIN)).data.startPasskeyLogin;
    const { auth } = await registerPasskey(app, (await register(app)).accessToken);
    const { data } = await app.send(START_LOGIN, {}, { token: auth.accessToken });
    const shape = {
      timeout: 5 * MINUTE,
      rpId: 'localhost',
      allowCredentials: [],
      userVerification: 'required',
    };
    for (const options of [before, data.startPasskeyLogin]) expect(options).toMatchObject(shape);
  });

  it('one authenticator holds the passkeys of two accounts, and each logs in to its own', async () => {
    const app = await start();
    const authenticator = createSoftAuthenticator();
    await registerPasskey(app, (await register(app)).accessToken, { authenticator });
    const grace = await register(app, 'grace@example.com');
    await registerPasskey(app, grace.accessToken, { authenticator });
    const newest = await loginWithPasskey(app, authenticator);
    expect(newest.data.loginWithPasskey.user.email).toBe('grace@example.com');
    authenticator.credentials.reverse();
    const oldest = await loginWithPasskey(app, authenticator);
    expect(oldest.data.loginWithPasskey.user.email).toBe(EMAIL);
  });

  it.each([
    ['disabled', (app: TestApp) => app.admin.disable(EMAIL)],
    ['unverified', (app: TestApp) => app.database.run('UPDATE users SET email_verified_at = NULL')],
  ])('a %s account is refused as a wrong passkey is', async (reason, happen) => {
    const app = await start();
    const { authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    const strict = await start({ ...app, config: { ...app.config, registration: 'verify' } });
    await happen(app);
    const { code, errors } = await loginWithPasskey(strict, authenticator);
    expect([code, errors?.[0]?.extensions]).toEqual(['INVALID_CODE', { code: 'INVALID_CODE' }]);
    expect(await lastFailure(app)).toBe(reason);
  });

  it('a login is a known device from then on', async () => {
    const app = await start();
    const { authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    expect((await loginWithPasskey(app, authenticator)).data.loginWithPasskey.deviceToken).toMatch(/^lkd_/);
  });

  it('thirty refused answers of a network are followed by TOO_MANY_REQUESTS, and a right one is let in', async () => {
    const app = await start();
    const { authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    const wrong = { signature: () => Buffer.alloc(70) };
    for (let time = 0; time < 30; time += 1)
      expect((await loginWithPasskey(app, authenticator, { tamper: wrong })).code).toBe('INVALID_CODE');
    expect((await loginWithPasskey(app, authenticator, { tamper: wrong })).code).toBe('TOO_MANY_REQUESTS');
    expect((await loginWithPasskey(app, authenticator)).code).toBe('OK');
    expect(await eventsOf(app, 'authn_login_fail')).toHaveLength(30);
  });

  it('a right answer for an account that may not log in is counted as a wrong one: thirty are written down, and no more', async () => {
    const app = await start();
    const { authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    await app.admin.disable(EMAIL);
    const passkey = authenticator.get(await startLogin(app));
    const codes = [];
    for (let time = 0; time < 31; time += 1)
      codes.push((await app.send(LOGIN_WITH_PASSKEY, { input: { passkey } })).code);
    expect(codes).toEqual([...Array(30).fill('INVALID_CODE'), 'TOO_MANY_REQUESTS']);
    expect(await eventsOf(app, 'authn_login_fail')).toHaveLength(30);
  });

  it('spent challenges are deleted a day after they expired', async () => {
    const app = await start();
    const { authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    await loginWithPasskey(app, authenticator);
    const count = async () => (await app.database.all('SELECT * FROM spent_passkey_challenges')).length;
    expect(await count()).toBe(1);
    app.clock.travel(24 * 60 * MINUTE + 5 * MINUTE);
    await app.housekeeping.turn();
    expect(await count()).toBe(1);
    app.clock.travel(11 * MINUTE);
    await app.housekeeping.turn();
    expect(await count()).toBe(0);
  });
});

describeApp('a passkey as second factor', (start) => {
  it('completes a login, and needs no user verification there', async () => {
    const app = await start();
    const { authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    const first = await firstStep(app);
    expect(first.errors?.[0]?.extensions.factors).toEqual(['PASSKEY', 'RECOVERY_CODE']);
    const mfaToken = mfaTokenOf(first);
    const options = await startChallenge(app, { mfaToken });
    expect(options).toMatchObject({
      allowCredentials: [{ id: authenticator.credentials[0]?.id.toString('base64url') }],
      userVerification: 'preferred',
    });
    const passkey = authenticator.get(options, withoutVerification);
    const { data } = await app.send(COMPLETE_MFA, { input: { mfaToken, passkey } });
    expect(data.completeMfaLogin.session.amr).toEqual(['pwd', 'pop', 'user', 'mfa']);
    expect(app.tokens.verifyAccessToken(data.completeMfaLogin.accessToken)).toMatchObject({ acr: 'aal2' });
  });

  it('an authenticator that gives no user handle beside its passkey completes a login, too', async () => {
    const app = await start();
    const { authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    const mfaToken = mfaTokenOf(await firstStep(app));
    const passkey = authenticator.get(await startChallenge(app, { mfaToken }), {
      answer: ({ response }) => delete response.userHandle,
    });
    expect((await app.send(COMPLETE_MFA, { input: { mfaToken, passkey } })).code).toBe('OK');
  });

  it('a refused passkey takes one of the five tries, and the next one may be right', async () => {
    const app = await start();
    const { authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    const mfaToken = mfaTokenOf(await firstStep(app));
    const answer = async (tamper = {}) =>
      app.send(COMPLETE_MFA, {
        input: { mfaToken, passkey: authenticator.get(await startChallenge(app, { mfaToken }), tamper) },
      });
    for (let time = 0; time < 4; time += 1)
      expect((await answer({ signature: () => Buffer.alloc(70) })).code).toBe('INVALID_CODE');
    expect((await answer()).code).toBe('OK');
    expect((await app.send(START_CHALLENGE, { input: { mfaToken } })).code).toBe('INVALID_TOKEN');
  });

  it('exactly one of code, recovery code and passkey is taken', async () => {
    const app = await start();
    const { authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    const mfaToken = mfaTokenOf(await firstStep(app));
    const passkey = authenticator.get(await startChallenge(app, { mfaToken }));
    for (const input of [{ passkey, totpCode: '123456' }, { passkey, recoveryCode: 'a' }, {}])
      expect((await app.send(COMPLETE_MFA, { input: { mfaToken, ...input } })).code).toBe('BAD_USER_INPUT');
  });

  it('the token endpoint says what is owed, and a recovery code completes it there', async () => {
    const app = await start();
    const { recoveryCodes } = await registerPasskey(app, (await register(app)).accessToken);
    const post = (form: Record<string, string>) =>
      app.server.inject({
        method: 'POST',
        url: '/token',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        payload: new URLSearchParams(form).toString(),
      });
    const refused = await post({ grant_type: 'password', username: EMAIL, password: PASSWORD });
    expect([refused.statusCode, refused.json()]).toEqual([
      400,
      expect.objectContaining({ error: 'mfa_required', factors: ['PASSKEY', 'RECOVERY_CODE'] }),
    ]);
    const done = await post({
      grant_type: 'urn:latchkey:mfa',
      mfa_token: refused.json().mfa_token,
      recovery_code: recoveryCodes?.[0] ?? '',
    });
    expect(done.statusCode).toBe(200);
  });

  it('a challenge is not given out without a proof of the account', async () => {
    const app = await start();
    const { accessToken: token } = await register(app);
    expect((await app.send(START_CHALLENGE)).code).toBe('UNAUTHENTICATED');
    expect((await app.send(START_CHALLENGE, { input: { mfaToken: 'lkm_x' } })).code).toBe('INVALID_TOKEN');
    expect((await app.send(START_CHALLENGE, {}, { token })).code).toBe('NOT_FOUND');
  });

  it('opens TOTP and recovery codes that a hundred wrong codes have closed', async () => {
    const app = await start();
    const enrolled = await enrol(app, (await register(app)).accessToken);
    const { authenticator } = await registerPasskey(app, enrolled.auth.accessToken);
    let sent = 0;
    while (sent < 100) {
      const mfaToken = mfaTokenOf(await firstStep(app));
      for (let time = 0; time < 5; time += 1, sent += 1)
        await complete(app, mfaToken, { totpCode: wrongCode(app, enrolled) });
      app.clock.travel(8 * MINUTE);
    }
    const totp = async () =>
      (await complete(app, mfaTokenOf(await firstStep(app)), { totpCode: enrolled.nextCode() })).code;
    expect(await totp()).toBe('TOO_MANY_REQUESTS');
    expect((await loginWithPasskey(app, authenticator)).code).toBe('OK');
    expect(await totp()).toBe('OK');
  });
});

describeApp('a passkey at a re-authentication', (start) => {
  it('with user verification it is all that is asked for, and without it stands beside the password', async () => {
    const app = await start();
    const { auth, authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    let token = auth.accessToken;
    const answer = async (input: object, tamper = {}) => {
      const passkey = authenticator.get(await startChallenge(app, { token }), tamper);
      return app.send(REAUTHENTICATE, { input: { passkey, ...input } }, { token });
    };
    expect((await answer({}, withoutVerification)).code).toBe('INVALID_CODE');
    app.clock.travel(MINUTE);
    const alone = (await answer({})).data.reauthenticate;
    expect(alone.session.amr).toEqual(['pop', 'user', 'mfa']);
    expect(Date.parse(alone.session.authenticatedAt)).toBe(app.clock.now());
    expect((await app.send(ME, {}, { token })).code).toBe('UNAUTHENTICATED');
    token = alone.accessToken;
    const both = await answer({ password: PASSWORD }, withoutVerification);
    expect(both.data.reauthenticate.session.amr).toEqual(['pwd', 'pop', 'user', 'mfa']);
  });

  it('the passkey of another account is refused', async () => {
    const app = await start();
    const { auth } = await registerPasskey(app, (await register(app)).accessToken);
    const grace = await registerPasskey(app, (await register(app, 'grace@example.com')).accessToken);
    const options = { ...(await startChallenge(app, { token: auth.accessToken })), allowCredentials: [] };
    const passkey = grace.authenticator.get(options);
    const { code } = await app.send(REAUTHENTICATE, { input: { passkey } }, { token: auth.accessToken });
    expect(code).toBe('INVALID_CODE');
  });
});
