import { expect, it } from '@jest/globals';
import {
  CHANGE_PASSWORD,
  LOGIN,
  LOGIN_WITH_CODE,
  LOGIN_WITH_LINK,
  login,
  ME,
  REQUEST_MAGIC_LINK,
  register,
} from '../support/documents.ts';
import { eventsOf } from '../support/events.ts';
import { lettersTo, mailedCode, mailedToken, subjectsTo } from '../support/letters.ts';
import { describeApp, PASSWORD, type Sender, type TestApp } from '../support/start-app.ts';

const ADA = 'ada@example.com';
const MINUTE_MS = 60_000;
const ON = { config: { magicLinks: true } } as const;

const request = (app: TestApp, email = ADA, sender?: Sender) =>
  app.send(REQUEST_MAGIC_LINK, { input: { email } }, sender);

const withLink = (app: TestApp, token: string, deviceName?: string) =>
  app.send(LOGIN_WITH_LINK, { input: { token, deviceName } });

const withCode = (app: TestApp, code: string, email = ADA, sender?: Sender) =>
  app.send(LOGIN_WITH_CODE, { input: { email, code } }, sender);

/** A code other than the right one. */
const wrongFor = (code: string, n = 1) => String((Number(code) + n) % 100_000_000).padStart(8, '0');

/** An account that has been mailed a link and a code. */
async function startAsked(start: (options: typeof ON) => Promise<TestApp>) {
  const app = await start(ON);
  const { user } = await register(app);
  await request(app);
  return { app, user, token: await mailedToken(app, '/magic-link'), code: await mailedCode(app) };
}

describeApp('magic links', (start) => {
  it('a magic link opens one session, and proves the address', async () => {
    const app = await start(ON);
    const { user } = await register(app);
    expect((await request(app)).data).toEqual({ requestMagicLink: { expiresIn: 600 } });
    const token = await mailedToken(app, '/magic-link');

    const auth = (await withLink(app, token, 'phone')).data.loginWithMagicLink;
    expect(auth).toMatchObject({
      user: { id: user.id, emailVerified: true },
      session: { amr: ['otp'], deviceName: 'phone', current: true },
    });
    expect((await app.send(ME, {}, { token: auth.accessToken })).data.me.id).toBe(user.id);
    expect((await withLink(app, token)).code).toBe('INVALID_TOKEN');
    const [event] = await eventsOf(app, 'authn_login_success');
    expect(event).toMatchObject({ userId: user.id, sessionId: auth.session.id });
  });

  it('a magic link and the code beside it work once between them', async () => {
    const { app, token, code } = await startAsked(start);
    expect((await withCode(app, code)).code).toBe('OK');
    expect((await withLink(app, token)).code).toBe('INVALID_TOKEN');
    expect((await withCode(app, code)).code).toBe('INVALID_TOKEN');
  });

  it('a magic link and its code work for 10 minutes and no longer (OTT-1)', async () => {
    const { app, token, code } = await startAsked(start);
    app.clock.travel(10 * MINUTE_MS);
    expect((await withLink(app, token)).code).toBe('INVALID_TOKEN');
    expect((await withCode(app, code)).code).toBe('INVALID_TOKEN');
    await request(app);
    app.clock.travel(10 * MINUTE_MS - 1);
    expect((await withLink(app, await mailedToken(app, '/magic-link'))).code).toBe('OK');
  });

  it('a new request ends the magic link and code of the earlier one, and a change of password ends all (OTT-2)', async () => {
    const { app, token, code } = await startAsked(start);
    await request(app);
    expect((await withLink(app, token)).code).toBe('INVALID_TOKEN');
    const newer = await mailedToken(app, '/magic-link');
    if ((await mailedCode(app)) !== code) expect((await withCode(app, code)).code).toBe('INVALID_TOKEN');

    const { accessToken } = await login(app);
    const input = { currentPassword: PASSWORD, newPassword: 'another horse altogether' };
    await app.send(CHANGE_PASSWORD, { input }, { token: accessToken });
    expect((await withLink(app, newer)).code).toBe('INVALID_TOKEN');
  });

  it('a disabled account gets no magic link, and one mailed earlier does not open it (LOG-1)', async () => {
    const { app, token, code } = await startAsked(start);
    await app.admin.disable(ADA);
    expect((await withLink(app, token)).code).toBe('INVALID_TOKEN');
    expect((await withCode(app, code)).code).toBe('INVALID_TOKEN');
    await request(app);
    expect(await lettersTo(app)).toHaveLength(1);
    expect(await app.database.all('SELECT id FROM sessions WHERE revoked_at IS NULL')).toEqual([]);
  });

  it('a magic link logs in an unverified account where verification is required, because it verifies the address', async () => {
    const app = await start();
    const { user } = await register(app);
    const strict = await start({
      config: { registration: 'verify', magicLinks: true },
      database: app.database,
    });
    const credentials = { email: ADA, password: PASSWORD };
    expect((await strict.send(LOGIN, { input: credentials })).code).toBe('INVALID_CREDENTIALS');
    await request(strict);
    const { data } = await withLink(strict, await mailedToken(strict, '/magic-link'));
    expect(data.loginWithMagicLink.user).toMatchObject({ id: user.id, emailVerified: true });
  });

  it('magic links and codes work while an attacker guesses at the password (LOG-6)', async () => {
    const { app, token } = await startAsked(start);
    for (let i = 0; i < 6; i += 1) {
      const input = { email: ADA, password: 'wrong horse battery staple' };
      await app.send(LOGIN, { input }, { ip: `203.0.113.${i}` });
    }
    expect((await withLink(app, token)).code).toBe('OK');
    await request(app);
    expect((await withCode(app, await mailedCode(app))).code).toBe('OK');
    const [event] = await eventsOf(app, 'authn_login_successafterfail');
    expect(event).toBeDefined();
    expect(await subjectsTo(app)).toContain('A login after failed attempts');
  });

  it('magic links and codes are off by default', async () => {
    const app = await start();
    await register(app);
    for (const answer of [
      await request(app),
      await withLink(app, `lko_${'A'.repeat(43)}`),
      await withCode(app, '12345678'),
    ])
      expect(answer.code).toBe('FEATURE_DISABLED');
    expect(await lettersTo(app)).toEqual([]);
  });
});

