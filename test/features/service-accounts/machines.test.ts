import { afterEach, describe, expect, it } from '@jest/globals';
import { createVerifier } from '../../../packages/verify/src/verifier.ts';
import { isMarked, markedFields, rootFields } from '../../../src/graphql/marks.ts';
import { NO_DEADLINE } from '../../../src/platform/deadline.ts';
import { engines, type FreshDatabase, migratedDatabase } from '../../support/databases.ts';
import { LOGOUT, login, ME, REAUTHENTICATE, REVOKE, refresh, register } from '../../support/documents.ts';
import { createInterleaving } from '../../support/interleaving.ts';
import { rolesFile } from '../../support/roles.ts';
import {
  CREATE_ACCOUNT,
  CREATE_KEY,
  DISABLE,
  ENABLE,
  LIST,
  type MachineApp,
  OPERATOR,
  REVOKE_KEY,
  startWithKey,
} from '../../support/service-accounts.ts';
import {
  createFrozenClock,
  describeApp,
  PASSWORD,
  startApp,
  TEST_CONFIG,
  type TestApp,
} from '../../support/start-app.ts';
import { until } from '../../support/until.ts';

/** Writes a row for each time that the last use of a key was written. */
const COUNT_USES = {
  sqlite: [
    `CREATE TRIGGER count_uses AFTER UPDATE OF last_used_at ON api_keys
     BEGIN INSERT INTO uses VALUES (NEW.id); END`,
  ],
  postgres: [
    `CREATE FUNCTION count_use() RETURNS trigger LANGUAGE plpgsql AS
     $$ BEGIN INSERT INTO uses VALUES (NEW.id); RETURN NEW; END $$`,
    `CREATE TRIGGER count_uses AFTER UPDATE OF last_used_at ON api_keys
     FOR EACH ROW EXECUTE FUNCTION count_use()`,
  ],
};

const MACHINE = { code: 'FORBIDDEN', reason: 'MACHINE' };
const ALL_SCOPES = [
  'latchkey:users:read',
  'latchkey:users:write',
  'latchkey:roles:write',
  'latchkey:keys:write',
  'latchkey:audit:read',
  'latchkey:impersonate',
];

describeApp('a machine that asks', (start) => {
  it('opens fields that name a scope of its token, and is told of no other scope', async () => {
    const { app, machineToken } = await startWithKey(start);
    const ask = async (token: string) => (await app.send(LIST, {}, { token })).code;
    expect(await ask(await machineToken())).toBe('OK');
    expect(await ask(await machineToken({ scope: 'posts:read' }))).toBe('FORBIDDEN');
  });

  it('is refused every root field but those in this list and the public ones, whatever its scope (GQL-8, AT-12)', async () => {
    const { app, machineToken } = await startWithKey(start, { scope: ALL_SCOPES });
    const bearer = app.tokens.verifyAccessToken(await machineToken());
    const caller = {
      ip: '192.0.2.1',
      userAgent: 'jest',
      requestId: 'r',
      deadline: NO_DEADLINE,
      connection: {},
    };
    const open = ['Query.admin'];
    expect(markedFields(app.schema, 'machine').map(({ path }) => path)).toEqual(open);
    const closed = rootFields(app.schema).filter(
      ({ path, field }) => !open.includes(path) && !isMarked(field, 'public'),
    );
    expect(closed.length).toBeGreaterThan(20);
    expect(closed.map(({ path }) => path)).toContain('Mutation.adminCreateApiKey');
    for (const { path, field } of closed) {
      const ask = async () => field.resolve?.({}, {}, { bearer, caller } as never, {} as never);
      const refusal = await ask().then(
        () => 'answered',
        ({ extensions }) => extensions,
      );
      expect([path, refusal]).toEqual([path, MACHINE]);
    }
  });

  it('changes nothing as an operator', async () => {
    const { app, accountId, keyId, machineToken } = await startWithKey(start, { scope: ALL_SCOPES });
    const token = await machineToken();
    for (const [document, input] of [
      [CREATE_ACCOUNT, { name: 'x' }],
      [CREATE_KEY, { serviceAccountId: accountId, scope: ['latchkey:users:read'] }],
      [REVOKE_KEY, { id: keyId }],
      [DISABLE, { id: accountId }],
      [ENABLE, { id: accountId }],
    ] as const)
      expect((await app.send(document, { input }, { token })).errors?.[0]?.extensions).toEqual(MACHINE);
    expect(await app.database.all('SELECT id FROM api_keys WHERE revoked_at IS NULL')).toHaveLength(1);
  });

  it('has no account: me, sessions, reauthenticate, logout and revokeSession are not for it', async () => {
    const { app, token: operator, machineToken } = await startWithKey(start);
    const token = await machineToken();
    const documents: [string, object][] = [
      [ME, {}],
      ['{ sessions { id } }', {}],
      ['{ session { id } }', {}],
      [REAUTHENTICATE, { input: { password: PASSWORD } }],
      [LOGOUT, {}],
      [LOGOUT, { input: { scope: 'ALL' } }],
      [REVOKE, { input: { id: 'x' } }],
    ];
    for (const [document, variables] of documents)
      expect((await app.send(document, variables, { token })).errors?.[0]?.extensions).toEqual(MACHINE);
    expect((await app.send(ME, {}, { token: operator })).code).toBe('OK');
  });

  it('does not stop a refresh or a logout by a refresh token, which need no bearer', async () => {
    const { app, machineToken } = await startWithKey(start);
    const token = await machineToken();
    const eve = await register(app, 'eve@example.com', { token });
    const { data } = await refresh(app, eve.refreshToken, { token });
    const { refreshToken } = data.refreshToken;
    const out = await app.send(LOGOUT, { input: { refreshToken } }, { token });
    expect(out.data.logout.revokedSessions).toBe(1);
  });

  it('has a token that other services take where they said so, and no other', async () => {
    const { app, accountId, keyId, machineToken, token } = await startWithKey(start, {
      clock: createFrozenClock(Date.now()),
    });
    const { issuer } = TEST_CONFIG;
    const jwks = app.tokens.jwks() as never;
    const machine = await machineToken();
    const open = createVerifier({ issuer, jwks, acceptMachines: true });
    expect((await open.verify(machine)).viewer).toMatchObject({
      kind: 'machine',
      userId: accountId,
      sessionId: keyId,
      clientId: accountId,
      scope: ['latchkey:users:read', 'posts:read'],
      roles: [],
      amr: [],
    });
    expect((await open.verify(token)).viewer?.kind).toBe('user');
    expect((await createVerifier({ issuer, jwks }).verify(machine)).reason).toBe('TOKEN_INVALID');
  });

  it('is no refresh token, no session and no bearer of the door that refreshes', async () => {
    const { app, key, machineToken } = await startWithKey(start);
    const bearer = await machineToken();
    const answer = await app.server.inject({
      method: 'POST',
      url: '/token/refresh',
      headers: { authorization: `Bearer ${bearer}` },
    });
    expect(answer.json().error).toBe('invalid_grant');
    const direct = await app.send(LIST, {}, { token: key });
    expect(direct.errors?.[0]?.extensions).toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: 'TOKEN_INVALID',
    });
  });

  it('is not signed out by an outage', async () => {
    const { app, machineToken } = await startWithKey(start);
    const token = await machineToken();
    await app.database.close();
    expect((await app.send(LIST, {}, { token })).code).toBe('UNAVAILABLE');
  });
});

