import { expect, it } from '@jest/globals';
import {
  authenticatorOf,
  COMPLETE_MFA,
  CONFIRM_TOTP,
  complete,
  type Enrolled,
  enrol,
  loginWithBoth,
  MFA,
  mfaTokenOf,
  REGENERATE,
  REMOVE_FACTOR,
  START_TOTP,
  wrongCode,
} from '../../support/authenticator.ts';
import { migratedDatabase } from '../../support/databases.ts';
import {
  CHANGE_PASSWORD,
  LOGIN,
  LOGIN_WITH_CODE,
  LOGIN_WITH_LINK,
  login,
  ME,
  REAUTHENTICATE,
  REFRESH,
  REQUEST_MAGIC_LINK,
  register,
} from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { createInterleaving } from '../../support/interleaving.ts';
import { mailedCode, mailedToken, subjectsTo } from '../../support/letters.ts';
import { createFrozenClock, describeApp, PASSWORD, type TestApp } from '../../support/start-app.ts';
import { noteStatements, verbAndTable } from '../../support/statements.ts';

const MINUTE = 60_000;
const CREDENTIALS = { email: 'ada@example.com', password: PASSWORD };

async function enrolled(app: TestApp): Promise<Enrolled> {
  const account = await enrol(app, (await register(app)).accessToken);
  await app.database.run('UPDATE users SET email_verified_at = 1');
  return account;
}

function logIn(app: TestApp, input: Record<string, unknown> = {}, ip?: string) {
  return app.send(LOGIN, { input: { ...CREDENTIALS, ...input } }, ip === undefined ? {} : { ip });
}

async function pending(app: TestApp, ip?: string): Promise<string> {
  return mfaTokenOf(await logIn(app, {}, ip));
}

