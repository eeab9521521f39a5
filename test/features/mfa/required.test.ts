import { expect, it } from '@jest/globals';
import {
  enrol,
  loginWithBoth,
  MFA,
  REGENERATE,
  REMOVE_FACTOR,
  START_TOTP,
} from '../../support/authenticator.ts';
import {
  LOGOUT,
  login,
  ME,
  REAUTHENTICATE,
  refreshed,
  register,
  SESSIONS,
  UPDATE_ME,
} from '../../support/documents.ts';
import { claimsFile, claimsOf } from '../../support/roles.ts';
import { describeApp, PASSWORD } from '../../support/start-app.ts';

const CANCEL = 'mutation { cancelFactorReset { id } }';
const config = {
  mfa: 'required',
  claims: ['hasura'],
  claimsFile: claimsFile({ tenant: '{{user.id}}' }),
} as const;

describeApp('LATCHKEY_MFA=required', (start) => {
  it('an account without a factor says who it is, enrols and logs out, and does no more', async () => {
    const app = await start({ config });
    const auth = await register(app);
    const token = auth.accessToken;
    await app.roles.grant('ada@example.com', ['admin']);
    expect((await app.send(ME, {}, { token })).code).toBe('OK');
    expect((await app.send(MFA, {}, { token })).data.me.mfa.enabled).toBe(false);
    expect((await app.send('{ session { id } }', {}, { token })).code).toBe('OK');
    for (const document of [SESSIONS, '{ me { sessions { id } } }', UPDATE_ME, REGENERATE]) {
      const { errors } = await app.send(document, { input: { name: 'Ada' } }, { token });
      expect(errors?.[0]?.extensions).toEqual({ code: 'FORBIDDEN', reason: 'ENROLMENT_REQUIRED' });
    }
    expect((await app.send(REAUTHENTICATE, { input: { password: PASSWORD } }, { token })).code).toBe('OK');
    const other = await login(app);
    expect((await app.send(START_TOTP, {}, { token: other.accessToken })).code).toBe('OK');
    expect((await app.send(LOGOUT, { input: { scope: 'ALL' } }, { token: other.accessToken })).code).toBe(
      'OK',
    );
  });

  it('its tokens have no scope, no roles and no claims of a template, until it has enrolled', async () => {
    const app = await start({ config });
    await register(app);
    await app.roles.grant('ada@example.com', ['admin']);
    const auth = await login(app);
    for (const { accessToken, scope } of [auth, await refreshed(app, auth.refreshToken)]) {
      expect(scope).toEqual([]);
      expect(claimsOf(accessToken)).toMatchObject({ scope: '', roles: [] });
      for (const claim of ['https://hasura.io/jwt/claims', 'tenant'])
        expect(claimsOf(accessToken)).not.toHaveProperty([claim]);
    }
    const [row] = await app.database.all('SELECT narrowed_to AS "narrowedTo" FROM sessions');
    expect(row).toEqual({ narrowedTo: null });

    const account = await enrol(app, (await login(app)).accessToken);
    expect(claimsOf(account.auth.accessToken)).toMatchObject({ roles: ['admin'], tenant: auth.user.id });
    expect((await app.send(SESSIONS, {}, { token: account.auth.accessToken })).code).toBe('OK');
    const later = await loginWithBoth(app, account);
    expect(later.scope).toContain('latchkey:users:read');
    const next = await refreshed(app, later.refreshToken);
    expect(claimsOf(next.accessToken).roles).toEqual(['admin']);
  });

  it('a session of before the enrolment gains nothing by it, until it shows the factor itself', async () => {
    const app = await start({ config });
    await register(app);
    await app.roles.grant('ada@example.com', ['admin']);
    const older = await login(app);
    const account = await enrol(app, (await login(app)).accessToken);

    const { accessToken: token, scope } = await refreshed(app, older.refreshToken);
    expect(scope).toEqual([]);
    expect(claimsOf(token)).toMatchObject({ acr: 'aal1', scope: '', roles: [] });
    expect(claimsOf(token)).not.toHaveProperty('tenant');
    for (const document of [SESSIONS, '{ me { sessions { id } } }', UPDATE_ME, REGENERATE]) {
      const { errors } = await app.send(document, { input: { name: 'Ada' } }, { token });
      expect(errors?.[0]?.extensions).toEqual({ code: 'FORBIDDEN', reason: 'FACTOR_REQUIRED' });
    }
    expect((await app.send(ME, {}, { token })).code).toBe('OK');
    expect((await app.send(CANCEL, {}, { token })).code).toBe('OK');

    const input = { password: PASSWORD, totpCode: account.nextCode() };
    const { data } = await app.send(REAUTHENTICATE, { input }, { token });
    expect(claimsOf(data.reauthenticate.accessToken)).toMatchObject({ acr: 'aal2', roles: ['admin'] });
    expect((await app.send(SESSIONS, {}, { token: data.reauthenticate.accessToken })).code).toBe('OK');
  });

  it('an account whose last factor goes is back at the beginning at once', async () => {
    const app = await start({ config });
    const { auth, factorId } = await enrol(app, (await register(app)).accessToken);
    const token = auth.accessToken;
    const document = REMOVE_FACTOR.replace('{ id mfa', '{ id sessions { id } mfa');
    const removed = await app.send(document, { input: { id: factorId } }, { token });
    expect(removed.code).toBe('FORBIDDEN');
    expect((await app.send(SESSIONS, {}, { token })).code).toBe('FORBIDDEN');
    expect((await app.send(ME, {}, { token })).code).toBe('OK');
  });
});
