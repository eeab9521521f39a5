import { expect, it } from '@jest/globals';
import {
  CHANGE_PASSWORD,
  CONFIRM_EMAIL_CHANGE,
  DELETE_ME,
  LOGIN,
  LOGIN_WITH_LINK,
  LOGOUT,
  login,
  ME,
  REFRESH,
  REGISTER,
  REQUEST_EMAIL_CHANGE,
  REQUEST_MAGIC_LINK,
  REQUEST_RESET,
  REQUEST_VERIFICATION,
  RESET_PASSWORD,
  UNDO_EMAIL_CHANGE,
  VERIFY_EMAIL,
} from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { mailedToken } from '../../support/letters.ts';
import {
  type Answer,
  describeApp,
  PASSWORD,
  type Sender,
  startApp,
  TEST_CONFIG,
  type TestApp,
} from '../../support/start-app.ts';
import { noteStatements } from '../../support/statements.ts';

const NEW_PASSWORD = 'another horse altogether';
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Everything is on, and nothing is slowed down that the tests do themselves. */
const OPEN = {
  registration: 'verify',
  magicLinks: true,
  addressMails: 1_000,
  networkMails: 1_000,
  networkChecks: 1_000,
} as const;

const input = (fields: Record<string, unknown>) => ({ input: fields });

/** An account whose address is proven, and tokens of it. */
async function createUser(app: TestApp, email: string) {
  await app.admin.createUser({ email, password: PASSWORD });
  return login(app, { email });
}

const movedTo = (email: string) => `new-${email}`;

/** The access token of the session that asked for each change of address. */
const askers = new Map<string, string>();

/** By that session, or where it has become old, with the password. */
const confirm = (app: TestApp, token: string, sender?: Sender) =>
  app.send(CONFIRM_EMAIL_CHANGE, input({ token, password: PASSWORD }), {
    token: askers.get(token),
    ...sender,
  });

/** With the password of the account, or for the new one. */
const verify = (app: TestApp, token: string, sender?: Sender) =>
  app.send(VERIFY_EMAIL, input({ token, password: PASSWORD }), sender);

async function requestChange(app: TestApp, email: string): Promise<string> {
  const { accessToken } = await login(app, { email });
  const fields = { newEmail: movedTo(email), password: PASSWORD };
  await app.send(REQUEST_EMAIL_CHANGE, input(fields), { token: accessToken });
  const token = await mailedToken(app, '/confirm-email', movedTo(email));
  askers.set(token, accessToken);
  return token;
}

/** How a token of each purpose comes to be, for the account of an address, and what it is good for. */
const PURPOSES = {
  registration: {
    ttlMs: DAY_MS,
    issue: async (app: TestApp, email: string) => {
      await app.send(REGISTER, input({ email: `pending-${email}`, password: PASSWORD }));
      return mailedToken(app, '/verify-email', `pending-${email}`);
    },
    use: verify,
  },
  'verify-email': {
    ttlMs: DAY_MS,
    issue: async (app: TestApp, email: string) => {
      await app.database.run('UPDATE users SET email_verified_at = NULL WHERE email = :email', { email });
      await app.send(REQUEST_VERIFICATION, input({ email }));
      return mailedToken(app, '/verify-email', email);
    },
    use: (app: TestApp, token: string, sender?: Sender) => app.send(VERIFY_EMAIL, input({ token }), sender),
  },
  'reset-password': {
    ttlMs: 30 * MINUTE_MS,
    issue: async (app: TestApp, email: string) => {
      await app.send(REQUEST_RESET, input({ email }));
      return mailedToken(app, '/reset-password', email);
    },
    use: (app: TestApp, token: string, sender?: Sender) =>
      app.send(RESET_PASSWORD, input({ token, newPassword: NEW_PASSWORD }), sender),
  },
  'confirm-email': {
    ttlMs: DAY_MS,
    issue: requestChange,
    use: confirm,
  },
  'undo-email-change': {
    ttlMs: 7 * DAY_MS,
    issue: async (app: TestApp, email: string) => {
      const confirmation = await requestChange(app, email);
      const { code } = await confirm(app, confirmation);
      if (code !== 'OK') throw new Error(`confirmEmailChange answered ${code}`);
      return mailedToken(app, '/undo-email-change', email);
    },
    use: (app: TestApp, token: string, sender?: Sender) =>
      app.send(UNDO_EMAIL_CHANGE, input({ token }), sender),
  },
  'magic-link': {
    ttlMs: 10 * MINUTE_MS,
    issue: async (app: TestApp, email: string) => {
      await app.send(REQUEST_MAGIC_LINK, input({ email }));
      return mailedToken(app, '/magic-link', email);
    },
    use: (app: TestApp, token: string, sender?: Sender) =>
      app.send(LOGIN_WITH_LINK, input({ token }), sender),
  },
} as const;

