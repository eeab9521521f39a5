import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { HASH_COST } from '../../src/crypto/password-hash.ts';
import type { Database } from '../../src/database/database.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { engines, type FreshDatabase, freshDatabase } from '../support/databases.ts';
import {
  CHANGE_PASSWORD,
  LOGIN,
  LOGIN_WITH_CODE,
  LOGOUT,
  ME,
  REGISTER,
  REQUEST_MAGIC_LINK,
  refresh,
  refreshed,
  register,
} from '../support/documents.ts';
import { mailedCode } from '../support/letters.ts';
import { useCleanups } from '../support/setup.ts';
import { createFrozenClock, PASSWORD, startApp, type TestApp } from '../support/start-app.ts';

const LIMIT_MS = 10_000;
const NEW_PASSWORD = 'another horse altogether';
const EMAIL = 'ada@example.com';

/** Slow operations of the database: `before` they begin, as in a queue, or `after` they are done. */
type Slowness = Partial<Record<'before' | 'after', RegExp>>;

describe.each(engines)('an operation that takes 10 seconds, on %s', (engine) => {
  const cleanups = useCleanups();

  /** `beSlow` makes the next operation of the database that it names take a while. */
  async function start(options: Pick<Parameters<typeof startApp>[0], 'config' | 'metrics'> = {}) {
    const fresh: FreshDatabase = await freshDatabase(engine);
    const clock = createFrozenClock();
    let slow: Slowness = {};
    let forMs = 0;

    function pass(moment: keyof Slowness, text: string): void {
      if (!slow[moment]?.test(text)) return;
      slow = {};
      clock.travel(forMs);
    }

    function slowed(database: Database): Database {
      async function within<Result>(text: string, work: () => Promise<Result>): Promise<Result> {
        pass('before', text);
        const result = await work();
        pass('after', text);
        return result;
      }
      return {
        ...database,
        get: (text, params) => within(text, () => database.get(text, params)),
        all: (text, params) => within(text, () => database.all(text, params)),
        run: (text, params) => within(text, () => database.run(text, params)),
        transaction: (work) => within('transaction', () => database.transaction(work)),
        before: (deadline) => slowed(database.before(deadline)),
      };
    }

    const app = await startApp({
      ...options,
      hashCost: HASH_COST,
      engine,
      clock,
      database: slowed(fresh.database),
    });
    cleanups.push(fresh.drop, app.stop);
    return {
      app,
      beSlow(slowness: Slowness, ms = LIMIT_MS) {
        slow = slowness;
        forMs = ms;
      },
    };
  }

  const logIn = async (app: TestApp, password = PASSWORD) =>
    app.send(LOGIN, { input: { email: EMAIL, password } });
  const counts = (app: TestApp) => app.database.all('SELECT count FROM throttles WHERE count > 0');
  const sessions = (app: TestApp) => app.database.all('SELECT id FROM sessions');

  it('a login whose deadline has passed hashes no password, and counts no attempt (GQL-6)', async () => {
    const { app, beSlow } = await start();
    await register(app);
    const before = await counts(app);
    for (const password of [PASSWORD, 'wrong horse battery staple']) {
      beSlow({ after: /INTO throttles/ });
      const refused = await logIn(app, password);
      expect(refused.errors?.[0]?.extensions).toEqual({ code: 'OVERLOADED', retryAfter: 2 });
    }
    expect(await counts(app)).toEqual(before);
    expect(await sessions(app)).toHaveLength(1);

    beSlow({ after: /INTO throttles/ }, LIMIT_MS - 1);
    expect((await logIn(app)).code).toBe('OK');
  });

  it('a hash that waits for its turn until the deadline does not begin (GQL-6)', async () => {
    const metrics = createMetrics();
    const { app } = await start({ config: { hashConcurrency: 1 }, metrics });
    const logins = Array.from({ length: 20 }, (_, n) =>
      app.send(LOGIN, { input: { email: `${n}@example.com`, password: PASSWORD } }, { ip: `203.0.113.${n}` }),
    );
    while (!/hashing_tasks\{state="waiting"\} [1-9]/.test(await metrics.read())) await turn();
    app.clock.travel(LIMIT_MS);

    const codes = (await Promise.all(logins)).map(({ code }) => code);
    expect(codes).toContain('OVERLOADED');
    const hashed = codes.filter((code) => code === 'INVALID_CREDENTIALS');
    const runs = await app.database.all('SELECT key FROM throttles WHERE window_ms = 0 AND count > 0');
    // Each that was hashed is counted for its address and its pair with the network; it is the running one at least.
    expect(runs).toHaveLength(2 * hashed.length);
    expect(hashed.length).toBeGreaterThan(0);
  });

  it('a registration whose deadline has passed registers no user, and is counted only if its password was hashed (GQL-6)', async () => {
    const { app, beSlow } = await start();
    const input = { email: EMAIL, password: PASSWORD };
    for (const slowness of [{ after: /INTO throttles/ }, { before: /transaction/ }]) {
      beSlow(slowness);
      expect((await app.send(REGISTER, { input })).code).toMatch(/^(OVERLOADED|UNAVAILABLE)$/);
    }
    expect(await app.database.all('SELECT id FROM users')).toEqual([]);
    expect(await counts(app)).toEqual([{ count: 1 }]);
    expect((await app.send(REGISTER, { input })).code).toBe('OK');
  });

  it('a password change whose deadline has passed changes no password, and ends no session (GQL-6)', async () => {
    const { app, beSlow } = await start();
    const { accessToken: token } = await register(app);
    const change = () =>
      app.send(
        CHANGE_PASSWORD,
        { input: { currentPassword: PASSWORD, newPassword: NEW_PASSWORD } },
        { token },
      );
    const before = await counts(app);
    for (const slowness of [{ after: /INTO throttles/ }, { before: /transaction/ }]) {
      beSlow(slowness);
      expect((await change()).code).toMatch(/^(OVERLOADED|UNAVAILABLE)$/);
    }
    expect((await app.send(ME, {}, { token })).code).toBe('OK');
    expect((await logIn(app, NEW_PASSWORD)).code).toBe('INVALID_CREDENTIALS');
    expect((await logIn(app)).code).toBe('OK');
    expect((await counts(app)).length).toBeGreaterThanOrEqual(before.length);
    expect((await change()).code).toBe('OK');
  });

  it('a login, refresh or logout that still waits for the database at its deadline writes nothing, and answers UNAVAILABLE (GQL-6)', async () => {
    const { app, beSlow } = await start();
    const { refreshToken, accessToken: token } = await register(app);

    beSlow({ before: /transaction/ });
    const login = await logIn(app);
    expect(login.errors?.[0]?.extensions).toEqual({ code: 'UNAVAILABLE', retryAfter: 1 });
    expect(await sessions(app)).toHaveLength(1);

    beSlow({ before: /UPDATE sessions/ });
    expect((await refresh(app, refreshToken)).code).toBe('UNAVAILABLE');
    expect(await app.database.all('SELECT generation FROM sessions')).toEqual([{ generation: 0 }]);
    await refreshed(app, refreshToken);

    beSlow({ before: /transaction/ });
    expect((await app.send(LOGOUT, {}, { token })).code).toBe('UNAVAILABLE');
    expect((await app.send(ME, {}, { token })).code).toBe('OK');
    beSlow({ before: /transaction/ }, LIMIT_MS - 1);
    expect((await app.send(LOGOUT, {}, { token })).code).toBe('OK');
  });

  it.each([
    ['CURRENT', 'access'],
    ['OTHERS', 'access'],
    ['ALL', 'access'],
    ['CURRENT', 'refresh'],
  ])(
    'a logout of %s with its %s token whose deadline has passed ends no session, and answers UNAVAILABLE (GQL-6)',
    async (scope, kind) => {
      const { app, beSlow } = await start();
      const [mine, other] = [await register(app), (await logIn(app)).data.login];
      const logout = () =>
        kind === 'access'
          ? app.send(LOGOUT, { input: { scope } }, { token: mine.accessToken })
          : app.send(LOGOUT, { input: { scope, refreshToken: mine.refreshToken } });
      beSlow({ before: /transaction/ });
      expect((await logout()).errors?.[0]?.extensions).toEqual({ code: 'UNAVAILABLE', retryAfter: 1 });
      for (const { accessToken: token } of [mine, other])
        expect((await app.send(ME, {}, { token })).code).toBe('OK');
      beSlow({ before: /transaction/ }, LIMIT_MS - 1);
      expect((await logout()).code).toBe('OK');
    },
  );

  it('a login with a code whose deadline has passed uses up no try, and the code still works (GQL-6)', async () => {
    const { app, beSlow } = await start({ config: { magicLinks: true } });
    await register(app);
    await app.send(REQUEST_MAGIC_LINK, { input: { email: EMAIL } });
    const input = { email: EMAIL, code: await mailedCode(app) };
    beSlow({ before: /tries_left - 1/ });
    expect((await app.send(LOGIN_WITH_CODE, { input })).code).toBe('UNAVAILABLE');
    expect(await app.database.all(`SELECT tries_left FROM one_time_tokens`)).toEqual([{ tries_left: 5 }]);
    expect((await app.send(LOGIN_WITH_CODE, { input })).code).toBe('OK');
  });

  it('a login whose transaction has begun before the deadline finishes, and is answered as it ended (GQL-6)', async () => {
    const { app, beSlow } = await start();
    await register(app);
    beSlow({ after: /transaction/ });
    const { code, data } = await logIn(app);
    expect(code).toBe('OK');
    expect((await app.send(ME, {}, { token: data.login.accessToken })).code).toBe('OK');
  });

  it('an operation whose deadline has passed begins no further field (GQL-6)', async () => {
    const { app, beSlow } = await start();
    const { accessToken: token } = await register(app);
    const query = `mutation {
      updateMe(input: { name: "Ada" }) { name }
      revokeSession(input: { id: "none" }) { revokedSessions }
    }`;
    const ask = async () => (await app.send(query, {}, { token })).errors;

    beSlow({ after: /transaction/ });
    expect(await ask()).toMatchObject([
      { path: ['revokeSession'], extensions: { code: 'UNAVAILABLE', retryAfter: 1 } },
    ]);
    expect(await app.database.all('SELECT name FROM users')).toEqual([{ name: 'Ada' }]);

    beSlow({ after: /transaction/ }, LIMIT_MS - 1);
    expect(await ask()).toMatchObject([{ path: ['revokeSession'], extensions: { code: 'NOT_FOUND' } }]);
  });

  it('the REST door answers a login whose deadline has passed with 503 and Retry-After (GQL-6)', async () => {
    const { app, beSlow } = await start();
    await register(app);
    beSlow({ after: /INTO throttles/ });
    const body = new URLSearchParams({ username: EMAIL, password: PASSWORD }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const refused = await app.server.inject({ method: 'POST', url: '/token', headers, body });
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '2']);
    expect(await sessions(app)).toHaveLength(1);
  });
});
