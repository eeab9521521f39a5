import { expect, it } from '@jest/globals';
import { migratedDatabase } from '../../support/databases.ts';
import { register } from '../../support/documents.ts';
import { operator, seededId, seedUsers } from '../../support/operators.ts';
import { describeApp, type TestApp } from '../../support/start-app.ts';
import { noteStatements } from '../../support/statements.ts';

const USERS = `query ($first: Int, $after: String, $last: Int, $before: String, $filter: AdminUserFilter, $orderBy: AdminUserOrder) {
  admin { users(first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $orderBy) {
    edges { cursor node { id email } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    totalCount totalCountCapped
  } } }`;

interface Connection {
  readonly edges: { cursor: string; node: { id: string; email: string } }[];
  readonly pageInfo: {
    hasNextPage: boolean;
    hasPreviousPage: boolean;
    startCursor: string | null;
    endCursor: string | null;
  };
  readonly totalCount: number;
  readonly totalCountCapped: boolean;
}

describeApp('the search of accounts', (start, engine) => {
  async function startSeeded(count = 43): Promise<{
    app: TestApp;
    ask: (variables?: object) => Promise<Connection>;
    codeOf: (variables: object) => Promise<string>;
  }> {
    const app = await start();
    const { token } = await operator(app);
    await seedUsers(app.database, count);
    return {
      app,
      ask: async (variables = {}) => {
        const { data, body } = await app.send(USERS, variables, { token });
        if (!data?.admin) throw new Error(body);
        return data.admin.users;
      },
      codeOf: async (variables) => (await app.send(USERS, variables, { token })).code,
    };
  }

  const emails = ({ edges }: Connection) => edges.map(({ node }) => node.email);

  /** Every page of a list, forwards or backwards, put together in the order of the list. */
  async function walk(
    ask: (variables: object) => Promise<Connection>,
    variables: object,
    { size = 7, isBackward = false } = {},
  ): Promise<string[]> {
    const all: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await ask({
        ...variables,
        ...(isBackward ? { last: size, before: cursor } : { first: size, after: cursor }),
      });
      if (isBackward) all.unshift(...emails(page));
      else all.push(...emails(page));
      expect(page.pageInfo.startCursor).toBe(page.edges.at(0)?.cursor ?? null);
      expect(page.pageInfo.endCursor).toBe(page.edges.at(-1)?.cursor ?? null);
      const { hasNextPage, hasPreviousPage, startCursor, endCursor } = page.pageInfo;
      if (isBackward) cursor = hasPreviousPage ? startCursor : null;
      else cursor = hasNextPage ? endCursor : null;
    }
    return all;
  }

  it.each([
    { field: 'CREATED', direction: 'ASC' },
    { field: 'CREATED', direction: 'DESC' },
    { field: 'EMAIL', direction: 'ASC' },
    { field: 'EMAIL', direction: 'DESC' },
    { field: 'LAST_LOGIN', direction: 'ASC' },
    { field: 'LAST_LOGIN', direction: 'DESC' },
  ])('its pages by $field $direction have every account once, forwards and backwards', async (orderBy) => {
    const { app, ask } = await startSeeded();
    const key = { CREATED: 'created_at', EMAIL: 'email_canonical', LAST_LOGIN: 'COALESCE(last_login_at, 0)' }[
      orderBy.field
    ];
    const rows = await app.database.all<{ email: string; key: string | number; id: string }>(
      `SELECT email, id, ${key} AS key FROM users`,
    );
    const sign = orderBy.direction === 'ASC' ? 1 : -1;
    const expected = rows
      .sort((a, b) => sign * (a.key < b.key || (a.key === b.key && a.id < b.id) ? -1 : 1))
      .map(({ email }) => email);
    expect(await walk(ask, { orderBy })).toEqual(expected);
    expect(await walk(ask, { orderBy }, { isBackward: true })).toEqual(expected);
  });

  it('a text finds addresses first and then names, whatever their case', async () => {
    const { app, ask } = await startSeeded(20);
    await register(app, 'Name1@example.com', { ip: '203.0.113.9' });
    const found = await walk(ask, { filter: { text: 'nAmE' } }, { size: 3 });
    expect(found[0]).toBe('Name1@example.com');
    expect(found).toHaveLength(11);
    expect(await walk(ask, { filter: { text: 'nAmE' } }, { size: 3, isBackward: true })).toEqual(found);
    expect(emails(await ask({ filter: { text: 'user001' } }))).toHaveLength(10);
    // None of these stands for anything but itself.
    for (const text of ['%', '_ser', 'user00__', '\\', "'", '*'])
      expect(emails(await ask({ filter: { text } }))).toEqual([]);
    expect((await ask({ filter: { text: 'user00' } })).totalCount).toBe(20);
  });

  it('finds an address as it was typed, and as it is compared', async () => {
    const { app, ask } = await startSeeded(3);
    await register(app, 'Ada@München.de', { ip: '203.0.113.9' });
    for (const text of ['Ada@münchen.de', 'ADA@MÜNCHEN.DE', 'ada@xn--mnchen', 'ａda@'])
      expect(emails(await ask({ filter: { text } }))).toEqual(['Ada@München.de']);
    expect(emails(await ask({ filter: { text: 'münchen' } }))).toEqual([]);
  });

  it('filters by id, role, state and creation, and joins them', async () => {
    const { app, ask } = await startSeeded(40);
    await app.roles.grant('user0009@example.com', ['admin']);
    expect(emails(await ask({ filter: { role: 'admin' } }))).toEqual([
      'op@example.com',
      'user0009@example.com',
    ]);
    expect(emails(await ask({ filter: { role: 'admin', state: 'ACTIVE' } }))).toEqual([
      'user0009@example.com',
    ]);
    expect(emails(await ask({ filter: { role: 'admin', text: 'user' } }))).toEqual(['user0009@example.com']);
    expect(emails(await ask({ filter: { id: seededId(3) } }))).toEqual(['user0003@example.com']);
    expect(emails(await ask({ filter: { id: 'x' } }))).toEqual([]);
    const disabled = await ask({ filter: { state: 'DISABLED' } });
    expect(emails(disabled).sort()).toEqual(
      [0, 10, 20, 30].map((n) => `user00${String(n).padStart(2, '0')}@example.com`),
    );
    expect(disabled).toMatchObject({ totalCount: 4, totalCountCapped: false });
    const { totalCount } = await ask({ filter: { state: 'UNVERIFIED' } });
    expect(totalCount + (await ask({ filter: { state: 'ACTIVE' } })).totalCount).toBe(41 - 4);
    const created = {
      createdFrom: new Date(1_002).toISOString(),
      createdBefore: new Date(1_003).toISOString(),
    };
    expect(emails(await ask({ filter: created })).sort()).toEqual(
      [8, 9, 10, 11].map((n) => `user00${String(n).padStart(2, '0')}@example.com`),
    );
  });

  it('a default role is the role of every account', async () => {
    const app = await start({
      config: { rolesFile: (await import('../../support/roles.ts')).rolesFile() },
    });
    const { token } = await operator(app);
    await seedUsers(app.database, 3);
    const count = async (role: string) =>
      (await app.send(USERS, { filter: { role } }, { token })).data.admin.users.totalCount;
    expect(await count('member')).toBe(4);
    expect(await count('admin')).toBe(1);
    expect(await count('editor')).toBe(0);
  });

  it('bounds a page by both cursors, as Relay says (ADM-5)', async () => {
    const { ask } = await startSeeded(20);
    const orderBy = { field: 'EMAIL', direction: 'ASC' };
    const { edges } = await ask({ first: 100, orderBy });
    const [after, before] = [edges[4]?.cursor, edges[9]?.cursor];
    const between = edges.slice(5, 9).map(({ node }) => node.email);
    const all = await ask({ after, before, first: 100, orderBy });
    expect(emails(all)).toEqual(between);
    expect(all.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    const end = await ask({ after, before, last: 2, orderBy });
    expect(emails(end)).toEqual(between.slice(2));
    expect(end.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
    const none = await ask({ first: 0, orderBy });
    expect(none).toMatchObject({
      edges: [],
      pageInfo: { hasNextPage: true, startCursor: null, endCursor: null },
    });
    expect((await ask({ orderBy })).edges).toHaveLength(20);
  });

  it('refuses pages that are too large, and cursors of other lists', async () => {
    const { ask, codeOf } = await startSeeded(10);
    const { edges } = await ask({ first: 1 });
    const cursor = edges[0]?.cursor ?? '';
    expect(await codeOf({ after: cursor })).toBe('OK');
    const forged = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const [digest, part, key, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    for (const wrong of [
      { first: 101 },
      { first: -1 },
      { last: 101 },
      { first: 1, last: 1 },
      { after: '' },
      { after: 'x' },
      { before: forged({}) },
      { after: forged([digest, part, 'a', id]) },
      { after: forged([digest, 1, key, id]) },
      { after: forged([digest, part, key, 'x\u0000']) },
      { after: cursor, filter: { state: 'ACTIVE' } },
      { after: cursor, orderBy: { field: 'CREATED', direction: 'ASC' } },
      { after: cursor, orderBy: { field: 'LAST_LOGIN' } },
      { filter: { text: 'a' }, orderBy: { field: 'EMAIL' } },
      { filter: { text: 'a'.repeat(255) } },
      { filter: { text: 'a\u0000' } },
      { filter: { role: 'a'.repeat(64) } },
    ])
      expect({ wrong, code: await codeOf(wrong) }).toEqual({ wrong, code: 'BAD_USER_INPUT' });
  });

  it('reads a page of accounts with all that belongs to them in as many statements as one account (ADM-5)', async () => {
    const fresh = await migratedDatabase(engine);
    const texts: string[] = [];
    const { database } = noteStatements(fresh.database, (text) => {
      texts.push(text);
      return text;
    });
    const app = await start({ database });
    const { token } = await operator(app);
    await seedUsers(app.database, 100);
    const all = `sessions { id } factors { id } externalLogins { id } recoveryCodesLeft lockedUntil failedLogins { passwords }`;
    const count = async (first: number) => {
      texts.length = 0;
      const { data, body } = await app.send(
        `{ admin { users(first: ${first}) { totalCount edges { node { id ${all} } } } } }`,
        {},
        { token },
      );
      expect(data?.admin.users.edges ?? body).toHaveLength(first);
      return texts.length;
    };
    await count(1);
    const one = await count(1);
    expect(await count(50)).toBe(one);
    // The token's session, the page, the count, and five kinds of what belongs to an account.
    expect(one).toBeLessThanOrEqual(8);
    await app.stop();
    await fresh.drop();
  });

  it('counts what a page can hold against the cost of the document', async () => {
    const { app } = await startSeeded(1);
    const { token } = await operator(app, { email: 'second@example.com' });
    const everything = (
      first: string,
    ) => `{ admin { users(first: ${first}) { edges { node { id email roles metadata
      sessions { id ip userAgent scope amr } factors { id kind } externalLogins { id provider } } } } } }`;
    expect((await app.send(everything('20'), {}, { token })).code).toBe('OK');
    expect((await app.send(everything('100'), {}, { token })).code).toBe('OPERATION_LIMIT_EXCEEDED');
    const variable = everything('$n').replace('{', 'query ($n: Int) {');
    // A document is judged before its variables are known.
    expect((await app.send(variable, { n: 1 }, { token })).code).toBe('OPERATION_LIMIT_EXCEEDED');
    const page = '{ admin { users(first: 100) { edges { node { id sessions { id } factors { id } } } } } }';
    expect((await app.send(page, {}, { token })).code).toBe('OK');
  });

  it('finds one account by its id or its address', async () => {
    const { app } = await startSeeded(3);
    const { token, id, email } = await operator(app, { email: 'second@example.com' });
    const USER = `query ($id: ID, $email: EmailAddress) { admin { user(id: $id, email: $email) {
      id email name state disabledAt roles metadata hasPassword emailVerified lastLoginAt lockedUntil
      failedLogins { passwords passwordDisabled codes codesDisabled } sessions { id current } } } }`;
    const ask = (variables: object) => app.send(USER, variables, { token });
    const { data } = await ask({ id });
    expect(data.admin.user).toMatchObject({
      ...{ id, email, state: 'UNVERIFIED', roles: ['admin'], hasPassword: true, lockedUntil: null },
      failedLogins: { passwords: 0, passwordDisabled: false, codes: 0, codesDisabled: false },
    });
    expect(data.admin.user.sessions).toHaveLength(2);
    expect((await ask({ email: email.toUpperCase() })).data.admin.user.id).toBe(id);
    expect((await ask({ id: seededId(0) })).data.admin.user).toMatchObject({
      ...{ state: 'DISABLED', disabledAt: new Date(1).toISOString(), hasPassword: false, sessions: [] },
    });
    expect((await ask({ id: seededId(99) })).data.admin.user).toBeNull();
    expect((await ask({ id: "x'" })).data.admin.user).toBeNull();
    expect((await ask({})).code).toBe('BAD_USER_INPUT');
    expect((await ask({ id, email })).code).toBe('BAD_USER_INPUT');
  });
});