type Purpose = keyof typeof PURPOSES;
const purposes = Object.keys(PURPOSES) as Purpose[];
/** Those that end when a newer one is issued. */
const superseded = purposes.filter((purpose) => purpose !== 'undo-email-change');
/** Those of an account that its owner can have at once. */
const ofAccount: Purpose[] = ['reset-password', 'confirm-email', 'magic-link', 'verify-email'];

/** Every door that takes a token, and what it says to one that is not its own. */
const DOORS: Record<
  string,
  { refusal: string; send: (app: TestApp, token: string, sender: Sender) => Promise<Answer> }
> = {
  verifyEmail: { refusal: 'INVALID_TOKEN', send: verify },
  resetPassword: { refusal: 'INVALID_TOKEN', send: PURPOSES['reset-password'].use },
  confirmEmailChange: { refusal: 'INVALID_TOKEN', send: PURPOSES['confirm-email'].use },
  undoEmailChange: { refusal: 'INVALID_TOKEN', send: PURPOSES['undo-email-change'].use },
  loginWithMagicLink: { refusal: 'INVALID_TOKEN', send: PURPOSES['magic-link'].use },
  refreshToken: {
    refusal: 'INVALID_REFRESH_TOKEN',
    send: (app, token, sender) => app.send(REFRESH, input({ refreshToken: token }), sender),
  },
  bearer: {
    refusal: 'UNAUTHENTICATED',
    send: (app, token, sender) => app.send(ME, {}, { ...sender, token }),
  },
};

/** The one door of each kind of token. */
const OWN_DOOR: Record<string, string> = {
  registration: 'verifyEmail',
  'verify-email': 'verifyEmail',
  'reset-password': 'resetPassword',
  'confirm-email': 'confirmEmailChange',
  'undo-email-change': 'undoEmailChange',
  'magic-link': 'loginWithMagicLink',
  access: 'bearer',
  refresh: 'refreshToken',
};

describeApp('the doors of tokens', (start) => {
  it('a token works only at the door of its own kind, and a wrong door does not spend it (AT-2, OTT-1)', async () => {
    const app = await start({ config: OPEN });
    const tokens: Record<string, string> = {};
    for (const purpose of purposes) {
      await createUser(app, `${purpose}@example.com`);
      tokens[purpose] = await PURPOSES[purpose].issue(app, `${purpose}@example.com`);
    }
    const auth = await createUser(app, 'ada@example.com');
    Object.assign(tokens, {
      access: auth.accessToken,
      refresh: auth.refreshToken,
      device: auth.deviceToken,
      none: `lko_${'A'.repeat(43)}`,
      empty: '',
    });

    let n = 0;
    for (const [kind, token] of Object.entries(tokens)) {
      for (const [door, { refusal, send }] of Object.entries(DOORS)) {
        if (OWN_DOOR[kind] === door) continue;
        n += 1;
        const { code } = await send(app, token, { ip: `203.0.113.${n}` });
        expect({ kind, door, code }).toEqual({ kind, door, code: refusal });
      }
      if (kind !== 'refresh') {
        const { data } = await app.send(LOGOUT, input({ refreshToken: token }));
        expect({ kind, data }).toEqual({ kind, data: { logout: { revokedSessions: 0 } } });
      }
    }
    expect(n).toBe(11 * 7 - 8);
    for (const [kind, door] of Object.entries(OWN_DOOR)) {
      const answer = await DOORS[door]?.send(app, tokens[kind] ?? '', { ip: '203.0.113.250' });
      expect({ kind, code: answer?.code }).toEqual({ kind, code: 'OK' });
    }
  });

  it('a mailed token passes for neither a device token nor a password', async () => {
    const app = await start({ config: { ...OPEN, networkFailures: 1_000 } });
    await createUser(app, 'ada@example.com');
    const token = await PURPOSES['magic-link'].issue(app, 'ada@example.com');
    for (let i = 0; i < 5; i += 1)
      expect((await app.send(LOGIN, input({ email: 'ada@example.com', password: token }))).code).toBe(
        'INVALID_CREDENTIALS',
      );
    const fields = { email: 'ada@example.com', password: PASSWORD, deviceToken: token };
    expect((await app.send(LOGIN, input(fields))).code).toBe('TOO_MANY_REQUESTS');
  });
});

