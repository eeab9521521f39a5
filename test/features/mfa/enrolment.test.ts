import { expect, it } from '@jest/globals';
import jsQR from 'jsqr';
import {
  authenticatorOf,
  CONFIRM_TOTP,
  enrol,
  MFA,
  REGENERATE,
  REMOVE_FACTOR,
  RENAME_FACTOR,
  START_TOTP,
} from '../../support/authenticator.ts';
import { migratedDatabase } from '../../support/databases.ts';
import {
  DELETE_ME,
  LOGIN,
  login,
  ME,
  REAUTHENTICATE,
  REVOKE,
  refresh,
  register,
} from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { createInterleaving } from '../../support/interleaving.ts';
import { subjectsTo } from '../../support/letters.ts';
import { describeApp, PASSWORD, type TestApp } from '../../support/start-app.ts';

const MINUTE = 60_000;

/** The dark modules of the SVG, eight pixels each, as a camera would see them. */
function decodeQrCode(dataUri: string): string | undefined {
  const svg = Buffer.from(dataUri.replace(/^data:image\/svg\+xml;base64,/, ''), 'base64').toString();
  const size = Number(/viewBox="0 0 (\d+) /.exec(svg)?.[1]);
  const width = size * 8;
  const pixels = new Uint8ClampedArray(width * width * 4).fill(255);
  for (const [, x, y, length] of svg.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g))
    for (let row = Number(y) * 8; row < Number(y) * 8 + 8; row += 1)
      for (let column = Number(x) * 8; column < (Number(x) + Number(length)) * 8; column += 1)
        pixels.set([0, 0, 0], (row * width + column) * 4);
  return (jsQR as unknown as typeof jsQR.default)(pixels, width, width)?.data;
}

async function verified(app: TestApp) {
  const auth = await register(app);
  await app.database.run('UPDATE users SET email_verified_at = 1');
  return auth;
}

