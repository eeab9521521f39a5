import { expect, it } from '@jest/globals';
import type { Config } from '../../../src/config/config.ts';
import { RUN, TALLY } from '../../../src/core/rate-limits/store.ts';
import { HASH_COST } from '../../../src/crypto/password-hash.ts';
import type { Database, Params } from '../../../src/database/database.ts';
import { migrate } from '../../../src/database/migrate.ts';
import { AuthError } from '../../../src/errors.ts';
import { freshDatabase } from '../../support/databases.ts';
import {
  CHANGE_PASSWORD,
  LOGIN,
  LOGIN_WITH_CODE,
  LOGIN_WITH_LINK,
  login,
  ME,
  REAUTHENTICATE,
  REGISTER,
  REQUEST_RESET,
  refresh,
  refreshed,
  register,
} from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import {
  type Answer,
  describeApp,
  PASSWORD,
  type Sender,
  startApp,
  type TestApp,
} from '../../support/start-app.ts';
import { noteStatements } from '../../support/statements.ts';

const WRONG = 'wrong horse battery staple';
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** A sender from a network of its own. */
const from = (n: number): Sender => ({ ip: `203.0.113.${n}` });

async function attempt(
  app: TestApp,
  {
    email = 'ada@example.com',
    password = WRONG,
    deviceToken,
  }: { email?: string; password?: string; deviceToken?: string | null } = {},
  sender?: Sender,
) {
  const { code, errors } = await app.send(LOGIN, { input: { email, password, deviceToken } }, sender);
  return { code, retryAfter: errors?.[0]?.extensions.retryAfter };
}

/** Fails from a new network each time, so that only the account is counted against; waits out each back-off. */
async function failInARow(app: TestApp, times: number): Promise<void> {
  for (let i = 0; i < times; i += 1) {
    const { code, retryAfter } = await attempt(app, {}, from(i % 250));
    if (code === 'INVALID_CREDENTIALS') continue;
    app.clock.travel(Number(retryAfter) * 1_000);
    i -= 1;
  }
}

