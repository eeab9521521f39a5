import { randomBytes } from 'node:crypto';
import { expect, it } from '@jest/globals';
import jwt from 'jsonwebtoken';
import { createRefreshTokens } from '../../../src/core/tokens/refresh-token.ts';
import { createKeyring } from '../../../src/crypto/keyring.ts';
import { LOGOUT, login, ME, REFRESH, refresh, refreshed, register } from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { describeApp, startApp } from '../../support/start-app.ts';

const WINDOW_MS = 30_000;

describeApp('refreshToken', (start, engine) => {
  it('refreshToken answers with the next token of the same session and a fresh access token (RT-2)', async () => {
    const app = await start();
    const first = await register(app);
    app.clock.travel(60_000);
    const second = await refreshed(app, first.refreshToken);
    expect(second.refreshToken).not.toBe(first.refreshToken);
    expect(second.accessToken).not.toBe(first.accessToken);
    expect(second.session).toMatchObject({
      id: first.session.id,
      current: true,
      lastUsedAt: '2027-01-01T00:01:00.000Z',
    });
    expect(second.user).toEqual(first.user);
    expect((await app.send(ME, {}, { token: second.accessToken })).code).toBe('OK');
  });

  it('refreshToken keeps the client, scope, audience and user of its session, and has no input to widen them (RT-7)', async () => {
    const app = await start();
    const first = await register(app);
    const second = await refreshed(app, first.refreshToken);
    const bound = (token: string) => {
      const { iss, aud, sub, sid, client_id, scope, amr, auth_time } =
        jwt.decode(token, { json: true }) ?? {};
      return { iss, aud, sub, sid, client_id, scope, amr, auth_time };
    };
    expect(bound(second.accessToken)).toEqual(bound(first.accessToken));
    const input = { refreshToken: second.refreshToken, scope: 'admin' };
    expect((await app.send(REFRESH, { input })).code).toBe('BAD_USER_INPUT');
  });

  it('the database holds neither a refresh token nor its secret (RT-1)', async () => {
    const app = await start();
    const { refreshToken } = await register(app);
    const { refreshToken: next } = await refreshed(app, refreshToken);
    const rows = JSON.stringify(await app.database.all('SELECT * FROM sessions'));
    for (const token of [refreshToken, next]) {
      const secret = Buffer.from(token.slice(4), 'base64url').subarray(25, 57);
      for (const encoding of ['base64', 'base64url', 'hex'] as const)
        expect(rows).not.toContain(secret.toString(encoding));
      expect(rows).not.toContain(token);
    }
  });

  it('ten requests at once with one refresh token get the same successor (RT-5)', async () => {
    const app = await start();
    const { refreshToken } = await register(app);
    const answers = await Promise.all(Array.from({ length: 10 }, () => refreshed(app, refreshToken)));
    expect(new Set(answers.map((auth) => auth.refreshToken)).size).toBe(1);
    const [current] = answers;
    expect((await refresh(app, current?.refreshToken ?? '')).code).toBe('OK');
  });

  it('a retry within the window gets the current refresh token, byte for byte (RT-4)', async () => {
    const app = await start();
    const first = await register(app);
    const second = await refreshed(app, first.refreshToken);
    app.clock.travel(WINDOW_MS);
    const retried = await refreshed(app, first.refreshToken);
    expect(retried.refreshToken).toBe(second.refreshToken);
    expect(retried.accessToken).not.toBe(second.accessToken);
  });

  it('every refresh token of a burst gets the current one, and a retry does not prolong the window (RT-4)', async () => {
    const app = await start();
    const tokens = [(await register(app)).refreshToken];
    for (let rotation = 0; rotation < 3; rotation += 1) {
      app.clock.travel(9_000);
      tokens.push((await refreshed(app, tokens.at(-1) ?? '')).refreshToken);
    }
    const current = tokens.at(-1);
    for (const token of tokens.slice(0, -1)) expect((await refreshed(app, token)).refreshToken).toBe(current);
    app.clock.travel(WINDOW_MS - 18_000);
    expect((await refreshed(app, tokens[0] ?? '')).refreshToken).toBe(current);
    app.clock.travel(1);
    expect((await refresh(app, tokens[0] ?? '')).code).toBe('INVALID_REFRESH_TOKEN');
  });

  it('a refresh token that comes back after the window ends its session and no other (RT-3)', async () => {
    const app = await start();
    const stolen = await register(app);
    const other = await login(app);
    const thief = await refreshed(app, stolen.refreshToken);
    app.clock.travel(WINDOW_MS + 1);
    expect((await refresh(app, stolen.refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await refresh(app, thief.refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await app.send(ME, {}, { token: thief.accessToken })).code).toBe('UNAUTHENTICATED');
    expect((await refresh(app, other.refreshToken)).code).toBe('OK');
    const events = await eventsOf(app, 'authn_token_reuse');
    expect(events).toEqual([
      expect.objectContaining({ sessionId: stolen.session.id, userId: stolen.user.id }),
    ]);
  });

  it('reuse of a refresh token is detected after 20 days of rotations and a restart (RT-3)', async () => {
    const app = await start();
    const first = await register(app);
    let current = first;
    for (let rotation = 0; rotation < 20; rotation += 1) {
      app.clock.travel(86_400_000);
      current = await refreshed(app, current.refreshToken);
    }
    const restarted = await startApp({
      engine,
      database: app.database,
      clock: app.clock,
      config: { secrets: app.config.secrets },
    });
    expect((await refresh(restarted, first.refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await refresh(restarted, current.refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    await restarted.stop();
  });

  it('a refresh token of an ended session is refused, however recent it is (RT-4, RT-8)', async () => {
    const app = await start();
    const first = await register(app);
    const second = await refreshed(app, first.refreshToken);
    await app.send(LOGOUT, {}, { token: second.accessToken });
    for (const token of [first.refreshToken, second.refreshToken]) {
      expect((await refresh(app, token)).code).toBe('INVALID_REFRESH_TOKEN');
    }
    expect(await eventsOf(app, 'authn_token_reuse')).toEqual([]);
  });

  it('a retry with a spent refresh token is refused when the window is 0', async () => {
    const app = await start({ config: { refreshRetryWindowSeconds: 0 } });
    const first = await register(app);
    await refreshed(app, first.refreshToken);
    expect((await refresh(app, first.refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
  });

  it('a retry is recorded only when it comes from another network or user agent', async () => {
    const app = await start();
    const home = { ip: '2001:db8:1:2::3', userAgent: 'home/1' };
    const { refreshToken } = await register(app, 'ada@example.com', home);
    await refreshed(app, refreshToken, home);
    await refreshed(app, refreshToken, { ...home, ip: '2001:db8:1:2:ffff::9' });
    expect(await eventsOf(app, 'authn_token_retry')).toEqual([]);
    await refreshed(app, refreshToken, { ...home, ip: '2001:db8:1:3::3' });
    await refreshed(app, refreshToken, { ...home, userAgent: 'curl/8' });
    expect(await eventsOf(app, 'authn_token_retry')).toHaveLength(2);
  });

  it('retries from elsewhere record at most 10 events a minute', async () => {
    const app = await start();
    const { refreshToken } = await register(app);
    await refreshed(app, refreshToken);
    for (let i = 0; i < 30; i += 1) await refreshed(app, refreshToken, { userAgent: `curl/${i}` });
    expect(await eventsOf(app, 'authn_token_retry')).toHaveLength(10);
  });

  it('a refresh token whose write was lost moves its session forward, and the skip is recorded (RT-5)', async () => {
    const app = await start();
    let current = await register(app);
    for (let rotation = 0; rotation < 5; rotation += 1) {
      app.clock.travel(60_000);
      current = await refreshed(app, current.refreshToken);
    }
    await app.database.run('UPDATE sessions SET generation = 2');
    const next = await refreshed(app, current.refreshToken);
    expect((await refresh(app, next.refreshToken)).code).toBe('OK');
    const [event] = await eventsOf(app, 'authn_token_skip');
    expect(JSON.parse(event?.details ?? '')).toEqual({ skipped: 3 });
  });

  it('a spent refresh token gets UNAVAILABLE when the last rotation lies over a minute in the future', async () => {
    const app = await start();
    const first = await register(app);
    const second = await refreshed(app, first.refreshToken);
    await app.database.run('UPDATE sessions SET rotated_at = rotated_at + 60001');
    expect((await refresh(app, first.refreshToken)).code).toBe('UNAVAILABLE');
    expect((await refresh(app, second.refreshToken)).code).toBe('OK');
  });

  it('a spent refresh token is taken as a retry when the last rotation lies 40 seconds in the future', async () => {
    const app = await start();
    const first = await register(app);
    const second = await refreshed(app, first.refreshToken);
    app.clock.travel(-40_000);
    expect((await refreshed(app, first.refreshToken)).refreshToken).toBe(second.refreshToken);
  });

  it('a refresh token that is forged for a known session is refused and ends nothing (RT-3)', async () => {
    const app = await start();
    const first = await register(app);
    const rightKey = createRefreshTokens(createKeyring(app.config.secrets, 'refresh-token'));
    const wrongKey = createRefreshTokens(createKeyring([randomBytes(32)], 'refresh-token'));
    const token = rightKey.decode(first.refreshToken);
    if (token === undefined) throw new Error('not a token of this server');
    await refreshed(app, first.refreshToken);
    app.clock.travel(WINDOW_MS + 1);
    const forgeries = [wrongKey.encode(token), rightKey.encode({ ...token, familySecret: randomBytes(32) })];
    for (const forgery of forgeries) expect((await refresh(app, forgery)).code).toBe('INVALID_REFRESH_TOKEN');
    expect(await app.database.all('SELECT id FROM sessions WHERE revoked_at IS NOT NULL')).toEqual([]);
  });

  it('a refresh token is accepted in one spelling only', async () => {
    const app = await start();
    const { refreshToken } = await register(app);
    const last = refreshToken.at(-1) ?? '';
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const others = [...alphabet]
      .filter((character) => character !== last)
      .map((character) => refreshToken.slice(0, -1) + character);
    for (const other of [...others, `${refreshToken}=`, ` ${refreshToken}`, refreshToken.toUpperCase()]) {
      expect((await refresh(app, other)).code).toBe('INVALID_REFRESH_TOKEN');
    }
    expect((await refresh(app, refreshToken)).code).toBe('OK');
  });

  it('refreshToken ignores an Authorization header that is malformed or holds an expired token (AT-8)', async () => {
    const app = await start();
    let { refreshToken, accessToken } = await register(app);
    app.clock.travel(3_600_000);
    for (const authorization of [`Bearer ${accessToken}`, 'Bearer x', 'Basic YTpi', 'Bearer']) {
      const answer = await app.send(REFRESH, { input: { refreshToken } }, { headers: { authorization } });
      expect(answer.code).toBe('OK');
      refreshToken = answer.data.refreshToken.refreshToken;
    }
  });

  it('access and refresh tokens are refused in each other’s place (AT-2)', async () => {
    const app = await start();
    const { refreshToken, accessToken } = await register(app);
    expect((await refresh(app, accessToken)).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await app.send(ME, {}, { token: refreshToken })).code).toBe('UNAUTHENTICATED');
  });

  it('refreshToken without its input is refused as BAD_USER_INPUT', async () => {
    const app = await start();
    expect((await app.send(REFRESH)).errors?.[0]?.extensions).toEqual({
      code: 'BAD_USER_INPUT',
      field: 'input',
    });
  });

  it('refreshToken works at each step of a rotation of the master secret: appended, promoted and removed (KEY-4)', async () => {
    const [older, newer] = [randomBytes(32), randomBytes(32)];
    const app = await start({ config: { secrets: [older] } });
    let { refreshToken } = await register(app);
    for (const secrets of [
      [older, newer],
      [newer, older],
    ]) {
      const next = await startApp({ engine, database: app.database, clock: app.clock, config: { secrets } });
      app.clock.travel(60_000);
      ({ refreshToken } = await refreshed(next, refreshToken));
      if (secrets[0] === newer) expect(await next.tokens.reseal()).toBe(1);
      await next.stop();
    }
    const last = await startApp({
      engine,
      database: app.database,
      clock: app.clock,
      config: { secrets: [newer] },
    });
    expect((await refresh(last, refreshToken)).code).toBe('OK');
    await last.stop();
  });
});