describe.each(engines)('the end of a machine on %s', (engine) => {
  const running: { stop(): Promise<void> }[] = [];
  const fresh: FreshDatabase[] = [];
  afterEach(async () => {
    for (const app of running.splice(0)) await app.stop();
    for (const storage of fresh.splice(0)) await storage.drop();
  });

  /** Two processes of one database, the second with what a test puts in between. */
  async function startTwo() {
    const storage = await migratedDatabase(engine);
    fresh.push(storage);
    const clock = createFrozenClock();
    const start = async (options: object = {}) => {
      const app = await startApp({ engine, clock, ...options });
      running.push(app);
      return app;
    };
    const first = await startWithKey(start as never, { database: storage.database, clock });
    const between = createInterleaving(await storage.open());
    const second = await start({ database: between.database, config: { rolesFile: rolesFile() } });
    return { ...first, second, between, clock };
  }

  const ENDS: Record<string, (machine: MachineApp) => Promise<unknown>> = {
    adminRevokeApiKey: ({ app, token, keyId }) => app.send(REVOKE_KEY, { input: { id: keyId } }, { token }),
    adminDisableServiceAccount: ({ app, token, accountId }) =>
      app.send(DISABLE, { input: { id: accountId } }, { token }),
    'a disabled maker': ({ app }) => app.admin.disable(OPERATOR),
    'a restore': ({ app }) => app.admin.finishRestore(),
  };
  /** What this process itself did counts at once. */
  const AT_ONCE = ['adminRevokeApiKey', 'adminDisableServiceAccount'];

  it.each(Object.keys(ENDS))(
    '%s ends its tokens within a second, in another process, too (AT-9)',
    async (how) => {
      const machine = await startTwo();
      const { app, second, clock, machineToken } = machine;
      const token = await machineToken();
      const ask = async (at: TestApp) => (await at.send(LIST, {}, { token })).code;
      expect([await ask(app), await ask(second)]).toEqual(['OK', 'OK']);
      await ENDS[how]?.(machine);
      if (AT_ONCE.includes(how)) expect(await ask(app)).toBe('UNAUTHENTICATED');
      clock.travel(1_000);
      expect([await ask(app), await ask(second)]).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED']);
      if (how !== 'adminDisableServiceAccount') return;
      await app.send(ENABLE, { input: { id: machine.accountId } }, { token: machine.token });
      clock.travel(1_000);
      expect([await ask(app), await ask(second)]).toEqual(['OK', 'OK']);
    },
  );

  it('a demoted maker takes the scope from its tokens within a second, in another process, too', async () => {
    const { app, second, clock, machineToken } = await startTwo();
    const token = await machineToken();
    const ask = async (at: TestApp) => (await at.send(LIST, {}, { token })).code;
    expect([await ask(app), await ask(second)]).toEqual(['OK', 'OK']);
    await app.roles.revoke(OPERATOR, ['admin']);
    clock.travel(1_000);
    expect([await ask(app), await ask(second)]).toEqual(['FORBIDDEN', 'FORBIDDEN']);
    await app.roles.grant(OPERATOR, ['admin']);
    clock.travel(1_000);
    expect([await ask(app), await ask(second)]).toEqual(['OK', 'OK']);
  });

  it('a look-up that began before the revocation keeps the key alive in no process for longer than a second', async () => {
    const { app, second, between, clock, token: operator, keyId, machineToken } = await startTwo();
    const token = await machineToken();
    between.once('after', /^get [\s\S]*FROM api_keys/, async () => {
      await app.send(REVOKE_KEY, { input: { id: keyId } }, { token: operator });
    });
    await second.send(LIST, {}, { token });
    expect(between.isDone()).toBe(true);
    clock.travel(1_000);
    expect((await second.send(LIST, {}, { token })).code).toBe('UNAUTHENTICATED');
  });

  it('a look-up that began before this process revoked the key does not bring it back', async () => {
    const { second, between, token: operator, keyId, machineToken } = await startTwo();
    const token = await machineToken();
    between.once('after', /^get [\s\S]*FROM api_keys/, async () => {
      await second.send(REVOKE_KEY, { input: { id: keyId } }, { token: operator });
    });
    expect((await second.send(LIST, {}, { token })).code).toBe('UNAUTHENTICATED');
    expect((await second.send(LIST, {}, { token })).code).toBe('UNAUTHENTICATED');
  });

  it('a key that is revoked while it is exchanged gets a token that is of no use here', async () => {
    const { app, second, between, clock, token: operator, keyId, exchange } = await startTwo();
    between.once('after', /^get [\s\S]*FROM api_keys/, async () => {
      await app.send(REVOKE_KEY, { input: { id: keyId } }, { token: operator });
    });
    const { status, body } = await exchange({}, second);
    expect(between.isDone()).toBe(true);
    if (status === 200) {
      clock.travel(1_000);
      expect((await second.send(LIST, {}, { token: body.access_token })).code).toBe('UNAUTHENTICATED');
    }
    expect((await exchange({}, second)).status).toBe(401);
  });

  it('twenty exchanges at once, in two processes, write the last use once', async () => {
    const { app, second, exchange } = await startTwo();
    await app.database.run('CREATE TABLE uses (id TEXT)');
    for (const statement of COUNT_USES[engine]) await app.database.run(statement);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => exchange({}, i % 2 === 0 ? app : second)),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    const uses = () => app.database.all('SELECT id FROM uses');
    await until(async () => ((await uses()).length > 0 ? true : undefined));
    // What still waits comes before what is asked for later.
    for (const { database } of [app, second])
      await Promise.all(Array.from({ length: 20 }, () => database.run('UPDATE api_keys SET name = name')));
    expect(await uses()).toHaveLength(1);
  });

  /** Operators who wait for no row of each other. */
  async function fourOperators({ app, token }: Pick<MachineApp, 'app' | 'token'>): Promise<string[]> {
    const tokens = [token];
    for (const email of ['bob@example.com', 'eve@example.com', 'joe@example.com']) {
      await register(app, email);
      await app.roles.grant(email, ['admin']);
      tokens.push((await login(app, { email })).accessToken);
    }
    return tokens;
  }

  it('operators who make the last key at once make one', async () => {
    const machine = await startTwo();
    const { app, second, createKey, accountId } = machine;
    for (let i = 0; i < 18; i++) await createKey();
    const tokens = await fourOperators(machine);
    const input = { serviceAccountId: accountId, scope: ['posts:read'] };
    const answers = await Promise.all(
      tokens.map((bearer, i) => (i % 2 === 0 ? app : second).send(CREATE_KEY, { input }, { token: bearer })),
    );
    expect(answers.filter(({ code }) => code === 'OK')).toHaveLength(1);
    expect(await app.database.all('SELECT id FROM api_keys')).toHaveLength(20);
  });

  it('operators who create the last service account at once create one', async () => {
    const machine = await startTwo();
    const { app, second } = machine;
    await app.database.run(
      `WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < 998)
       INSERT INTO service_accounts (id, name, created_at) SELECT 'svc_' || i, 'n' || i, 0 FROM numbers`,
    );
    const tokens = await fourOperators(machine);
    const processes = [app, second];
    // Who asks for the first time waits for the look-up of the session.
    for (const at of processes)
      await Promise.all(tokens.map((token) => at.send(LIST, { first: 0 }, { token })));
    const answers = await Promise.all(
      tokens.map((token, i) =>
        (i % 2 === 0 ? app : second).send(CREATE_ACCOUNT, { input: { name: `x${i}` } }, { token }),
      ),
    );
    expect(answers.map(({ code }) => code).sort()).toEqual(['FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN', 'OK']);
    expect(await app.database.all('SELECT id FROM service_accounts')).toHaveLength(1_000);
  });
});