describeApp('a login with two factors', (start, engine) => {
  it('the password alone answers MFA_REQUIRED, opens no session and sets no cookie (SES-3)', async () => {
    const app = await start({ config: { cookies: true } });
    await enrolled(app);
    const sessions = await app.database.all('SELECT id FROM sessions');
    const answer = await app.send(
      LOGIN,
      { input: { ...CREDENTIALS, delivery: 'COOKIE' } },
      { headers: { origin: 'http://localhost:4000' } },
    );
    expect(answer.errors?.[0]?.extensions).toEqual({
      code: 'MFA_REQUIRED',
      mfaToken: expect.stringMatching(/^lkm_[\w-]{43}$/),
      factors: ['TOTP', 'RECOVERY_CODE'],
      expiresAt: new Date(app.clock.now() + 5 * MINUTE).toISOString(),
    });
    expect(answer.data).toBeNull();
    expect(answer.headers['set-cookie']).toBeUndefined();
    expect(await app.database.all('SELECT id FROM sessions')).toHaveLength(sessions.length);
  });

  it('a code completes it: amr and acr say two factors, and the wishes of the first step hold', async () => {
    const app = await start();
    const { nextCode } = await enrolled(app);
    const token = mfaTokenOf(await logIn(app, { deviceName: 'phone', scope: [] }));
    const lastLogin = async () =>
      (await app.database.get<object>('SELECT last_login_at AS at FROM users')) ?? {};
    expect(await lastLogin()).toEqual({ at: null });
    const { data } = await complete(app, token, { totpCode: nextCode() });
    expect(await lastLogin()).toEqual({ at: app.clock.now() });
    const auth = data.completeMfaLogin;
    expect(auth.session).toMatchObject({ amr: ['pwd', 'otp', 'mfa'], deviceName: 'phone' });
    expect(auth.deviceToken).toMatch(/^lkd_/);
    const token2 = app.tokens.verifyAccessToken(auth.accessToken);
    expect(token2).toMatchObject({ acr: 'aal2', amr: ['pwd', 'otp', 'mfa'] });
    expect((await app.send(MFA, {}, { token: auth.accessToken })).code).toBe('FORBIDDEN');
    const [event] = (await eventsOf(app, 'authn_login_success')).slice(-1);
    expect(JSON.parse(event?.details ?? '')).toMatchObject({ amr: ['pwd', 'otp', 'mfa'], factor: 'TOTP' });
  });

  it('the tokens of both steps and of an enrolment come in cookies where that is asked for (WEB-1)', async () => {
    const app = await start({ config: { cookies: true } });
    const headers = { origin: 'http://localhost:4000' };
    const { accessToken: token } = await register(app);
    const started = (await app.send(START_TOTP, {}, { token })).data.startTotpEnrolment;
    const phone = authenticatorOf(started.secret);
    const input = { code: phone.codeAt(app.clock.now()), delivery: 'COOKIE' };
    const confirmed = await app.send(CONFIRM_TOTP, { input }, { token, headers });
    expect(confirmed.data.confirmTotpEnrolment.auth.refreshToken).toBeNull();
    expect(confirmed.data.confirmTotpEnrolment.recoveryCodes).toHaveLength(10);
    expect(String(confirmed.headers['set-cookie'])).toContain('__Host-latchkey-refresh=lkr_');

    const mfaToken = await pending(app);
    app.clock.travel(30_000);
    const codes = { mfaToken, totpCode: phone.codeAt(app.clock.now()), delivery: 'COOKIE' };
    const foreign = await app.send(
      COMPLETE_MFA,
      { input: codes },
      { headers: { origin: 'http://evil.example' } },
    );
    expect(foreign.code).toBe('FORBIDDEN');
    const done = await app.send(COMPLETE_MFA, { input: codes }, { headers });
    expect(done.data.completeMfaLogin).toMatchObject({ refreshToken: null, deviceToken: null });
    expect(String(done.headers['set-cookie'])).toMatch(
      /__Host-latchkey-refresh=lkr_.*__Host-latchkey-device=lkd_/,
    );
  });

  it('a recovery code completes it once', async () => {
    const app = await start();
    const { recoveryCodes } = await enrolled(app);
    const [recoveryCode = ''] = recoveryCodes;
    const first = await complete(app, await pending(app), { recoveryCode: recoveryCode.toUpperCase() });
    expect(first.code).toBe('OK');
    const token = first.data.completeMfaLogin.accessToken;
    expect((await app.send(MFA, {}, { token })).data.me.mfa.recoveryCodesLeft).toBe(9);
    expect((await complete(app, await pending(app), { recoveryCode })).code).toBe('INVALID_CODE');
  });

  it('a code of the app works once, and the code that proved the enrolment not again (MFA-1)', async () => {
    const app = await start();
    const { secret, nextCode } = await enrolled(app);
    const used = authenticatorOf(secret).codeAt(app.clock.now());
    expect((await complete(app, await pending(app), { totpCode: used })).code).toBe('INVALID_CODE');
    const totpCode = nextCode();
    const typed = ` ${totpCode.slice(0, 3)} - ${totpCode.slice(3)}`;
    expect((await complete(app, await pending(app), { totpCode: typed })).code).toBe('OK');
    expect((await complete(app, await pending(app), { totpCode })).code).toBe('INVALID_CODE');
  });

  it('an mfaToken works once, for five minutes, and is no other token (AT-2)', async () => {
    const app = await start();
    const { nextCode } = await enrolled(app);
    const late = await pending(app);
    app.clock.travel(5 * MINUTE);
    expect((await complete(app, late, { totpCode: nextCode() })).code).toBe('INVALID_TOKEN');
    const token = await pending(app);
    expect((await app.send(ME, {}, { token })).code).toBe('UNAUTHENTICATED');
    expect((await app.send(REFRESH, { input: { refreshToken: token } })).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await app.send(LOGIN_WITH_LINK, { input: { token } })).code).toBe('FEATURE_DISABLED');
    expect((await complete(app, token, { totpCode: nextCode() })).code).toBe('OK');
    expect((await complete(app, token, { totpCode: nextCode() })).code).toBe('INVALID_TOKEN');
  });

  it.each(['', 'lkm_', `lkm_${'A'.repeat(43)}`, `lko_${'A'.repeat(43)}`, '\0'])(
    'what is no mfaToken is INVALID_TOKEN: %j',
    async (mfaToken) => {
      const app = await start();
      expect((await complete(app, mfaToken, { totpCode: '123456' })).code).toBe('INVALID_TOKEN');
    },
  );

  it.each([{}, { totpCode: '123456', recoveryCode: '123456' }, { totpCode: null }])(
    'anything but one code is BAD_USER_INPUT, and costs no try: %j',
    async (codes) => {
      const app = await start();
      const { nextCode } = await enrolled(app);
      const mfaToken = await pending(app);
      for (let i = 0; i < 6; i += 1)
        expect((await app.send(COMPLETE_MFA, { input: { mfaToken, ...codes } })).code).toBe('BAD_USER_INPUT');
      expect((await complete(app, mfaToken, { totpCode: nextCode() })).code).toBe('OK');
    },
  );

  it('five wrong codes end a challenge, however many come at once (MFA-2)', async () => {
    const app = await start();
    const account = await enrolled(app);
    const mfaToken = await pending(app);
    const totpCode = wrongCode(app, account);
    const answers = await Promise.all(Array.from({ length: 8 }, () => complete(app, mfaToken, { totpCode })));
    const codes = answers.map(({ code }) => code).sort();
    expect(codes).toEqual([...Array(5).fill('INVALID_CODE'), ...Array(3).fill('INVALID_TOKEN')]);
    expect((await complete(app, mfaToken, { totpCode: account.nextCode() })).code).toBe('INVALID_TOKEN');
    expect((await complete(app, await pending(app), { totpCode: account.nextCode() })).code).toBe('OK');
  });

  it('ten wrong codes make every code of the account wait, while first factors still answer MFA_REQUIRED (MFA-2)', async () => {
    const app = await start();
    const account = await enrolled(app);
    for (let round = 0; round < 2; round += 1) {
      const mfaToken = await pending(app);
      for (let i = 0; i < 5; i += 1)
        expect((await complete(app, mfaToken, { totpCode: wrongCode(app, account) })).code).toBe(
          'INVALID_CODE',
        );
    }
    const mfaToken = await pending(app, '192.0.2.7');
    const refused = await complete(app, mfaToken, { totpCode: account.nextCode() }, { ip: '192.0.2.7' });
    expect(refused.code).toBe('TOO_MANY_REQUESTS');
    expect(refused.errors?.[0]?.extensions.retryAfter).toBeGreaterThan(800);
    const [recoveryCode = ''] = account.recoveryCodes;
    expect((await complete(app, mfaToken, { recoveryCode })).code).toBe('TOO_MANY_REQUESTS');
    for (let i = 0; i < 10; i += 1) await complete(app, mfaToken, { recoveryCode });
    app.clock.travel(15 * MINUTE);
    // What had to wait was compared with nothing, so it cost no try of a challenge either.
    const after = await pending(app);
    expect((await complete(app, after, { totpCode: account.nextCode() })).code).toBe('OK');
    const event = (await eventsOf(app, 'authn_login_successafterfail')).at(-1);
    expect(JSON.parse(event?.details ?? '{}')).toMatchObject({ failures: 10 });
    expect(await subjectsTo(app)).toContain('A login after failed attempts');
  });

  it('a code that has to wait costs its challenge no try', async () => {
    const app = await start();
    const account = await enrolled(app);
    const waiting = await pending(app);
    for (let round = 0; round < 2; round += 1) {
      const mfaToken = await pending(app);
      for (let i = 0; i < 5; i += 1) await complete(app, mfaToken, { totpCode: wrongCode(app, account) });
    }
    for (let i = 0; i < 6; i += 1)
      expect((await complete(app, waiting, { totpCode: account.nextCode() })).code).toBe('TOO_MANY_REQUESTS');
    const { triesLeft } = (await app.database.get<{ triesLeft: number }>(
      'SELECT MAX(tries_left) AS "triesLeft" FROM mfa_challenges',
    )) ?? { triesLeft: 0 };
    expect(triesLeft).toBe(5);
  });

  it('a right code ends the run, and what was wrong before stays counted for its 15 minutes', async () => {
    const app = await start();
    const account = await enrolled(app);
    const wrong = async (count: number) => {
      let last = '';
      for (let i = 0; i < count; i += 1) {
        const mfaToken = await pending(app);
        last = (await complete(app, mfaToken, { totpCode: wrongCode(app, account) })).code;
      }
      return last;
    };
    expect(await wrong(9)).toBe('INVALID_CODE');
    expect((await complete(app, await pending(app), { totpCode: account.nextCode() })).code).toBe('OK');
    expect(await wrong(1)).toBe('INVALID_CODE');
    expect(await wrong(1)).toBe('TOO_MANY_REQUESTS');
  });

  it('a hundred wrong codes in a row close TOTP and recovery codes, and no wait opens them (MFA-2)', async () => {
    const app = await start({ config: { accountDisableAfter: 12 } });
    const account = await enrolled(app);
    for (let round = 0; round < 12; round += 1) {
      if (round === 9) app.clock.travel(15 * MINUTE);
      const mfaToken = await pending(app, `192.0.2.${round}`);
      expect((await complete(app, mfaToken, { totpCode: wrongCode(app, account) })).code).toBe(
        'INVALID_CODE',
      );
    }
    app.clock.travel(24 * 60 * MINUTE);
    expect((await complete(app, await pending(app), { totpCode: account.nextCode() })).code).toBe(
      'TOO_MANY_REQUESTS',
    );
    const [recoveryCode = ''] = account.recoveryCodes;
    expect((await complete(app, await pending(app), { recoveryCode })).code).toBe('TOO_MANY_REQUESTS');
    expect(await eventsOf(app, 'authn_login_lock')).toHaveLength(1);
  });

  it('a stranger without the password fills none of these counts', async () => {
    const app = await start();
    const account = await enrolled(app);
    for (let i = 0; i < 40; i += 1)
      await complete(
        app,
        `lkm_${String(i).padStart(43, 'A')}`,
        { totpCode: '123456' },
        { ip: `198.51.100.${i}` },
      );
    expect((await complete(app, await pending(app), { totpCode: account.nextCode() })).code).toBe('OK');
  });

  it.each(['the seed cannot be opened', 'the database fails when the code is spent'])(
    'a fault of the server costs no try: %s (MFA-2)',
    async (fault) => {
      const own = await migratedDatabase(engine);
      const between = createInterleaving(own.database);
      const app = await start({ database: between.database });
      try {
        const account = await enrolled(app);
        const sealed = await app.database.get<{ text: string }>('SELECT sealed_secret AS text FROM factors');
        const mfaToken = await pending(app);
        for (let i = 0; i < 12; i += 1) {
          const isOfSeed = fault.startsWith('the seed');
          if (isOfSeed) await own.database.run("UPDATE factors SET sealed_secret = 'v1.AAAA.AAAA'");
          else
            between.once('before', /^transaction$/, async () => {
              throw new Error('planted fault');
            });
          const answer = await complete(app, mfaToken, { totpCode: account.nextCode() });
          expect(answer.code).toBe(isOfSeed ? 'UNAVAILABLE' : 'INTERNAL_SERVER_ERROR');
          if (isOfSeed)
            await own.database.run('UPDATE factors SET sealed_secret = :text', { text: sealed?.text ?? '' });
          app.clock.travel(-30_000);
        }
        expect((await complete(app, mfaToken, { totpCode: account.nextCode() })).code).toBe('OK');
      } finally {
        await app.stop();
        await own.drop();
      }
    },
  );

  it.each(['a TOTP code', 'a recovery code', 'one mfaToken'])(
    'of eight logins at once, over two servers of one database, one succeeds with %s, in 25 rounds (MFA-1, MFA-3)',
    async (what) => {
      const own = await migratedDatabase(engine);
      const clock = createFrozenClock();
      const options = { database: own.database, clock, config: { throttles: false, hashConcurrency: 2 } };
      const servers = [await start(options), await start(options)];
      const [first] = servers;
      if (first === undefined) throw new Error('no server');
      const account = await enrolled(first);
      let codes = [...account.recoveryCodes];
      const wins: number[] = [];
      for (let round = 0; round < 25; round += 1) {
        const recoveryCode = what === 'a TOTP code' ? '' : (codes.pop() ?? '');
        const totpCode = what === 'a recovery code' ? '' : account.nextCode();
        // The token alone decides where the codes differ.
        const codeOf = (i: number) =>
          what === 'a TOTP code' || (what === 'one mfaToken' && i < 4) ? { totpCode } : { recoveryCode };
        const shared = what === 'one mfaToken' ? await pending(first) : undefined;
        const tokens = await Promise.all(Array.from({ length: 8 }, async () => shared ?? pending(first)));
        const answers = await Promise.all(
          tokens.map((token, i) => complete(servers[i % 2] ?? first, token, codeOf(i))),
        );
        wins.push(answers.filter((answer) => answer.code === 'OK').length);
        if (codes.length === 0) {
          const { accessToken } = await loginWithBoth(first, account);
          codes = (await first.send(REGENERATE, {}, { token: accessToken })).data.regenerateRecoveryCodes
            .recoveryCodes;
        }
      }
      expect(wins).toEqual(Array(25).fill(1));
      await Promise.all(servers.map((server) => server.stop()));
      await own.drop();
    },
    60_000,
  );

  it('a change of the password or of the factors ends a pending login', async () => {
    const app = await start();
    const account = await enrolled(app);
    const token = account.auth.accessToken;
    const first = await pending(app);
    const changed = await app.send(
      CHANGE_PASSWORD,
      { input: { newPassword: 'an entirely new passphrase' } },
      { token },
    );
    expect(changed.code).toBe('OK');
    expect((await complete(app, first, { totpCode: account.nextCode() })).code).toBe('INVALID_TOKEN');

    const second = mfaTokenOf(await logIn(app, { password: 'an entirely new passphrase' }));
    const sender = { token: changed.data.changePassword.accessToken };
    const removed = await app.send(REMOVE_FACTOR, { input: { id: account.factorId } }, sender);
    expect(removed.code).toBe('OK');
    expect((await complete(app, second, { totpCode: account.nextCode() })).code).toBe('INVALID_TOKEN');
  });

  it('a disabled account completes no login', async () => {
    const app = await start();
    const { nextCode } = await enrolled(app);
    const mfaToken = await pending(app);
    await app.admin.disable('ada@example.com');
    expect((await complete(app, mfaToken, { totpCode: nextCode() })).code).toBe('INVALID_TOKEN');
    await app.admin.enable('ada@example.com');
    expect((await complete(app, mfaToken, { totpCode: nextCode() })).code).toBe('INVALID_TOKEN');
  });

  it('a mailed link and a mailed code are one factor, and end in a pending login', async () => {
    const app = await start({ config: { magicLinks: true } });
    const { nextCode } = await enrolled(app);
    await app.send(REQUEST_MAGIC_LINK, { input: { email: 'ada@example.com' } });
    const token = await mailedToken(app, '/magic-link');
    const byLink = mfaTokenOf(await app.send(LOGIN_WITH_LINK, { input: { token } }));
    expect((await app.send(LOGIN_WITH_LINK, { input: { token } })).code).toBe('INVALID_TOKEN');
    const { data } = await complete(app, byLink, { totpCode: nextCode() });
    expect(data.completeMfaLogin.session.amr).toEqual(['otp', 'mfa']);

    await app.send(REQUEST_MAGIC_LINK, { input: { email: 'ada@example.com' } });
    const code = await mailedCode(app);
    const byCode = mfaTokenOf(await app.send(LOGIN_WITH_CODE, { input: { email: 'ada@example.com', code } }));
    expect((await complete(app, byCode, { totpCode: nextCode() })).code).toBe('OK');
  });

  it('a login by mail that is the first proof of an address takes the factors of before away', async () => {
    const app = await start({ config: { magicLinks: true } });
    await enrol(app, (await register(app)).accessToken);
    await app.send(REQUEST_MAGIC_LINK, { input: { email: 'ada@example.com' } });
    const input = { token: await mailedToken(app, '/magic-link') };
    const { data, code } = await app.send(LOGIN_WITH_LINK, { input });
    expect(code).toBe('OK');
    const token = data.loginWithMagicLink.accessToken;
    expect((await app.send(MFA, {}, { token })).data.me.mfa).toEqual({
      enabled: false,
      recoveryCodesLeft: 0,
      factors: [],
    });
  });

  it('an account with a factor answers a stranger as any other does', async () => {
    const app = await start();
    await enrolled(app);
    await register(app, 'eve@example.com');
    const [ada, eve, nobody] = await Promise.all(
      ['ada', 'eve', 'nobody'].map((name) => logIn(app, { email: `${name}@example.com`, password: 'wrong' })),
    );
    expect(ada?.body).toBe(eve?.body);
    expect(ada?.body).toBe(nobody?.body);
  });

  it('an enrolment that races a login ends in one of the two orders', async () => {
    const own = await migratedDatabase(engine);
    const between = createInterleaving(own.database);
    const app = await start({ database: between.database });
    try {
      const { accessToken } = await register(app);
      const { data } = await app.send(START_TOTP, {}, { token: accessToken });
      const authenticator = authenticatorOf(data.startTotpEnrolment.secret);
      let confirmed = '';
      between.once('after', /^get SELECT .* FROM users WHERE email_canonical/s, async () => {
        const input = { code: authenticator.codeAt(app.clock.now()) };
        confirmed = (await app.send(CONFIRM_TOTP, { input }, { token: accessToken })).code;
      });
      const { code } = await logIn(app);
      expect(between.isDone()).toBe(true);
      expect(confirmed).toBe('OK');
      // The login read the account before the enrolment and wrote after it: it must not open a session of one factor.
      expect(code).toBe('MFA_REQUIRED');
      const rows = await own.database.all<{ acr: string }>(
        'SELECT acr FROM sessions WHERE revoked_at IS NULL',
      );
      expect(rows).toEqual([{ acr: 'aal2' }]);
      expect(await eventsOf(app, 'authn_login_fail')).toEqual([]);
    } finally {
      await app.stop();
      await own.drop();
    }
  });

  it('a login that the server is too slow for costs no try, however often (MFA-2)', async () => {
    const own = await migratedDatabase(engine);
    const between = createInterleaving(own.database);
    const app = await start({ database: between.database });
    const account = await enrolled(app);
    const mfaToken = await pending(app);
    for (let i = 0; i < 12; i += 1) {
      const totpCode = account.nextCode();
      between.once('before', /^transaction$/, async () => app.clock.travel(20_000));
      expect((await complete(app, mfaToken, { totpCode })).code).toBe('UNAVAILABLE');
      app.clock.travel(-50_000);
    }
    expect((await complete(app, mfaToken, { totpCode: account.nextCode() })).code).toBe('OK');
    const event = (await eventsOf(app, 'authn_login_success')).at(-1);
    expect(JSON.parse(event?.details ?? '{}')).toMatchObject({ factor: 'TOTP' });
    await app.stop();
    await own.drop();
  });

  it('a right code whose scope is refused takes its counts back in the order that a login writes them in', async () => {
    const own = await migratedDatabase(engine);
    const { database, statements } = noteStatements(own.database, verbAndTable);
    const app = await start({ database });
    const account = await enrolled(app);
    const mfaToken = mfaTokenOf(await logIn(app, { scope: ['posts:write'] }));
    statements.length = 0;
    const totpCode = account.nextCode();
    expect((await complete(app, mfaToken, { totpCode })).code).toBe('BAD_USER_INPUT');
    const writes = statements.filter((noted) =>
      /mfa_challenges.*throttles|throttles.*mfa_challenges/.test(noted),
    );
    expect(writes).toHaveLength(2);
    for (const noted of writes)
      expect(noted.indexOf('mfa_challenges')).toBeLessThan(noted.indexOf('throttles'));
    await app.stop();
    await own.drop();
  });

  it('reauthenticate that races an enrolment asks for the factor', async () => {
    const own = await migratedDatabase(engine);
    const between = createInterleaving(own.database);
    const app = await start({ database: between.database });
    const [first, second] = [await register(app), await login(app)];
    between.once('before', /^transaction$/, async () => {
      await enrol(app, second.accessToken);
      // Back in the time that the request has.
      app.clock.travel(-30_000);
    });
    const answer = await app.send(
      REAUTHENTICATE,
      { input: { password: PASSWORD } },
      { token: first.accessToken },
    );
    expect(between.isDone()).toBe(true);
    expect(answer.errors?.[0]?.extensions).toEqual({
      code: 'MFA_REQUIRED',
      factors: ['TOTP', 'RECOVERY_CODE'],
    });
    await app.stop();
    await own.drop();
  });

  it('long-expired challenges are deleted, and the others stay', async () => {
    const app = await start();
    await enrolled(app);
    await pending(app);
    app.clock.travel(25 * 60 * MINUTE);
    await pending(app);
    await app.housekeeping.turn();
    expect(await app.database.all('SELECT token_hash FROM mfa_challenges')).toHaveLength(1);
  });
});

