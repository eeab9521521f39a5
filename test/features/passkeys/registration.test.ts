import { execFileSync, spawnSync } from 'node:child_process';
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { enrol, MFA, RENAME_FACTOR } from '../../support/authenticator.ts';
import { login, ME, refresh, register } from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { subjectsTo } from '../../support/letters.ts';
import {
  FINISH_REGISTRATION,
  loginWithPasskey,
  registerPasskey,
  START_REGISTRATION,
  startRegistration,
} from '../../support/passkeys.ts';
import { cleanEnvironment } from '../../support/server-process.ts';
import { createSoftAuthenticator } from '../../support/soft-authenticator.ts';
import { describeApp, type TestApp } from '../../support/start-app.ts';

const MINUTE = 60_000;
const withOpenssl =
  spawnSync('openssl', ['version'], { env: cleanEnvironment() }).status === 0 ? it : it.skip;
const FACTORS = `{ me { mfa { enabled recoveryCodesLeft factors {
  id kind name lastUsedAt passkey { backedUp transports authenticator } } } } }`;

/** `null` anywhere in the options: a browser's parser refuses it. */
function nullsIn(value: unknown): boolean {
  if (value === null) return true;
  return typeof value === 'object' && Object.values(value as object).some(nullsIn);
}

function finish(app: TestApp, input: unknown, token: string) {
  return app.send(FINISH_REGISTRATION, { input }, { token });
}

