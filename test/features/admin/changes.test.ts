import { expect, it } from '@jest/globals';
import { complete, enrol, mfaTokenOf } from '../../support/authenticator.ts';
import { LOGIN, login, ME, RESET_PASSWORD, register, UNDO_EMAIL_CHANGE } from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { mailedToken, subjectsTo } from '../../support/letters.ts';
import { operator, seededId } from '../../support/operators.ts';
import { rolesFile } from '../../support/roles.ts';
import { describeApp, PASSWORD, type TestApp } from '../../support/start-app.ts';

const MINUTE_MS = 60_000;
const EMAIL = 'ada@example.com';

/** Every mutation on an account, with an input beside `userId`, and its scope. */
const MUTATIONS = [
  { name: 'UpdateUser', input: { name: 'Ada' }, scope: 'latchkey:users:write' },
  { name: 'DisableUser', input: {}, scope: 'latchkey:users:write' },
  { name: 'EnableUser', input: {}, scope: 'latchkey:users:write' },
  { name: 'DeleteUser', input: {}, scope: 'latchkey:users:write' },
  { name: 'SendPasswordReset', input: {}, scope: 'latchkey:users:write' },
  { name: 'EndSessions', input: {}, scope: 'latchkey:users:write' },
  { name: 'RemoveFactors', input: {}, scope: 'latchkey:users:write' },
  { name: 'UnlockAccount', input: {}, scope: 'latchkey:users:write' },
  { name: 'SetRoles', input: { roles: [] }, scope: 'latchkey:roles:write' },
  { name: 'SetMetadata', input: { metadata: { a: 1 } }, scope: 'latchkey:roles:write' },
] as const;

const OUTCOME = 'id email emailVerified name state roles metadata hasPassword';

function change(
  app: TestApp,
  name: (typeof MUTATIONS)[number]['name'] | 'CreateUser',
  input: object,
  token: string | undefined,
  selection = OUTCOME,
) {
  const document = `mutation ($input: Admin${name}Input!) { admin${name}(input: $input) { ${selection} } }`;
  return app.send(document, { input }, { token });
}