describeApp('the token endpoint with two factors', (start) => {
  const post = async (app: TestApp, form: Record<string, string>) => {
    const response = await app.server.inject({
      method: 'POST',
      url: '/token',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams(form).toString(),
    });
    return { status: response.statusCode, body: JSON.parse(response.body) };
  };
  const PASSWORD_GRANT = { grant_type: 'password', username: CREDENTIALS.email, password: PASSWORD };
  const MFA_GRANT = { grant_type: 'urn:latchkey:mfa' };

  it('answers 400 mfa_required with a token, and a grant of its own completes the login', async () => {
    const app = await start();
    const { nextCode, recoveryCodes } = await enrolled(app);
    const first = await post(app, PASSWORD_GRANT);
    expect(first).toMatchObject({ status: 400, body: { error: 'mfa_required' } });
    const mfa_token: string = first.body.mfa_token;
    expect(mfa_token).toMatch(/^lkm_/);
    const wrong = await post(app, { ...MFA_GRANT, mfa_token, otp: '000000' });
    expect(wrong).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant', error_description: 'Invalid code' },
    });
    const done = await post(app, { ...MFA_GRANT, mfa_token, otp: nextCode() });
    expect(done).toMatchObject({
      status: 200,
      body: { token_type: 'bearer', device_token: expect.any(String) },
    });
    expect(app.tokens.verifyAccessToken(done.body.access_token)).toMatchObject({ acr: 'aal2' });
    const spent = await post(app, { ...MFA_GRANT, mfa_token, otp: nextCode() });
    expect(spent).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });

    const second = (await post(app, PASSWORD_GRANT)).body.mfa_token;
    const [recovery_code = ''] = recoveryCodes;
    expect((await post(app, { ...MFA_GRANT, mfa_token: second, recovery_code })).status).toBe(200);
  });

  it.each([
    {},
    { mfa_token: 'lkm_x' },
    { otp: '123456' },
    { mfa_token: 'lkm_x', otp: '1', recovery_code: '1' },
  ])('a form without what the grant needs is invalid_request: %j', async (form) => {
    const app = await start();
    expect(await post(app, { ...MFA_GRANT, ...form })).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    });
  });
});
