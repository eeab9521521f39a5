import { randomBytes } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { REMOVE_FACTOR } from '../../support/authenticator.ts';
import { DELETE_ME, login, register } from '../../support/documents.ts';
import {
  FINISH_REGISTRATION,
  LOGIN_WITH_PASSKEY,
  registerPasskey,
  startLogin,
  startRegistration,
} from '../../support/passkeys.ts';
import { createSoftAuthenticator, type Tamper } from '../../support/soft-authenticator.ts';
import { describeApp, type TestApp } from '../../support/start-app.ts';

const ROUNDS = 5;
const REMOVE_PASSWORD = 'mutation { removePassword { id } }';
const emailOf = (round: number, name = 'ada') => `${name}${round}@example.com`;

/** Registers with each of the sessions at the same time; the codes of the answers, sorted. */
async function registerAtOnce(app: TestApp, tokens: readonly string[], tamper?: Tamper): Promise<string[]> {
  const inputs: object[] = [];
  for (const token of tokens)
    inputs.push(createSoftAuthenticator().create(await startRegistration(app, token), tamper));
  const answers = tokens.map((token, index) =>
    app.send(FINISH_REGISTRATION, { input: inputs[index] }, { token }),
  );
  return (await Promise.all(answers)).map(({ code }) => code).sort();
}

async function liveSessionsOf(app: TestApp, userId: string): Promise<number> {
  const rows = await app.database.all(
    'SELECT id FROM sessions WHERE user_id = :userId AND revoked_at IS NULL',
    { userId },
  );
  return rows.length;
}

describeApp('passkeys in races', (start) => {
  it('of eleven sessions of an account that finish a registration at once, one makes the first factor', async () => {
    const app = await start({ config: { throttles: false } });
    const tokens = [(await register(app)).accessToken];
    await app.database.run('UPDATE users SET email_verified_at = 1');
    while (tokens.length < 11) tokens.push((await login(app)).accessToken);
    const codes = await registerAtOnce(app, tokens);
    expect(codes.filter((code) => code === 'OK')).toHaveLength(1);
    // Who reads the account after the first one finds a factor that their session has not shown.
    const others = codes.filter((code) => code !== 'OK');
    expect(others.filter((code) => !['INVALID_TOKEN', 'REAUTHENTICATION_REQUIRED'].includes(code))).toEqual(
      [],
    );
    expect(await app.database.all('SELECT factor_id FROM passkeys')).toHaveLength(1);
    expect(await app.database.all('SELECT code_hash FROM recovery_codes')).toHaveLength(10);
  });

  it('of two accounts that register one credential at once, one has it (MFA-5)', async () => {
    const app = await start({ config: { throttles: false } });
    for (let round = 1; round <= ROUNDS; round += 1) {
      const ada = await register(app, emailOf(round));
      const grace = await register(app, emailOf(round, 'grace'));
      const tokens = [ada.accessToken, grace.accessToken];
      const credentialId = randomBytes(32);
      expect(await registerAtOnce(app, tokens, { credentialId })).toEqual(['INVALID_CODE', 'OK']);
      expect(await app.database.all('SELECT id FROM factors')).toHaveLength(round);
    }
  });

  it('a passkey that is removed while it logs in leaves no session behind', async () => {
    const app = await start({ config: { throttles: false } });
    for (let round = 1; round <= ROUNDS; round += 1) {
      const { accessToken } = await register(app, emailOf(round));
      const { auth, authenticator, factorId } = await registerPasskey(app, accessToken);
      const passkey = authenticator.get(await startLogin(app));
      const [, removal] = await Promise.all([
        app.send(LOGIN_WITH_PASSKEY, { input: { passkey } }),
        app.send(REMOVE_FACTOR, { input: { id: factorId } }, { token: auth.accessToken }),
      ]);
      // The session that removed it, and no other.
      expect([removal.code, await liveSessionsOf(app, auth.user.id)]).toEqual(['OK', 1]);
    }
  });

  it('an account that is deleted while its passkey logs in is gone', async () => {
    const app = await start({ config: { throttles: false } });
    for (let round = 1; round <= ROUNDS; round += 1) {
      const { accessToken } = await register(app, emailOf(round));
      const { auth, authenticator } = await registerPasskey(app, accessToken);
      const passkey = authenticator.get(await startLogin(app));
      const [answer, deletion] = await Promise.all([
        app.send(LOGIN_WITH_PASSKEY, { input: { passkey } }),
        app.send(DELETE_ME, { input: {} }, { token: auth.accessToken }),
      ]);
      expect(['OK', 'INVALID_CODE']).toContain(answer.code);
      expect([deletion.code, await liveSessionsOf(app, auth.user.id)]).toEqual(['OK', 0]);
    }
    for (const table of ['passkeys', 'passkey_users', 'factors'])
      expect(await app.database.all(`SELECT * FROM ${table}`)).toEqual([]);
  });

  it('the password and the passkey cannot both be removed at once', async () => {
    const app = await start({ config: { throttles: false } });
    for (let round = 1; round <= ROUNDS; round += 1) {
      const { auth, factorId } = await registerPasskey(
        app,
        (await register(app, emailOf(round))).accessToken,
      );
      const token = auth.accessToken;
      const answers = await Promise.all([
        app.send(REMOVE_PASSWORD, {}, { token }),
        app.send(REMOVE_FACTOR, { input: { id: factorId } }, { token }),
      ]);
      expect(answers.filter(({ code }) => code === 'OK')).toHaveLength(1);
    }
  });
});