describeApp('the throttles of login', (start, engine) => {
  it.each(['ada@example.com', 'nobody@example.com'])(
    'logins as %s wait after five failures, twice as long each time, at most 15 minutes (LOG-3, LOG-6)',
    async (email) => {
      const app = await start();
      await register(app);
      for (let i = 1; i <= 5; i += 1)
        expect((await attempt(app, { email }, from(i))).code).toBe('INVALID_CREDENTIALS');
      const waits = [];
      for (let i = 6; i < 19; i += 1) {
        const refused = await attempt(app, { email, password: PASSWORD }, from(i));
        expect(refused.code).toBe('TOO_MANY_REQUESTS');
        waits.push(refused.retryAfter);
        app.clock.travel(Number(refused.retryAfter) * 1_000);
        expect((await attempt(app, { email }, from(i))).code).toBe('INVALID_CREDENTIALS');
      }
      expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
    },
  );

  it('a right login writes its counts in the order that attempts count in, so many at once cannot deadlock', async () => {
    const fresh = await freshDatabase(engine);
    await migrate(fresh.database);
    const written: string[] = [];
    const note = (text: string, { key }: Params = {}) => {
      if (/^(UPDATE|DELETE FROM) throttles/.test(text)) written.push(String(key));
    };
    const listen = (inner: Database): Database => ({
      ...inner,
      transaction: (work) =>
        inner.transaction((tx) =>
          work({
            ...tx,
            run: (text, params) => {
              note(text, params);
              return tx.run(text, params);
            },
          }),
        ),
      before: (deadline) => listen(inner.before(deadline)),
    });
    const app = await start({ database: listen(fresh.database) });
    await register(app);
    const orders = new Set<string>();
    // The keys are hashes, so each address has an order of its own.
    for (let i = 0; i < 8; i += 1) {
      const email = `ada${i}@example.com`;
      await app.send(REGISTER, { input: { email, password: PASSWORD } }, from(i));
      written.length = 0;
      expect((await attempt(app, { email, password: PASSWORD }, from(i))).code).toBe('OK');
      expect(written).toHaveLength(4);
      expect(written).toEqual([...written].sort());
      orders.add(String(written));
    }
    expect(orders.size).toBe(8);
    await app.stop();
    await fresh.drop();
  });

  it('a burst of logins hashes no more passwords than the limit, because check and count are one step (LOG-3)', async () => {
    const app = await start();
    await register(app);
    const burst = await Promise.all(Array.from({ length: 40 }, (_, i) => attempt(app, {}, from(i))));
    const codes = burst.map(({ code }) => code);
    expect(codes.filter((code) => code === 'INVALID_CREDENTIALS')).toHaveLength(5);
    expect(codes.filter((code) => code === 'TOO_MANY_REQUESTS')).toHaveLength(35);
  });

  it('failed logins count against one account under every spelling of its address and with any user agent (LOG-5)', async () => {
    const app = await start();
    const spellings = [
      'ada@example.com',
      'ADA@example.com',
      ' ada@EXAMPLE.com',
      'Ada@example.com',
      'aDA@example.com',
    ];
    for (const [i, email] of spellings.entries()) await attempt(app, { email }, from(i));
    expect((await attempt(app, {}, { ...from(99), userAgent: 'another' })).code).toBe('TOO_MANY_REQUESTS');
  });

  it('login and POST /token share their counters', async () => {
    const app = await start();
    await register(app);
    for (let i = 0; i < 5; i += 1) {
      const body = new URLSearchParams({ username: 'ada@example.com', password: WRONG }).toString();
      const headers = {
        'content-type': 'application/x-www-form-urlencoded',
        'x-forwarded-for': `203.0.113.${i}`,
      };
      expect((await app.server.inject({ method: 'POST', url: '/token', headers, body })).statusCode).toBe(
        400,
      );
    }
    expect((await attempt(app)).code).toBe('TOO_MANY_REQUESTS');
    const body = new URLSearchParams({ username: 'ada@example.com', password: PASSWORD }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const refused = await app.server.inject({ method: 'POST', url: '/token', headers, body });
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([429, '1']);
  });

  it('the failures of an account are forgotten when its owner logs in', async () => {
    const app = await start();
    await register(app);
    for (let round = 0; round < 4; round += 1) {
      for (let i = 0; i < 4; i += 1) await attempt(app, {}, from(round * 4 + i));
      await login(app, {}, from(100 + round));
    }
    expect((await attempt(app, {}, from(200))).code).toBe('INVALID_CREDENTIALS');
  });

  it('a network is stopped after ten failures on as many accounts, for the rest of five minutes (LOG-7)', async () => {
    const app = await start();
    await register(app, 'ada@example.com', from(9));
    for (let i = 0; i < 10; i += 1) await attempt(app, { email: `user${i}@example.com` }, from(1));
    expect(await attempt(app, { password: PASSWORD }, from(1))).toEqual({
      code: 'TOO_MANY_REQUESTS',
      retryAfter: 300,
    });
    expect((await attempt(app, { password: PASSWORD }, from(2))).code).toBe('OK');
    app.clock.travel(5 * MINUTE_MS);
    expect((await attempt(app, { password: PASSWORD }, from(1))).code).toBe('OK');
  });

  it('an IPv6 /64 is throttled as one network, and the next /64 is not affected (LOG-4)', async () => {
    const app = await start();
    await register(app, 'ada@example.com', from(9));
    for (let i = 0; i < 10; i += 1)
      await attempt(app, { email: `user${i}@example.com` }, { ip: `2001:db8:1:2::${i}` });
    expect((await attempt(app, { password: PASSWORD }, { ip: '2001:db8:1:2:ffff::1' })).code).toBe(
      'TOO_MANY_REQUESTS',
    );
    expect((await attempt(app, { password: PASSWORD }, { ip: '2001:db8:1:3::1' })).code).toBe('OK');
  });

  it('right passwords from one network are let through thirty times a minute', async () => {
    const app = await start();
    await register(app);
    for (let i = 0; i < 30; i += 1) expect((await attempt(app, { password: PASSWORD })).code).toBe('OK');
    expect((await attempt(app, { password: PASSWORD })).code).toBe('TOO_MANY_REQUESTS');
    app.clock.travel(MINUTE_MS);
    expect((await attempt(app, { password: PASSWORD })).code).toBe('OK');
  });

  it('the throttles of login are shared by every process', async () => {
    const app = await start();
    const { secrets } = app.config;
    const other = await startApp({
      engine: app.database.dialect,
      database: app.database,
      clock: app.clock,
      config: { secrets },
    });
    for (let i = 0; i < 5; i += 1) await attempt(i % 2 ? app : other, {}, from(i));
    expect((await attempt(app, {}, from(9))).code).toBe('TOO_MANY_REQUESTS');
    expect((await attempt(other, {}, from(9))).code).toBe('TOO_MANY_REQUESTS');
    await other.stop();
  });

  it('the throttles of login do not store the address that was typed', async () => {
    const app = await start();
    await attempt(app, { email: 'somebody-secret@example.com' });
    expect(JSON.stringify(await app.database.all('SELECT * FROM throttles'))).not.toContain('somebody');
  });

  it('throttles are swept out once they no longer affect a login', async () => {
    const app = await start();
    for (let i = 0; i < 6; i += 1) await attempt(app, {}, from(i));
    await attempt(app, { email: 'other@example.com' }, from(100));
    const count = async () => (await app.database.all('SELECT key FROM throttles')).length;
    const before = await count();
    expect(await app.rateLimits.prune()).toBe(0);
    app.clock.travel(25 * 60 * MINUTE_MS);
    await app.rateLimits.prune();
    expect(before).toBeGreaterThan(2);
    // The run of the account, and the tally of its password.
    expect(await count()).toBe(2);
    app.clock.travel(31 * 24 * 60 * MINUTE_MS);
    await app.rateLimits.prune();
    expect(await count()).toBe(0);
  });

  it('a sweep finds stale throttles behind any number of runs that stay, even many of one moment', async () => {
    const app = await start();
    const now = app.clock.now();
    const insert = (kind: string, { at, count }: { at: string; count: number }) =>
      app.database.run(
        `INSERT INTO throttles (key, count, started_at, blocked_until, max, window_ms)
         WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < 250)
         SELECT '${kind}-' || i, ${count}, ${at}, 0, 5, 0 FROM numbers`,
      );
    await insert('disabled', { at: `${now - 90 * DAY_MS} + i`, count: 100 });
    await insert('disabled at once', { at: `${now - 80 * DAY_MS}`, count: 100 });
    await insert('stale', { at: `${now - 2 * DAY_MS} + i`, count: 1 });
    await insert('stale at once', { at: `${now - DAY_MS - 1}`, count: 1 });
    await insert('of today', { at: `${now - DAY_MS} + i`, count: 1 });

    expect(await app.rateLimits.prune()).toBe(500);
    const left = await app.database.all<{ key: string }>('SELECT key FROM throttles');
    expect(new Set(left.map(({ key }) => key.replace(/-\d+$/, '')))).toEqual(
      new Set(['disabled', 'disabled at once', 'of today']),
    );
    expect(left).toHaveLength(750);
    expect(await app.rateLimits.prune()).toBe(0);
  });

  it('a sweep forgets neither a disabled password nor that its known devices are closed (LOG-6)', async () => {
    const app = await start({
      config: { accountFailures: 100, accountDisableAfter: 10, networkFailures: 1_000 },
    });
    const { deviceToken } = await register(app, 'ada@example.com', from(9));
    for (let i = 0; i < 10; i += 1) await attempt(app, { deviceToken }, from(i));
    app.clock.travel(100 * 24 * 60 * MINUTE_MS);
    await app.rateLimits.prune();
    expect((await attempt(app, { password: PASSWORD }, from(1))).code).toBe('TOO_MANY_REQUESTS');
    expect((await attempt(app, { password: PASSWORD, deviceToken }, from(1))).code).toBe('TOO_MANY_REQUESTS');
  });

  it('throttles that are off count nothing', async () => {
    const app = await start({ config: { throttles: false } });
    for (let i = 0; i < 12; i += 1) expect((await attempt(app)).code).toBe('INVALID_CREDENTIALS');
    expect(await app.database.all('SELECT key FROM throttles')).toEqual([]);
  });
});

describeApp('logins under attack', (start) => {
  it('a known device logs in while strangers are throttled, in a lane with a limit of its own (LOG-6)', async () => {
    const app = await start();
    const { deviceToken } = await register(app, 'ada@example.com', from(9));
    for (let i = 0; i < 5; i += 1) await attempt(app, {}, from(i));
    expect((await attempt(app, { password: PASSWORD }, from(50))).code).toBe('TOO_MANY_REQUESTS');
    expect((await attempt(app, { password: PASSWORD, deviceToken }, from(50))).code).toBe('OK');

    for (let i = 0; i < 5; i += 1) {
      expect((await attempt(app, { deviceToken }, from(60 + i))).code).toBe('INVALID_CREDENTIALS');
    }
    expect((await attempt(app, { deviceToken }, from(70))).code).toBe('TOO_MANY_REQUESTS');
  });

  it('a device stays in the same lane with the device tokens of later logins', async () => {
    const app = await start();
    const first = await register(app);
    const second = await login(app, { deviceToken: first.deviceToken });
    expect(second.deviceToken).toMatch(/^lkd_/);
    for (let i = 0; i < 5; i += 1) await attempt(app, { deviceToken: first.deviceToken });
    expect((await attempt(app, { deviceToken: second.deviceToken, password: PASSWORD })).code).toBe(
      'TOO_MANY_REQUESTS',
    );
  });

  it('the lane of a known device refuses tokens that are forged, expired, of another account or of another kind (AT-2)', async () => {
    const app = await start();
    const ada = await register(app, 'ada@example.com', from(9));
    const eve = await register(app, 'eve@example.com', from(9));
    for (let i = 0; i < 5; i += 1) await attempt(app, {}, from(i));
    const proof = ada.deviceToken ?? '';
    const forged = `${proof.slice(0, -2)}${proof.endsWith('AA') ? 'BB' : 'AA'}`;
    for (const deviceToken of [eve.deviceToken, forged, ada.refreshToken, ada.accessToken, '', 'lkd_']) {
      const answer = await attempt(app, { password: PASSWORD, deviceToken }, from(50));
      expect(answer.code).toBe('TOO_MANY_REQUESTS');
    }
    for (const token of [proof]) {
      expect((await refresh(app, token)).code).toBe('INVALID_REFRESH_TOKEN');
      expect((await app.send(ME, {}, { token })).code).toBe('UNAUTHENTICATED');
    }
    app.clock.travel(181 * 24 * 60 * MINUTE_MS);
    for (let i = 0; i < 6; i += 1) await attempt(app, {}, from(i));
    expect((await attempt(app, { password: PASSWORD, deviceToken: proof }, from(50))).code).toBe(
      'TOO_MANY_REQUESTS',
    );
  });

  it('a live session refreshes and changes its password during an attack, which ends the throttle', async () => {
    const app = await start();
    const session = await register(app, 'ada@example.com', from(9));
    for (let i = 0; i < 6; i += 1) await attempt(app, {}, from(i));
    const { accessToken, deviceToken } = await refreshed(app, session.refreshToken, from(9));
    expect(deviceToken).toBeNull();
    const input = { currentPassword: PASSWORD, newPassword: 'another horse altogether' };
    expect((await app.send(CHANGE_PASSWORD, { input }, { ...from(9), token: accessToken })).code).toBe('OK');
    expect((await attempt(app, { password: input.newPassword }, from(50))).code).toBe('OK');
  });

  it('a password is disabled after 100 failures in a row, except for a known device, until it is set anew (LOG-6)', async () => {
    const app = await start({ config: { networkFailures: 1_000 } });
    const { deviceToken } = await register(app, 'ada@example.com', from(251));
    await failInARow(app, 100);
    app.clock.travel(24 * 60 * MINUTE_MS);
    expect((await attempt(app, { password: PASSWORD }, from(252))).code).toBe('TOO_MANY_REQUESTS');
    app.clock.travel(24 * 60 * MINUTE_MS);
    expect((await attempt(app, { password: PASSWORD }, from(252))).code).toBe('TOO_MANY_REQUESTS');
    expect((await attempt(app, { password: PASSWORD, deviceToken }, from(252))).code).toBe('OK');
    await app.admin.setPassword('ada@example.com', PASSWORD);
    expect((await attempt(app, { password: PASSWORD }, from(253))).code).toBe('OK');
  });

  it('every sweep of old throttles keeps a disabled password and forgets a shorter run (LOG-6)', async () => {
    const app = await start({ config: { accountDisableAfter: 10, networkFailures: 1_000 } });
    await register(app, 'ada@example.com', from(251));
    await register(app, 'eve@example.com', from(251));
    await failInARow(app, 10);
    for (let i = 0; i < 6; i += 1) await attempt(app, { email: 'eve@example.com' }, from(i));
    for (let month = 0; month < 3; month += 1) {
      app.clock.travel(31 * DAY_MS);
      await app.housekeeping.turn();
    }
    expect((await attempt(app, { password: PASSWORD }, from(252))).code).toBe('TOO_MANY_REQUESTS');
    expect((await attempt(app, { email: 'eve@example.com', password: PASSWORD }, from(252))).code).toBe('OK');
    // What is left of all that was counted: the run of strangers at ada's account, the tally of her password, and nothing
    // that its refusal adds.
    app.clock.travel(31 * DAY_MS);
    await app.housekeeping.turn();
    const kept = await app.database.all(
      'SELECT window_ms, count FROM throttles WHERE count >= 10 ORDER BY window_ms',
    );
    expect(kept).toEqual([TALLY, RUN].map((window_ms) => ({ window_ms, count: 10 })));
  });
});

describeApp('other throttles', (start) => {
  it('a session is slowed down after five wrong guesses of its own password (PW-7)', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    const change = (currentPassword: string) =>
      app.send(
        CHANGE_PASSWORD,
        { input: { currentPassword, newPassword: 'another horse altogether' } },
        { token: accessToken },
      );
    for (let i = 0; i < 5; i += 1) expect((await change(WRONG)).code).toBe('INVALID_CREDENTIALS');
    const reauthenticate = () =>
      app.send(REAUTHENTICATE, { input: { password: PASSWORD } }, { token: accessToken });
    expect((await change(PASSWORD)).code).toBe('TOO_MANY_REQUESTS');
    expect((await reauthenticate()).code).toBe('TOO_MANY_REQUESTS');
    app.clock.travel(1_000);
    expect((await change(PASSWORD)).code).toBe('OK');
  });

  it('a right password ends the failures of its session and does not count against its network (PW-7)', async () => {
    const app = await start();
    let { accessToken } = await register(app);
    const reauthenticate = async (password: string) => {
      const answer = await app.send(REAUTHENTICATE, { input: { password } }, { token: accessToken });
      accessToken = answer.data?.reauthenticate.accessToken ?? accessToken;
      return answer.code;
    };
    for (let round = 0; round < 2; round += 1) {
      for (let i = 0; i < 4; i += 1) expect(await reauthenticate(WRONG)).toBe('INVALID_CREDENTIALS');
      expect(await reauthenticate(PASSWORD)).toBe('OK');
    }
    // Of the network's ten failures two are left, which the right ones do not take.
    for (let i = 0; i < 4; i += 1) expect(await reauthenticate(PASSWORD)).toBe('OK');
  });

  it('logins that the hash queue refuses are not counted', async () => {
    // Hashes of the real cost fill the queue.
    const app = await start({
      config: { hashConcurrency: 1, networkFailures: 1_000, networkChecks: 1_000 },
      hashCost: HASH_COST,
    });
    const storm = await Promise.all(
      Array.from({ length: 60 }, (_, i) => attempt(app, { email: `user${i}@example.com` })),
    );
    const codes = new Set(storm.map(({ code }) => code));
    expect(codes).toContain('OVERLOADED');
    const checked = storm.filter(({ code }) => code === 'INVALID_CREDENTIALS').length;
    const ofNetwork = await app.database.all(
      'SELECT count FROM throttles WHERE max = 1000 AND window_ms IN (60000, 300000)',
    );
    const accounts = await app.database.all('SELECT key FROM throttles WHERE window_ms = 0 AND count > 0');
    // Of each account that was checked: its own run, and its pair with the network.
    expect(accounts).toHaveLength(2 * checked);
    // Its failures, and all its checks.
    expect(ofNetwork).toEqual([{ count: checked }, { count: checked }]);
  });

  it('the eleventh registration from one network in five minutes is refused', async () => {
    const app = await start();
    const answers = [];
    for (let i = 0; i < 11; i += 1) {
      const input = { email: `user${i}@example.com`, password: PASSWORD };
      answers.push((await app.send(REGISTER, { input })).code);
    }
    expect(answers).toEqual([...Array.from({ length: 10 }, () => 'OK'), 'TOO_MANY_REQUESTS']);
  });

  it('failed refreshes of a network are counted, and those that succeed are not', async () => {
    const app = await start({ config: { refreshFailures: 3 } });
    let auth = await register(app);
    for (let i = 0; i < 10; i += 1) auth = await refreshed(app, auth.refreshToken);
    for (let i = 0; i < 3; i += 1) expect((await refresh(app, 'garbage')).code).toBe('INVALID_REFRESH_TOKEN');
    expect((await refresh(app, 'garbage')).code).toBe('TOO_MANY_REQUESTS');
    expect((await refresh(app, auth.refreshToken)).code).toBe('OK');
    expect((await refresh(app, 'garbage', from(7))).code).toBe('INVALID_REFRESH_TOKEN');
  });
});