describeApp('one-time tokens', (start) => {
  it.each(purposes)(
    'a one-time token for %s works once, however many requests use it at the same time (OTT-1)',
    async (purpose) => {
      const app = await start({ config: { ...OPEN, hashConcurrency: 4 } });
      await createUser(app, 'ada@example.com');
      const { issue, use } = PURPOSES[purpose];
      const token = await issue(app, 'ada@example.com');
      const answers = await Promise.all(Array.from({ length: 8 }, () => use(app, token)));
      expect(answers.map(({ code }) => code).sort()).toEqual([...Array(7).fill('INVALID_TOKEN'), 'OK']);
      expect((await use(app, token)).code).toBe('INVALID_TOKEN');
    },
  );

  it.each(purposes)(
    'a one-time token for %s works up to the millisecond before it expires (OTT-1)',
    async (purpose) => {
      const app = await start({ config: OPEN });
      await createUser(app, 'ada@example.com');
      await createUser(app, 'eve@example.com');
      const { issue, use, ttlMs } = PURPOSES[purpose];
      const late = await issue(app, 'ada@example.com');
      app.clock.travel(ttlMs);
      expect((await use(app, late)).code).toBe('INVALID_TOKEN');
      const token = await issue(app, 'eve@example.com');
      app.clock.travel(ttlMs - 1);
      expect((await use(app, token)).code).toBe('OK');
    },
  );

  it.each(purposes)(
    'a one-time token for %s that was issued while the clock was ahead is refused once the clock is right (CR-7)',
    async (purpose) => {
      const app = await start({ config: OPEN });
      await createUser(app, 'ada@example.com');
      const { issue, use } = PURPOSES[purpose];
      app.clock.travel(365 * DAY_MS);
      const token = await issue(app, 'ada@example.com');
      app.clock.travel(-365 * DAY_MS);
      expect((await use(app, token)).code).toBe('INVALID_TOKEN');
      app.clock.travel(365 * DAY_MS);
      expect((await use(app, token)).code).toBe('OK');
    },
  );

  it.each(superseded)('a one-time token for %s ends when the next one is issued (OTT-2)', async (purpose) => {
    const app = await start({ config: OPEN });
    await createUser(app, 'ada@example.com');
    const { issue, use } = PURPOSES[purpose];
    const first = await issue(app, 'ada@example.com');
    const second = await issue(app, 'ada@example.com');
    expect(second).not.toBe(first);
    expect((await use(app, first)).code).toBe('INVALID_TOKEN');
    expect((await use(app, second)).code).toBe('OK');
  });

  it.each<[string, (app: TestApp, accessToken: string) => Promise<unknown>]>([
    [
      'a change of password',
      (app, token) =>
        app.send(CHANGE_PASSWORD, input({ currentPassword: PASSWORD, newPassword: NEW_PASSWORD }), { token }),
    ],
    ['a password that the operator sets', (app) => app.admin.setPassword('ada@example.com', NEW_PASSWORD)],
    [
      'a reset of the password',
      async (app) => {
        const token = await PURPOSES['reset-password'].issue(app, 'ada@example.com');
        await PURPOSES['reset-password'].use(app, token);
      },
    ],
    ['disabling the account', (app) => app.admin.disable('ada@example.com')],
    ['deleting the account', (app, token) => app.send(DELETE_ME, input({ password: PASSWORD }), { token })],
    ['a restored backup', (app) => app.admin.finishRestore()],
  ])('the one-time tokens of an account end with %s (OTT-2, CR-6)', async (_cause, end) => {
    const app = await start({ config: OPEN });
    const { accessToken } = await createUser(app, 'ada@example.com');
    const eves = await createUser(app, 'eve@example.com');
    const tokens = new Map<Purpose, string>();
    for (const purpose of ofAccount)
      tokens.set(purpose, await PURPOSES[purpose].issue(app, 'ada@example.com'));
    await end(app, accessToken);
    for (const [purpose, token] of tokens)
      expect({ purpose, code: (await PURPOSES[purpose].use(app, token)).code }).toEqual({
        purpose,
        code: 'INVALID_TOKEN',
      });
    expect(eves.user.email).toBe('eve@example.com');
    const left = await app.database.all('SELECT purpose FROM one_time_tokens WHERE subject <> :id', {
      id: eves.user.id,
    });
    expect(left).toEqual([]);
  });

  it.each<[string, string, (app: TestApp) => Promise<unknown>]>([
    ['survives a new password', 'OK', (app) => app.admin.setPassword('new-ada@example.com', NEW_PASSWORD)],
    ['ends when a backup is restored', 'INVALID_TOKEN', (app) => app.admin.finishRestore()],
    [
      'ends when the account is deleted',
      'INVALID_TOKEN',
      async (app) => {
        const { accessToken } = await login(app, { email: 'new-ada@example.com' });
        await app.send(DELETE_ME, input({ password: PASSWORD }), { token: accessToken });
      },
    ],
  ])('a link that undoes a change of address %s', async (_what, code, cause) => {
    const app = await start({ config: OPEN });
    await createUser(app, 'ada@example.com');
    const { issue, use } = PURPOSES['undo-email-change'];
    const token = await issue(app, 'ada@example.com');
    await cause(app);
    expect((await use(app, token)).code).toBe(code);
  });

  it('the former address of an account, reserved for the undo of its change, is free once the account is deleted', async () => {
    const app = await start({ config: { ...OPEN, registration: 'open' } });
    await createUser(app, 'ada@example.com');
    await PURPOSES['undo-email-change'].issue(app, 'ada@example.com');
    const again = () => app.send(REGISTER, input({ email: 'ada@example.com', password: PASSWORD }));
    expect((await again()).code).toBe('EMAIL_TAKEN');
    const { accessToken } = await login(app, { email: 'new-ada@example.com' });
    await app.send(DELETE_ME, input({ password: PASSWORD }), { token: accessToken });
    expect(await app.database.all('SELECT purpose FROM one_time_tokens')).toEqual([]);
    expect((await again()).code).toBe('OK');
  });

  it('a one-time token is refused once the account has another address than the one it was mailed to', async () => {
    const app = await start({ config: OPEN });
    const { user } = await createUser(app, 'ada@example.com');
    for (const purpose of ['verify-email', 'reset-password', 'magic-link'] as const) {
      const token = await PURPOSES[purpose].issue(app, 'ada@example.com');
      // As if the change had missed a token that was made while it was under way.
      await app.database.run('UPDATE users SET email_canonical = :email', { email: 'moved@example.com' });
      expect((await PURPOSES[purpose].use(app, token)).code).toBe('INVALID_TOKEN');
      await app.database.run('UPDATE users SET email_canonical = :email', { email: 'ada@example.com' });
    }
    expect(await app.database.all('SELECT id FROM users WHERE password_version = 1')).toEqual([
      { id: user.id },
    ]);
  });

  it('a one-time token is stored as a hash alone, and appears in no log (OTT-1, AUD-2)', async () => {
    const app = await start({ config: OPEN });
    const tokens: string[] = [];
    for (const purpose of purposes) {
      await createUser(app, `${purpose}@example.com`);
      const token = await PURPOSES[purpose].issue(app, `${purpose}@example.com`);
      expect(token).toMatch(/^lko_[A-Za-z0-9_-]{43}$/);
      tokens.push(token);
      await PURPOSES[purpose].use(app, token.replace(/.$/, 'x'));
    }
    await app.send(REQUEST_RESET, input({ email: 'magic-link@example.com' }));
    const stored = [];
    for (const table of ['one_time_tokens', 'audit_events', 'mails', 'throttles'])
      stored.push(await app.database.all(`SELECT * FROM ${table}`));
    tokens.push(await mailedToken(app, '/reset-password', 'magic-link@example.com'));
    const everything = JSON.stringify([stored, app.lines]);
    expect(tokens.filter((token) => everything.includes(token.slice('lko_'.length)))).toEqual([]);
  });

  it('a GET request does not spend a one-time token (OTT-5)', async () => {
    const app = await start({ config: OPEN });
    await createUser(app, 'ada@example.com');
    const token = await PURPOSES['magic-link'].issue(app, 'ada@example.com');
    const query = `mutation { loginWithMagicLink(input: { token: "${token}" }) { expiresIn } }`;
    const url = `/graphql?query=${encodeURIComponent(query)}`;
    for (const headers of [
      {},
      { 'apollo-require-preflight': 'true' },
      { 'content-type': 'application/json' },
    ]) {
      const { statusCode, body } = await app.server.inject({ method: 'GET', url, headers });
      expect([400, 405]).toContain(statusCode);
      expect(body).not.toContain('expiresIn":');
    }
    expect((await PURPOSES['magic-link'].use(app, token)).code).toBe('OK');
  });

  it('a mailed link leads to the configured app, even when the request names another host (WEB-6)', async () => {
    const app = await start({ config: OPEN });
    await createUser(app, 'ada@example.com');
    const headers = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      forwarded: 'host=evil.example',
      origin: 'https://evil.example',
      referer: 'https://evil.example/',
    };
    await app.send(REQUEST_RESET, input({ email: 'ada@example.com' }), { headers });
    const token = await mailedToken(app, '/reset-password', 'ada@example.com');
    const letters = await app.mailed();
    expect(letters).toHaveLength(1);
    expect(JSON.stringify(letters)).not.toContain('evil');
    expect(letters[0]?.text).toContain(`http://localhost:3000/reset-password#token=${token}`);
  });

  it('bad one-time tokens are throttled after 30 from one network, and other networks are not affected', async () => {
    const app = await start({ config: OPEN });
    await createUser(app, 'ada@example.com');
    const token = await PURPOSES['magic-link'].issue(app, 'ada@example.com');
    const { use } = PURPOSES['magic-link'];
    for (let i = 0; i < 30; i += 1)
      expect((await use(app, i % 2 ? 'garbage' : `lko_${'A'.repeat(43)}`)).code).toBe('INVALID_TOKEN');
    expect((await use(app, 'garbage')).code).toBe('TOO_MANY_REQUESTS');
    expect((await use(app, 'garbage', { ip: '203.0.113.1' })).code).toBe('INVALID_TOKEN');
    expect((await use(app, token)).code).toBe('OK');
    expect(await eventsOf(app, 'excess_rate_limit_exceeded')).toHaveLength(1);
  });
});

