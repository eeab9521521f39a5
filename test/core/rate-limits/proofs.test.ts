import { expect, it } from '@jest/globals';
import {
  CHANGE_PASSWORD,
  DELETE_ME,
  LOGIN,
  LOGIN_WITH_LINK,
  login,
  REAUTHENTICATE,
  REQUEST_EMAIL_CHANGE,
  REQUEST_MAGIC_LINK,
  register,
} from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { mailedToken } from '../../support/letters.ts';
import { describeApp, PASSWORD, type Sender, type TestApp } from '../../support/start-app.ts';
import { noteStatements, verbAndTable } from '../../support/statements.ts';

const ADA = 'ada@example.com';
const WRONG = 'wrong horse battery staple';
const NEW_PASSWORD = 'another horse altogether';
const MINUTE_MS = 60_000;
const HOME = '203.0.113.1';

/** Every field in which the owner of a live session gives their password, with a wrong one. */
const GUESSES: readonly ((app: TestApp, sender: Sender) => Promise<{ code: string }>)[] = [
  (app, sender) =>
    app.send(CHANGE_PASSWORD, { input: { currentPassword: WRONG, newPassword: NEW_PASSWORD } }, sender),
  (app, sender) => app.send(REAUTHENTICATE, { input: { password: WRONG } }, sender),
  (app, sender) =>
    app.send(REQUEST_EMAIL_CHANGE, { input: { newEmail: 'eve@example.org', password: WRONG } }, sender),
  (app, sender) => app.send(DELETE_ME, { input: { password: WRONG } }, sender),
];

/** The same fields with the right password, one after the other; how each of them ended. */
async function proveEverywhere(app: TestApp, token: string): Promise<Record<string, string>> {
  const sender = { token, ip: HOME };
  const change = { newEmail: 'ada@example.org', password: PASSWORD };
  const requested = await app.send(REQUEST_EMAIL_CHANGE, { input: change }, sender);
  const proven = await app.send(REAUTHENTICATE, { input: { password: PASSWORD } }, sender);
  const fresh = { token: proven.data?.reauthenticate.accessToken, ip: HOME };
  const input = { currentPassword: PASSWORD, newPassword: NEW_PASSWORD };
  const changed = await app.send(CHANGE_PASSWORD, { input }, fresh);
  const last = { token: changed.data?.changePassword.accessToken, ip: HOME };
  const deleted = await app.send(DELETE_ME, { input: { password: NEW_PASSWORD } }, last);
  return {
    requestEmailChange: requested.code,
    reauthenticate: proven.code,
    changePassword: changed.code,
    deleteMe: deleted.code,
  };
}
const ALL_OK = { requestEmailChange: 'OK', reauthenticate: 'OK', changePassword: 'OK', deleteMe: 'OK' };

const logIn = (app: TestApp, password: string, sender: Sender, email = ADA) =>
  app.send(LOGIN, { input: { email, password } }, sender);

const reauthenticate = (app: TestApp, password: string, token: string, ip = HOME) =>
  app.send(REAUTHENTICATE, { input: { password } }, { token, ip });