describeApp('the registration of a passkey', (start) => {
  it('the options have the members that a browser takes, and ask for a passkey that logs in alone (MFA-5)', async () => {
    const app = await start();
    const { accessToken: token, user } = await register(app);
    const { data } = await app.send(
      START_REGISTRATION,
      { input: { attachment: 'CROSS_PLATFORM' } },
      { token },
    );
    const { challengeId, challenge, expiresAt, user: owner, ...options } = data.startPasskeyRegistration;
    expect(options).toEqual({
      rp: { id: 'localhost', name: 'Latchkey' },
      pubKeyCredParams: [-8, -7, -257].map((alg) => ({ type: 'public-key', alg })),
      timeout: 5 * MINUTE,
      excludeCredentials: [],
      authenticatorSelection: {
        residentKey: 'required',
        requireResidentKey: true,
        userVerification: 'required',
      },
      attestation: 'none',
      hints: ['security-key', 'hybrid'],
    });
    expect(nullsIn(data)).toBe(false);
    expect(challengeId).toMatch(/^lkc_[\w-]{143,}$/);
    expect(Buffer.from(challenge, 'base64url')).toHaveLength(32);
    expect(Date.parse(expiresAt) - app.clock.now()).toBe(5 * MINUTE);
    expect(owner).toMatchObject({ name: 'ada@example.com', displayName: 'ada@example.com' });
    const handle = Buffer.from(owner.id, 'base64url');
    expect(handle).toHaveLength(64);
    expect(handle.toString()).not.toContain(user.id);
  });

  it('two starts have two challenges and one user handle', async () => {
    const app = await start();
    const { accessToken: token } = await register(app);
    const [first, second] = [await startRegistration(app, token), await startRegistration(app, token)];
    expect(first.challenge).not.toBe(second.challenge);
    expect(first.user.id).toBe(second.user.id);
  });

  it('the first factor brings recovery codes and a session of two factors in the place of the one that asked (SES-1)', async () => {
    const app = await start();
    const before = await register(app);
    await app.database.run('UPDATE users SET email_verified_at = 1');
    const other = await login(app);
    const { auth, recoveryCodes, factorId } = await registerPasskey(app, before.accessToken, {
      isBackupEligible: true,
      isBackedUp: true,
      aaguid: 'ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4',
    });
    expect(recoveryCodes).toHaveLength(10);
    expect(auth.session.id).not.toBe(before.session.id);
    expect(auth.session.amr).toEqual(['pwd', 'pop', 'user', 'swk', 'mfa']);
    expect(app.tokens.verifyAccessToken(auth.accessToken)).toMatchObject({ acr: 'aal2' });
    expect((await app.send(ME, {}, { token: before.accessToken })).code).toBe('UNAUTHENTICATED');
    expect((await refresh(app, other.refreshToken)).code).toBe('OK');
    const { data } = await app.send(FACTORS, {}, { token: auth.accessToken });
    expect(data.me.mfa).toEqual({
      enabled: true,
      recoveryCodesLeft: 10,
      factors: [
        {
          id: factorId,
          kind: 'PASSKEY',
          name: null,
          lastUsedAt: new Date(app.clock.now()).toISOString(),
          passkey: {
            backedUp: true,
            transports: ['internal', 'hybrid'],
            authenticator: 'Google Password Manager',
          },
        },
      ],
    });
    expect(await subjectsTo(app)).toContain('A passkey was added');
    const [event] = (await eventsOf(app, 'user_updated')).slice(-1);
    expect(JSON.parse(event?.details ?? '')).toMatchObject({
      fields: ['factors'],
      reason: 'added',
      kind: 'PASSKEY',
      factor: factorId,
    });
  });

  it.each(['ES256', 'EdDSA', 'RS256'] as const)(
    'a passkey with %s registers and logs in',
    async (algorithm) => {
      const app = await start();
      const { authenticator } = await registerPasskey(app, (await register(app)).accessToken, { algorithm });
      expect((await loginWithPasskey(app, authenticator)).code).toBe('OK');
    },
  );

  it('an attestation that the passkey itself has signed is taken, and one by another key is not', async () => {
    const app = await start();
    const { accessToken: token } = await register(app);
    const authenticator = createSoftAuthenticator({ attests: 'packed' });
    const signature = (bytes: Buffer) => {
      const copy = Buffer.from(bytes);
      copy.writeUInt8((copy.at(-1) ?? 0) ^ 1, copy.length - 1);
      return copy;
    };
    const wrong = authenticator.create(await startRegistration(app, token), { signature });
    expect((await finish(app, wrong, token)).code).toBe('INVALID_CODE');
    await registerPasskey(app, token, { authenticator });
  });

  withOpenssl('an attestation with a certificate is refused, though it is right', async () => {
    const app = await start();
    const { accessToken: token } = await register(app);
    const { key, certificate } = attestationKey();
    const attestation = (map: Map<string, unknown>) => {
      (map.get('attStmt') as Map<string, unknown>).set('x5c', [certificate]);
      return map;
    };
    const authenticator = createSoftAuthenticator({ attests: 'packed' });
    const input = authenticator.create(await startRegistration(app, token), { key, attestation });
    expect((await finish(app, input, token)).code).toBe('INVALID_CODE');
  });

  it('the second factor of an account brings no new recovery codes, and needs a session that showed the first', async () => {
    const app = await start();
    const { accessToken: token } = await register(app);
    const enrolled = await enrol(app, token);
    app.clock.travel(1);
    const second = await registerPasskey(app, enrolled.auth.accessToken);
    expect(second.recoveryCodes).toBeNull();
    const { data } = await app.send(MFA, {}, { token: second.auth.accessToken });
    expect(data.me.mfa.factors.map(({ kind }: { kind: string }) => kind)).toEqual(['TOTP', 'PASSKEY']);
    await app.database.run("UPDATE sessions SET acr = 'aal1'");
    const refused = await app.send(START_REGISTRATION, {}, { token: second.auth.accessToken });
    expect(refused.code).toBe('REAUTHENTICATION_REQUIRED');
  });

  it('both steps need an authentication of the last 10 minutes (MFA-4)', async () => {
    const app = await start({ config: { accessTokenTtlSeconds: 3_600 } });
    const { accessToken: token } = await register(app);
    app.clock.travel(9 * MINUTE);
    const input = createSoftAuthenticator().create(await startRegistration(app, token));
    app.clock.travel(MINUTE + 1);
    expect((await finish(app, input, token)).code).toBe('REAUTHENTICATION_REQUIRED');
    expect((await app.send(START_REGISTRATION, {}, { token })).code).toBe('REAUTHENTICATION_REQUIRED');
  });

  it('the authenticator is told which passkeys the account has, so it makes no second one', async () => {
    const app = await start();
    const { auth, authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    const { data } = await app.send(START_REGISTRATION, {}, { token: auth.accessToken });
    expect(data.startPasskeyRegistration.excludeCredentials).toEqual([
      {
        id: authenticator.credentials[0]?.id.toString('base64url'),
        type: 'public-key',
        transports: ['internal', 'hybrid'],
      },
    ]);
  });

  it('an account has ten passkeys at most, also when the eleventh began before the tenth was there', async () => {
    const app = await start();
    let { accessToken: token } = await register(app);
    for (let count = 0; count < 9; count += 1) token = (await registerPasskey(app, token)).auth.accessToken;
    // Challenges belong to a session, so the row of the session is put back.
    const eleventh = createSoftAuthenticator().create(await startRegistration(app, token));
    const tenth = await registerPasskey(app, token);
    expect((await app.send(START_REGISTRATION, {}, { token: tenth.auth.accessToken })).code).toBe(
      'FACTOR_LIMIT',
    );
    await app.database.run(
      "UPDATE sessions SET revoked_at = NULL, revoked_reason = NULL WHERE revoked_reason = 'factor'",
    );
    const other = await anotherProcess(app, start);
    expect((await finish(other, eleventh, token)).code).toBe('FACTOR_LIMIT');
  });

  it('a passkey that another account has is refused, and nothing is written', async () => {
    const app = await start();
    const { authenticator } = await registerPasskey(app, (await register(app)).accessToken);
    const { accessToken: token } = await register(app, 'grace@example.com');
    const credentialId = authenticator.credentials[0]?.id;
    if (credentialId === undefined) throw new Error('the authenticator has no passkey');
    const input = createSoftAuthenticator().create(await startRegistration(app, token), { credentialId });
    expect((await finish(app, input, token)).code).toBe('INVALID_CODE');
    expect(await app.database.all('SELECT id FROM factors')).toHaveLength(1);
    // The session stays, and another passkey is taken.
    await registerPasskey(app, token);
    expect((await loginWithPasskey(app, authenticator)).data.loginWithPasskey.user.email).toBe(
      'ada@example.com',
    );
  });

  it('a registration is finished once, in the session that began it, in five minutes', async () => {
    const app = await start();
    const { accessToken: token } = await register(app);
    await app.database.run('UPDATE users SET email_verified_at = 1');
    const other = await login(app);
    const authenticator = createSoftAuthenticator();
    const foreign = authenticator.create(await startRegistration(app, other.accessToken));
    expect((await finish(app, foreign, token)).code).toBe('INVALID_TOKEN');
    const late = authenticator.create(await startRegistration(app, token));
    app.clock.travel(5 * MINUTE);
    expect((await finish(app, late, token)).code).toBe('INVALID_TOKEN');
    expect(await app.database.all('SELECT id FROM factors')).toEqual([]);
  });

  it('a passkey is renamed as any factor is', async () => {
    const app = await start();
    const { auth, factorId } = await registerPasskey(app, (await register(app)).accessToken);
    const input = { id: factorId, name: 'My phone' };
    const { data } = await app.send(RENAME_FACTOR, { input }, { token: auth.accessToken });
    expect(data.renameFactor).toEqual({ id: factorId, name: 'My phone' });
  });

  it('it satisfies LATCHKEY_MFA=required', async () => {
    const app = await start({ config: { mfa: 'required' } });
    const { accessToken } = await register(app);
    expect((await app.send('{ sessions { id } }', {}, { token: accessToken })).code).toBe('FORBIDDEN');
    const { auth } = await registerPasskey(app, accessToken);
    expect((await app.send('{ sessions { id } }', {}, { token: auth.accessToken })).code).toBe('OK');
  });

  it('without a domain every field of passkeys answers FEATURE_DISABLED', async () => {
    const app = await start({ config: { webauthnRpId: undefined } });
    const { accessToken: token } = await register(app);
    expect((await app.send(START_REGISTRATION, {}, { token })).code).toBe('FEATURE_DISABLED');
    expect((await app.send('mutation { startPasskeyLogin { challenge } }')).code).toBe('FEATURE_DISABLED');
    expect((await app.send('mutation { startPasskeyChallenge { challenge } }', {}, { token })).code).toBe(
      'FEATURE_DISABLED',
    );
  });
});

/** A key as makers of authenticators have it, and its certificate (WebAuthn Level 3, §8.2.1). */
function attestationKey(): { key: KeyObject; certificate: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-attestation-'));
  try {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.der')];
    const subject = '/C=AA/O=Acme/OU=Authenticator Attestation/CN=Acme Key';
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'],
        ...['-subj', subject, '-addext', 'basicConstraints=critical,CA:FALSE', '-outform', 'DER'],
        ...['-keyout', key, '-out', certificate],
      ],
      { env: cleanEnvironment(), stdio: 'ignore' },
    );
    return { key: createPrivateKey(readFileSync(key)), certificate: readFileSync(certificate) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Another process on the same database, which remembers nothing of sessions that this one ended. */
function anotherProcess(
  app: TestApp,
  start: (options: {
    database: TestApp['database'];
    clock: TestApp['clock'];
    config: object;
  }) => Promise<TestApp>,
): Promise<TestApp> {
  const { config, database, clock } = app;
  return start({ database, clock, config });
}