/** What strangers can ask for, with the same answer for every address. */
const REQUESTS = {
  requestPasswordReset: REQUEST_RESET,
  requestMagicLink: REQUEST_MAGIC_LINK,
  requestEmailVerification: REQUEST_VERIFICATION,
};

describeApp('requests for a mail', (start) => {
  it.each(Object.entries(REQUESTS))(
    '%s gives the same answer and runs the same statements for every address, known or not (OTT-3, LOG-2)',
    async (_field, document) => {
      const plain = await start({ config: OPEN });
      const { database, statements } = noteStatements(plain.database);
      const app = await startApp({ engine: database.dialect, database, config: OPEN });
      try {
        for (const name of ['known', 'waiting', 'off']) await createUser(app, `${name}@example.com`);
        await app.admin.disable('off@example.com');
        const waiting = { email: 'waiting@example.com' };
        await app.database.run('UPDATE users SET email_verified_at = NULL WHERE email = :email', waiting);
        await app.send(REGISTER, input({ email: 'pending@example.com', password: PASSWORD }));
        // What is sent after the answers is another matter.
        await app.mail.close();

        const seen = [];
        for (const name of ['known', 'waiting', 'off', 'pending', 'nobody', 'nobody', 'known']) {
          statements.length = 0;
          const { status, body, headers } = await app.send(document, input({ email: `${name}@example.com` }));
          const { date: _date, 'x-request-id': _id, ...rest } = headers;
          seen.push(JSON.stringify({ status, body, rest, statements }));
        }
        expect(new Set(seen).size).toBe(1);
        expect(seen[0]).toContain('INSERT INTO mails');
      } finally {
        await app.stop();
      }
    },
  );

  it('a mail request for an unknown address or a disabled account mails nothing and stores no address (OTT-3)', async () => {
    const app = await start({ config: OPEN });
    await createUser(app, 'off@example.com');
    await app.admin.disable('off@example.com');
    for (const document of Object.values(REQUESTS))
      for (const name of ['nobody', 'off'])
        expect((await app.send(document, input({ email: `${name}@example.com` }))).code).toBe('OK');
    expect(await app.mailed()).toEqual([]);
    const summaries = [];
    for await (const mail of app.mail.list()) summaries.push(mail);
    expect(summaries).toEqual([]);
    const rows = await app.database.all<{ email: string }>('SELECT email FROM one_time_tokens');
    expect(new Set(rows.map(({ email }) => email))).toEqual(new Set(['']));
    await app.housekeeping.turn();
    expect(await app.database.all('SELECT id FROM mails')).toEqual([]);
  });

  it.each(Object.entries(REQUESTS))(
    '%s gives the same answer each time it is repeated for one address, known or not (OTT-3)',
    async (_field, document) => {
      const app = await start({ config: { ...OPEN, addressMails: 3 } });
      await createUser(app, 'ada@example.com');
      const seen = new Set<string>();
      for (const email of ['ada@example.com', 'nobody@example.com'])
        for (let i = 0; i < 5; i += 1)
          seen.add((await app.send(document, input({ email }), { ip: `203.0.113.${i}` })).body);
      expect(seen.size).toBe(1);
      expect((await app.mailed()).length).toBeLessThanOrEqual(3);
    },
  );

  it('the eleventh mail request from one network in an hour is refused, and other networks are not affected (OTT-3)', async () => {
    const app = await start({ config: { ...OPEN, networkMails: TEST_CONFIG.networkMails } });
    const codes = [];
    for (let i = 0; i < 11; i += 1)
      codes.push((await app.send(REQUEST_RESET, input({ email: `user${i}@example.com` }))).code);
    expect(codes).toEqual([...Array(10).fill('OK'), 'TOO_MANY_REQUESTS']);
    const elsewhere = { ip: '203.0.113.1' };
    expect((await app.send(REQUEST_RESET, input({ email: 'user@example.com' }), elsewhere)).code).toBe('OK');
  });

  it('a mail request is recorded in the audit trail without an address and without a token (AUD-1, AUD-2)', async () => {
    const app = await start({ config: OPEN });
    const { user } = await createUser(app, 'ada@example.com');
    await app.send(REQUEST_RESET, input({ email: 'ada@example.com' }));
    await app.send(REQUEST_RESET, input({ email: 'nobody@example.com' }));
    const events = await eventsOf(app, 'authn_token_created');
    expect(
      events.map(({ outcome, userId, details }) => ({ outcome, userId, ...JSON.parse(details) })),
    ).toEqual(
      expect.arrayContaining([
        { outcome: 'success', userId: user.id, purpose: 'reset-password' },
        { outcome: 'fail', userId: null, purpose: 'reset-password', instead: 'nothing' },
      ]),
    );
    expect(events).toHaveLength(2);
  });
});