/** What is limited by network, with a limit of one or two, and an attempt of which each must be refused or fail. */
const NETWORK_LIMITS: Record<
  string,
  {
    config: Partial<Config>;
    most: number;
    attempt: (app: TestApp, sender: Sender, n: number) => Promise<Answer>;
  }
> = {
  'failed passwords': {
    config: { networkFailures: 1 },
    most: 16,
    attempt: (app, sender, n) =>
      app.send(LOGIN, { input: { email: `user${n}@example.com`, password: WRONG } }, sender),
  },
  'checks of passwords': {
    config: { networkChecks: 1 },
    most: 16,
    attempt: (app, sender, n) =>
      app.send(LOGIN, { input: { email: `user${n}@example.com`, password: WRONG } }, sender),
  },
  'wrong codes': {
    config: { networkFailures: 1, magicLinks: true },
    most: 16,
    attempt: (app, sender, n) =>
      app.send(LOGIN_WITH_CODE, { input: { email: `user${n}@example.com`, code: '00000000' } }, sender),
  },
  registrations: {
    config: { networkRegistrations: 1 },
    most: 16,
    attempt: (app, sender, n) =>
      app.send(REGISTER, { input: { email: `user${n}@example.com`, password: PASSWORD } }, sender),
  },
  'mails with a link': {
    config: { networkMails: 1 },
    most: 16,
    attempt: (app, sender, n) =>
      app.send(REQUEST_RESET, { input: { email: `user${n}@example.com` } }, sender),
  },
  'failed refreshes': {
    config: { refreshFailures: 1 },
    most: 16,
    attempt: (app, sender) => refresh(app, 'garbage', sender),
  },
  'bad one-time tokens': {
    config: { magicLinks: true },
    most: 16 * 30,
    attempt: (app, sender) => app.send(LOGIN_WITH_LINK, { input: { token: 'garbage' } }, sender),
  },
};

