import { expect, it } from '@jest/globals';
import { complete, enrol, loginWithBoth, MFA, mfaTokenOf, wrongCode } from '../../support/authenticator.ts';
import { migratedDatabase } from '../../support/databases.ts';
import { LOGIN, login, REQUEST_RESET, RESET_PASSWORD, refresh, register } from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { createInterleaving } from '../../support/interleaving.ts';
import { mailedToken, subjectsTo } from '../../support/letters.ts';
import { createFrozenClock, describeApp, PASSWORD, type TestApp } from '../../support/start-app.ts';

const HOUR = 3_600_000;
const config = { factorResetSeconds: 72 * 3_600 };
const REQUEST =
  'mutation ($input: RequestFactorResetInput!) { requestFactorReset(input: $input) { expiresIn } }';
const CANCEL = 'mutation { cancelFactorReset { id mfa { resetAt } } }';
const NEW_PASSWORD = 'an entirely new passphrase';
const TOLD = 'Your second factors are going to be removed';

async function begin(app: TestApp, { isVerified = true } = {}) {
  const registered = await register(app);
  if (isVerified) await app.database.run('UPDATE users SET email_verified_at = 1');
  const account = await enrol(app, registered.accessToken);
  return { registered, account };
}

async function request(app: TestApp, password = PASSWORD) {
  const mfaToken = mfaTokenOf(await app.send(LOGIN, { input: { email: 'ada@example.com', password } }));
  return { mfaToken, answer: await app.send(REQUEST, { input: { mfaToken } }) };
}

async function told(app: TestApp): Promise<number> {
  await app.housekeeping.turn();
  return (await subjectsTo(app)).filter((subject) => subject === TOLD).length;
}