describeApp('passwords given in a live session', (start) => {
  it('a password given in a live session is not refused for failures of its network or of strangers (LOG-6)', async () => {
    const app = await start({ config: { accountFailures: 2, networkFailures: 6 } });
    const { accessToken } = await register(app, ADA, { ip: HOME });
    for (let i = 0; i < 4; i += 1) await logIn(app, WRONG, { ip: HOME }, `user${i}@example.com`);
    for (let i = 0; i < 2; i += 1) await logIn(app, WRONG, { ip: HOME });
    expect((await logIn(app, PASSWORD, { ip: HOME })).code).toBe('TOO_MANY_REQUESTS');
    expect(await proveEverywhere(app, accessToken)).toEqual(ALL_OK);
  });

  it('a password given in a live session is accepted when its network has used up its checks (LOG-6)', async () => {
    const app = await start({ config: { networkChecks: 4 } });
    const { accessToken } = await register(app, ADA, { ip: HOME });
    await register(app, 'eve@example.com', { ip: HOME });
    for (let i = 0; i < 4; i += 1) await logIn(app, PASSWORD, { ip: HOME }, 'eve@example.com');
    expect((await logIn(app, PASSWORD, { ip: HOME })).code).toBe('TOO_MANY_REQUESTS');
    expect(await proveEverywhere(app, accessToken)).toEqual(ALL_OK);
  });

  it('a password given in a live session is not refused for wrong ones in another session of the account (LOG-6)', async () => {
    const app = await start({ config: { accountFailures: 100, accountDisableAfter: 10 } });
    const { accessToken } = await register(app, ADA, { ip: HOME });
    const thiefs = await login(app, {}, { ip: HOME });
    const codes = [];
    for (let i = 0; i < 12; i += 1)
      codes.push((await GUESSES[i % 4]?.(app, { token: thiefs.accessToken, ip: HOME }))?.code);
    expect(codes).toEqual([...Array(10).fill('INVALID_CREDENTIALS'), ...Array(2).fill('TOO_MANY_REQUESTS')]);
    expect(await proveEverywhere(app, accessToken)).toEqual(ALL_OK);
  });

  it('wrong passwords in a live session slow it down over all fields, twice as long each time (PW-7)', async () => {
    const app = await start();
    const { accessToken: token } = await register(app);
    for (let i = 0; i < 5; i += 1)
      expect((await GUESSES[i % 4]?.(app, { token }))?.code).toBe('INVALID_CREDENTIALS');
    const waits = [];
    for (let i = 0; i < 4; i += 1) {
      for (const guess of GUESSES) expect((await guess(app, { token })).code).toBe('TOO_MANY_REQUESTS');
      const { errors } = await reauthenticate(app, PASSWORD, token);
      waits.push(errors?.[0]?.extensions.retryAfter);
      app.clock.travel(Number(waits.at(-1)) * 1_000);
      expect((await reauthenticate(app, WRONG, token)).code).toBe('INVALID_CREDENTIALS');
    }
    expect(waits).toEqual([1, 2, 4, 8]);
    expect(await eventsOf(app, 'excess_rate_limit_exceeded')).toHaveLength(4);
  });

  it('a right password in a live session ends its run of failures', async () => {
    const app = await start({ config: { accountFailures: 2 } });
    let { accessToken: token } = await register(app);
    for (let round = 0; round < 3; round += 1) {
      expect((await reauthenticate(app, WRONG, token)).code).toBe('INVALID_CREDENTIALS');
      const { code, data } = await reauthenticate(app, PASSWORD, token);
      expect(code).toBe('OK');
      token = data.reauthenticate.accessToken;
    }
  });

  it('a session refuses every password once its run of wrong ones reaches the limit, and other sessions do not', async () => {
    const app = await start({ config: { accountFailures: 100, accountDisableAfter: 10 } });
    const { accessToken: token } = await register(app);
    const other = await login(app);
    for (let i = 0; i < 10; i += 1)
      expect((await reauthenticate(app, WRONG, token)).code).toBe('INVALID_CREDENTIALS');
    app.clock.travel(9 * MINUTE_MS);
    const { code, errors } = await reauthenticate(app, PASSWORD, token);
    expect([code, errors?.[0]?.extensions.retryAfter]).toEqual(['TOO_MANY_REQUESTS', 900]);
    expect((await reauthenticate(app, PASSWORD, other.accessToken)).code).toBe('OK');
  });

  it('a burst of wrong passwords in one session is checked no more often than the limit (LOG-3)', async () => {
    const app = await start();
    const { accessToken: token } = await register(app);
    const burst = await Promise.all(Array.from({ length: 20 }, () => reauthenticate(app, WRONG, token)));
    expect(burst.filter(({ code }) => code === 'INVALID_CREDENTIALS')).toHaveLength(5);
  });

  it('wrong passwords in a session count towards disabling the password for strangers, and other sessions still accept it', async () => {
    const app = await start({
      config: { accountFailures: 100, accountDisableAfter: 10, networkFailures: 1_000 },
    });
    const { accessToken: token } = await register(app);
    const thiefs = await login(app);
    for (let i = 0; i < 9; i += 1) await reauthenticate(app, WRONG, thiefs.accessToken);
    expect((await logIn(app, WRONG, { ip: HOME })).code).toBe('INVALID_CREDENTIALS');
    expect((await logIn(app, PASSWORD, { ip: HOME })).code).toBe('TOO_MANY_REQUESTS');
    expect((await reauthenticate(app, PASSWORD, token)).code).toBe('OK');
    // The password stays disabled for strangers, though its owner gave it.
    expect((await logIn(app, PASSWORD, { ip: HOME })).code).toBe('TOO_MANY_REQUESTS');
  });

  it('each account may prove its password in live sessions as often in a minute as a network may check passwords (LOG-3)', async () => {
    const app = await start({ config: { networkChecks: 3 } });
    const eve = await register(app, 'eve@example.com');
    let { accessToken: token } = await register(app);
    for (let i = 0; i < 3; i += 1)
      token = (await reauthenticate(app, PASSWORD, token, `203.0.113.${i}`)).data.reauthenticate.accessToken;
    expect((await reauthenticate(app, PASSWORD, token, '203.0.113.9')).code).toBe('TOO_MANY_REQUESTS');
    expect((await reauthenticate(app, PASSWORD, eve.accessToken)).code).toBe('OK');
    app.clock.travel(MINUTE_MS);
    expect((await reauthenticate(app, PASSWORD, token)).code).toBe('OK');
  });

  it('a burst of right passwords in one session succeeds no more often than the limit of a minute', async () => {
    const app = await start({ config: { networkChecks: 3, hashConcurrency: 4 } });
    const { accessToken } = await register(app);
    const change = (n: number) => ({ newEmail: `ada${n}@example.org`, password: PASSWORD });
    const burst = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        app.send(REQUEST_EMAIL_CHANGE, { input: change(n) }, { token: accessToken }),
      ),
    );
    expect(burst.map(({ code }) => code).sort()).toEqual([
      ...Array(3).fill('OK'),
      ...Array(5).fill('TOO_MANY_REQUESTS'),
    ]);
  });
});