describeApp('the changes of operators', (start) => {
  async function startPair(options: Parameters<typeof start>[0] = {}) {
    const app = await start(options);
    const ada = await register(app);
    const op = await operator(app);
    return { app, ada, op, userId: ada.user.id };
  }

  function reasonOf({ errors }: Awaited<ReturnType<typeof change>>) {
    const { code, reason = undefined } = errors?.[0]?.extensions ?? { code: 'OK' };
    return reason === undefined ? code : `${code} ${reason}`;
  }

  it.each(MUTATIONS)(
    'admin$name asks for $scope, a fresh authentication and another account (ADM-1)',
    async ({ name, input, scope }) => {
      const { app, ada, op, userId } = await startPair();
      const on = (id: string, token?: string) => change(app, name, { userId: id, ...input }, token, 'id');
      expect(reasonOf(await on(userId))).toBe('UNAUTHENTICATED TOKEN_MISSING');
      expect(reasonOf(await on(op.id, ada.accessToken))).toBe('FORBIDDEN INSUFFICIENT_SCOPE');
      const others = ['latchkey:users:read', 'latchkey:users:write', 'latchkey:roles:write'].filter(
        (s) => s !== scope,
      );
      const narrow = await login(app, { email: op.email, scope: others });
      expect(reasonOf(await on(userId, narrow.accessToken))).toBe('FORBIDDEN INSUFFICIENT_SCOPE');
      expect(reasonOf(await on(seededId(1), op.token))).toBe('NOT_FOUND');
      expect(reasonOf(await on("x' OR 1=1", op.token))).toBe('NOT_FOUND');
      expect(reasonOf(await on(op.id, op.token))).toMatch(/^FORBIDDEN (SELF|LAST_ADMINISTRATOR)$/);
      app.clock.travel(10 * MINUTE_MS + 1);
      const { data } = await app.send(
        'mutation ($i: RefreshTokenInput!) { refreshToken(input: $i) { accessToken } }',
        { i: { refreshToken: (await login(app, { email: op.email })).refreshToken } },
      );
      expect(data.refreshToken).toBeTruthy();
      const stale = await app.send(
        'mutation ($s: [String!]) { login(input: { email: "op@example.com", password: "correct horse battery staple", scope: $s }) { accessToken refreshToken } }',
        { s: [scope] },
      );
      app.clock.travel(10 * MINUTE_MS + 1);
      const old = await app.send(
        'mutation ($i: RefreshTokenInput!) { refreshToken(input: $i) { accessToken } }',
        { i: { refreshToken: stale.data.login.refreshToken } },
      );
      expect(reasonOf(await on(userId, old.data.refreshToken.accessToken))).toBe('REAUTHENTICATION_REQUIRED');
      const fresh = await login(app, { email: op.email, scope: [scope] });
      const answer = await on(userId, fresh.accessToken);
      expect(reasonOf(answer)).toBe(name === 'RemoveFactors' ? 'NOT_FOUND' : 'OK');
    },
  );

  it.each(MUTATIONS)(
    'admin$name is refused for an account with a scope that the token lacks (ADM-2)',
    async ({ name, input, scope }) => {
      const { app, op, userId } = await startPair();
      await app.roles.grant(EMAIL, ['admin']);
      const narrow = await login(app, { email: op.email, scope: [scope] });
      expect(reasonOf(await change(app, name, { userId, ...input }, narrow.accessToken))).toBe(
        'FORBIDDEN OUTRANKED',
      );
      const wide = await login(app, { email: op.email });
      const outcome = reasonOf(await change(app, name, { userId, ...input }, wide.accessToken));
      expect(outcome).toBe(name === 'RemoveFactors' ? 'NOT_FOUND' : 'OK');
    },
  );

  it('each change is an event of the account, with the operator, in its transaction (ADM-3)', async () => {
    const { app, op, userId } = await startPair();
    for (const { name, input } of MUTATIONS.filter(
      (m) => m.name !== 'DeleteUser' && m.name !== 'RemoveFactors',
    ))
      expect(
        reasonOf(
          await change(
            app,
            name,
            { userId, ...input, ...(name === 'SetRoles' && { roles: ['admin'] }) },
            op.token,
          ),
        ),
      ).toBe('OK');
    await login(app);
    expect(reasonOf(await change(app, 'EndSessions', { userId }, op.token))).toBe('OK');
    expect(reasonOf(await change(app, 'DeleteUser', { userId }, op.token))).toBe('OK');
    const events = (await eventsOf(app)).filter(({ details }) => details.includes('"actor"'));
    expect(
      events.every((event) => event.userId === userId && event.sessionId === op.sessionId && event.ip),
    ).toBe(true);
    for (const { details } of events)
      expect(JSON.parse(details)).toMatchObject({ by: 'operator', actor: op.id });
    expect(
      events.map(({ name, details }) => `${name} ${JSON.parse(details).reason ?? ''}`.trim()).sort(),
    ).toEqual(
      [
        ...[
          'authn_token_revoked operator',
          'authz_admin disabled',
          'authz_admin enabled',
          'authz_admin password_reset',
        ],
        ...['authz_admin unlocked', 'authz_change', 'authz_change', 'user_deleted', 'user_updated'],
      ].sort(),
    );
  });

  it('leaves nothing where its event cannot be written', async () => {
    const { app, op, userId } = await startPair();
    await app.database.run('ALTER TABLE audit_events RENAME TO elsewhere');
    expect((await change(app, 'DisableUser', { userId }, op.token)).code).toBe('INTERNAL_SERVER_ERROR');
    await app.database.run('ALTER TABLE elsewhere RENAME TO audit_events');
    expect(await app.database.all('SELECT id FROM users WHERE disabled_at IS NOT NULL')).toEqual([]);
  });

  it('creates accounts with a password, or with a link to set one', async () => {
    const { app, op } = await startPair();
    const made = await change(
      app,
      'CreateUser',
      { email: 'new@example.com', password: PASSWORD, emailVerified: true, name: 'New' },
      op.token,
    );
    expect(made.data.adminCreateUser).toMatchObject({
      emailVerified: true,
      state: 'ACTIVE',
      name: 'New',
      hasPassword: true,
    });
    expect((await login(app, { email: 'new@example.com' })).user.email).toBe('new@example.com');
    const invited = await change(app, 'CreateUser', { email: 'invited@example.com' }, op.token);
    expect(invited.data.adminCreateUser).toMatchObject({
      emailVerified: false,
      state: 'UNVERIFIED',
      hasPassword: false,
    });
    const token = await mailedToken(app, '/reset-password', 'invited@example.com');
    expect((await app.send(RESET_PASSWORD, { input: { token, newPassword: PASSWORD } })).code).toBe('OK');
    expect((await login(app, { email: 'invited@example.com' })).user.emailVerified).toBe(true);
    for (const [input, code] of [
      [{ email: 'NEW@example.com', password: PASSWORD }, 'EMAIL_TAKEN'],
      [{ email: 'short@example.com', password: 'short' }, 'WEAK_PASSWORD'],
      [{ email: 'name@example.com', name: '\u0007' }, 'BAD_USER_INPUT'],
    ] as const)
      expect((await change(app, 'CreateUser', input, op.token)).code).toBe(code);
    expect(
      (await eventsOf(app, 'user_created')).filter(({ details }) => details.includes(op.id)),
    ).toHaveLength(2);
  });

  it('hashes no password for an operator who made too many changes', async () => {
    const hashCost = { memoryCost: 64, timeCost: 1, parallelism: 1 };
    const { app, op, userId } = await startPair({ hashCost });
    const other = await operator(app, { email: 'other@example.com' });
    for (let i = 0; i < 60; i += 1) await change(app, 'EnableUser', { userId }, op.token, 'id');
    // From now on a hash fails.
    hashCost.memoryCost = 0;
    const codeFor = async (token: string) =>
      (await change(app, 'CreateUser', { email: 'new@example.com', password: PASSWORD }, token)).code;
    expect(await codeFor(other.token)).toBe('INTERNAL_SERVER_ERROR');
    expect(await codeFor(op.token)).toBe('TOO_MANY_REQUESTS');
  });

  it('creates no account without a password where no mail is sent', async () => {
    const app = await start({ config: { appUrl: undefined } });
    const op = await operator(app);
    expect((await change(app, 'CreateUser', { email: 'new@example.com' }, op.token)).code).toBe(
      'FEATURE_DISABLED',
    );
    expect(await app.database.all("SELECT id FROM users WHERE email = 'new@example.com'")).toEqual([]);
  });

  it('changes the address, and the address of before can take it back', async () => {
    const { app, ada, op, userId } = await startPair();
    await change(app, 'UpdateUser', { userId, emailVerified: true }, op.token);
    const moved = await change(app, 'UpdateUser', { userId, email: 'moved@example.com' }, op.token);
    expect(moved.data.adminUpdateUser).toMatchObject({ email: 'moved@example.com', emailVerified: false });
    expect((await app.send(ME, {}, { token: ada.accessToken })).code).toBe('UNAUTHENTICATED');
    expect(await subjectsTo(app, EMAIL)).toContain('Your email address was changed');
    const token = await mailedToken(app, '/undo-email-change', EMAIL);
    expect((await app.send(UNDO_EMAIL_CHANGE, { input: { token } })).code).toBe('OK');
    expect(await app.database.get('SELECT email FROM users WHERE id = :userId', { userId })).toEqual({
      email: EMAIL,
    });
    expect((await change(app, 'UpdateUser', { userId, email: op.email.toUpperCase() }, op.token)).code).toBe(
      'EMAIL_TAKEN',
    );
  });

  it('another spelling of the address is kept, and ends nothing', async () => {
    const { app, ada, op, userId } = await startPair();
    const { data } = await change(app, 'UpdateUser', { userId, email: 'Ada@Example.com' }, op.token, 'email');
    expect(data.adminUpdateUser).toEqual({ email: 'Ada@Example.com' });
    expect((await app.send(ME, {}, { token: ada.accessToken })).data.me.email).toBe('Ada@Example.com');
    const [event] = await eventsOf(app, 'user_updated');
    expect(JSON.parse(event?.details ?? '{}')).toMatchObject({ actor: op.id, fields: ['email'] });
  });

  it('another address ends a login that waits for its second factor', async () => {
    const { app, ada, op, userId } = await startPair();
    const { nextCode } = await enrol(app, ada.accessToken);
    const input = { email: EMAIL, password: PASSWORD };
    const finish = async (waiting: Awaited<ReturnType<typeof app.send>>) =>
      (await complete(app, mfaTokenOf(waiting), { totpCode: nextCode() })).code;
    expect(await finish(await app.send(LOGIN, { input }))).toBe('OK');
    const waiting = await app.send(LOGIN, { input });
    expect((await change(app, 'UpdateUser', { userId, email: 'moved@example.com' }, op.token)).code).toBe(
      'OK',
    );
    expect(await finish(waiting)).toBe('INVALID_TOKEN');
  });

  it('without undo the address of before is told, and no earlier change can be taken back', async () => {
    const { app, op, userId } = await startPair();
    await change(app, 'UpdateUser', { userId, emailVerified: true }, op.token);
    await change(app, 'UpdateUser', { userId, email: 'thief@example.com', emailVerified: true }, op.token);
    const early = await mailedToken(app, '/undo-email-change', EMAIL);
    await change(app, 'UpdateUser', { userId, email: 'right@example.com', undo: false }, op.token);
    await expect(mailedToken(app, '/undo-email-change', 'thief@example.com')).rejects.toThrow('no link');
    expect(await subjectsTo(app, 'thief@example.com')).toEqual(['Your email address was changed']);
    expect((await app.send(UNDO_EMAIL_CHANGE, { input: { token: early } })).code).toBe('INVALID_TOKEN');
    const [last] = (await eventsOf(app, 'user_updated')).filter(({ details }) =>
      details.includes('"undo":"no"'),
    );
    expect(JSON.parse(last?.details ?? '{}')).toMatchObject({ fields: ['email'], undo: 'no' });
  });

  it('a disabled account dies on every field, and lives again once it is enabled', async () => {
    const { app, ada, op, userId } = await startPair();
    const { data } = await change(app, 'DisableUser', { userId }, op.token, 'state sessions { id }');
    expect(data.adminDisableUser).toEqual({ state: 'DISABLED', sessions: [] });
    const since = new Date(app.clock.now()).toISOString();
    app.clock.travel(MINUTE_MS);
    const again = await change(app, 'DisableUser', { userId }, op.token, 'disabledAt');
    expect(again.data.adminDisableUser).toEqual({ disabledAt: since });
    expect((await app.send(ME, {}, { token: ada.accessToken })).code).toBe('UNAUTHENTICATED');
    const input = { email: EMAIL, password: PASSWORD };
    expect((await app.send(LOGIN, { input })).code).toBe('INVALID_CREDENTIALS');
    expect(
      (await change(app, 'SendPasswordReset', { userId }, op.token)).errors?.[0]?.extensions.reason,
    ).toBe('DISABLED');
    await change(app, 'EnableUser', { userId }, op.token);
    expect((await app.send(LOGIN, { input })).code).toBe('OK');
  });

  it('ends one session or all of them (SES-2)', async () => {
    const { app, ada, op, userId } = await startPair();
    const second = await login(app);
    const end = (sessionId?: string) =>
      change(app, 'EndSessions', { userId, ...(sessionId && { sessionId }) }, op.token, 'sessions { id }');
    expect((await end(op.sessionId)).code).toBe('NOT_FOUND');
    expect((await end(second.session.id)).data.adminEndSessions.sessions).toEqual([{ id: ada.session.id }]);
    expect((await end(second.session.id)).code).toBe('NOT_FOUND');
    expect((await app.send(ME, {}, { token: second.accessToken })).code).toBe('UNAUTHENTICATED');
    expect((await app.send(ME, {}, { token: ada.accessToken })).code).toBe('OK');
    expect((await end()).data.adminEndSessions.sessions).toEqual([]);
    expect((await app.send(ME, {}, { token: ada.accessToken })).code).toBe('UNAUTHENTICATED');
  });

  it('shows wrong passwords, and forgets them', async () => {
    const { app, op, userId } = await startPair({ config: { networkFailures: 1_000, networkChecks: 1_000 } });
    const wrong = () => app.send(LOGIN, { input: { email: EMAIL, password: 'wrong horse battery staple' } });
    for (let i = 0; i < 5; i += 1) await wrong();
    expect((await wrong()).code).toBe('TOO_MANY_REQUESTS');
    const SEEN = 'lockedUntil failedLogins { passwords passwordDisabled codes }';
    const before = await app.send(`{ admin { user(id: "${userId}") { ${SEEN} } } }`, {}, { token: op.token });
    expect(before.data.admin.user).toEqual({
      lockedUntil: new Date(app.clock.now() + 1_000).toISOString(),
      failedLogins: { passwords: 5, passwordDisabled: false, codes: 0 },
    });
    const { data } = await change(app, 'UnlockAccount', { userId }, op.token, SEEN);
    expect(data.adminUnlockAccount).toEqual({
      lockedUntil: null,
      failedLogins: { passwords: 0, passwordDisabled: false, codes: 0 },
    });
    // The lane of the network that guessed still waits.
    const input = { email: EMAIL, password: PASSWORD };
    expect((await app.send(LOGIN, { input }, { ip: '203.0.113.5' })).code).toBe('OK');
  });

  it('gives and takes only roles whose scopes the token has', async () => {
    const { app, op, userId } = await startPair({ config: { rolesFile: rolesFile() } });
    const set = (roles: string[], token = op.token) => change(app, 'SetRoles', { userId, roles }, token);
    expect((await set(['editor', 'member'])).data.adminSetRoles.roles).toEqual(['editor', 'member']);
    expect((await set(['nothing'])).code).toBe('BAD_USER_INPUT');
    const narrow = await login(app, { email: op.email, scope: ['latchkey:roles:write', 'posts:read'] });
    for (const roles of [['admin'], []])
      expect((await set(roles, narrow.accessToken)).errors?.[0]?.extensions).toMatchObject({
        reason: 'OUTRANKED',
      });
    expect((await set(['editor'], narrow.accessToken)).code).toBe('OK');
    expect((await set([])).data.adminSetRoles.roles).toEqual(['member']);
    expect(await app.database.all('SELECT role FROM user_roles WHERE user_id = :userId', { userId })).toEqual(
      [],
    );
  });

  it('refuses metadata that is too large, and sets it whole', async () => {
    const { app, op, userId } = await startPair();
    const set = (metadata: object) => change(app, 'SetMetadata', { userId, metadata }, op.token);
    expect((await set({ a: 1, b: 2 })).data.adminSetMetadata.metadata).toEqual({ a: 1, b: 2 });
    expect((await set({ b: 3 })).data.adminSetMetadata.metadata).toEqual({ b: 3 });
    expect((await set({ text: 'x'.repeat(4_096) })).code).toBe('BAD_USER_INPUT');
  });

  it('an operator without latchkey:users:read sees of an account what they may change, and no more', async () => {
    const { app, op, userId } = await startPair();
    const narrow = await login(app, { email: op.email, scope: ['latchkey:roles:write'] });
    for (const field of [
      'sessions { id ip }',
      'factors { id }',
      'externalLogins { id }',
      'lastLoginAt',
      'lockedUntil',
      'recoveryCodesLeft',
      'failedLogins { passwords }',
    ]) {
      const { data, errors } = await change(
        app,
        'SetMetadata',
        { userId, metadata: {} },
        narrow.accessToken,
        `id ${field}`,
      );
      expect({ field, reason: errors?.[0]?.extensions.reason }).toEqual({
        field,
        reason: 'INSUFFICIENT_SCOPE',
      });
      expect(JSON.stringify(data)).not.toContain('ip');
    }
    const { data } = await change(app, 'SetMetadata', { userId, metadata: {} }, narrow.accessToken);
    expect(data.adminSetMetadata.id).toBe(userId);
  });
});
