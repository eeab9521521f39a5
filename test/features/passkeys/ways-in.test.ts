import { expect, it } from '@jest/globals';
import { COMPLETE_MFA, enrol, mfaTokenOf, REMOVE_FACTOR } from '../../support/authenticator.ts';
import {
  DELETE_ME,
  LOGIN,
  LOGIN_WITH_LINK,
  ME,
  REAUTHENTICATE,
  REQUEST_MAGIC_LINK,
  REQUEST_RESET,
  RESET_PASSWORD,
  register,
} from '../../support/documents.ts';
import { mailedToken } from '../../support/letters.ts';
import { loginWithPasskey, registerPasskey, startChallenge } from '../../support/passkeys.ts';
import { describeApp, PASSWORD, type TestApp } from '../../support/start-app.ts';

const EMAIL = 'ada@example.com';
const REMOVE_PASSWORD = 'mutation { removePassword { id } }';

async function factorsOf(app: TestApp): Promise<string[]> {
  const rows = await app.database.all<{ kind: string }>('SELECT kind FROM factors ORDER BY kind');
  return rows.map(({ kind }) => kind);
}

describeApp('the ways into an account with a passkey', (start) => {
  it('the password can be removed where a passkey is left, and the passkey logs in', async () => {
    const app = await start();
    const { auth, authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    expect((await app.send(REMOVE_PASSWORD, {}, { token: auth.accessToken })).code).toBe('OK');
    const refused = await app.send(LOGIN, { input: { email: EMAIL, password: PASSWORD } });
    expect(refused.code).toBe('INVALID_CREDENTIALS');
    expect((await loginWithPasskey(app, authenticator)).code).toBe('OK');
  });

  it('the last way in cannot be removed: not the passkey without a password, and the app beside it can', async () => {
    const app = await start();
    const enrolled = await enrol(app, (await register(app)).accessToken);
    const { auth, authenticator, factorId } = await registerPasskey(app, enrolled.auth.accessToken);
    const token = auth.accessToken;
    expect((await app.send(REMOVE_PASSWORD, {}, { token })).code).toBe('OK');
    const remove = (id: string) => app.send(REMOVE_FACTOR, { input: { id } }, { token });
    expect((await remove(factorId)).code).toBe('LAST_CREDENTIAL');
    expect(await factorsOf(app)).toEqual(['PASSKEY', 'TOTP']);
    // Nothing of it was written: the sessions and the recovery codes stay.
    expect((await app.send(ME, {}, { token })).code).toBe('OK');
    expect((await remove(enrolled.factorId)).code).toBe('OK');
    expect((await remove(factorId)).code).toBe('LAST_CREDENTIAL');
    expect(await app.database.all('SELECT code_hash FROM recovery_codes')).toHaveLength(10);
    expect((await loginWithPasskey(app, authenticator)).code).toBe('OK');
  });

  it('one of two passkeys can be removed, and logs in no more', async () => {
    const app = await start();
    const first = await registerPasskey(app, (await register(app)).accessToken);
    const second = await registerPasskey(app, first.auth.accessToken);
    const token = second.auth.accessToken;
    await app.send(REMOVE_PASSWORD, {}, { token });
    expect((await app.send(REMOVE_FACTOR, { input: { id: first.factorId } }, { token })).code).toBe('OK');
    expect((await loginWithPasskey(app, first.authenticator)).code).toBe('INVALID_CODE');
    expect((await loginWithPasskey(app, second.authenticator)).code).toBe('OK');
  });

  it('where passkeys are off they are no way in', async () => {
    const app = await start();
    const { auth } = await registerPasskey(app, (await register(app)).accessToken);
    const off = await start({ ...app, config: { ...app.config, webauthnRpId: undefined } });
    const answer = await off.send(REMOVE_PASSWORD, {}, { token: auth.accessToken });
    expect(answer.code).toBe('LAST_CREDENTIAL');
  });

  it('where passkeys are off a login still owes a second factor, and names what would do', async () => {
    const app = await start();
    const { recoveryCodes } = await registerPasskey(app, (await register(app)).accessToken);
    const off = await start({ ...app, config: { ...app.config, webauthnRpId: undefined } });
    const first = await off.send(LOGIN, { input: { email: EMAIL, password: PASSWORD } });
    expect(first.errors?.[0]?.extensions.factors).toEqual(['RECOVERY_CODE']);
    const input = { mfaToken: mfaTokenOf(first), recoveryCode: recoveryCodes?.[0] };
    expect((await off.send(COMPLETE_MFA, { input })).code).toBe('OK');
  });

  it('an account without a password re-authenticates with its passkey, and removes what it can', async () => {
    const app = await start();
    const first = await registerPasskey(app, (await register(app)).accessToken);
    const second = await registerPasskey(app, first.auth.accessToken);
    await app.send(REMOVE_PASSWORD, {}, { token: second.auth.accessToken });
    app.clock.travel(11 * 60_000);
    const { data } = await loginWithPasskey(app, second.authenticator);
    let token = data.loginWithPasskey.accessToken;
    app.clock.travel(9 * 60_000 + 59_000);
    const passkey = second.authenticator.get(await startChallenge(app, { token }));
    const fresh = await app.send(REAUTHENTICATE, { input: { passkey } }, { token });
    token = fresh.data.reauthenticate.accessToken;
    app.clock.travel(9 * 60_000);
    expect((await app.send(REMOVE_FACTOR, { input: { id: first.factorId } }, { token })).code).toBe('OK');
  });

  it('a reset of the password keeps the passkey, and gives the account a password again', async () => {
    const app = await start();
    const { auth, authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    await app.database.run('UPDATE users SET email_verified_at = 1');
    await app.send(REMOVE_PASSWORD, {}, { token: auth.accessToken });
    await app.send(REQUEST_RESET, { input: { email: EMAIL } });
    const input = {
      token: await mailedToken(app, '/reset-password'),
      newPassword: 'a new passphrase for it',
    };
    expect((await app.send(RESET_PASSWORD, { input })).code).toBe('OK');
    const first = await app.send(LOGIN, { input: { email: EMAIL, password: input.newPassword } });
    expect(first.code).toBe('MFA_REQUIRED');
    expect((await loginWithPasskey(app, authenticator)).code).toBe('OK');
  });

  it('the operator removes a passkey, the last way in too', async () => {
    const app = await start();
    const { auth, factorId, authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    await app.send(REMOVE_PASSWORD, {}, { token: auth.accessToken });
    expect(await app.admin.removeFactors(EMAIL, factorId)).toBe(1);
    expect((await loginWithPasskey(app, authenticator)).code).toBe('INVALID_CODE');
    const tables = ['factors', 'passkeys', 'recovery_codes'];
    for (const table of tables) expect(await app.database.all(`SELECT * FROM ${table}`)).toEqual([]);
  });

  it('an account that is deleted leaves nothing of its passkeys', async () => {
    const app = await start();
    const { auth, authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    expect((await app.send(DELETE_ME, { input: {} }, { token: auth.accessToken })).code).toBe('OK');
    for (const table of ['factors', 'passkeys', 'passkey_users'])
      expect(await app.database.all(`SELECT * FROM ${table}`)).toEqual([]);
    expect((await loginWithPasskey(app, authenticator)).code).toBe('INVALID_CODE');
  });

  it('the first proof of an address by its mailbox alone takes the passkeys of whoever registered it', async () => {
    const app = await start({ config: { magicLinks: true } });
    const { authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    await app.send(REQUEST_MAGIC_LINK, { input: { email: EMAIL } });
    const input = { token: await mailedToken(app, '/magic-link') };
    // The reader of the mail owes no factor that a stranger made.
    expect((await app.send(LOGIN_WITH_LINK, { input })).code).toBe('OK');
    expect(await factorsOf(app)).toEqual([]);
    expect((await loginWithPasskey(app, authenticator)).code).toBe('INVALID_CODE');
  });

  it('a login with a passkey cancels a removal of all factors that a thief asked for', async () => {
    const app = await start({ config: { factorResetSeconds: 86_400 } });
    const { authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    await app.database.run('UPDATE users SET email_verified_at = 1');
    const first = await app.send(LOGIN, { input: { email: EMAIL, password: PASSWORD } });
    const mfaToken = first.errors?.[0]?.extensions.mfaToken;
    const asked = await app.send(
      'mutation ($input: RequestFactorResetInput!) { requestFactorReset(input: $input) { expiresIn } }',
      { input: { mfaToken } },
    );
    expect(asked.code).toBe('OK');
    await loginWithPasskey(app, authenticator);
    expect(await app.database.all('SELECT * FROM factor_resets')).toEqual([]);
  });
});
