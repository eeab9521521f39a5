import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  LOGIN,
  LOGOUT,
  login,
  ME,
  REAUTHENTICATE,
  REVOKE,
  refresh,
  refreshed,
  register,
  SESSIONS,
} from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { describeApp, PASSWORD, startApp, type TestApp } from '../../support/start-app.ts';

const FRESH_MS = 10 * 60_000;
const DAY_MS = 86_400_000;

describeApp('sessions', (start, engine) => {
  it('sessions are listed for their owner alone, the most recently used first (SES-2)', async () => {
    const app = await start();
    const first = await register(app);
    app.clock.travel(1_000);
    const second = await login(app, { deviceName: 'phone' });
    await register(app, 'eve@example.com');
    app.clock.travel(1_000);
    await refreshed(app, first.refreshToken, { ip: '198.51.100.9', userAgent: 'laptop/2' });

    const { data } = await app.send(SESSIONS, {}, { token: second.accessToken });
    expect(data.sessions).toEqual([
      {
        id: first.session.id,
        current: false,
        deviceName: null,
        ip: '198.51.100.9',
        userAgent: 'laptop/2',
        lastUsedAt: '2027-01-01T00:00:02.000Z',
      },
      expect.objectContaining({ id: second.session.id, current: true, deviceName: 'phone' }),
    ]);
  });

  it.each([
    ['idle lifetime', { sessionIdleTtlSeconds: 4 }, 4, 4],
    ['absolute lifetime', { sessionIdleTtlSeconds: 300, sessionAbsoluteTtlSeconds: 300 }, 300, 297],
  ])(
    'an access token of a session with a short %s lasts as long as the session has left (AT-3, RT-6)',
    async (_, config, first, then) => {
      const app = await start({ config });
      const opened = await register(app);
      const lifetimeOf = (token: string) => {
        const { iat, exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
        return exp - iat;
      };
      expect([opened.expiresIn, lifetimeOf(opened.accessToken)]).toEqual([first, first]);
      expect(opened.expiresAt).toBe(opened.session.idleExpiresAt);

      app.clock.travel(3_000);
      const next = await refreshed(app, opened.refreshToken);
      expect([next.expiresIn, lifetimeOf(next.accessToken)]).toEqual([then, then]);
      const { body } = await app.server.inject({
        method: 'POST',
        url: '/token/refresh',
        headers: { authorization: `Bearer ${next.refreshToken}` },
      });
      const rest = JSON.parse(body);
      expect(rest.expires_in).toBe(then);
      expect((await app.send(ME, {}, { token: next.accessToken })).code).toBe('OK');

      // In the last second of the session, too, a token is one.
      app.clock.travel(then * 1_000 - 200);
      const last = await refreshed(app, rest.refresh_token);
      expect(last.expiresIn).toBeGreaterThanOrEqual(1);
      expect((await app.send(ME, {}, { token: last.accessToken })).code).toBe('OK');
    },
  );

  it('a session says whether it is the current one, also inside the answer that opened it', async () => {
    const app = await start();
    const { session, accessToken } = await register(app);
    const answer = await app.send(
      'mutation Login($input: LoginInput!) { login(input: $input) { session { id } user { sessions { id current } } } }',
      { input: { email: 'ada@example.com', password: PASSWORD } },
      { token: accessToken },
    );
    const { login: opened } = answer.data;
    expect(opened.user.sessions).toContainEqual({ id: opened.session.id, current: true });
    expect(opened.user.sessions).toContainEqual({ id: session.id, current: false });
    const mine = await app.send(
      '{ session { id current } me { sessions { id current } } }',
      {},
      { token: accessToken },
    );
    expect(mine.data.session).toEqual({ id: session.id, current: true });
    expect(mine.data.me.sessions).toContainEqual({ id: session.id, current: true });
  });

  it('revokeSession ends one session of its owner, and answers NOT_FOUND to another user (SES-2)', async () => {
    const app = await start();
    const first = await register(app);
    const second = await login(app);
    const eve = await register(app, 'eve@example.com');

    const revoke = (id: string, token: string) => app.send(REVOKE, { input: { id } }, { token });
    expect((await revoke(second.session.id, eve.accessToken)).code).toBe('NOT_FOUND');
    expect((await revoke('no-such-session', first.accessToken)).code).toBe('NOT_FOUND');
    expect((await revoke(second.session.id, first.accessToken)).data.revokeSession).toEqual({
      revokedSessions: 1,
    });
    expect((await revoke(second.session.id, first.accessToken)).data.revokeSession).toEqual({
      revokedSessions: 0,
    });
    expect((await app.send(ME, {}, { token: second.accessToken })).code).toBe('UNAUTHENTICATED');
    expect((await refresh(app, second.refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await app.send(ME, {}, { token: first.accessToken })).code).toBe('OK');
  });

  describe('revokeSession and a fresh authentication', () => {
    // Longer than an authentication is fresh, so that it is not the token that decides.
    const config = { accessTokenTtlSeconds: 3_600 };
    const revoke = (app: TestApp, id: string, token: string) =>
      app.send(REVOKE, { input: { id } }, { token });

    it('revokeSession of another session needs an authentication of the last 10 minutes, which a refresh does not renew (SES-2, SES-5)', async () => {
      const app = await start({ config });
      const [second, third] = [await register(app), await login(app)];
      const first = await login(app);
      app.clock.travel(FRESH_MS - 1_000);
      const { accessToken } = await refreshed(app, first.refreshToken);
      app.clock.travel(1_000);
      expect((await revoke(app, second.session.id, accessToken)).data.revokeSession).toEqual({
        revokedSessions: 1,
      });
      app.clock.travel(1);
      expect((await revoke(app, third.session.id, accessToken)).code).toBe('REAUTHENTICATION_REQUIRED');
      expect((await app.send(ME, {}, { token: third.accessToken })).code).toBe('OK');
    });

    it('revokeSession of another session refuses an authentication that lies in the future (SES-5, CR-7)', async () => {
      const app = await start({ config });
      const [first, second] = [await register(app), await login(app)];
      await app.database.run(`UPDATE sessions SET authenticated_at = authenticated_at + ${DAY_MS}`);
      expect((await revoke(app, second.session.id, first.accessToken)).code).toBe(
        'REAUTHENTICATION_REQUIRED',
      );
      const input = { password: PASSWORD };
      const { data } = await app.send(REAUTHENTICATE, { input }, { token: first.accessToken });
      expect((await revoke(app, second.session.id, data.reauthenticate.accessToken)).code).toBe('OK');
    });

    it('revokeSession of another session goes by the time of authentication in the row, not in the token (SES-5)', async () => {
      const app = await start({ config });
      const [first, second] = [await register(app), await login(app)];
      await app.database.run('UPDATE sessions SET authenticated_at = authenticated_at - 600001');
      expect((await revoke(app, second.session.id, first.accessToken)).code).toBe(
        'REAUTHENTICATION_REQUIRED',
      );
    });

    it('revokeSession of another session is possible again after reauthenticate (SES-5)', async () => {
      const app = await start({ config });
      const [first, second] = [await register(app), await login(app)];
      app.clock.travel(FRESH_MS + 1);
      const input = { password: PASSWORD };
      const { data } = await app.send(REAUTHENTICATE, { input }, { token: first.accessToken });
      const { accessToken } = data.reauthenticate;
      expect((await revoke(app, second.session.id, accessToken)).code).toBe('OK');
    });

    it('revokeSession answers NOT_FOUND for an unknown or another user’s session before it asks for a fresh authentication (SES-2)', async () => {
      const app = await start({ config });
      const [first, eve] = [await register(app), await register(app, 'eve@example.com')];
      app.clock.travel(FRESH_MS + 1);
      for (const id of [eve.session.id, 'no-such-session'])
        expect((await revoke(app, id, first.accessToken)).code).toBe('NOT_FOUND');
      expect((await app.send(ME, {}, { token: eve.accessToken })).code).toBe('OK');
    });

    // Logout is the panic button.
    it('revoking the current session and logging out the others or all need no fresh authentication', async () => {
      const app = await start({ config });
      const [first, second, third] = [await register(app), await login(app), await login(app)];
      app.clock.travel(FRESH_MS + 1);
      expect((await revoke(app, third.session.id, third.accessToken)).code).toBe('OK');
      for (const scope of ['OTHERS', 'ALL'])
        expect(
          (await app.send(LOGOUT, { input: { scope } }, { token: first.accessToken })).data.logout,
        ).toEqual({ revokedSessions: 1 });
      for (const { accessToken } of [first, second])
        expect((await app.send(ME, {}, { token: accessToken })).code).toBe('UNAUTHENTICATED');
    });

    it('a session that another process has just ended cannot revoke another one (AT-9)', async () => {
      const app = await start({ config });
      const [first, second] = [await register(app), await login(app)];
      expect((await app.send(ME, {}, { token: first.accessToken })).code).toBe('OK');
      await app.database.run('UPDATE sessions SET revoked_at = :now WHERE id = :id', {
        now: app.clock.now(),
        id: first.session.id,
      });
      expect((await revoke(app, second.session.id, first.accessToken)).code).toBe('UNAUTHENTICATED');
      expect((await app.send(ME, {}, { token: second.accessToken })).code).toBe('OK');
    });
  });

  it.each([
    [undefined, 1, ['UNAUTHENTICATED', 'OK']],
    ['CURRENT', 1, ['UNAUTHENTICATED', 'OK']],
    ['OTHERS', 1, ['OK', 'UNAUTHENTICATED']],
    ['ALL', 2, ['UNAUTHENTICATED', 'UNAUTHENTICATED']],
  ])(
    'logout with scope %s ends sessions and their access tokens at once (AT-9, SES-4)',
    async (scope, count, after) => {
      const app = await start();
      const first = await register(app);
      const second = await login(app);
      const eve = await register(app, 'eve@example.com');
      const input = scope === undefined ? undefined : { input: { scope } };
      expect((await app.send(LOGOUT, input, { token: first.accessToken })).data.logout).toEqual({
        revokedSessions: count,
      });
      const codes = [first, second].map(
        async (auth) => (await app.send(ME, {}, { token: auth.accessToken })).code,
      );
      expect(await Promise.all(codes)).toEqual(after);
      expect((await app.send(ME, {}, { token: eve.accessToken })).code).toBe('OK');
      expect(await eventsOf(app, 'authn_token_revoked')).toHaveLength(1);
    },
  );

  it('logout with a spent refresh token ends its session once, also beside an expired access token (RT-8)', async () => {
    const app = await start();
    const first = await register(app);
    const second = await login(app);
    await refreshed(app, first.refreshToken);
    app.clock.travel(3_600_000);
    const logout = (refreshToken: string, token?: string) =>
      app.send(LOGOUT, { input: { refreshToken } }, { token });
    expect((await logout(first.refreshToken, first.accessToken)).data.logout.revokedSessions).toBe(1);
    expect((await logout(first.refreshToken)).data.logout.revokedSessions).toBe(0);
    expect((await logout('lkr_nonsense')).data.logout.revokedSessions).toBe(0);
    expect((await refresh(app, second.refreshToken)).code).toBe('OK');
  });

  it('logout ends nothing for a refresh token made with the server’s own key but another session secret', async () => {
    const app = await start();
    const { session, accessToken, refreshToken } = await register(app);
    // As an attacker with the master secret and a session’s id would make it.
    const forged = app.tokens.refreshTokens.encode({
      sessionId: session.id,
      generation: 0,
      familySecret: randomBytes(32),
    });
    const logout = (token?: string) => app.send(LOGOUT, { input: { refreshToken: forged } }, { token });
    expect((await logout()).data.logout.revokedSessions).toBe(0);
    expect((await logout('an.expired.token')).data.logout.revokedSessions).toBe(0);
    expect((await refresh(app, forged)).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await app.send(ME, {}, { token: accessToken })).code).toBe('OK');
    expect((await refresh(app, refreshToken)).code).toBe('OK');
    expect(await eventsOf(app, 'authn_token_re%')).toEqual([]);
  });

  it('logout is refused when its bearer token and its refresh token disagree', async () => {
    const app = await start();
    const first = await register(app);
    const second = await login(app);
    const both = (refreshToken: string) =>
      app.send(LOGOUT, { input: { refreshToken } }, { token: first.accessToken });
    for (const other of [second.refreshToken, 'lkr_nonsense']) {
      expect((await both(other)).errors?.[0]?.extensions).toEqual({
        code: 'BAD_USER_INPUT',
        field: 'input.refreshToken',
      });
    }
    expect((await both(first.refreshToken)).data.logout.revokedSessions).toBe(1);
    expect((await refresh(app, second.refreshToken)).code).toBe('OK');
  });

  it('logout is recorded when it ends sessions, and not when it ends none', async () => {
    const app = await start();
    const { accessToken: token } = await register(app);
    await login(app);
    for (let i = 0; i < 3; i += 1) await app.send(LOGOUT, { input: { scope: 'OTHERS' } }, { token });
    expect(await eventsOf(app, 'authn_token_revoked')).toHaveLength(1);
    await app.send(LOGOUT, { input: { scope: 'ALL' } }, { token });
    expect(await eventsOf(app, 'authn_token_revoked')).toHaveLength(2);
  });

  it('logout needs a bearer token for scope OTHERS or ALL, and whenever it has no refresh token', async () => {
    const app = await start();
    const { refreshToken } = await register(app);
    for (const scope of ['OTHERS', 'ALL']) {
      expect((await app.send(LOGOUT, { input: { scope, refreshToken } })).code).toBe('UNAUTHENTICATED');
    }
    const bare = await app.send(LOGOUT);
    expect(bare.errors?.[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED', reason: 'TOKEN_MISSING' });
  });

  it('a session that ended in one process stops working within a second in every other one (AT-9)', async () => {
    const app = await start();
    const other = await startApp({
      engine,
      database: app.database,
      clock: app.clock,
      config: { secrets: app.config.secrets },
    });
    const { accessToken } = await register(app);
    expect((await other.send(ME, {}, { token: accessToken })).code).toBe('OK');
    await app.send(LOGOUT, {}, { token: accessToken });
    expect((await app.send(ME, {}, { token: accessToken })).code).toBe('UNAUTHENTICATED');
    app.clock.travel(1_000);
    expect((await other.send(ME, {}, { token: accessToken })).code).toBe('UNAUTHENTICATED');
    await other.stop();
  });

  it('a session that cannot be looked up is answered UNAVAILABLE, not signed out', async () => {
    const app = await start();
    const { accessToken, refreshToken } = await register(app);
    await app.database.close();
    app.clock.travel(2_000);
    expect((await app.send(ME, {}, { token: accessToken })).code).toBe('UNAVAILABLE');
    expect((await refresh(app, refreshToken)).code).toBe('UNAVAILABLE');
    expect((await app.send(LOGIN, { input: { email: 'ada@example.com', password: PASSWORD } })).code).toBe(
      'UNAVAILABLE',
    );
  });

  it('a session ends after 14 idle days, and 30 days after login however much it is used (RT-6)', async () => {
    const app = await start();
    const idle = await register(app);
    let busy = await login(app);
    for (let day = 0; day < 28; day += 7) {
      app.clock.travel(7 * DAY_MS);
      busy = await refreshed(app, busy.refreshToken);
    }
    expect((await refresh(app, idle.refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    expect(busy.refreshExpiresAt).toBe('2027-01-31T00:00:00.000Z');
    app.clock.travel(2 * DAY_MS);
    expect((await refresh(app, busy.refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await app.send(ME, {}, { token: busy.accessToken })).code).toBe('UNAUTHENTICATED');
  });

  it('a session that a wrong clock opened in the future is not renewed, and can still be ended (CR-7)', async () => {
    const app = await start();
    await register(app);
    app.clock.travel(365 * DAY_MS);
    const future = await login(app);
    app.clock.travel(-365 * DAY_MS);
    expect((await app.send(ME, {}, { token: future.accessToken })).code).toBe('UNAUTHENTICATED');
    expect((await refresh(app, future.refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
    const { accessToken } = await login(app);
    const { data } = await app.send(LOGOUT, { input: { scope: 'ALL' } }, { token: accessToken });
    expect(data.logout.revokedSessions).toBe(3);
    app.clock.travel(365 * DAY_MS);
    expect((await refresh(app, future.refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
  });

  it('sessions that a wrong clock opened are not listed, and end before any other at the limit (RT-9, CR-7)', async () => {
    const app = await start({ config: { throttles: false } });
    await register(app);
    app.clock.travel(365 * DAY_MS);
    for (let i = 0; i < 3; i += 1) await login(app);
    app.clock.travel(-365 * DAY_MS);
    for (let i = 0; i < 49; i += 1) await login(app);
    const { accessToken } = await login(app);
    const { data } = await app.send(SESSIONS, {}, { token: accessToken });
    expect(data.sessions).toHaveLength(50);
    const ended = await app.database.all<{ createdAt: number }>(
      'SELECT created_at AS "createdAt" FROM sessions WHERE revoked_reason = \'limit\' ORDER BY created_at',
    );
    expect(ended.map(({ createdAt }) => createdAt > app.clock.now())).toEqual([false, true, true, true]);
  });

  it('a session is renewed by a process whose clock is 5 minutes behind (CR-7)', async () => {
    const app = await start();
    const { refreshToken } = await register(app);
    app.clock.travel(-5 * 60_000);
    expect((await refresh(app, refreshToken)).code).toBe('OK');
  });

  it('a user has at most 50 sessions, and a new one ends the oldest that was never refreshed (RT-9)', async () => {
    const app = await start();
    const { accessToken, user } = await register(app);
    const old = await login(app);
    app.clock.travel(1_000);
    await refreshed(app, old.refreshToken);
    const { id } = user;
    await app.database.run(
      `INSERT INTO sessions (id, user_id, client_id, scope, amr, secret_hash, generation, skipped_generations,
         rotated_at, burst_from, burst_at, created_at, authenticated_at, idle_expires_at, expires_at)
       WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 48)
       SELECT 'filler-' || i, :id, 'first-party', '', 'pwd', 'x', 0, 0, CAST(:now AS BIGINT) + i, 0, 0, :now, :now, :later, :later FROM n`,
      { id, now: app.clock.now(), later: app.clock.now() + DAY_MS },
    );
    expect((await app.send(ME, {}, { token: accessToken })).code).toBe('OK');
    app.clock.travel(1_000);
    const newest = await login(app);

    const { data } = await app.send(SESSIONS, {}, { token: newest.accessToken });
    const ids = data.sessions.map((session: { id: string }) => session.id);
    expect(ids).toHaveLength(50);
    expect(ids).toContain(old.session.id);
    expect(ids).toContain(newest.session.id);
    expect((await app.send(ME, {}, { token: accessToken })).code).toBe('UNAUTHENTICATED');
  });

  describe('the limit of 50 sessions a user', () => {
    /** Sessions of the owner, each last used a millisecond after the one before. */
    async function addSessions(
      app: TestApp,
      sessions: { userId: string; name: string; count: number; generation: number; at: number },
    ): Promise<void> {
      await app.database.run(
        `INSERT INTO sessions (id, user_id, client_id, scope, amr, secret_hash, generation, skipped_generations,
           rotated_at, burst_from, burst_at, created_at, authenticated_at, idle_expires_at, expires_at)
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
         SELECT :name || '-' || i, :userId, 'first-party', '', 'pwd', 'x', CAST(:generation AS BIGINT), 0,
           CAST(:at AS BIGINT) + i, 0, 0, CAST(:at AS BIGINT), CAST(:at AS BIGINT), CAST(:later AS BIGINT), CAST(:later AS BIGINT)
         FROM n`,
        { ...sessions, later: app.clock.now() + DAY_MS },
      );
    }

    const ended = async (app: TestApp): Promise<string[]> => {
      const rows = await app.database.all<{ id: string }>(
        'SELECT id FROM sessions WHERE revoked_at IS NOT NULL ORDER BY id',
      );
      return rows.map(({ id }) => id);
    };

    it('a login past 50 sessions first ends those never refreshed, however recently they began (RT-9)', async () => {
      const app = await start();
      const { id: userId } = await app.admin.createUser({ email: 'ada@example.com', password: PASSWORD });
      const now = app.clock.now();
      await addSessions(app, { userId, name: 'refreshed', count: 48, generation: 1, at: now - 2 * DAY_MS });
      await addSessions(app, { userId, name: 'fresh', count: 2, generation: 0, at: now - 1_000 });
      await login(app);
      expect(await ended(app)).toEqual(['fresh-1']);
      await login(app);
      expect(await ended(app)).toEqual(['fresh-1', 'fresh-2']);
    });

    it('a login past 50 refreshed sessions ends the least recently refreshed one, and not its own (RT-9)', async () => {
      const app = await start();
      const { id: userId } = await app.admin.createUser({ email: 'ada@example.com', password: PASSWORD });
      const now = app.clock.now();
      await addSessions(app, { userId, name: 'used', count: 50, generation: 1, at: now - DAY_MS });
      // The oldest one is used again.
      await app.database.run("UPDATE sessions SET rotated_at = :now WHERE id = 'used-1'", { now });
      const { accessToken } = await login(app);
      expect(await ended(app)).toEqual(['used-2']);
      expect((await app.send(ME, {}, { token: accessToken })).code).toBe('OK');
    });
  });

  it('a session is deleted a week after it ended (RT-9)', async () => {
    const app = await start();
    const first = await register(app);
    await login(app);
    await app.send(LOGOUT, {}, { token: first.accessToken });
    const count = async () => (await app.database.all('SELECT id FROM sessions')).length;
    app.clock.travel(6 * DAY_MS);
    expect([await app.sessions.prune(), await count()]).toEqual([0, 2]);
    app.clock.travel(2 * DAY_MS);
    expect([await app.sessions.prune(), await count()]).toEqual([1, 1]);
    app.clock.travel(30 * DAY_MS);
    expect([await app.sessions.prune(), await count()]).toEqual([1, 0]);
  });
});