describeApp('a reset of the factors', (start, engine) => {
  it('happens after its delay, of which the owner is told three times, and ends every session (MFA-6)', async () => {
    const app = await start({ config });
    const { account } = await begin(app);
    const { mfaToken, answer } = await request(app);
    expect(answer.data).toEqual({ requestFactorReset: { expiresIn: 72 * 3_600 } });
    expect(await told(app)).toBe(1);
    const seen: number[] = [];
    for (const hours of [35, 1, 28, 1, 6]) {
      app.clock.travel(hours * HOUR);
      seen.push(await told(app), await told(app));
    }
    expect(seen).toEqual([1, 1, 2, 2, 2, 2, 3, 3, 3, 3]);
    expect((await refresh(app, account.auth.refreshToken)).code).toBe('OK');
    const late = mfaTokenOf(
      await app.send(LOGIN, { input: { email: 'ada@example.com', password: PASSWORD } }),
    );
    app.clock.travel(HOUR);
    await app.housekeeping.turn();
    expect((await complete(app, late, { totpCode: account.nextCode() })).code).toBe('INVALID_TOKEN');
    expect((await complete(app, mfaToken, { totpCode: account.nextCode() })).code).toBe('INVALID_TOKEN');
    expect(await app.database.all('SELECT id FROM sessions WHERE revoked_at IS NULL')).toEqual([]);
    const auth = await login(app);
    expect((await app.send(MFA, {}, { token: auth.accessToken })).data.me.mfa).toMatchObject({
      enabled: false,
      recoveryCodesLeft: 0,
    });
    expect(await subjectsTo(app)).toContain('A second factor was removed');
    const reasons = (await eventsOf(app, 'user_updated')).map(({ details }) => JSON.parse(details).reason);
    expect(reasons).toEqual(expect.arrayContaining(['reset_requested', 'reset']));
  });

  const cancellations = [
    [
      'a login with the factor',
      async (app: TestApp, { account }: Awaited<ReturnType<typeof begin>>) => loginWithBoth(app, account),
    ],
    [
      'any session',
      async (app: TestApp, { account }: Awaited<ReturnType<typeof begin>>) => {
        const { data } = await app.send(CANCEL, {}, { token: account.auth.accessToken });
        expect(data.cancelFactorReset.mfa).toEqual({ resetAt: null });
        expect(await subjectsTo(app)).toContain('The removal of your second factors was cancelled');
      },
    ],
    [
      'a reset of the password',
      async (app: TestApp) => {
        await app.send(REQUEST_RESET, { input: { email: 'ada@example.com' } });
        const token = await mailedToken(app, '/reset-password');
        const input = { token, newPassword: NEW_PASSWORD };
        expect((await app.send(RESET_PASSWORD, { input })).code).toBe('OK');
      },
    ],
  ] as const;
  it('is cancelled by a session that was narrowed, which may do little else', async () => {
    const app = await start({ config });
    const { account } = await begin(app);
    const input = { email: 'ada@example.com', password: PASSWORD, scope: [] };
    const mfaToken = mfaTokenOf(await app.send(LOGIN, { input }));
    const completed = await complete(app, mfaToken, { totpCode: account.nextCode() });
    const token = completed.data.completeMfaLogin.accessToken;
    expect((await request(app)).answer.code).toBe('OK');
    expect((await app.send('mutation { cancelFactorReset { id } }', {}, { token })).code).toBe('OK');
    expect(await app.database.all('SELECT user_id FROM factor_resets')).toEqual([]);
  });

  it.each(cancellations)('is cancelled by %s (MFA-6)', async (_name, cancel) => {
    const app = await start({ config });
    const begun = await begin(app);
    expect((await request(app)).answer.code).toBe('OK');
    await cancel(app, begun);
    app.clock.travel(73 * HOUR);
    await app.housekeeping.turn();
    expect(await app.database.all('SELECT kind FROM factors')).toEqual([{ kind: 'TOTP' }]);
  });

  it.each([
    ['a new password', async (app: TestApp) => app.admin.setPassword('ada@example.com', NEW_PASSWORD)],
    [
      'an account that was disabled for a while',
      async (app: TestApp) => {
        await app.admin.disable('ada@example.com');
        await app.admin.enable('ada@example.com');
      },
    ],
  ] as const)('rests on the first factor that was proven, so %s ends it', async (_name, change) => {
    const app = await start({ config });
    const { account } = await begin(app);
    await request(app);
    await change(app);
    const resetAt = async (token: string) =>
      (await app.send('{ me { mfa { resetAt } } }', {}, { token })).data.me.mfa.resetAt;
    app.clock.travel(HOUR);
    const again = await request(app, _name === 'a new password' ? NEW_PASSWORD : PASSWORD);
    expect(again.answer.data.requestFactorReset.expiresIn).toBe(72 * 3_600);
    const totpCode = account.nextCode();
    const { data } = await complete(app, again.mfaToken, { totpCode });
    expect(await resetAt(data.completeMfaLogin.accessToken)).toBeNull();

    const other = await start({ config });
    await begin(other);
    await request(other);
    expect(await told(other)).toBe(1);
    await change(other);
    other.clock.travel(73 * HOUR);
    expect(await told(other)).toBe(1);
    expect(await other.database.all('SELECT kind FROM factors')).toEqual([{ kind: 'TOTP' }]);
    expect(await other.database.all('SELECT user_id FROM factor_resets')).toEqual([]);
  });

  it('that no process was there to tell of waits until its owner was told three times, with a tenth of the time left', async () => {
    const app = await start({ config });
    await begin(app);
    await request(app);
    expect(await told(app)).toBe(1);
    const factors = () => app.database.all('SELECT kind FROM factors');
    const seen: number[] = [];
    for (const hours of [80, 28, 1, 6]) {
      app.clock.travel(hours * HOUR);
      seen.push(await told(app));
    }
    expect(seen).toEqual([2, 2, 3, 3]);
    await app.housekeeping.turn();
    expect(await factors()).toEqual([{ kind: 'TOTP' }]);
    app.clock.travel(HOUR);
    await app.housekeeping.turn();
    expect(await factors()).toEqual([]);
  });

  it.each([
    ['the setting is turned off', {}],
    ['no mail is sent any more', { ...config, appUrl: undefined }],
  ] as const)('does not happen where %s', async (_name, later) => {
    const own = await migratedDatabase(engine);
    const clock = createFrozenClock();
    const first = await start({ config, database: own.database, clock });
    await begin(first);
    await request(first);
    const second = await start({ config: later, database: own.database, clock });
    clock.travel(73 * HOUR);
    await second.housekeeping.turn();
    expect(await own.database.all('SELECT user_id FROM factor_resets')).toEqual([]);
    expect(await own.database.all('SELECT kind FROM factors')).toEqual([{ kind: 'TOTP' }]);
    for (const app of [first, second]) await app.stop();
    await own.drop();
  });

  it('keeps its own delay where the setting changes', async () => {
    const own = await migratedDatabase(engine);
    const clock = createFrozenClock();
    const first = await start({ config: { factorResetSeconds: 24 * 3_600 }, database: own.database, clock });
    await begin(first);
    await request(first);
    const longer = await start({
      config: { factorResetSeconds: 720 * 3_600 },
      database: own.database,
      clock,
    });
    const seen: number[] = [];
    for (const hours of [12, 9, 1]) {
      clock.travel(hours * HOUR);
      await longer.housekeeping.turn();
      seen.push((await told(first)) + (await told(longer)));
    }
    expect(seen).toEqual([2, 2, 3]);
    for (const app of [first, longer]) await app.stop();
    await own.drop();
  });

  it('a wrong code and a first factor alone cancel nothing, and asking again changes nothing', async () => {
    const app = await start({ config });
    const { account } = await begin(app);
    const { mfaToken } = await request(app);
    await complete(app, mfaToken, { totpCode: wrongCode(app, account) });
    app.clock.travel(HOUR);
    const { answer } = await request(app);
    expect(answer.data.requestFactorReset.expiresIn).toBe(71 * 3_600);
    expect(await told(app)).toBe(1);
    const { resetAt } = (
      await app.send(
        '{ me { mfa { resetAt } } }',
        {},
        { token: (await refresh(app, account.auth.refreshToken)).data.refreshToken.accessToken },
      )
    ).data.me.mfa;
    expect(Date.parse(resetAt)).toBe(app.clock.now() + 71 * HOUR);
  });

  it('is refused where it is off, for an address that is not verified, and after three of a day', async () => {
    const off = await start();
    await begin(off);
    expect((await request(off)).answer.code).toBe('FEATURE_DISABLED');

    const unverified = await start({ config });
    await begin(unverified, { isVerified: false });
    expect((await request(unverified)).answer.code).toBe('FORBIDDEN');

    const app = await start({ config });
    const { account } = await begin(app);
    const codes: string[] = [];
    for (let i = 0; i < 4; i += 1) {
      codes.push((await request(app)).answer.code);
      await app.send(CANCEL, {}, { token: account.auth.accessToken });
    }
    expect(codes).toEqual(['OK', 'OK', 'OK', 'TOO_MANY_REQUESTS']);
    expect((await app.send(REQUEST, { input: { mfaToken: `lkm_${'A'.repeat(43)}` } })).code).toBe(
      'INVALID_TOKEN',
    );
  });

  it('that is cancelled while a process is about to do it does not happen', async () => {
    const own = await migratedDatabase(engine);
    const between = createInterleaving(own.database);
    const app = await start({ config, database: between.database });
    try {
      await begin(app);
      await request(app);
      app.clock.travel(72 * HOUR);
      between.once('after', /^all SELECT .* FROM factor_resets/s, () =>
        own.database.run('DELETE FROM factor_resets'),
      );
      await app.housekeeping.turn();
      expect(between.isDone()).toBe(true);
      expect(await own.database.all('SELECT kind FROM factors')).toEqual([{ kind: 'TOTP' }]);
    } finally {
      await app.stop();
      await own.drop();
    }
  });
});
