import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { migratedDatabase } from '../../support/databases.ts';
import { CHANGE_PASSWORD } from '../../support/documents.ts';
import { type EvilProvider, providerOf, startEvilProvider } from '../../support/evil-provider.ts';
import {
  authOf,
  type Begun,
  begin,
  beginLink,
  COMPLETE_LINK,
  complete,
  EXTERNAL_LOGINS,
  linkTo,
  loginBy,
  refusalOf,
  registerVerified,
  UNLINK_EXTERNAL,
  visit,
  writtenIn,
} from '../../support/external-logins.ts';
import { createInterleaving } from '../../support/interleaving.ts';
import { useCleanups } from '../../support/setup.ts';
import { createFrozenClock, describeApp, PASSWORD, type TestApp } from '../../support/start-app.ts';

/* Requests that overtake each other: each of them sees what it read, and one of them wins. */

const ADA = { sub: 'ada-1', email: 'ada@example.com', email_verified: true };
const clock = createFrozenClock();
let evil: EvilProvider;
beforeAll(async () => {
  evil = await startEvilProvider(clock.now);
});
afterAll(() => evil.close());

function options() {
  const work = providerOf('work', { issuer: evil.origin, authoritativeFor: ['example.com'] });
  const config = { providers: [work], redirectOrigins: ['https://app.example.com'], throttles: false };
  return { clock, fetchOfProviders: evil.fetch, config };
}

