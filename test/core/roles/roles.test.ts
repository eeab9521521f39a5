import { expect, it } from '@jest/globals';
import { migrate } from '../../../src/database/migrate.ts';
import { isMarked, markedFields, rootFields } from '../../../src/graphql/marks.ts';
import { NO_DEADLINE } from '../../../src/platform/deadline.ts';
import { freshDatabase } from '../../support/databases.ts';
import {
  CHANGE_PASSWORD,
  CONFIRM_EMAIL_CHANGE,
  LOGIN,
  LOGIN_WITH_CODE,
  LOGIN_WITH_LINK,
  LOGOUT,
  ME,
  REAUTHENTICATE,
  REGISTER,
  REQUEST_EMAIL_CHANGE,
  REQUEST_MAGIC_LINK,
  refresh,
  refreshed,
  register,
  VERIFY_EMAIL,
} from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { createInterleaving } from '../../support/interleaving.ts';
import { mailedCode, mailedToken } from '../../support/letters.ts';
import { claimsOf, ROLES_FILE, rolesFile } from '../../support/roles.ts';
import { describeApp, PASSWORD, type TestApp } from '../../support/start-app.ts';

const EMAIL = 'ada@example.com';
const SESSION_SCOPE = '{ session { scope } }';
const ME_ROLES = '{ me { roles } }';
const WRONG = 'wrong horse battery staple';

/** The scope and roles that a token says, and the scope that the answer beside it does. */
function said(auth: { accessToken: string; scope: string[] }) {
  const { scope, roles } = claimsOf(auth.accessToken);
  return { answer: auth.scope, scope, roles };
}

function logIn(app: TestApp, scope?: readonly string[] | null, password = PASSWORD) {
  return app.send(LOGIN, { input: { email: EMAIL, password, ...(scope !== undefined && { scope }) } });
}

async function loggedIn(app: TestApp, scope?: readonly string[] | null) {
  const { data, body } = await logIn(app, scope);
  if (!data?.login) throw new Error(body);
  return data.login;
}