describeApp('bad one-time tokens', (start, engine) => {
  const use = (app: TestApp, token: string) => app.send(LOGIN_WITH_LINK, { input: { token } });
  const unknown = (n: number) => `lko_${String(n).padStart(43, 'A')}`;

  it('a good one-time token works on a network that is throttled for bad ones', async () => {
    const app = await start({ config: { magicLinks: true } });
    await register(app);
    await app.send(REQUEST_MAGIC_LINK, { input: { email: ADA } });
    for (let i = 0; i < 30; i += 1) expect((await use(app, unknown(i))).code).toBe('INVALID_TOKEN');
    for (const bad of [unknown(31), 'garbage', ''])
      expect((await use(app, bad)).code).toBe('TOO_MANY_REQUESTS');
    expect((await use(app, await mailedToken(app, '/magic-link'))).code).toBe('OK');
    // It is spent, and so as bad as any other.
    expect((await use(app, await mailedToken(app, '/magic-link'))).code).toBe('TOO_MANY_REQUESTS');
  });

  it('a text without the shape of a one-time token is not looked up', async () => {
    const plain = await start({ config: { magicLinks: true } });
    const { database, statements } = noteStatements(plain.database, verbAndTable);
    const app = await start({ database, config: { magicLinks: true } });
    statements.length = 0;
    for (const bad of ['garbage', `lko_${'A'.repeat(44)}`, `lko_${'A'.repeat(42)}=`, `lkr_${'A'.repeat(43)}`])
      await use(app, bad);
    expect(statements).toEqual([]);
    await use(app, unknown(1));
    expect(statements).toEqual(['SELECT one_time_tokens']);
    expect(database.dialect).toBe(engine);
  });
});
