import { expect, it } from '@jest/globals';
import { login, register } from '../../support/documents.ts';
import { describeApp } from '../../support/start-app.ts';

const ADMIN = '{ admin { __typename } }';

describeApp('the admin API', (start) => {
  it('lets in whose token has a scope of this server, and nobody else', async () => {
    const app = await start();
    const stranger = await register(app);
    await app.roles.grant('ada@example.com', ['admin']);
    expect((await app.send(ADMIN)).code).toBe('UNAUTHENTICATED');
    // The token is older than the role.
    const early = await app.send(ADMIN, {}, { token: stranger.accessToken });
    expect(early.errors?.[0]?.extensions).toEqual({ code: 'FORBIDDEN', reason: 'INSUFFICIENT_SCOPE' });
    const { accessToken: token } = await login(app);
    expect((await app.send(ADMIN, {}, { token })).data).toEqual({ admin: { __typename: 'AdminQuery' } });
    const narrow = await login(app, { scope: ['latchkey:audit:read'] });
    expect((await app.send(ADMIN, {}, { token: narrow.accessToken })).code).toBe('OK');
    const none = await login(app, { scope: [] });
    expect((await app.send(ADMIN, {}, { token: none.accessToken })).code).toBe('FORBIDDEN');
    await app.roles.revoke('ada@example.com', ['admin']);
    expect((await app.send(ADMIN, {}, { token })).code).toBe('FORBIDDEN');
  });

  it('nobody reaches an account through it without its scope, whoever they are', async () => {
    const app = await start();
    const { user, accessToken: owner } = await register(app);
    await register(app, 'op@example.com', { ip: '203.0.113.4' });
    await app.roles.grant('op@example.com', ['admin']);
    const other = await register(app, 'other@example.com', { ip: '203.0.113.5' });
    const op = { email: 'op@example.com', scope: ['latchkey:audit:read', 'latchkey:keys:write'] };
    const narrow = await login(app, op);
    const everything =
      'id email sessions { id ip } factors { id } externalLogins { id } failedLogins { passwords }';
    for (const document of [
      `{ admin { user(id: "${user.id}") { ${everything} } } }`,
      `{ admin { users(first: 1) { edges { node { ${everything} } } } } }`,
    ])
      for (const token of [undefined, owner, other.accessToken, narrow.accessToken]) {
        const { body, code } = await app.send(document, {}, { token });
        expect(['UNAUTHENTICATED', 'FORBIDDEN']).toContain(code);
        expect(body).not.toContain('ada@example.com');
      }
  });

  it('the owner alone sees whether there is a password', async () => {
    const app = await start();
    const { accessToken: token } = await register(app);
    const HAS = '{ me { hasPassword } }';
    expect((await app.send(HAS, {}, { token })).data).toEqual({ me: { hasPassword: true } });
    const narrow = await login(app, { scope: [] });
    expect((await app.send(HAS, {}, { token: narrow.accessToken })).code).toBe('FORBIDDEN');
    await app.database.run('UPDATE users SET password_hash = NULL');
    app.clock.travel(1_000);
    expect((await app.send(HAS, {}, { token })).data).toEqual({ me: { hasPassword: false } });
  });
});