describeApp('an IPv6 site', (start) => {
  it.each(Object.entries(NETWORK_LIMITS))(
    'an IPv6 site is allowed sixteen times the %s of a network, however many networks it is divided into (LOG-4)',
    async (_what, { config, most, attempt: tryOnce }) => {
      const app = await start({ config });
      const codes = new Set<string>();
      for (let n = 0; n < most; n += 1)
        codes.add((await tryOnce(app, { ip: `2001:db8:7:${n.toString(16)}::1` }, n)).code);
      expect([...codes]).not.toContain('TOO_MANY_REQUESTS');
      expect((await tryOnce(app, { ip: '2001:db8:7:ffff::1' }, most)).code).toBe('TOO_MANY_REQUESTS');
      expect((await tryOnce(app, { ip: '2001:db8:8::1' }, most)).code).not.toBe('TOO_MANY_REQUESTS');
      expect((await tryOnce(app, { ip: '203.0.113.1' }, most + 1)).code).not.toBe('TOO_MANY_REQUESTS');
    },
  );
});

describeApp('a clock that was wrong', (start) => {
  const DAYS_MS = 40 * 24 * 60 * MINUTE_MS;

  it.each([
    ['an account', { accountFailures: 2 }],
    ['a network', { networkFailures: 2 }],
    ['the checks of a network', { networkChecks: 2 }],
  ])(
    'a block of %s by a clock that was ahead ends once the clock is right, and later failures count (CR-7)',
    async (_whom, config) => {
      const app = await start({ config });
      await register(app, 'ada@example.com', from(9));
      const isBlocked = async () =>
        (await attempt(app, { password: PASSWORD }, from(1))).code === 'TOO_MANY_REQUESTS';
      app.clock.travel(DAYS_MS);
      for (let i = 0; i < 2; i += 1) await attempt(app, {}, from(1));
      expect(await isBlocked()).toBe(true);
      app.clock.travel(-DAYS_MS);
      expect(await isBlocked()).toBe(false);
      for (let i = 0; i < 2; i += 1) await attempt(app, {}, from(1));
      expect(await isBlocked()).toBe(true);
    },
  );

  it('a block by a clock that was ahead does not keep later blocks out of the audit trail (LOG-3)', async () => {
    const app = await start({ config: { networkFailures: 2 } });
    const blockOnce = async () => {
      for (let i = 0; i < 3; i += 1) await attempt(app, { email: `user${i}@example.com` }, from(1));
    };
    app.clock.travel(DAYS_MS);
    await blockOnce();
    app.clock.travel(-DAYS_MS);
    await blockOnce();
    expect(await eventsOf(app, 'excess_rate_limit_exceeded')).toHaveLength(2);
  });

  it('a block by a process whose clock is seconds ahead holds like any other', async () => {
    const app = await start({ config: { networkFailures: 2 } });
    await register(app, 'ada@example.com', from(9));
    for (let i = 0; i < 2; i += 1) await attempt(app, { email: `user${i}@example.com` }, from(1));
    app.clock.travel(-5_000);
    expect(await attempt(app, { password: PASSWORD }, from(1))).toEqual({
      code: 'TOO_MANY_REQUESTS',
      retryAfter: 305,
    });
  });
});