describeApp('mailed codes', (start) => {
  it('a mailed code logs in with or without spaces, and only for the address it was mailed to', async () => {
    const { app, user, code } = await startAsked(start);
    await register(app, 'eve@example.com');
    expect((await withCode(app, code, 'eve@example.com')).code).toBe('INVALID_TOKEN');
    const auth = (await withCode(app, ` ${code.slice(0, 4)} ${code.slice(4)} `)).data.loginWithEmailCode;
    expect(auth).toMatchObject({ user: { id: user.id, emailVerified: true }, session: { amr: ['otp'] } });
  });

  it('a mailed code from a clock that ran ahead does not work while the clock is right (CR-7)', async () => {
    const { app, code } = await startAsked(start);
    app.clock.travel(-365 * 24 * 60 * MINUTE_MS);
    expect((await withCode(app, code)).code).toBe('INVALID_TOKEN');
    app.clock.travel(365 * 24 * 60 * MINUTE_MS);
    expect((await withCode(app, code)).code).toBe('OK');
  });

  it('a mailed code is invalid after five wrong tries, and the link beside it still works', async () => {
    const { app, token, code } = await startAsked(start);
    for (let i = 1; i <= 5; i += 1)
      expect((await withCode(app, wrongFor(code, i))).code).toBe('INVALID_TOKEN');
    app.clock.travel(2_000);
    expect((await withCode(app, code)).code).toBe('INVALID_TOKEN');
    expect((await withLink(app, token)).code).toBe('OK');
  });

  it('a newer code has tries of its own when those of the earlier code are used up', async () => {
    const { app, code } = await startAsked(start);
    for (let i = 1; i <= 5; i += 1) await withCode(app, wrongFor(code, i));
    app.clock.travel(2_000);
    expect((await withCode(app, code)).code).toBe('INVALID_TOKEN');
    await request(app);
    app.clock.travel(MINUTE_MS);
    const newer = await mailedCode(app);
    for (let i = 1; i <= 4; i += 1) {
      expect((await withCode(app, wrongFor(newer, i))).code).toBe('INVALID_TOKEN');
      app.clock.travel(MINUTE_MS);
    }
    expect((await withCode(app, newer)).code).toBe('OK');
  });

  it('a right code ends the run of failures before it, and does not count as a failure of its network (LOG-3)', async () => {
    const app = await start({
      config: { magicLinks: true, addressMails: 100, networkMails: 100, networkFailures: 12 },
    });
    await register(app);
    const logIn = async () => {
      await request(app);
      return (await withCode(app, await mailedCode(app))).code;
    };
    for (let round = 0; round < 2; round += 1) {
      await request(app);
      const code = await mailedCode(app);
      for (let i = 1; i <= 4; i += 1)
        expect((await withCode(app, wrongFor(code, i))).code).toBe('INVALID_TOKEN');
      expect((await withCode(app, code)).code).toBe('OK');
    }
    // Of the network's twelve failures four are left, which the right ones do not take.
    for (let i = 0; i < 6; i += 1) expect(await logIn()).toBe('OK');
  });

  it('a mailed code is accepted at the fifth try', async () => {
    const { app, code } = await startAsked(start);
    for (let i = 1; i <= 4; i += 1) await withCode(app, wrongFor(code, i));
    expect((await withCode(app, code)).code).toBe('OK');
  });

  it('a mailed code is compared at most five times in a burst, even without throttles (LOG-3, ASVS 6.6.3)', async () => {
    const app = await start({ config: { magicLinks: true, throttles: false } });
    await register(app);
    await request(app);
    const code = await mailedCode(app);
    await Promise.all(Array.from({ length: 40 }, (_, i) => withCode(app, wrongFor(code, i + 1))));
    expect(await app.database.all('SELECT tries_left AS "triesLeft" FROM one_time_tokens')).toEqual([
      { triesLeft: 0 },
    ]);
    expect((await withCode(app, code)).code).toBe('INVALID_TOKEN');
  });

  it('wrong codes slow their address down, whether it has an account or not (LOG-3)', async () => {
    const app = await start({ config: { magicLinks: true, networkFailures: 100 } });
    await register(app);
    for (const email of [ADA, 'nobody@example.com']) {
      await request(app, email);
      const codes = [];
      for (let i = 0; i < 6; i += 1)
        codes.push((await withCode(app, '00000000', email, { ip: `203.0.113.${i}` })).code);
      expect(codes).toEqual([...Array(5).fill('INVALID_TOKEN'), 'TOO_MANY_REQUESTS']);
    }
    // The password has a run of its own.
    expect((await login(app)).user.email).toBe(ADA);
  });

  it('loginWithEmailCode answers every cause of failure alike, byte for byte, with one write each (LOG-1, LOG-2)', async () => {
    const { app, code } = await startAsked(start);
    await register(app, 'never-asked@example.com');
    await register(app, 'off@example.com');
    await request(app, 'off@example.com');
    await app.admin.disable('off@example.com');
    const answers = [
      await withCode(app, wrongFor(code)),
      await withCode(app, code, 'never-asked@example.com'),
      await withCode(app, code, 'nobody@example.com'),
      await withCode(app, code, 'off@example.com'),
      await withCode(app, ''),
      await withCode(app, '1234567890'),
    ];
    const seen = answers.map(({ status, body, headers: { date: _date, 'x-request-id': _id, ...rest } }) =>
      JSON.stringify({ status, body, rest }),
    );
    expect(new Set(seen).size).toBe(1);
    expect(answers[0]?.code).toBe('INVALID_TOKEN');
    expect(await eventsOf(app, 'authn_login_fail')).toHaveLength(answers.length);
  });

  it('stored tokens, audit events and the log contain no mailed code or link token in plain text', async () => {
    const { app, code, token } = await startAsked(start);
    const rows = JSON.stringify([
      await app.database.all('SELECT * FROM one_time_tokens'),
      await app.database.all('SELECT * FROM audit_events'),
      app.lines,
    ]);
    expect(rows).not.toContain(code);
    expect(rows).not.toContain(token);
  });
});
