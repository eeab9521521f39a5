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
  it('answers with the next token of the same session and a fresh access token (RT-2)', async () => {
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

  it('stays with its client, scope, audience and user, and has no input that could widen them (RT-7)', async () => {
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

  it('keeps neither the token nor its secret in the database (RT-1)', async () => {
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

  it('gives two tabs the same successor (RT-5)', async () => {
    const app = await start();
    const { refreshToken } = await register(app);
    const answers = await Promise.all(Array.from({ length: 10 }, () => refreshed(app, refreshToken)));
    expect(new Set(answers.map((auth) => auth.refreshToken)).size).toBe(1);
    const [current] = answers;
    expect((await refresh(app, current?.refreshToken ?? '')).code).toBe('OK');
  });

  it('answers a retry within the window with the current token, the same bytes (RT-4)', async () => {
    const app = await start();
    const first = await register(app);
    const second = await refreshed(app, first.refreshToken);
    app.clock.travel(WINDOW_MS);
    const retried = await refreshed(app, first.refreshToken);
    expect(retried.refreshToken).toBe(second.refreshToken);
    expect(retried.accessToken).not.toBe(second.accessToken);
  });

  it('gives every token of one burst the current one, and the window is not prolonged by it (RT-4)', async () => {
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

  it('ends the session, and no other, when a token comes back after the window (RT-3)', async () => {
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

  it('detects reuse over the whole life of a session and a restart (RT-3)', async () => {
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

  it('never reopens an ended session, however recent the token (RT-4, RT-8)', async () => {
    const app = await start();
    const first = await register(app);
    const second = await refreshed(app, first.refreshToken);
    await app.send(LOGOUT, {}, { token: second.accessToken });
    for (const token of [first.refreshToken, second.refreshToken]) {
      expect((await refresh(app, token)).code).toBe('INVALID_REFRESH_TOKEN');
    }
    expect(await eventsOf(app, 'authn_token_reuse')).toEqual([]);
  });

  it('allows no retry at all with a window of 0', async () => {
    const app = await start({ config: { refreshRetryWindowSeconds: 0 } });
    const first = await register(app);
    await refreshed(app, first.refreshToken);
    expect((await refresh(app, first.refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
  });

  it('writes an event when a retry comes from elsewhere, and none when it does not', async () => {
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

  it('writes a few events a minute for retries from elsewhere, however many there are', async () => {
    const app = await start();
    const { refreshToken } = await register(app);
    await refreshed(app, refreshToken);
    for (let i = 0; i < 30; i += 1) await refreshed(app, refreshToken, { userAgent: `curl/${i}` });
    expect(await eventsOf(app, 'authn_token_retry')).toHaveLength(10);
  });

  it('moves forward with the token of a write that was lost, and records it (RT-5)', async () => {
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

  it('does not judge a rotation that lies over a minute in the future', async () => {
    const app = await start();
    const first = await register(app);
    const second = await refreshed(app, first.refreshToken);
    await app.database.run('UPDATE sessions SET rotated_at = rotated_at + 60001');
    expect((await refresh(app, first.refreshToken)).code).toBe('UNAVAILABLE');
    expect((await refresh(app, second.refreshToken)).code).toBe('OK');
  });

  it('takes a rotation of the near future for one of this moment', async () => {
    const app = await start();
    const first = await register(app);
    const second = await refreshed(app, first.refreshToken);
    app.clock.travel(-40_000);
    expect((await refreshed(app, first.refreshToken)).refreshToken).toBe(second.refreshToken);
  });

  it('refuses a mac forged over a known session, and ends nothing (RT-3)', async () => {
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

  it('has one spelling of each token', async () => {
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

  it('works whatever the Authorization header holds (AT-8)', async () => {
    const app = await start();
    let { refreshToken, accessToken } = await register(app);
    app.clock.travel(3_600_000);
    for (const authorization of [`Bearer ${accessToken}`, 'Bearer x', 'Basic YTpi', 'Bearer']) {
      const answer = await app.send(REFRESH, { input: { refreshToken } }, { headers: { authorization } });
      expect(answer.code).toBe('OK');
      refreshToken = answer.data.refreshToken.refreshToken;
    }
  });

  it('takes no access token, and its own token opens no protected field (AT-2)', async () => {
    const app = await start();
    const { refreshToken, accessToken } = await register(app);
    expect((await refresh(app, accessToken)).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await app.send(ME, {}, { token: refreshToken })).code).toBe('UNAUTHENTICATED');
  });

  it('says so when it is given nothing', async () => {
    const app = await start();
    expect((await app.send(REFRESH)).errors?.[0]?.extensions).toEqual({
      code: 'BAD_USER_INPUT',
      field: 'input',
    });
  });

  it('outlives the rotation of the master secret, appended, promoted and removed (KEY-4)', async () => {
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