describeApp('a window of failures', (start, engine) => {
  it('a limit of one failure lets one login through in each window', async () => {
    const app = await start({ config: { networkFailures: 1 } });
    const codes = [];
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 2; i += 1)
        codes.push((await attempt(app, { email: `user${round}${i}@example.com` }, from(1))).code);
      app.clock.travel(5 * MINUTE_MS);
    }
    expect(codes).toEqual(Array(3).fill(['INVALID_CREDENTIALS', 'TOO_MANY_REQUESTS']).flat());
  });

  it('a login that was counted in an earlier window frees no place in the next one (LOG-3)', async () => {
    const fresh = await freshDatabase(engine);
    await migrate(fresh.database);
    let meanwhile: (() => Promise<unknown>) | undefined;
    const database: Database = {
      ...fresh.database,
      before: () => database,
      async all<Row>(text: string, params?: Params) {
        const rows = await fresh.database.all<Row>(text, params);
        if (!text.includes('INTO throttles') || meanwhile === undefined) return rows;
        const work = meanwhile;
        meanwhile = undefined;
        await work();
        return rows;
      },
    };
    const app = await start({ database, config: { networkFailures: 2 } });
    await register(app, 'ada@example.com', from(9));
    await attempt(app, { email: 'nobody@example.com' }, from(1));
    app.clock.travel(5 * MINUTE_MS - 1_000);
    // Once the login is counted and before its password is checked, the next window begins and is filled.
    meanwhile = async () => {
      app.clock.travel(1_000);
      for (let i = 0; i < 2; i += 1) await attempt(app, { email: `user${i}@example.com` }, from(1));
    };
    expect((await attempt(app, { password: PASSWORD }, from(1))).code).toBe('OK');
    expect((await attempt(app, { email: 'user3@example.com' }, from(1))).code).toBe('TOO_MANY_REQUESTS');
    await app.stop();
    await fresh.drop();
  });
});

