import { createHash } from 'node:crypto';
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  CONFIRM_EMAIL_CHANGE,
  LOGIN_WITH_LINK,
  login,
  REGISTER,
  REQUEST_EMAIL_CHANGE,
  REQUEST_MAGIC_LINK,
  REQUEST_RESET,
  REQUEST_VERIFICATION,
  RESET_PASSWORD,
  register,
  UNDO_EMAIL_CHANGE,
  VERIFY_EMAIL,
} from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { lettersTo, mailedToken, subjectsTo } from '../../support/letters.ts';
import { type Answer, describeApp, PASSWORD, startApp, type TestApp } from '../../support/start-app.ts';
import { noteStatements } from '../../support/statements.ts';

const ADA = 'ada@example.com';
const NEW_PASSWORD = 'another horse altogether';
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Networks do not matter, except where they are the subject. */
const OPEN = { magicLinks: true, networkMails: 10_000, networkRegistrations: 10_000 } as const;
const VERIFY = { ...OPEN, registration: 'verify' } as const;

/** Asks, and waits until what it causes is mailed: then the newest letter is the last one. */
async function sent(app: TestApp, answer: Promise<Answer>): Promise<Answer> {
  const answered = await answer;
  await app.mailed();
  return answered;
}

const ask =
  (document: string, email = ADA) =>
  (app: TestApp) =>
    sent(app, app.send(document, { input: { email } }));

/** What strangers can ask for to any address: the link that comes, and how long mails of it are counted. */
const REQUESTS = {
  requestPasswordReset: {
    request: ask(REQUEST_RESET),
    path: '/reset-password',
    windowMs: 30 * MINUTE_MS,
    use: (app: TestApp, token: string) =>
      app.send(RESET_PASSWORD, { input: { token, newPassword: NEW_PASSWORD } }),
  },
  requestMagicLink: {
    request: ask(REQUEST_MAGIC_LINK),
    path: '/magic-link',
    windowMs: 10 * MINUTE_MS,
    use: (app: TestApp, token: string) => app.send(LOGIN_WITH_LINK, { input: { token } }),
  },
  requestEmailVerification: {
    request: ask(REQUEST_VERIFICATION),
    path: '/verify-email',
    windowMs: HOUR_MS,
    use: (app: TestApp, token: string) => app.send(VERIFY_EMAIL, { input: { token } }),
  },
};
const requests = Object.entries(REQUESTS);

async function times(count: number, work: () => Promise<Answer>): Promise<string[]> {
  const codes = [];
  for (let i = 0; i < count; i += 1) codes.push((await work()).code);
  return codes;
}

/** The tokens in the links that were mailed to an address, the oldest first. */
async function tokensTo(app: TestApp, path: string, email = ADA): Promise<string[]> {
  const link = new RegExp(`^http://localhost:3000${path}#token=(\\S+)$`, 'm');
  return (await lettersTo(app, email)).flatMap(({ text }) => link.exec(text)?.[1] ?? []);
}

/** Whether a token could be used now, without using it. */
async function works(app: TestApp, token: string | undefined): Promise<boolean> {
  const row = await app.database.get(
    'SELECT 1 AS found FROM one_time_tokens WHERE token_hash = :tokenHash AND expires_at > :now',
    {
      tokenHash: createHash('sha256')
        .update(token ?? '')
        .digest('base64url'),
      now: app.clock.now(),
    },
  );
  return row !== undefined;
}