describeApp('the enrolment of an app', (start, engine) => {
  it('the QR code, the URI and the secret say the same', async () => {
    const app = await start();
    const { accessToken: token } = await register(app);
    const { data } = await app.send(START_TOTP, {}, { token });
    const { secret, otpauthUri, qrCode, expiresAt } = data.startTotpEnrolment;
    expect(decodeQrCode(qrCode)).toBe(otpauthUri);
    const uri = new URL(otpauthUri);
    expect(uri.host).toBe('totp');
    expect(decodeURIComponent(uri.pathname)).toBe('/localhost:4000:ada@example.com');
    expect(Object.fromEntries(uri.searchParams)).toEqual({
      issuer: 'localhost:4000',
      secret,
      algorithm: 'SHA1',
      digits: '6',
      period: '30',
    });
    expect(secret).toMatch(/^[A-Z2-7]{32}$/);
    expect(Date.parse(expiresAt) - app.clock.now()).toBe(10 * MINUTE);
  });

  it('an enrolment is no factor until a code is proven (MFA-4)', async () => {
    const app = await start();
    const { accessToken: token } = await register(app);
    await app.send(START_TOTP, {}, { token });
    expect((await app.send(MFA, {}, { token })).data.me.mfa).toEqual({
      enabled: false,
      recoveryCodesLeft: 0,
      factors: [],
    });
    const wrong = await app.send(CONFIRM_TOTP, { input: { code: '000000' } }, { token });
    expect(wrong.code).toBe('INVALID_CODE');
    expect((await app.send(LOGIN, { input: { email: 'ada@example.com', password: PASSWORD } })).code).toBe(
      'OK',
    );
  });

  it('the first factor brings ten recovery codes and a session of two factors in the place of the one that asked (SES-1)', async () => {
    const app = await start();
    const before = await verified(app);
    const other = await login(app);
    app.clock.travel(MINUTE);
    const { auth, recoveryCodes, factorId } = await enrol(app, before.accessToken);
    expect(recoveryCodes).toHaveLength(10);
    expect(auth.session.id).not.toBe(before.session.id);
    expect(auth.session.amr).toEqual(['pwd', 'otp', 'mfa']);
    expect(auth.session.authenticatedAt).toBe(before.session.authenticatedAt);
    expect((await app.send(ME, {}, { token: before.accessToken })).code).toBe('UNAUTHENTICATED');
    expect((await refresh(app, before.refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await refresh(app, other.refreshToken)).code).toBe('OK');
    const { data } = await app.send(MFA, {}, { token: auth.accessToken });
    expect(data.me.mfa).toMatchObject({ enabled: true, recoveryCodesLeft: 10, factors: [{ id: factorId }] });
    expect(app.tokens.verifyAccessToken(auth.accessToken)).toMatchObject({
      amr: ['pwd', 'otp', 'mfa'],
      acr: 'aal2',
      authenticatedAt: Date.parse(before.session.authenticatedAt as string) / 1_000,
    });
    expect(await subjectsTo(app)).toContain('A second factor was added');
    const [event] = (await eventsOf(app, 'user_updated')).slice(-1);
    expect(JSON.parse(event?.details ?? '')).toMatchObject({
      fields: ['factors'],
      reason: 'added',
      kind: 'TOTP',
    });
  });

  it('a second app is refused, and the first one stays (MFA-4)', async () => {
    const app = await start();
    const { auth, nextCode } = await enrol(app, (await register(app)).accessToken);
    const token = auth.accessToken;
    expect((await app.send(START_TOTP, {}, { token })).code).toBe('FACTOR_LIMIT');
    expect((await app.send(CONFIRM_TOTP, { input: { code: nextCode() } }, { token })).code).toBe(
      'FACTOR_LIMIT',
    );
  });

  it('a second start takes the place of the first, whose codes are wrong then', async () => {
    const app = await start();
    const { accessToken: token } = await register(app);
    const first = (await app.send(START_TOTP, {}, { token })).data.startTotpEnrolment;
    const second = (await app.send(START_TOTP, {}, { token })).data.startTotpEnrolment;
    const confirm = (secret: string) =>
      app.send(CONFIRM_TOTP, { input: { code: authenticatorOf(secret).codeAt(app.clock.now()) } }, { token });
    expect((await confirm(first.secret)).code).toBe('INVALID_CODE');
    expect((await confirm(second.secret)).code).toBe('OK');
  });

  it('an enrolment expires after ten minutes, and none is NOT_FOUND', async () => {
    const app = await start();
    const { accessToken: token } = await register(app);
    const code = { input: { code: '123456' } };
    expect((await app.send(CONFIRM_TOTP, code, { token })).code).toBe('NOT_FOUND');
    await app.send(START_TOTP, {}, { token });
    app.clock.travel(9 * MINUTE);
    const { accessToken } = (await app.send(REAUTHENTICATE, { input: { password: PASSWORD } }, { token }))
      .data.reauthenticate;
    expect((await app.send(CONFIRM_TOTP, code, { token: accessToken })).code).toBe('INVALID_CODE');
    app.clock.travel(MINUTE);
    expect((await app.send(CONFIRM_TOTP, code, { token: accessToken })).code).toBe('NOT_FOUND');
    app.clock.travel(48 * 60 * MINUTE);
    await app.housekeeping.turn();
    expect(await app.database.all('SELECT id FROM factors')).toEqual([]);
  });

  it('enrolling, removing and new recovery codes need a fresh authentication, with the factor once there is one (MFA-4, SES-5)', async () => {
    const app = await start();
    const registered = await register(app);
    const stale = await login(app);
    app.clock.travel(10 * MINUTE + 1);
    const { accessToken: old } = (await refresh(app, registered.refreshToken)).data.refreshToken;
    expect((await app.send(START_TOTP, {}, { token: old })).code).toBe('REAUTHENTICATION_REQUIRED');

    const fresh = await login(app);
    const { auth, factorId } = await enrol(app, fresh.accessToken);
    const oneFactor = (await refresh(app, stale.refreshToken)).data.refreshToken.accessToken;
    const attempts = [
      [REMOVE_FACTOR, { input: { id: factorId } }],
      [REGENERATE, {}],
    ] as const;
    for (const [document, variables] of attempts)
      expect((await app.send(document, variables, { token: oneFactor })).code).toBe(
        'REAUTHENTICATION_REQUIRED',
      );
    expect((await app.send(REGENERATE, {}, { token: auth.accessToken })).code).toBe('OK');

    app.clock.travel(10 * MINUTE);
    const later = (await refresh(app, auth.refreshToken)).data.refreshToken.accessToken;
    for (const [document, variables] of attempts)
      expect((await app.send(document, variables, { token: later })).code).toBe('REAUTHENTICATION_REQUIRED');
  });

  it('an enrolment that is overtaken by the deletion of the account is refused', async () => {
    const own = await migratedDatabase(engine);
    const between = createInterleaving(own.database);
    const app = await start({ database: between.database });
    const { accessToken: token } = await register(app);
    between.once('before', /^transaction$/, () =>
      app.send(DELETE_ME, { input: { password: PASSWORD } }, { token }),
    );
    expect((await app.send(START_TOTP, {}, { token })).code).toBe('REAUTHENTICATION_REQUIRED');
    expect(between.isDone()).toBe(true);
    expect(await own.database.all('SELECT id FROM users')).toEqual([]);
    await app.stop();
    await own.drop();
  });

  it('a fresh session that showed no factor ends no other session of an account with one (SES-2, SES-5)', async () => {
    const app = await start();
    await register(app);
    const [older, owner] = [await login(app), await login(app)];
    const account = await enrol(app, owner.accessToken);
    const revoke = (sender: { accessToken: string }, { session }: { session: { id: string } }) =>
      app.send(REVOKE, { input: { id: session.id } }, { token: sender.accessToken });
    expect((await revoke(older, account.auth)).code).toBe('REAUTHENTICATION_REQUIRED');
    expect((await revoke(account.auth, older)).code).toBe('OK');
  });

  it('new recovery codes take the place of all before, and the owner is told', async () => {
    const app = await start();
    const { auth, recoveryCodes } = await enrol(app, (await verified(app)).accessToken);
    const { data } = await app.send(REGENERATE, {}, { token: auth.accessToken });
    const codes: string[] = data.regenerateRecoveryCodes.recoveryCodes;
    expect(new Set([...codes, ...recoveryCodes]).size).toBe(20);
    expect((await app.send(MFA, {}, { token: auth.accessToken })).data.me.mfa.recoveryCodesLeft).toBe(10);
    expect(await subjectsTo(app)).toContain('Your recovery codes were replaced');
  });

  it('removing the last factor ends the recovery codes and every other session, and the owner is told (SES-4)', async () => {
    const app = await start();
    const registered = await verified(app);
    const other = await login(app);
    const { auth, factorId } = await enrol(app, registered.accessToken);
    const token = auth.accessToken;
    const { data } = await app.send(REMOVE_FACTOR, { input: { id: factorId } }, { token });
    expect(data.removeFactor.mfa).toEqual({ enabled: false, recoveryCodesLeft: 0, factors: [] });
    expect((await refresh(app, other.refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await refresh(app, auth.refreshToken)).code).toBe('OK');
    expect(await app.database.all('SELECT * FROM recovery_codes')).toEqual([]);
    expect(await subjectsTo(app)).toContain('A second factor was removed');
    expect((await app.send(REMOVE_FACTOR, { input: { id: factorId } }, { token })).code).toBe('NOT_FOUND');
    await login(app);
  });

  it("another account's factor is NOT_FOUND, and so is a text that is no id", async () => {
    const app = await start();
    const ada = await enrol(app, (await register(app)).accessToken);
    const eve = await enrol(app, (await register(app, 'eve@example.com')).accessToken);
    const sender = { token: eve.auth.accessToken };
    for (const id of [ada.factorId, 'no id', '\0']) {
      expect((await app.send(REMOVE_FACTOR, { input: { id } }, sender)).code).toBe('NOT_FOUND');
      expect((await app.send(RENAME_FACTOR, { input: { id, name: 'mine' } }, sender)).code).toBe('NOT_FOUND');
    }
    const named = await app.send(RENAME_FACTOR, { input: { id: eve.factorId, name: ' phone ' } }, sender);
    expect(named.data.renameFactor).toEqual({ id: eve.factorId, name: 'phone' });
  });

  it('a session that was narrowed sees no factors, and none is shown without a session', async () => {
    const app = await start();
    await register(app);
    const narrow = await login(app, { scope: [] });
    expect((await app.send(MFA, {}, { token: narrow.accessToken })).code).toBe('FORBIDDEN');
    expect((await app.send(START_TOTP, {}, { token: narrow.accessToken })).code).toBe('FORBIDDEN');
    expect((await app.send(MFA)).code).toBe('UNAUTHENTICATED');
  });

  it('the secret is sealed with the id of its row, and no recovery code is in the database (KEY-4)', async () => {
    const app = await start();
    const { secret, recoveryCodes } = await enrol(app, (await register(app)).accessToken);
    const rows = JSON.stringify([
      await app.database.all('SELECT * FROM factors'),
      await app.database.all('SELECT * FROM recovery_codes'),
      await app.database.all('SELECT * FROM audit_events'),
    ]);
    const text = app.lines.join('\n') + rows;
    for (const hidden of [secret, ...recoveryCodes]) {
      expect(text).not.toContain(hidden);
      expect(text).not.toContain(hidden.replaceAll('-', ''));
    }
  });
});