describeApp('a credential that cannot be counted', (start, engine) => {
  it('a password is not checked while its attempt cannot be counted, and requests that need no count succeed (DOS-6)', async () => {
    const fresh = await freshDatabase(engine);
    await migrate(fresh.database);
    let isAway = false;
    const { database } = noteStatements(fresh.database, (text) => {
      if (isAway && text.includes('throttles')) throw new AuthError('UNAVAILABLE', { retryAfter: 1 });
      return text;
    });
    const app = await start({ database });
    const { accessToken, refreshToken } = await register(app);

    isAway = true;
    expect((await attempt(app, { password: PASSWORD })).code).toBe('UNAVAILABLE');
    expect((await attempt(app, { password: WRONG })).code).toBe('UNAVAILABLE');
    const input = { email: 'eve@example.com', password: PASSWORD };
    expect((await app.send(REGISTER, { input })).code).toBe('UNAVAILABLE');
    expect((await app.send(ME, {}, { token: accessToken })).code).toBe('OK');
    expect((await refresh(app, refreshToken)).code).toBe('OK');
    expect(await app.database.all('SELECT id FROM sessions')).toHaveLength(1);

    isAway = false;
    expect((await attempt(app, { password: PASSWORD })).code).toBe('OK');
    await app.stop();
    await fresh.drop();
  });
});