describeApp('limits of mailed links', (start) => {
  it.each(requests)(
    '%s past three mails answers and writes as before, mails nothing and leaves the last link valid (OTT-3)',
    async (_f, of) => {
      const plain = await start({ config: OPEN });
      await register(plain);
      const { database, statements } = noteStatements(plain.database);
      const app = await startApp({ engine: database.dialect, database, config: OPEN });
      try {
        const seen = [];
        for (let i = 0; i < 6; i += 1) {
          statements.length = 0;
          const { status, body, headers } = await of.request(app);
          const { date: _date, 'x-request-id': _id, ...rest } = headers;
          // Sending reads and deletes mails.
          const asked = statements.filter((text) => !/^\s*(SELECT|UPDATE|DELETE)[\s\S]* mails/.test(text));
          seen.push(JSON.stringify({ status, body, rest, asked }));
        }
        expect(new Set(seen).size).toBe(1);
        const tokens = await tokensTo(app, of.path);
        expect(tokens).toHaveLength(3);
        expect((await of.use(app, tokens[2] ?? '')).code).toBe('OK');
      } finally {
        await app.stop();
      }
    },
  );

  it.each(requests)(
    '%s mails links again once its counting window is over',
    async (_f, { request, path, windowMs }) => {
      const app = await start({ config: OPEN });
      await register(app);
      await request(app);
      app.clock.travel(windowMs / 2);
      await times(5, () => request(app));
      app.clock.travel(windowMs / 2 - 1);
      await request(app);
      expect(await tokensTo(app, path)).toHaveLength(3);
      app.clock.travel(1);
      await times(5, () => request(app));
      expect(await tokensTo(app, path)).toHaveLength(6);
    },
  );

  it('three mails of one kind to an address do not hold back the other kinds (LOG-6)', async () => {
    const app = await start({ config: OPEN });
    await register(app);
    for (const [, { request }] of requests) await times(5, () => request(app));
    for (const [, { path }] of requests) expect(await tokensTo(app, path)).toHaveLength(3);
  });

  it('a new link is mailed past the limit once the last one is used or ended (LOG-6)', async () => {
    const app = await start({ config: OPEN });
    await register(app);
    const { request, path, use } = REQUESTS.requestPasswordReset;
    await times(5, () => request(app));
    await use(app, await mailedToken(app, path));
    await request(app);
    expect(await works(app, (await tokensTo(app, path)).at(3))).toBe(true);

    await times(5, () => request(app));
    await app.admin.setPassword(ADA, PASSWORD);
    await request(app);
    expect(await works(app, (await tokensTo(app, path)).at(-1))).toBe(true);
  });

  it('requests for an address without an account get the same answers, and do not count once it has one', async () => {
    const app = await start({ config: OPEN });
    const known = 'known@example.com';
    await register(app, known);
    for (const [name, { path }] of requests) {
      const document = { requestPasswordReset: REQUEST_RESET, requestMagicLink: REQUEST_MAGIC_LINK }[name];
      const request = (email: string) => ask(document ?? REQUEST_VERIFICATION, email)(app);
      const answers = [];
      for (const email of [known, ADA]) {
        const bodies = [];
        for (let i = 0; i < 5; i += 1) bodies.push((await request(email)).body);
        answers.push(bodies);
      }
      expect(answers[0]).toEqual(answers[1]);
      expect(await tokensTo(app, path, ADA)).toEqual([]);
    }
    await register(app);
    for (const [, { request, path }] of requests) {
      await request(app);
      expect(await works(app, await mailedToken(app, path))).toBe(true);
    }
  });

  it('requests made while an account is disabled do not hold back its links once it is enabled', async () => {
    const app = await start({ config: OPEN });
    await register(app);
    await app.admin.disable(ADA);
    for (const [, { request }] of requests) await times(5, () => request(app));
    expect(await app.mailed()).toEqual([]);
    await app.admin.enable(ADA);
    for (const [, { request, path }] of requests) {
      await request(app);
      expect(await works(app, await mailedToken(app, path))).toBe(true);
    }
  });

  it('the audit trail says why a link was not mailed (AUD-1)', async () => {
    const app = await start({ config: OPEN });
    await register(app);
    await times(4, () => REQUESTS.requestPasswordReset.request(app));
    const events = await eventsOf(app, 'authn_token_created');
    const seen = events.map(({ outcome, details }) => ({ outcome, ...JSON.parse(details) }));
    const sent = { outcome: 'success', purpose: 'reset-password' };
    expect(seen).toEqual(
      expect.arrayContaining([...Array(3).fill(sent), { ...sent, outcome: 'fail', reason: 'enough_mails' }]),
    );
    expect(seen).toHaveLength(4);
  });

  it('a mail count that began while the clock was ahead ends once the clock is right (CR-7)', async () => {
    const app = await start({ config: OPEN });
    await register(app);
    const { request, path } = REQUESTS.requestPasswordReset;
    app.clock.travel(40 * 24 * HOUR_MS);
    await times(5, () => request(app));
    app.clock.travel(-40 * 24 * HOUR_MS);
    await request(app);
    expect(await works(app, (await tokensTo(app, path)).at(-1))).toBe(true);
    expect(await tokensTo(app, path)).toHaveLength(4);
  });

  it('mailed links are not counted where throttles are off', async () => {
    const app = await start({ config: { ...OPEN, throttles: false } });
    await register(app);
    const { request, path } = REQUESTS.requestPasswordReset;
    await times(6, () => request(app));
    expect(await tokensTo(app, path)).toHaveLength(6);
  });
});

describeApp('simultaneous requests for links', (start) => {
  it.each(requests)(
    'twenty simultaneous calls of %s mail three links, one of which works',
    async (_f, { request, path }) => {
      const app = await start({ config: OPEN });
      await register(app);
      const answers = await Promise.all(Array.from({ length: 20 }, () => request(app)));
      expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
      const tokens = await tokensTo(app, path);
      expect(tokens).toHaveLength(3);
      const live = await Promise.all(tokens.map((token) => works(app, token)));
      expect(live.filter(Boolean)).toHaveLength(1);
    },
  );

  it('a request after a burst in which a link was used leaves exactly one valid link', async () => {
    const app = await start({ config: OPEN });
    await register(app);
    const { request, path, use } = REQUESTS.requestMagicLink;
    for (let round = 0; round < 5; round += 1) {
      await request(app);
      const token = (await tokensTo(app, path)).at(-1) ?? '';
      await Promise.all([...Array.from({ length: 8 }, () => request(app)), use(app, token)]);
      await request(app);
      const live = await Promise.all((await tokensTo(app, path)).map((one) => works(app, one)));
      expect(live.filter(Boolean)).toHaveLength(1);
    }
  });
});

