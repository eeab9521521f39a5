import { expect, it } from '@jest/globals';
import { register } from '../../support/documents.ts';
import { claimsOf, rolesFile } from '../../support/roles.ts';
import { describeApp, PASSWORD, type TestApp } from '../../support/start-app.ts';

const EMAIL = 'ada@example.com';

async function post(app: TestApp, form: Record<string, string>) {
  const response = await app.server.inject({
    method: 'POST',
    url: '/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams(form).toString(),
  });
  return { status: response.statusCode, ...response.json() };
}

describeApp('the scope at /token', (start) => {
  async function startWithEditor() {
    const app = await start({ config: { rolesFile: rolesFile() } });
    await register(app);
    await app.roles.grant(EMAIL, ['editor']);
    const logIn = (form: Record<string, string> = {}) =>
      post(app, { grant_type: 'password', username: EMAIL, password: PASSWORD, ...form });
    return { app, logIn };
  }

  it.each([
    { asked: undefined, token: 'posts:write posts:read', said: 'posts:write posts:read' },
    { asked: '', token: 'posts:write posts:read', said: 'posts:write posts:read' },
    { asked: 'posts:read', token: 'posts:read', said: undefined },
    { asked: 'posts:read posts:write', token: 'posts:write posts:read', said: undefined },
    {
      asked: 'openid profile email offline_access',
      token: 'posts:write posts:read',
      said: 'posts:write posts:read',
    },
    { asked: 'openid posts:read', token: 'posts:read', said: 'posts:read' },
  ])(
    'a password with the scope "$asked" gets "$token", which is said where it differs (RFC 6749 §5.1)',
    async (row) => {
      const { logIn } = await startWithEditor();
      const answer = await logIn(row.asked === undefined ? {} : { scope: row.asked });
      expect([claimsOf(answer.access_token).scope, answer.scope]).toEqual([row.token, row.said]);
    },
  );

  it.each(['posts:delete', 'posts:read posts:delete', 'posts\u00e4', 'a"b', 'posts:read\tposts:write'])(
    'a password with the scope %j is refused as invalid_scope, and a wrong password as before',
    async (scope) => {
      const { app, logIn } = await startWithEditor();
      expect(await logIn({ scope })).toMatchObject({ status: 400, error: 'invalid_scope' });
      if (scope.includes('delete'))
        expect(await logIn({ scope, password: 'wrong horse battery staple' })).toMatchObject({
          status: 400,
          error: 'invalid_grant',
        });
      expect(await app.database.all('SELECT id FROM sessions')).toHaveLength(1);
    },
  );

  it('a scope of OpenID Connect that a role allows is not dropped', async () => {
    const file = rolesFile({ default: ['all'], roles: { all: { scopes: ['profile', 'secret'] } } });
    const app = await start({ config: { rolesFile: file } });
    await register(app);
    const answer = await post(app, { username: EMAIL, password: PASSWORD, scope: 'openid profile' });
    expect([claimsOf(answer.access_token).scope, answer.scope]).toEqual(['profile', 'profile']);
  });

  it('a refresh never widens a session, and says the scope where another one is asked for', async () => {
    const { app, logIn } = await startWithEditor();
    const first = await logIn({ scope: 'posts:read' });
    const second = await post(app, {
      grant_type: 'refresh_token',
      refresh_token: first.refresh_token,
      scope: 'posts:read posts:write',
    });
    expect([claimsOf(second.access_token).scope, second.scope]).toEqual(['posts:read', 'posts:read']);
    const malformed = { grant_type: 'refresh_token', refresh_token: second.refresh_token, scope: 'a"b' };
    expect(await post(app, malformed)).toMatchObject({ status: 400, error: 'invalid_scope' });
    const { scope: _, ...well } = malformed;
    expect(claimsOf((await post(app, well)).access_token).scope).toBe('posts:read');
  });

  it.each(['other', 'First-party', 'first-party '])(
    'the client %j is refused, and no password is looked at',
    async (client_id) => {
      const { logIn } = await startWithEditor();
      expect(await logIn({ client_id })).toMatchObject({ status: 400, error: 'invalid_client' });
      expect(await logIn({ client_id: 'first-party' })).toMatchObject({ status: 200 });
    },
  );
});
