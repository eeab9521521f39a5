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
});