/** What may happen around the mailbox of an owner, who asks for a link now and then. */
type Step =
  | { readonly does: 'ask'; readonly field: keyof typeof REQUESTS; readonly count: number }
  | { readonly does: 'travel'; readonly ms: number }
  | { readonly does: 'use'; readonly field: keyof typeof REQUESTS }
  | { readonly does: 'setPassword' | 'disable' };

const field = fc.constantFrom(...(Object.keys(REQUESTS) as (keyof typeof REQUESTS)[]));
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ does: fc.constant('ask' as const), field, count: fc.integer({ min: 1, max: 5 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant('travel' as const),
      ms: fc.integer({ min: 1, max: 40 * MINUTE_MS }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('use' as const), field }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constantFrom('setPassword' as const, 'disable' as const) }) },
);

describeApp('the links of an owner', (start) => {
  it('an owner who asks for a link holds a working one of that kind, however often strangers ask too (OTT-3, LOG-6)', async () => {
    const app = await start({ config: { ...OPEN, hashConcurrency: 4 } });
    let n = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        n += 1;
        const email = `owner${n}@example.com`;
        const passwordHash = 'no password';
        await app.database.run(
          `INSERT INTO users (id, email, email_canonical, password_hash, created_at, updated_at)
           VALUES (:email, :email, :email, :passwordHash, 0, 0)`,
          { email, passwordHash },
        );
        const documents = {
          requestPasswordReset: REQUEST_RESET,
          requestMagicLink: REQUEST_MAGIC_LINK,
          requestEmailVerification: REQUEST_VERIFICATION,
        };
        const newest = async (name: keyof typeof REQUESTS) =>
          (await tokensTo(app, REQUESTS[name].path, email)).at(-1);

        for (const one of steps) {
          if (one.does === 'travel') app.clock.travel(one.ms);
          if (one.does === 'ask') await times(one.count, () => ask(documents[one.field], email)(app));
          if (one.does === 'use') await REQUESTS[one.field].use(app, (await newest(one.field)) ?? '');
          if (one.does === 'setPassword') await app.admin.setPassword(email, PASSWORD);
          if (one.does === 'disable') {
            await app.admin.disable(email);
            await times(3, () => ask(REQUEST_RESET, email)(app));
            await app.admin.enable(email);
          }
        }
        const isVerified = await app.database.get(
          'SELECT 1 AS found FROM users WHERE id = :email AND email_verified_at IS NOT NULL',
          { email },
        );
        for (const [name, document] of Object.entries(documents)) {
          // A verified owner needs no such link, and gets none.
          if (name === 'requestEmailVerification' && isVerified !== undefined) continue;
          await ask(document, email)(app);
          expect(await works(app, await newest(name as keyof typeof REQUESTS))).toBe(true);
        }
      }),
      { numRuns: 15 },
    );
  }, 120_000);
});

