import { expect, it } from '@jest/globals';
import { createVerifier } from '../../packages/verify/src/verifier.ts';
import { rootFields } from '../../src/graphql/marks.ts';
import { NO_DEADLINE } from '../../src/platform/deadline.ts';
import { LOGIN, LOGOUT, login, ME, REVOKE, register } from '../support/documents.ts';
import { eventsOf } from '../support/events.ts';
import { subjectsTo } from '../support/letters.ts';
import { operator, type TestOperator } from '../support/operators.ts';
import { claimsFile, claimsOf, rolesFile } from '../support/roles.ts';
import { describeApp, PASSWORD, type TestApp } from '../support/start-app.ts';

const EMAIL = 'ada@example.com';
const IMPERSONATE = `mutation ($input: AdminImpersonateInput!) { adminImpersonate(input: $input) { accessToken expiresIn } }`;
const MINUTE_MS = 60_000;

describeApp('impersonations', (start) => {
  async function startPair(options: Parameters<typeof start>[0] = {}) {
    const app = await start(options);
    const ada = await register(app);
    await app.database.run('UPDATE users SET email_verified_at = 1');
    const op = await operator(app);
    return { app, ada, op, userId: ada.user.id };
  }

  const ask = (app: TestApp, op: Pick<TestOperator, 'token'>, userId: string, reason = 'a ticket') =>
    app.send(IMPERSONATE, { input: { userId, reason } }, { token: op.token });

  async function begun(app: TestApp, op: Pick<TestOperator, 'token'>, userId: string): Promise<string> {
    const { data, body } = await ask(app, op, userId);
    if (!data?.adminImpersonate) throw new Error(body);
    return data.adminImpersonate.accessToken;
  }

  it('gives an access token that names the operator and allows nothing (ADM-4)', async () => {
    const { app, op, userId } = await startPair({
      config: {
        rolesFile: rolesFile(),
        claims: ['hasura', 'postgrest'],
        claimsFile: claimsFile({ mail: '{{user.email}}' }),
      },
    });
    await app.roles.grant(EMAIL, ['editor']);
    const { data } = await ask(app, op, userId);
    const { accessToken, expiresIn } = data.adminImpersonate;
    expect(expiresIn).toBe(600);
    const { iat, exp, jti, auth_time, sid, ...claims } = claimsOf(accessToken);
    expect(exp - iat).toBe(600);
    expect([jti, auth_time, sid].every(Boolean)).toBe(true);
    expect(claims).toEqual({
      ...{
        iss: 'http://localhost:4000',
        aud: 'http://localhost:4000',
        sub: userId,
        client_id: 'first-party',
      },
      ...{ act: { sub: op.id }, scope: '', roles: [], amr: [], acr: 'aal1' },
    });
  });

  it('lives for 15 minutes at most, whatever access tokens live for', async () => {
    const { app, op, userId } = await startPair({ config: { accessTokenTtlSeconds: 3_600 } });
    const { data } = await ask(app, op, userId);
    expect(data.adminImpersonate.expiresIn).toBe(900);
    app.clock.travel(15 * MINUTE_MS - 1_000);
    const token = data.adminImpersonate.accessToken;
    expect((await app.send(ME, {}, { token })).data.me.id).toBe(userId);
    app.clock.travel(2_000);
    expect((await app.send(ME, {}, { token })).code).toBe('UNAUTHENTICATED');
  });

  it("lives no longer than the operator's session, and leaves the list with it", async () => {
    const { app, op, userId } = await startPair({ config: { sessionIdleTtlSeconds: 300 } });
    app.clock.travel(200_000);
    const { data } = await ask(app, op, userId);
    expect(data.adminImpersonate.expiresIn).toBe(100);
    const shownTo = async (token: string, document = '{ sessions { impersonated } }') => {
      const { data } = await app.send(document, {}, { token });
      const sessions: { impersonated: boolean }[] = data.sessions ?? data.admin.user.sessions;
      return sessions.filter(({ impersonated }) => impersonated).length;
    };
    const ada = await login(app);
    const byOperator = `{ admin { user(id: "${userId}") { sessions { impersonated } } } }`;
    expect([await shownTo(ada.accessToken), await shownTo(op.token, byOperator)]).toEqual([1, 1]);
    app.clock.travel(100_000);
    const other = await operator(app, { email: 'other@example.com' });
    expect([await shownTo(ada.accessToken), await shownTo(other.token, byOperator)]).toEqual([0, 0]);
    const late = await begun(app, other, userId);
    expect(await shownTo(ada.accessToken)).toBe(1);
    await app.send(LOGOUT, {}, { token: other.token });
    expect(await shownTo(ada.accessToken)).toBe(0);
    expect((await app.send(ME, {}, { token: late })).code).toBe('UNAUTHENTICATED');
  });

  it('sees who it is, and no other field of the account', async () => {
    const { app, op, userId } = await startPair();
    const token = await begun(app, op, userId);
    const { data } = await app.send('{ me { id email name } session { impersonated scope } }', {}, { token });
    expect(data).toMatchObject({
      me: { id: userId, email: EMAIL },
      session: { impersonated: true, scope: [] },
    });
    for (const field of [
      'sessions { id }',
      'me { sessions { id } }',
      'me { mfa { enabled } }',
      'me { hasPassword }',
      'admin { __typename }',
    ])
      expect({ field, code: (await app.send(`{ ${field} }`, {}, { token })).code }).toEqual({
        field,
        code: 'FORBIDDEN',
      });
  });

  it('every mutation refuses it, the public ones too', async () => {
    const { app, op, userId } = await startPair();
    const bearer = app.tokens.verifyAccessToken(await begun(app, op, userId));
    const caller = {
      ip: '192.0.2.1',
      userAgent: 'jest',
      requestId: 'r',
      deadline: NO_DEADLINE,
      connection: {},
    };
    const mutations = rootFields(app.schema).filter(({ path }) => path.startsWith('Mutation.'));
    expect(mutations.length).toBeGreaterThan(40);
    for (const { path, field } of mutations) {
      const outcome = await (async () =>
        field.resolve?.({}, {}, { bearer, caller } as never, {} as never))().catch((e) => e);
      expect({ path, outcome }).toMatchObject({
        path,
        outcome: { code: 'FORBIDDEN', extensions: { reason: 'IMPERSONATION' } },
      });
    }
    expect(
      (
        await app.send(
          LOGIN,
          { input: { email: EMAIL, password: PASSWORD } },
          { token: await begun(app, op, userId) },
        )
      ).code,
    ).toBe('FORBIDDEN');
  });

  it('is shown to the owner, told by mail, and in the trails of both', async () => {
    const { app, ada, op, userId } = await startPair();
    await begun(app, op, userId);
    const LIST = '{ sessions { id impersonated current } }';
    const { data } = await app.send(LIST, {}, { token: ada.accessToken });
    const [shown] = data.sessions.filter(({ impersonated }: { impersonated: boolean }) => impersonated);
    expect(data.sessions).toHaveLength(2);
    expect(await subjectsTo(app, EMAIL)).toEqual(['An operator looked at your account']);
    const events = (await eventsOf(app, 'authz_admin')).map((event) => ({
      ...event,
      details: JSON.parse(event.details),
    }));
    const common = { by: 'operator', actor: op.id, why: 'a ticket', session: shown.id };
    expect(events).toHaveLength(2);
    expect(events.find((event) => event.userId === userId)).toMatchObject({
      sessionId: op.sessionId,
      details: { ...common, reason: 'impersonated' },
    });
    expect(events.find((event) => event.userId === op.id)).toMatchObject({
      details: { ...common, reason: 'impersonates', target: userId },
    });
    const { data: ended } = await app.send(REVOKE, { input: { id: shown.id } }, { token: ada.accessToken });
    expect(ended.revokeSession.revokedSessions).toBe(1);
  });

  it('ends with the session, the role and the account of its operator, and where the account comes to outrank them', async () => {
    const { app, op, userId } = await startPair();
    const codeAfter = async (end: (fresh: TestOperator) => Promise<unknown>, n: number) => {
      const fresh = await operator(app, { email: `op${n}@example.com` });
      const token = await begun(app, fresh, userId);
      expect((await app.send(ME, {}, { token })).code).toBe('OK');
      await end(fresh);
      app.clock.travel(1_000);
      return (await app.send(ME, {}, { token })).code;
    };
    expect(await codeAfter((fresh) => app.send(LOGOUT, {}, { token: fresh.token }), 1)).toBe(
      'UNAUTHENTICATED',
    );
    expect(await codeAfter((fresh) => app.roles.revoke(fresh.email, ['admin']), 2)).toBe('UNAUTHENTICATED');
    expect(await codeAfter((fresh) => app.admin.disable(fresh.email), 3)).toBe('UNAUTHENTICATED');
    const input = (id: string) => ({ input: { userId: id } });
    expect(
      await codeAfter(
        (fresh) =>
          app.send(
            'mutation ($input: AdminDeleteUserInput!) { adminDeleteUser(input: $input) { id } }',
            input(fresh.id),
            { token: op.token },
          ),
        4,
      ),
    ).toBe('UNAUTHENTICATED');
    expect(await codeAfter(async () => {}, 5)).toBe('OK');
  });

  it('ends where the account comes to have a scope that the operator lacks', async () => {
    const roles = {
      admin: { scopes: ['latchkey:users:write', 'latchkey:roles:write', 'latchkey:users:read'] },
      support: { scopes: ['latchkey:impersonate'] },
    };
    const { app, userId } = await startPair({ config: { rolesFile: rolesFile({ roles }) } });
    const support = await operator(app, { email: 'support@example.com', role: 'support' });
    const token = await begun(app, support, userId);
    expect((await app.send(ME, {}, { token })).code).toBe('OK');
    await app.roles.grant(EMAIL, ['admin']);
    app.clock.travel(1_000);
    expect((await app.send(ME, {}, { token })).code).toBe('UNAUTHENTICATED');
    expect((await ask(app, support, userId)).errors?.[0]?.extensions.reason).toBe('OUTRANKED');
  });

  it('its session takes no token that does not name the operator', async () => {
    const { app, op, userId } = await startPair();
    const token = app.tokens.verifyAccessToken(await begun(app, op, userId));
    if (token.kind !== 'user') throw new Error('It is the token of a machine.');
    const sign = (actor: string | undefined) => {
      const { actor: _, ...content } = token;
      const said = { ...content, ...(actor !== undefined && { actor }), claims: {} };
      return app.tokens.signAccessToken({ ...said, sessionEndsAt: app.clock.now() + MINUTE_MS }).text;
    };
    expect((await app.send(ME, {}, { token: sign(op.id) })).code).toBe('OK');
    for (const actor of [undefined, userId])
      expect((await app.send(ME, {}, { token: sign(actor) })).code).toBe('UNAUTHENTICATED');
  });

  it('is refused for oneself, a disabled account, without a reason and without the scope', async () => {
    const { app, ada, op, userId } = await startPair();
    const reasonOf = async (target: string, { token }: { token: string }, reason?: string) => {
      const { errors } = await ask(app, { token }, target, reason);
      return errors?.[0]?.extensions.reason ?? errors?.[0]?.extensions.code;
    };
    expect(await reasonOf(op.id, op)).toBe('SELF');
    expect(await reasonOf(userId, { token: ada.accessToken })).toBe('INSUFFICIENT_SCOPE');
    expect(await reasonOf(userId, { token: await begun(app, op, userId) })).toBe('IMPERSONATION');
    for (const reason of ['', '  ', 'x'.repeat(101)])
      expect(await reasonOf(userId, op, reason)).toBe('BAD_USER_INPUT');
    await app.admin.disable(EMAIL);
    expect(await reasonOf(userId, op)).toBe('DISABLED');
  });

  it('the operator has one at a time of an account, and takes no session of its owner', async () => {
    const { app, ada, op, userId } = await startPair({ config: { throttles: false } });
    for (let i = 0; i < 49; i += 1) await login(app);
    const first = await begun(app, op, userId);
    await begun(app, op, userId);
    expect((await app.send(ME, {}, { token: first })).code).toBe('UNAUTHENTICATED');
    expect((await app.send(ME, {}, { token: ada.accessToken })).code).toBe('OK');
    const live = await app.database.all(
      'SELECT id FROM sessions WHERE user_id = :userId AND revoked_at IS NULL',
      { userId },
    );
    expect(live).toHaveLength(51);
    // Nor does it take the place of one at the next login, which ends one for itself.
    await login(app);
    expect(
      await app.database.all(
        'SELECT id FROM sessions WHERE user_id = :userId AND revoked_at IS NULL AND operator_id IS NULL',
        { userId },
      ),
    ).toHaveLength(50);
  });

  it('other services see the operator among the claims, and do not take it for a fresh authentication', async () => {
    const { app, op, userId } = await startPair();
    const jwks = JSON.parse((await app.server.inject('/.well-known/jwks.json')).body);
    const verifier = createVerifier({ issuer: 'http://localhost:4000', jwks, clockToleranceSeconds: 10 });
    // The verifier has the clock of this machine.
    app.clock.travel(Date.now() - app.clock.now());
    const fresh = await login(app, { email: op.email });
    const token = await begun(app, { token: fresh.accessToken }, userId);
    const { viewer } = await verifier.verify(token);
    expect(viewer).toMatchObject({ userId, scope: [], roles: [], claims: { act: { sub: op.id } } });
    const required = { maxAuthAgeSeconds: 600 };
    expect((await verifier.verify(token, required)).reason).toBe('REAUTHENTICATION_REQUIRED');
    expect((await verifier.verify(fresh.accessToken, required)).reason).toBeUndefined();
  });
});