describeApp('races of external logins', (start, engine) => {
  const cleanups = useCleanups();

  async function startInterleaved() {
    const fresh = await migratedDatabase(engine);
    cleanups.push(fresh.drop);
    const { database, once, isDone } = createInterleaving(fresh.database);
    return { app: await start({ ...options(), database }), once, isDone };
  }

  /** A login that waits to be completed. */
  async function arrive(app: TestApp, person: typeof ADA | { sub: string } = ADA) {
    const begun: Begun = await begin(app);
    const { code } = await visit(app, evil, begun, person);
    return () => complete(app, code, begun.verifier);
  }

  it('one person at once in ten tabs has one account, and a session in each', async () => {
    const app = await start(options());
    const arrivals = await Promise.all(Array.from({ length: 10 }, () => arrive(app)));
    const answers = await Promise.all(arrivals.map((finish) => finish()));
    expect(new Set(answers.map((answer) => authOf(answer).user.id)).size).toBe(1);
    expect(await writtenIn(app)).toMatchObject({ users: 1, external_logins: 1, sessions: 10 });
  });

  it.each(['the account', 'the link'])(
    'a login that is overtaken before it makes %s opens the same account',
    async (what) => {
      const { app, once, isDone } = await startInterleaved();
      if (what === 'the link') await registerVerified(app);
      const [first, second] = [await arrive(app), await arrive(app)];
      once('before', /^transaction$/, second);
      const auth = authOf(await first());
      expect(isDone()).toBe(true);
      expect(await writtenIn(app)).toMatchObject({ users: 1, external_logins: 1 });
      expect(auth.user.email).toBe('ada@example.com');
    },
  );

  it('ten starts and one finish leave nine starts that open nothing by themselves', async () => {
    const app = await start(options());
    const starts = await Promise.all(Array.from({ length: 10 }, () => begin(app)));
    const [last] = starts.slice(-1);
    if (last === undefined) throw new Error('no start');
    const { code } = await visit(app, evil, last, ADA);
    expect((await complete(app, code, last.verifier)).code).toBe('OK');
    expect(await app.database.all('SELECT id FROM external_starts')).toHaveLength(9);
    expect(await writtenIn(app)).toMatchObject({ users: 1, sessions: 1 });
  });

  it('one code ten times at once opens one session', async () => {
    const app = await start(options());
    const finish = await arrive(app);
    const answers = await Promise.all(Array.from({ length: 10 }, finish));
    const refusals = answers.map(refusalOf).filter((code) => code !== 'OK');
    expect(refusals).toEqual(Array(9).fill('EXTERNAL_LOGIN_FAILED EXPIRED'));
    expect(await writtenIn(app)).toMatchObject({ users: 1, sessions: 1 });
  });

  it('one answer of a provider ten times at once is exchanged once', async () => {
    const app = await start(options());
    const begun = await begin(app);
    const answer = evil.authorize(begun.authorizationUrl, ADA);
    const url = `/external/callback/work?${new URLSearchParams(answer)}`;
    const answers = await Promise.all(Array.from({ length: 10 }, () => app.server.inject(url)));
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([303, ...Array(9).fill(400)]);
    expect(answers.find(({ statusCode }) => statusCode === 303)?.headers.location).toContain('#code=');
  });

  it('a server that dies between callback and completion loses no login: the code works at another one', async () => {
    const { url: _, database, drop } = await migratedDatabase(engine);
    cleanups.push(drop);
    const first = await start({ ...options(), database });
    const begun = await begin(first);
    const { code } = await visit(first, evil, begun, ADA);
    await first.close();
    const second = await start({ ...options(), database });
    clock.travel(2 * 60_000 - 1);
    expect((await complete(second, code, begun.verifier)).code).toBe('OK');
  });

  it('a login at the moment of its unlinking opens nothing', async () => {
    const { app, once, isDone } = await startInterleaved();
    const owner = await registerVerified(app, 'owner@elsewhere.example');
    const { accessToken: token } = owner;
    await linkTo(app, evil, token, { sub: 'ada-1' });
    const [{ id }] = (await app.send(EXTERNAL_LOGINS, {}, { token })).data.me.externalLogins;
    const finish = await arrive(app, { sub: 'ada-1' });
    once('before', /^transaction$/, () => app.send(UNLINK_EXTERNAL, { input: { id } }, { token }));
    expect((await finish()).data?.completeExternalLogin?.auth ?? null).toBeNull();
    expect(isDone()).toBe(true);
    expect(await writtenIn(app)).toMatchObject({ sessions: 1, external_logins: 0 });
  });

  it('of two people with one address at a provider, the account is opened to the first alone, also at once (EXT-1)', async () => {
    const app = await start(options());
    await registerVerified(app);
    const finishes = [];
    for (const sub of ['ada-1', 'ada-2', 'ada-3']) finishes.push(await arrive(app, { ...ADA, sub }));
    const answers = await Promise.all(finishes.map((finish) => finish()));
    const linkFirst = 'EXTERNAL_LOGIN_FAILED LINK_FIRST';
    expect(answers.map(refusalOf).sort()).toEqual([linkFirst, linkFirst, 'OK']);
    expect(await writtenIn(app)).toMatchObject({ users: 1, sessions: 2, external_logins: 1 });
  });

  it('a login whose account changes its address meanwhile does not open it by the old one', async () => {
    const { app, once, isDone } = await startInterleaved();
    const owner = await registerVerified(app);
    const finish = await arrive(app);
    once('before', /^transaction$/, () =>
      app.database.run(
        `UPDATE users SET email = 'new@elsewhere.example', email_canonical = 'new@elsewhere.example'
         WHERE id = :id`,
        { id: owner.user.id },
      ),
    );
    expect((await finish()).code).toBe('INVALID_TOKEN');
    expect(isDone()).toBe(true);
    expect(await writtenIn(app)).toMatchObject({ sessions: 1, external_logins: 0 });
  });

  it.each([
    ['before the account is read', 'before', /^get SELECT .*FROM users WHERE id = :id/s],
    ['before the session is looked up', 'before', /^get SELECT (?!.*FROM users).*FROM sessions WHERE id/s],
    ['after it', 'before', /^transaction$/],
  ] as const)(
    'a link of a thief fails when the owner changes the password %s',
    async (_when, moment, operation) => {
      const { app, once, isDone } = await startInterleaved();
      const owner = await registerVerified(app);
      const { data } = await app.send(
        'mutation ($input: LoginInput!) { login(input: $input) { accessToken } }',
        { input: { email: ADA.email, password: PASSWORD } },
      );
      const token = data.login.accessToken;
      const begun = await beginLink(app, token);
      const { code } = await visit(app, evil, begun, { sub: 'eve-1' });
      const change = { currentPassword: PASSWORD, newPassword: 'another horse altogether' };
      once(moment, operation, () =>
        app.send(CHANGE_PASSWORD, { input: change }, { token: owner.accessToken }),
      );
      const answer = await app.send(COMPLETE_LINK, { input: { code, verifier: begun.verifier } }, { token });
      expect(['UNAUTHENTICATED', 'EXTERNAL_LOGIN_FAILED']).toContain(answer.code);
      expect(isDone()).toBe(true);
      expect(await writtenIn(app)).toMatchObject({ external_logins: 0 });
    },
  );

  it('two accounts that link one identity at once: one of them has it', async () => {
    const app = await start(options());
    const links = [];
    for (const email of ['one@elsewhere.example', 'two@elsewhere.example']) {
      const { accessToken: token } = await registerVerified(app, email);
      const begun = await beginLink(app, token);
      const { code } = await visit(app, evil, begun, { sub: 'ada-1' });
      links.push({ token, input: { code, verifier: begun.verifier } });
    }
    const answers = await Promise.all(
      links.map(({ token, input }) => app.send(COMPLETE_LINK, { input }, { token })),
    );
    expect(answers.map(refusalOf).sort()).toEqual(['EXTERNAL_LOGIN_FAILED LINKED_ELSEWHERE', 'OK']);
    expect(await writtenIn(app)).toMatchObject({ external_logins: 1 });
  });

  it('two unlinkings at once leave the last way in', async () => {
    const app = await start(options());
    const { accessToken: token } = authOf(await loginBy(app, evil, ADA));
    await linkTo(app, evil, token, { sub: 'ada-2' });
    const logins = (await app.send(EXTERNAL_LOGINS, {}, { token })).data.me.externalLogins as {
      id: string;
    }[];
    const answers = await Promise.all(
      logins.map(({ id }) => app.send(UNLINK_EXTERNAL, { input: { id } }, { token })),
    );
    expect(answers.map(refusalOf).sort()).toEqual(['LAST_CREDENTIAL', 'OK']);
    expect(await writtenIn(app)).toMatchObject({ external_logins: 1 });
  });
});