describeApp('links for a change of address', (start) => {
  const NEW = 'ada@example.org';
  const change = (app: TestApp, token: string, newEmail = NEW) =>
    sent(app, app.send(REQUEST_EMAIL_CHANGE, { input: { newEmail, password: PASSWORD } }, { token }));

  it('a change of address mails three links and then answers as before, and the last link works', async () => {
    const app = await start({ config: OPEN });
    const { accessToken } = await register(app);
    const bodies = [];
    for (let i = 0; i < 5; i += 1) bodies.push((await change(app, accessToken)).body);
    expect(new Set(bodies).size).toBe(1);
    const tokens = await tokensTo(app, '/confirm-email', NEW);
    expect(tokens).toHaveLength(3);
    expect(
      (await app.send(CONFIRM_EMAIL_CHANGE, { input: { token: tokens[2], password: PASSWORD } })).code,
    ).toBe('OK');
  });

  it('a change of address is not held back by others who ask for the same address', async () => {
    const app = await start({ config: OPEN });
    const { accessToken } = await register(app);
    for (const name of ['eve', 'mallory']) {
      const stranger = await register(app, `${name}@example.com`);
      await times(4, () => change(app, stranger.accessToken));
    }
    const before = (await tokensTo(app, '/confirm-email', NEW)).length;
    await change(app, accessToken);
    const tokens = await tokensTo(app, '/confirm-email', NEW);
    expect(tokens).toHaveLength(before + 1);
    expect(
      (await app.send(CONFIRM_EMAIL_CHANGE, { input: { token: tokens.at(-1), password: PASSWORD } })).code,
    ).toBe('OK');
  });

  it('a change to a different address is mailed there, and alternating between two addresses is limited', async () => {
    const app = await start({ config: { ...OPEN, networkChecks: 1_000 } });
    const { accessToken } = await register(app);
    await times(4, () => change(app, accessToken, 'typo@example.org'));
    await change(app, accessToken);
    expect(
      (
        await app.send(CONFIRM_EMAIL_CHANGE, {
          input: { token: await mailedToken(app, '/confirm-email', NEW), password: PASSWORD },
        })
      ).code,
    ).toBe('OK');

    const eve = await register(app, 'eve@example.com');
    for (let i = 0; i < 10; i += 1)
      for (const victim of ['one@example.org', 'two@example.org']) await change(app, eve.accessToken, victim);
    const mailed = await Promise.all(
      ['one@example.org', 'two@example.org'].map((victim) => tokensTo(app, '/confirm-email', victim)),
    );
    expect(mailed.map(({ length }) => length)).toEqual([6, 6]);
  });

  it('a change to the address of another account sends its owner at most three notices', async () => {
    const app = await start({ config: OPEN });
    await register(app, 'victim@example.com');
    const { accessToken } = await register(app);
    await times(5, () => change(app, accessToken, 'victim@example.com'));
    expect(await subjectsTo(app, 'victim@example.com')).toEqual(Array(3).fill('You already have an account'));
  });

  it('the first undo link works after five changes of address, and mails a reset link past the limit', async () => {
    const app = await start({ config: OPEN });
    const { accessToken } = await register(app);
    await app.database.run('UPDATE users SET email_verified_at = 1');
    const undos = [];
    for (const newEmail of [
      'a@example.org',
      'b@example.org',
      'c@example.org',
      'd@example.org',
      'e@example.org',
    ]) {
      await change(app, accessToken, newEmail);
      const token = await mailedToken(app, '/confirm-email', newEmail);
      expect((await app.send(CONFIRM_EMAIL_CHANGE, { input: { token, password: PASSWORD } })).code).toBe(
        'OK',
      );
      undos.push((await tokensTo(app, '/undo-email-change', ADA)).at(-1));
    }
    await times(5, () => ask(REQUEST_RESET, 'e@example.org')(app));
    const [first] = undos;
    expect((await app.send(UNDO_EMAIL_CHANGE, { input: { token: first } })).code).toBe('OK');
    const { use, path } = REQUESTS.requestPasswordReset;
    expect((await use(app, await mailedToken(app, path))).code).toBe('OK');
  });
});

describeApp('mails of register', (start) => {
  const registerAt = (app: TestApp, email = ADA) =>
    sent(app, app.send(REGISTER, { input: { email, password: PASSWORD } }));

  it('register counts its mails together with those of requestEmailVerification, and the last link works', async () => {
    const app = await start({ config: VERIFY });
    const bodies = [];
    for (let i = 0; i < 4; i += 1) {
      bodies.push((await registerAt(app)).body);
      await ask(REQUEST_VERIFICATION)(app);
    }
    expect(new Set(bodies).size).toBe(1);
    const tokens = await tokensTo(app, '/verify-email');
    expect(tokens).toHaveLength(3);
    expect((await app.send(VERIFY_EMAIL, { input: { token: tokens[2], password: PASSWORD } })).code).toBe(
      'OK',
    );
    expect((await login(app)).user.email).toBe(ADA);
  });

  it('register sends the owner of an account three notices, even when others ask for links in between', async () => {
    const app = await start({ config: VERIFY });
    await app.admin.createUser({ email: ADA, password: PASSWORD });
    for (let i = 0; i < 5; i += 1) {
      expect((await registerAt(app)).code).toBe('OK');
      await ask(REQUEST_VERIFICATION)(app);
    }
    expect(await subjectsTo(app)).toEqual(Array(3).fill('You already have an account'));
  });

  it('notices from register do not hold back the link of an account that waits for verification', async () => {
    const app = await start({ config: VERIFY });
    await app.admin.createUser({ email: ADA, password: PASSWORD });
    await times(4, () => registerAt(app));
    await app.database.run('UPDATE users SET email_verified_at = NULL');
    await ask(REQUEST_VERIFICATION)(app);
    expect(await works(app, await mailedToken(app, '/verify-email'))).toBe(true);
  });

  it('requests for a link before a registration do not hold back the link of the registration', async () => {
    const app = await start({ config: VERIFY });
    await times(5, () => ask(REQUEST_VERIFICATION)(app));
    await registerAt(app);
    expect(await works(app, await mailedToken(app, '/verify-email'))).toBe(true);
  });
});
