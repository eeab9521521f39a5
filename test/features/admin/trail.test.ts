import { expect, it } from '@jest/globals';
import { LOGIN, login, register } from '../../support/documents.ts';
import { operator } from '../../support/operators.ts';
import { describeApp, PASSWORD, START, type TestApp } from '../../support/start-app.ts';

const HOUR_MS = 3_600_000;

const EVENTS = `query ($first: Int, $after: String, $filter: AuditEventFilter) {
  admin { auditEvents(first: $first, after: $after, filter: $filter) {
    edges { cursor node { id occurredAt name outcome userId actorId sessionId ip userAgent requestId details } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  } } }`;
const STATS = `query ($from: DateTime!, $to: DateTime!, $interval: StatsInterval!) {
  admin { stats(from: $from, to: $to, interval: $interval) {
    liveSessions intervals { from logins failures registrations } } } }`;

interface Edge {
  readonly cursor: string;
  readonly node: {
    id: string;
    occurredAt: string;
    name: string;
    userId: string | null;
    actorId: string | null;
  } & Record<string, unknown>;
}

describeApp('the audit trail of the admin API', (start) => {
  async function ask(app: TestApp, token: string, variables: object = {}) {
    const { data, body } = await app.send(EVENTS, variables, { token });
    if (!data?.admin) throw new Error(body);
    return data.admin.auditEvents as { edges: Edge[]; pageInfo: Record<string, unknown> };
  }

  it('its pages have every event once, the newest first, though many are of one moment', async () => {
    const app = await start();
    const { token } = await operator(app);
    for (let i = 0; i < 12; i += 1) {
      await register(app, `u${i}@example.com`, { ip: `203.0.113.${i}` });
      if (i % 4 === 0) app.clock.travel(1_000);
    }
    const all = (await ask(app, token, { first: 100 })).edges.map(({ node }) => node);
    const stored = await app.database.all('SELECT id FROM audit_events');
    expect(all).toHaveLength(stored.length);
    expect(
      [...all].sort((a, b) => (a.occurredAt > b.occurredAt ? -1 : 1)).map(({ occurredAt }) => occurredAt),
    ).toEqual(all.map(({ occurredAt }) => occurredAt));
    const walked: string[] = [];
    for (let after: unknown = null; ; ) {
      const { edges, pageInfo } = await ask(app, token, { first: 3, after });
      walked.push(...edges.map(({ node }) => node.id));
      if (!pageInfo.hasNextPage) break;
      after = pageInfo.endCursor;
    }
    expect(walked).toEqual(all.map(({ id }) => id));
  });

  it('filters by account, name, outcome and time, and names the operator', async () => {
    const app = await start();
    const { user } = await register(app);
    const op = await operator(app);
    app.clock.travel(1_000);
    await app.send(LOGIN, { input: { email: 'ada@example.com', password: 'wrong horse battery' } });
    const rename = 'mutation ($input: AdminUpdateUserInput!) { adminUpdateUser(input: $input) { id } }';
    await app.send(rename, { input: { userId: user.id, name: 'Ada' } }, { token: op.token });
    const find = async (filter: object) =>
      (await ask(app, op.token, { filter })).edges.map(({ node }) => [node.name, node.userId, node.actorId]);
    expect(await find({ userId: user.id, name: 'user_updated' })).toEqual([['user_updated', user.id, op.id]]);
    expect(await find({ outcome: 'FAIL' })).toEqual([['authn_login_fail', user.id, null]]);
    expect(await find({ name: 'user_created', userId: op.id })).toHaveLength(1);
    expect(await find({ name: 'user_created' })).toHaveLength(2);
    expect((await find({ from: new Date(START + 1_000) })).map(([name]) => name).sort()).toEqual([
      'authn_login_fail',
      'user_updated',
    ]);
    expect(await find({ to: new Date(START) })).toEqual([]);
    expect(await find({ userId: 'nobody' })).toEqual([]);
    for (const filter of [{ name: 'x'.repeat(65) }, { name: '\u0000' }])
      expect((await app.send(EVENTS, { filter }, { token: op.token })).code).toBe('BAD_USER_INPUT');
    const { edges } = await ask(app, op.token, { first: 1 });
    const wrong = { after: edges[0]?.cursor, filter: { name: 'user_created' } };
    expect((await app.send(EVENTS, wrong, { token: op.token })).code).toBe('BAD_USER_INPUT');
    expect((await app.send(EVENTS, { first: 101 }, { token: op.token })).code).toBe('BAD_USER_INPUT');
  });

  it('counts logins, failures and registrations by the interval', async () => {
    const app = await start();
    const op = await operator(app);
    await register(app);
    app.clock.travel(HOUR_MS);
    await login(app);
    await app.send(LOGIN, { input: { email: 'ada@example.com', password: 'wrong horse battery' } });
    await login(app);
    const { accessToken: token } = await login(app, { email: op.email });
    const ask = async (more: object) =>
      app.send(
        STATS,
        { from: new Date(START), to: new Date(START + 2 * HOUR_MS + 1), interval: 'HOUR', ...more },
        { token },
      );
    const { data } = await ask({});
    expect(data.admin.stats).toEqual({
      liveSessions: 6,
      intervals: [
        { from: new Date(START).toISOString(), logins: 1, failures: 0, registrations: 2 },
        { from: new Date(START + HOUR_MS).toISOString(), logins: 3, failures: 1, registrations: 0 },
        { from: new Date(START + 2 * HOUR_MS).toISOString(), logins: 0, failures: 0, registrations: 0 },
      ],
    });
    expect((await ask({ to: new Date(START) })).code).toBe('BAD_USER_INPUT');
    expect((await ask({ to: new Date(START + 367 * HOUR_MS) })).code).toBe('BAD_USER_INPUT');
    expect((await ask({ to: new Date(START + 367 * HOUR_MS), interval: 'DAY' })).code).toBe('OK');
  });

  it('each field asks for its own scope', async () => {
    const app = await start();
    const { email } = await operator(app);
    const codesOf = async (scope: string) => {
      const { accessToken: token } = await login(app, { email, password: PASSWORD, scope: [scope] });
      const range = `from: "2027-01-01T00:00:00Z", to: "2027-01-02T00:00:00Z", interval: DAY`;
      const fields = [
        'users { totalCount }',
        'user(id: "a") { id }',
        'auditEvents { edges { cursor } }',
        `stats(${range}) { liveSessions }`,
      ];
      const codes = [];
      for (const field of fields) codes.push((await app.send(`{ admin { ${field} } }`, {}, { token })).code);
      return codes;
    };
    expect(await codesOf('latchkey:users:read')).toEqual(['OK', 'OK', 'FORBIDDEN', 'FORBIDDEN']);
    expect(await codesOf('latchkey:audit:read')).toEqual(['FORBIDDEN', 'FORBIDDEN', 'OK', 'OK']);
    expect(await codesOf('latchkey:impersonate')).toEqual(Array.from({ length: 4 }, () => 'FORBIDDEN'));
  });
});