describeApp('roles', (start, engine) => {
  const config = { rolesFile: rolesFile() };

  async function startWith(roles: readonly string[], options: Parameters<typeof start>[0] = {}) {
    const app = await start({ ...options, config: { ...config, ...options.config } });
    const auth = await register(app);
    if (roles.length > 0) await app.roles.grant(EMAIL, roles);
    return { app, auth };
  }

  it('a token carries the default roles and what they allow, and a new role with the next one', async () => {
    const { app, auth } = await startWith([]);
    expect(said(auth)).toEqual({ answer: ['posts:read'], scope: 'posts:read', roles: ['member'] });
    await app.roles.grant(EMAIL, ['editor']);
    expect(said(await refreshed(app, auth.refreshToken))).toEqual({
      answer: ['posts:write', 'posts:read'],
      scope: 'posts:write posts:read',
      roles: ['editor', 'member'],
    });
    expect((await app.send(ME_ROLES, {}, { token: auth.accessToken })).data.me.roles).toEqual([
      'editor',
      'member',
    ]);
  });

  it('a role allows what the roles that it includes allow, and names none of them', async () => {
    const { app } = await startWith(['admin']);
    const { scope, roles } = said(await loggedIn(app));
    expect(scope).toBe([...ROLES_FILE.roles.admin.scopes, 'posts:write', 'posts:read'].join(' '));
    expect(roles).toEqual(['admin', 'member']);
  });

  it('without a file there is the role admin, which allows the scopes of this server, and no default', async () => {
    const { app, auth } = await startWith(['admin'], { config: { rolesFile: undefined } });
    expect(said(auth)).toEqual({ answer: [], scope: '', roles: [] });
    const { scope, roles } = said(await loggedIn(app));
    expect({ scope: scope.split(' '), roles }).toEqual({
      scope: ROLES_FILE.roles.admin.scopes,
      roles: ['admin'],
    });
  });

  it.each([
    { asked: undefined, scope: 'posts:write posts:read', roles: ['editor', 'member'], session: null },
    { asked: null, scope: 'posts:write posts:read', roles: ['editor', 'member'], session: null },
    { asked: [], scope: '', roles: [], session: [] },
    { asked: ['posts:read'], scope: 'posts:read', roles: ['member'], session: ['posts:read'] },
    { asked: ['posts:write'], scope: 'posts:write', roles: [], session: ['posts:write'] },
    {
      asked: ['posts:read', 'posts:write', 'posts:read'],
      scope: 'posts:write posts:read',
      roles: ['editor', 'member'],
      session: ['posts:read', 'posts:write'],
    },
  ])('a login that asks for $asked gets the scope "$scope"', async ({ asked, scope, roles, session }) => {
    const { app } = await startWith(['editor']);
    const auth = await loggedIn(app, asked);
    expect(said(auth)).toEqual({ answer: scope === '' ? [] : scope.split(' '), scope, roles });
    const shown = await app.send(SESSION_SCOPE, {}, { token: auth.accessToken });
    expect(shown.data.session.scope).toEqual(session);
  });

  it('a narrowed token names no role without scopes, whose name may mean anything to other servers', async () => {
    const file = rolesFile({
      roles: { vip: {}, member: { scopes: ['posts:read'] } },
      default: ['vip', 'member'],
    });
    const { app, auth } = await startWith([], { config: { rolesFile: file } });
    expect(said(auth).roles).toEqual(['vip', 'member']);
    expect(said(await loggedIn(app, ['posts:read'])).roles).toEqual(['member']);
    expect(said(await loggedIn(app, [])).roles).toEqual([]);
  });

  it.each(['posts write', 'post\u00e4', '', 'a"b', 'a\\b', 'a\tb', 'x'.repeat(129)])(
    'the scope %j is refused before the password is looked at',
    async (scope) => {
      const { app } = await startWith([]);
      const before = (await eventsOf(app)).length;
      const { code, errors } = await logIn(app, ['posts:read', scope], WRONG);
      expect([code, errors?.[0]?.extensions.field]).toEqual(['BAD_USER_INPUT', 'input.scope']);
      expect(await eventsOf(app)).toHaveLength(before);
    },
  );

  it('a scope that the roles do not allow is refused only to who has proven who they are, and audited', async () => {
    const { app } = await startWith([]);
    const stranger = await logIn(app, ['posts:write'], WRONG);
    expect(stranger.code).toBe('INVALID_CREDENTIALS');
    const { code, errors } = await logIn(app, ['posts:read', 'posts:write']);
    expect([code, errors?.[0]?.extensions.field]).toEqual(['BAD_USER_INPUT', 'input.scope']);
    const [event, ...others] = await eventsOf(app, 'authz_fail');
    expect(event).toMatchObject({ outcome: 'fail', userId: expect.any(String), sessionId: null });
    expect(JSON.parse(event?.details ?? '')).toEqual({ reason: 'scope', scope: 'posts:write' });
    expect(others).toEqual([]);
    // That of the registration.
    expect(await app.database.all('SELECT id FROM sessions')).toHaveLength(1);
  });

  it('a refused scope is no failure, and forgets none: the owner hears of those before the next login', async () => {
    const { app } = await startWith([]);
    await logIn(app, null, WRONG);
    for (let i = 0; i < 10; i += 1) expect((await logIn(app, ['posts:write'])).code).toBe('BAD_USER_INPUT');
    expect((await logIn(app)).code).toBe('OK');
    const [event] = await eventsOf(app, 'authn_login_successafterfail');
    expect(JSON.parse(event?.details ?? '')).toMatchObject({ failures: 1 });
  });

  it('a refused scope spends no link and no code, and every login that opens a session takes a scope', async () => {
    const { app } = await startWith(['editor'], { config: { magicLinks: true } });
    const input = { email: EMAIL };

    await app.send(REQUEST_MAGIC_LINK, { input });
    const token = await mailedToken(app, '/magic-link');
    expect((await app.send(LOGIN_WITH_LINK, { input: { token, scope: ['none'] } })).code).toBe(
      'BAD_USER_INPUT',
    );
    const link = await app.send(LOGIN_WITH_LINK, { input: { token, scope: ['posts:read'] } });
    expect(said(link.data.loginWithMagicLink).scope).toBe('posts:read');

    await app.send(REQUEST_MAGIC_LINK, { input });
    const code = await mailedCode(app);
    const wrong = await app.send(LOGIN_WITH_CODE, { input: { ...input, code, scope: ['none'] } });
    expect(wrong.code).toBe('BAD_USER_INPUT');
    const right = await app.send(LOGIN_WITH_CODE, { input: { ...input, code, scope: [] } });
    expect(said(right.data.loginWithEmailCode).scope).toBe('');
  });

  it('a registration takes a scope, and makes no account where the default roles do not allow it', async () => {
    const app = await start({ config });
    const input = { email: EMAIL, password: PASSWORD };
    expect((await app.send(REGISTER, { input: { ...input, scope: ['posts:write'] } })).code).toBe(
      'BAD_USER_INPUT',
    );
    expect(await app.database.all('SELECT id FROM users')).toEqual([]);
    const { data } = await app.send(REGISTER, { input: { ...input, scope: [] } });
    expect(said(data.register.auth).scope).toBe('');
  });

  it('the verification of a new account takes a scope', async () => {
    const app = await start({ config: { ...config, registration: 'verify' } });
    await app.send(REGISTER, { input: { email: EMAIL, scope: ['posts:read'] } });
    const token = await mailedToken(app, '/verify-email');
    const input = { token, password: PASSWORD };
    expect((await app.send(VERIFY_EMAIL, { input: { ...input, scope: ['posts:write'] } })).code).toBe(
      'BAD_USER_INPUT',
    );
    const { data } = await app.send(VERIFY_EMAIL, { input: { ...input, scope: [] } });
    expect(said(data.verifyEmail).scope).toBe('');
  });

  it('a narrowed session stays narrow through refresh, retries, reauthentication and more roles (RT-7)', async () => {
    const { app } = await startWith([]);
    const first = await loggedIn(app, ['posts:read']);
    await app.roles.grant(EMAIL, ['admin']);
    const second = await refreshed(app, first.refreshToken);
    // A lost answer and ten restored tabs.
    const tabs = await Promise.all(Array.from({ length: 10 }, () => refreshed(app, first.refreshToken)));
    for (const auth of [second, ...tabs])
      expect(said(auth)).toEqual({ answer: ['posts:read'], scope: 'posts:read', roles: ['member'] });

    const proven = await app.send(
      REAUTHENTICATE,
      { input: { password: PASSWORD } },
      { token: second.accessToken },
    );
    const again = proven.data.reauthenticate;
    expect(said(again)).toEqual({ answer: ['posts:read'], scope: 'posts:read', roles: ['member'] });
    expect(said(await refreshed(app, again.refreshToken)).scope).toBe('posts:read');
    expect((await app.send(SESSION_SCOPE, {}, { token: again.accessToken })).data.session.scope).toEqual([
      'posts:read',
    ]);
  });

  it('a wide session stays wide through changePassword and reauthenticate', async () => {
    const { app, auth } = await startWith(['editor']);
    const changed = await app.send(
      CHANGE_PASSWORD,
      { input: { currentPassword: PASSWORD, newPassword: 'another horse altogether' } },
      { token: auth.accessToken },
    );
    expect(said(changed.data.changePassword).roles).toEqual(['editor', 'member']);
  });

  it('a narrowed session loses what its owner loses, and gets it back with the role', async () => {
    const { app } = await startWith(['editor']);
    const first = await loggedIn(app, ['posts:write', 'posts:read']);
    await app.roles.revoke(EMAIL, ['editor']);
    const second = await refreshed(app, first.refreshToken);
    expect(said(second)).toEqual({ answer: ['posts:read'], scope: 'posts:read', roles: ['member'] });
    await app.roles.grant(EMAIL, ['editor']);
    expect(said(await refreshed(app, second.refreshToken)).scope).toBe('posts:write posts:read');
  });

  it('a narrowed session may ask for little, and the rest of its account is FORBIDDEN (GQL-8)', async () => {
    const { app } = await startWith(['editor']);
    const { accessToken: token, refreshToken } = await loggedIn(app, ['posts:read']);
    const codeOf = async (document: string, variables = {}) => {
      const { code, errors } = await app.send(document, variables, { token });
      return code === 'FORBIDDEN' ? `${code} ${errors?.[0]?.extensions.reason}` : code;
    };
    for (const document of [ME, SESSION_SCOPE]) expect(await codeOf(document)).toBe('OK');
    const password = { password: PASSWORD };
    const narrowed = 'FORBIDDEN NARROWED_SESSION';
    expect(await codeOf('{ sessions { id } }')).toBe(narrowed);
    expect(await codeOf('{ me { sessions { id } } }')).toBe(narrowed);
    const refreshing = `mutation ($input: RefreshTokenInput) { refreshToken(input: $input) { user { sessions { ip } } } }`;
    expect(await codeOf(refreshing, { input: { refreshToken } })).toBe(narrowed);
    expect(await codeOf('mutation { updateMe(input: { name: "A" }) { id } }')).toBe(narrowed);
    expect(
      await codeOf('mutation ($input: DeleteMeInput!) { deleteMe(input: $input) { id } }', {
        input: password,
      }),
    ).toBe(narrowed);
    const change = { currentPassword: PASSWORD, newPassword: 'another horse altogether' };
    expect(await codeOf(CHANGE_PASSWORD, { input: change })).toBe(narrowed);
    expect(await codeOf(REQUEST_EMAIL_CHANGE, { input: { ...password, newEmail: 'eve@example.com' } })).toBe(
      narrowed,
    );
    for (const scope of ['OTHERS', 'ALL']) expect(await codeOf(LOGOUT, { input: { scope } })).toBe(narrowed);
    expect(await codeOf(LOGOUT)).toBe('OK');
    expect(await app.database.all('SELECT id FROM sessions WHERE revoked_at IS NULL')).toHaveLength(1);
  });

  it('every field that needs an access token is FORBIDDEN to a narrowed session, but for those in this list (GQL-8)', async () => {
    const { app } = await startWith([]);
    const { accessToken } = await loggedIn(app, []);
    const context = {
      bearer: app.tokens.verifyAccessToken(accessToken),
      caller: { ip: '192.0.2.1', userAgent: 'jest', requestId: 'r', deadline: NO_DEADLINE, connection: {} },
    };
    const open = ['Mutation.cancelFactorReset', 'Mutation.reauthenticate', 'Query.me', 'Query.session'];
    // Fields of operators ask for a scope themselves.
    const isOfOperators = (path: string) => /\.admin/.test(path);
    const marked = markedFields(app.schema, 'narrow').map(({ path }) => path);
    expect(marked.filter((path) => !isOfOperators(path))).toEqual(open);
    const closed = rootFields(app.schema).filter(
      ({ path, field }) => !open.includes(path) && !isOfOperators(path) && !isMarked(field, 'public'),
    );
    expect(closed.length).toBeGreaterThan(5);
    for (const { path, field } of closed) {
      const ask = async () => field.resolve?.({}, {}, { ...context } as never, {} as never);
      const refused = { code: 'FORBIDDEN', extensions: { reason: 'NARROWED_SESSION' } };
      expect({ path, outcome: await ask().catch((error: unknown) => error) }).toMatchObject({
        path,
        outcome: refused,
      });
    }
  });

  it('a narrowed session does not show that an account is its own, and loses no link', async () => {
    const { app, auth } = await startWith(['editor']);
    const input = { newEmail: 'new@example.com', password: PASSWORD };
    await app.send(REQUEST_EMAIL_CHANGE, { input }, { token: auth.accessToken });
    const token = await mailedToken(app, '/confirm-email', 'new@example.com');
    const narrow = await loggedIn(app, []);
    const confirm = (bearer: string) =>
      app.send(CONFIRM_EMAIL_CHANGE, { input: { token } }, { token: bearer });
    expect((await confirm(narrow.accessToken)).code).toBe('FORBIDDEN');
    expect((await confirm(auth.accessToken)).code).toBe('OK');
  });

  it('a role that is taken away is gone in every process within a second (AT-9)', async () => {
    const { app, auth } = await startWith(['editor']);
    const other = await start({ config, database: app.database });
    const rolesIn = async (process: TestApp) =>
      (await process.send(ME_ROLES, {}, { token: auth.accessToken })).data.me.roles;
    expect([await rolesIn(app), await rolesIn(other)]).toEqual([
      ['editor', 'member'],
      ['editor', 'member'],
    ]);
    await app.roles.revoke(EMAIL, ['editor']);
    expect(await rolesIn(app)).toEqual(['member']);
    other.clock.travel(1_000);
    expect(await rolesIn(other)).toEqual(['member']);
  });

  it('what was read before a revocation is not remembered after it in the process that revoked', async () => {
    const fresh = await freshDatabase(engine);
    await migrate(fresh.database);
    const { database, once, isDone } = createInterleaving(fresh.database);
    const app = await start({ database, config });
    const { accessToken: token } = await register(app);
    await app.roles.grant(EMAIL, ['editor']);
    app.clock.travel(1_500);
    once('after', /^get\s+SELECT users\./, () => app.roles.revoke(EMAIL, ['editor']));
    const rolesNow = async () => (await app.send(ME_ROLES, {}, { token })).data.me.roles;
    // It began before.
    expect(await rolesNow()).toEqual(['editor', 'member']);
    expect(isDone()).toBe(true);
    expect(await rolesNow()).toEqual(['member']);
    await app.stop();
    await fresh.drop();
  });

  it('a link whose scope is refused again and again writes a few events in a minute', async () => {
    const { app } = await startWith([], { config: { magicLinks: true } });
    await app.send(REQUEST_MAGIC_LINK, { input: { email: EMAIL } });
    const token = await mailedToken(app, '/magic-link');
    for (let i = 0; i < 15; i += 1)
      expect((await app.send(LOGIN_WITH_LINK, { input: { token, scope: ['none'] } })).code).toBe(
        'BAD_USER_INPUT',
      );
    expect(await eventsOf(app, 'authz_fail')).toHaveLength(10);
  });

  it('a registration with a refused scope tells nothing of an address', async () => {
    const { app } = await startWith([]);
    for (const email of [EMAIL, 'new@example.com']) {
      const { code } = await app.send(REGISTER, { input: { email, password: PASSWORD, scope: ['none'] } });
      expect(code).toBe('BAD_USER_INPUT');
    }
  });

  it('a login asks for at most 50 scopes and 1,000 characters of them', async () => {
    const { app } = await startWith([]);
    const many = Array.from({ length: 51 }, (_, i) => `s${i}`);
    const long = Array.from({ length: 9 }, (_, i) => `${i}${'x'.repeat(120)}`);
    for (const scope of [many, long]) {
      const { code, errors } = await logIn(app, scope, WRONG);
      expect([code, errors?.[0]?.extensions.field]).toEqual(['BAD_USER_INPUT', 'input.scope']);
    }
  });

  it('a grant that races logins comes before or after each of them, and every session has it then', async () => {
    const { app } = await startWith([]);
    const [, ...logins] = await Promise.all([
      app.roles.grant(EMAIL, ['editor']),
      ...Array.from({ length: 4 }, () => loggedIn(app)),
    ]);
    for (const auth of logins) expect(['posts:read', 'posts:write posts:read']).toContain(said(auth).scope);
    expect(
      new Set(
        (await app.database.all<{ roles: string }>('SELECT roles FROM sessions')).map((row) => row.roles),
      ),
    ).toEqual(new Set(['editor']));
  });

  it('a role that is not defined any more allows nothing, and is said at the start', async () => {
    const { app, auth } = await startWith(['editor']);
    const later = await start({
      config: { rolesFile: rolesFile({ roles: { reader: { scopes: ['posts:read'] } } }) },
      database: app.database,
    });
    expect(said(await refreshed(later, auth.refreshToken))).toEqual({ answer: [], scope: '', roles: [] });
    expect(await later.roles.unknown()).toEqual(['editor']);
  });

  it('a deleted account leaves no roles', async () => {
    const { app, auth } = await startWith(['editor']);
    const document = 'mutation ($input: DeleteMeInput!) { deleteMe(input: $input) { id } }';
    const { code } = await app.send(document, { input: { password: PASSWORD } }, { token: auth.accessToken });
    expect(code).toBe('OK');
    expect(await app.database.all('SELECT role FROM user_roles')).toEqual([]);
  });

  it('the version before, which knows no roles, deletes accounts that have some (CR-4)', async () => {
    const { app } = await startWith(['editor']);
    await app.database.run('DELETE FROM sessions');
    expect(await app.database.run('DELETE FROM users')).toBe(1);
  });

  it('the acr of a session is aal1, in its token and in those after it', async () => {
    const { app, auth } = await startWith([]);
    expect(claimsOf(auth.accessToken).acr).toBe('aal1');
    expect(claimsOf((await refreshed(app, auth.refreshToken)).accessToken).acr).toBe('aal1');
  });

  it('a refresh of a session that is over answers as before', async () => {
    const { app, auth } = await startWith([]);
    app.clock.travel(15 * 86_400_000);
    expect((await refresh(app, auth.refreshToken)).code).toBe('INVALID_REFRESH_TOKEN');
  });
});
