import { expect, it } from '@jest/globals';
import { type GraphQLObjectType, getNamedType } from 'graphql';
import type { Database } from '../../../src/database/database.ts';
import { numberOf } from '../../../src/graphql/marks.ts';
import { DELETE_ME, login, register } from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import {
  CREATE_ACCOUNT,
  CREATE_KEY,
  DISABLE,
  ENABLE,
  LIST,
  REVOKE_KEY,
  startWithKey,
} from '../../support/service-accounts.ts';
import { describeApp, PASSWORD } from '../../support/start-app.ts';
import { until } from '../../support/until.ts';

const NO_ID = '00000000-0000-4000-8000-000000000000';

const DAY_MS = 86_400_000;

describeApp('service accounts and API keys', (start) => {
  it('an operator creates a service account and a key, which is shown once and listed without itself', async () => {
    const { app, token, operatorId, accountId, key, keyId } = await startWithKey(start);
    const input = { name: ' reports ', description: 'writes them', scope: ['posts:read'] };
    const { data } = await app.send(CREATE_ACCOUNT, { input }, { token });
    const at = new Date(app.clock.now()).toISOString();
    expect(data.adminCreateServiceAccount).toEqual({
      id: expect.stringMatching(/^svc_[0-9a-f-]{36}$/),
      name: 'reports',
      description: 'writes them',
      scope: ['posts:read'],
      createdBy: operatorId,
      createdAt: at,
      disabledAt: null,
      keys: [],
    });
    const list = await app.send(LIST, {}, { token });
    const nodes = list.data.admin.serviceAccounts.edges.map(({ node }: { node: object }) => node);
    expect(nodes).toEqual([
      {
        id: accountId,
        name: 'billing',
        createdBy: operatorId,
        keys: [
          {
            id: keyId,
            name: null,
            scope: ['posts:read', 'latchkey:users:read'],
            createdAt: at,
            lastUsedAt: null,
            expiresAt: null,
            revokedAt: null,
            createdBy: operatorId,
          },
        ],
      },
      expect.objectContaining({ name: 'reports', keys: [] }),
    ]);
    expect(list.body).not.toContain(key);
    expect(JSON.stringify(await app.database.all('SELECT * FROM api_keys'))).not.toContain(key.slice(-30));
  });

  it('a list has pages, in the order of names, and takes its own cursors alone', async () => {
    const { app, token } = await startWithKey(start);
    for (const name of ['alpha', 'zeta']) await app.send(CREATE_ACCOUNT, { input: { name } }, { token });
    const page = async (variables: object) => {
      const { data, code } = await app.send(LIST, variables, { token });
      if (data?.admin == null) return code;
      const { edges, pageInfo } = data.admin.serviceAccounts;
      return { names: edges.map(({ node }: { node: { name: string } }) => node.name), ...pageInfo };
    };
    const first = await page({ first: 2 });
    expect(first).toMatchObject({ names: ['alpha', 'billing'], hasNextPage: true, hasPreviousPage: false });
    expect(await page({ first: 2, after: first.endCursor })).toMatchObject({
      names: ['zeta'],
      hasNextPage: false,
    });
    expect(await page({ first: 0 })).toMatchObject({ names: [], hasNextPage: true, startCursor: null });
    const nul = Buffer.from(JSON.stringify(['service-accounts', 'a\u0000'])).toString('base64url');
    const foreign = Buffer.from(JSON.stringify(['users', 'alpha'])).toString('base64url');
    for (const variables of [
      { first: 21 },
      { first: -1 },
      { after: 'x' },
      { after: '' },
      { after: nul },
      { after: foreign },
    ])
      expect([variables, await page(variables)]).toEqual([variables, 'BAD_USER_INPUT']);
  });

  it('no page of operators is longer than its document pays for (GQL-2)', async () => {
    const { app, token } = await startWithKey(start);
    const lists = Object.values((app.schema.getType('AdminQuery') as GraphQLObjectType).getFields()).filter(
      ({ args }) => args.some(({ name }) => name === 'first'),
    );
    expect(lists.map(({ name }) => name)).toContain('serviceAccounts');
    for (const { name, type } of lists) {
      const { edges } = (getNamedType(type) as GraphQLObjectType).getFields();
      const counted = numberOf(edges, 'listSize', 'assumedSize') ?? 0;
      const ask = async (first: number) =>
        (await app.send(`{ admin { ${name}(first: ${first}) { edges { cursor } } } }`, {}, { token })).code;
      expect([name, await ask(counted), await ask(counted + 1)]).toEqual([name, 'OK', 'BAD_USER_INPUT']);
    }
  });

  it('a key has no scope that the token of its maker or its account has not', async () => {
    const { app, token, createKey } = await startWithKey(start);
    const refused = async (answer: ReturnType<typeof createKey>) => {
      const { errors } = await answer;
      return errors?.[0]?.extensions;
    };
    const field = { code: 'BAD_USER_INPUT', field: 'input.scope' };
    for (const scope of [['posts:delete'], ['posts:read', 'posts:delete'], [], ['a b'], ['']])
      expect(await refused(createKey({ scope }))).toEqual(field);
    const input = { name: 'narrow', scope: ['posts:read'] };
    const { id } = (await app.send(CREATE_ACCOUNT, { input }, { token })).data.adminCreateServiceAccount;
    expect(await refused(createKey({ serviceAccountId: id, scope: ['posts:read', 'posts:write'] }))).toEqual(
      field,
    );
    expect((await createKey({ serviceAccountId: id, scope: ['posts:read'] })).code).toBe('OK');
    // A narrowed session hands on no more than itself.
    const narrow = await login(app, { scope: ['latchkey:keys:write', 'posts:read'] });
    const asNarrow = (scope: string[]) =>
      app.send(CREATE_KEY, { input: { serviceAccountId: id, scope } }, { token: narrow.accessToken });
    expect((await asNarrow(['posts:read'])).code).toBe('OK');
    expect((await asNarrow(['latchkey:users:read'])).code).toBe('BAD_USER_INPUT');
  });

  it('the scope of an account cuts its keys, also those that were made before it could', async () => {
    const { app, exchange } = await startWithKey(start, { scope: ['posts:read', 'posts:write'] });
    await app.database.run("UPDATE service_accounts SET scope = 'posts:read'");
    expect((await exchange()).body.scope).toBe('posts:read');
    expect((await exchange({ scope: 'posts:write' })).body.error).toBe('invalid_scope');
  });

  it('names, descriptions, ends and ids that are none are refused', async () => {
    const { app, token, createKey, accountId } = await startWithKey(start);
    const create = (input: object) => app.send(CREATE_ACCOUNT, { input }, { token });
    const names = ['', ' ', 'x'.repeat(101), 'a\nb', '\u200b', 'billing', ' billing '];
    for (const name of names)
      expect((await create({ name })).errors?.[0]?.extensions).toEqual({
        code: 'BAD_USER_INPUT',
        field: 'input.name',
      });
    expect((await create({ name: 'x', description: 'd'.repeat(501) })).code).toBe('BAD_USER_INPUT');
    expect((await create({ name: 'x', scope: ['"'] })).code).toBe('BAD_USER_INPUT');
    const past = new Date(app.clock.now()).toISOString();
    expect((await createKey({ expiresAt: past })).errors?.[0]?.extensions.field).toBe('input.expiresAt');
    for (const serviceAccountId of ['svc_x', `svc_${NO_ID}`, NO_ID, `${accountId}x`, 'svc_\u0000'])
      expect((await createKey({ serviceAccountId })).code).toBe('NOT_FOUND');
    for (const id of ['x', NO_ID, accountId, '\u0000'])
      expect((await app.send(REVOKE_KEY, { input: { id } }, { token })).code).toBe('NOT_FOUND');
    for (const document of [DISABLE, ENABLE])
      expect((await app.send(document, { input: { id: `svc_${NO_ID}` } }, { token })).code).toBe('NOT_FOUND');
  });

  it('what needs latchkey:keys:write needs it in the token and now, and a fresh authentication', async () => {
    const { app, token, accountId, keyId } = await startWithKey(start);
    const inputs: Record<string, [string, object]> = {
      create: [CREATE_ACCOUNT, { name: 'x' }],
      key: [CREATE_KEY, { serviceAccountId: accountId, scope: ['posts:read'] }],
      revoke: [REVOKE_KEY, { id: keyId }],
      disable: [DISABLE, { id: accountId }],
      enable: [ENABLE, { id: accountId }],
    };
    const other = await register(app, 'eve@example.com');
    const narrow = await login(app, { scope: ['latchkey:users:read', 'latchkey:users:write'] });
    for (const [document, input] of Object.values(inputs)) {
      const ask = (bearer?: string) => app.send(document, { input }, { token: bearer });
      expect((await ask()).code).toBe('UNAUTHENTICATED');
      for (const bearer of [other.accessToken, narrow.accessToken])
        expect((await ask(bearer)).errors?.[0]?.extensions).toEqual({
          code: 'FORBIDDEN',
          reason: 'INSUFFICIENT_SCOPE',
        });
    }
    expect((await app.send(LIST, {}, { token: other.accessToken })).code).toBe('FORBIDDEN');
    expect((await app.send(LIST, {}, { token: narrow.accessToken })).code).toBe('OK');
    const reader = await login(app, { scope: ['latchkey:audit:read'] });
    expect((await app.send(LIST, {}, { token: reader.accessToken })).code).toBe('FORBIDDEN');
    const writer = await login(app, { scope: ['latchkey:keys:write'] });
    expect((await app.send(LIST, {}, { token: writer.accessToken })).code).toBe('OK');
    app.clock.travel(599_000);
    expect((await app.send(CREATE_ACCOUNT, { input: { name: 'y' } }, { token })).code).toBe('OK');
    app.clock.travel(2_000);
    for (const [document, input] of Object.values(inputs))
      expect((await app.send(document, { input }, { token })).code).toBe('REAUTHENTICATION_REQUIRED');
  });

  it('an account has twenty keys, those that ended counted for thirty days', async () => {
    const { app, token, keyId, createKey } = await startWithKey(start);
    for (let i = 0; i < 19; i++) expect((await createKey()).code).toBe('OK');
    await app.send(REVOKE_KEY, { input: { id: keyId } }, { token });
    const limit = { code: 'FORBIDDEN', reason: 'LIMIT_REACHED' };
    expect((await createKey()).errors?.[0]?.extensions).toEqual(limit);
    app.clock.travel(30 * DAY_MS + 1_000);
    await app.housekeeping.turn();
    const again = (await login(app)).accessToken;
    const keys = await app.database.all('SELECT id FROM api_keys');
    expect([keys.length, keys.includes({ id: keyId })]).toEqual([19, false]);
    const input = {
      serviceAccountId: (await app.send(LIST, {}, { token: again })).data.admin.serviceAccounts.edges[0].node
        .id,
      scope: ['posts:read'],
    };
    expect((await app.send(CREATE_KEY, { input }, { token: again })).code).toBe('OK');
  });

  it('there are a thousand service accounts at most', async () => {
    const { app, token } = await startWithKey(start);
    await app.database.run(
      `WITH RECURSIVE numbers (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < 999)
       INSERT INTO service_accounts (id, name, created_at) SELECT 'svc_' || i, 'n' || i, 0 FROM numbers`,
    );
    const { errors } = await app.send(CREATE_ACCOUNT, { input: { name: 'one more' } }, { token });
    expect(errors?.[0]?.extensions).toEqual({ code: 'FORBIDDEN', reason: 'LIMIT_REACHED' });
  });

  it('each change is an event with who made it and what it is about, and a change of nothing is none', async () => {
    const { app, token, operatorId, accountId, keyId } = await startWithKey(start);
    for (let i = 0; i < 2; i++) {
      await app.send(REVOKE_KEY, { input: { id: keyId } }, { token });
      await app.send(DISABLE, { input: { id: accountId } }, { token });
    }
    await app.send(ENABLE, { input: { id: accountId } }, { token });
    await app.send(ENABLE, { input: { id: accountId } }, { token });
    const events = (await eventsOf(app)).filter(({ details }) => details.includes(accountId));
    const by = { by: 'operator', actor: operatorId, serviceAccount: accountId };
    const facts = events.map(({ name, userId, sessionId, ip, details }) => ({
      name,
      hasActor: sessionId !== null && ip !== null && userId === null,
      ...JSON.parse(details),
    }));
    expect(facts).toHaveLength(5);
    for (const fact of [
      { name: 'sensitive_create', object: 'service_account' },
      {
        name: 'sensitive_create',
        object: 'api_key',
        key: keyId,
        scope: ['posts:read', 'latchkey:users:read'],
      },
      { name: 'sensitive_delete', object: 'api_key', key: keyId },
      { name: 'authz_admin', object: 'service_account', reason: 'disabled' },
      { name: 'authz_admin', object: 'service_account', reason: 'enabled' },
    ])
      expect(facts).toContainEqual({ hasActor: true, ...by, ...fact });
  });

  it('an exchange writes no event, and the last use once a minute', async () => {
    const { app, exchange } = await startWithKey(start);
    const before = (await eventsOf(app)).length;
    const lastUse = async () =>
      (await app.database.all<{ at: number }>('SELECT last_used_at AS at FROM api_keys'))[0]?.at;
    // No exchange waits for it.
    const becomes = (at: number) => until(async () => ((await lastUse()) === at ? at : undefined));
    const first = app.clock.now();
    for (let i = 0; i < 3; i++) await exchange();
    await becomes(first);
    app.clock.travel(59_999);
    await exchange();
    app.clock.travel(1);
    expect(await lastUse()).toBe(first);
    await exchange();
    await becomes(first + 60_000);
    expect((await eventsOf(app)).length).toBe(before);
  });

  it.each([
    ['slow', () => new Promise<never>(() => {})],
    ['refused', () => Promise.reject(new Error('the database is read-only'))],
  ])('a last use whose write is %s keeps no token back, and is tried once a minute', async (_, write) => {
    const { app, exchange } = await startWithKey(start);
    let tries = 0;
    const database: Database = {
      ...app.database,
      run(text, params) {
        if (!text.includes('SET last_used_at')) return app.database.run(text, params);
        tries += 1;
        return write();
      },
    };
    const { clock, config } = app;
    const second = await start({ database, clock, config: { rolesFile: config.rolesFile } });
    for (let i = 0; i < 5; i++) expect((await exchange({}, second)).status).toBe(200);
    expect(tries).toBe(1);
    clock.travel(60_000);
    for (let i = 0; i < 2; i++) expect((await exchange({}, second)).status).toBe(200);
    expect(tries).toBe(2);
  });

  it('a last use that a wrong clock wrote in the future is written over', async () => {
    const { app, exchange } = await startWithKey(start);
    await app.database.run('UPDATE api_keys SET last_used_at = :at', { at: app.clock.now() + DAY_MS });
    await exchange();
    const lastUse = () => app.database.get<{ at: number }>('SELECT last_used_at AS at FROM api_keys');
    await until(async () => ((await lastUse())?.at === app.clock.now() ? true : undefined));
  });

  it('a key that was found somewhere is revoked by itself', async () => {
    const { app, token, keyId, key, exchange } = await startWithKey(start);
    const { data } = await app.send(REVOKE_KEY, { input: { id: key } }, { token });
    expect(data.adminRevokeApiKey.id).toBe(keyId);
    expect((await exchange()).status).toBe(401);
    const changed = `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`;
    expect((await app.send(REVOKE_KEY, { input: { id: changed } }, { token })).code).toBe('NOT_FOUND');
  });

  it('a restore ends every key (CR-6)', async () => {
    const { app, exchange, createKey } = await startWithKey(start);
    const { key } = (await createKey()).data.adminCreateApiKey;
    await app.admin.finishRestore();
    for (const client_secret of [key, undefined])
      expect((await exchange(client_secret === undefined ? {} : { client_secret })).status).toBe(401);
  });

  it('a maker who has to enrol a second factor leaves nothing of the key', async () => {
    const { exchange, app } = await startWithKey(start);
    const strict = await start({
      database: app.database,
      clock: app.clock,
      config: { mfa: 'required', rolesFile: app.config.rolesFile },
    });
    expect((await exchange({}, strict)).body.error).toBe('invalid_scope');
    await app.database.run("UPDATE users SET second_factors = 'TOTP'");
    expect((await exchange({}, strict)).status).toBe(200);
  });

  it('an account whose maker is gone remains, and its keys of other makers work', async () => {
    const { app, token, accountId, exchange } = await startWithKey(start);
    await register(app, 'bob@example.com');
    await app.roles.grant('bob@example.com', ['admin']);
    const bob = await login(app, { email: 'bob@example.com' });
    const input = { serviceAccountId: accountId, scope: ['posts:read'] };
    const { key } = (await app.send(CREATE_KEY, { input }, { token: bob.accessToken })).data
      .adminCreateApiKey;
    expect((await app.send(DELETE_ME, { input: { password: PASSWORD } }, { token })).code).toBe('OK');
    expect((await exchange()).status).toBe(401);
    expect((await exchange({ client_secret: key })).status).toBe(200);
    const { node } = (await app.send(LIST, {}, { token: bob.accessToken })).data.admin.serviceAccounts
      .edges[0];
    expect([
      node.createdBy,
      node.keys.map(({ createdBy }: { createdBy: string }) => createdBy).sort(),
    ]).toEqual([null, [bob.user.id, null].sort()]);
  });
});
