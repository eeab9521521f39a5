import { expect, it } from '@jest/globals';
import * as openid from 'openid-client';
import { login, register } from '../../support/documents.ts';
import { type ListeningApp, startListening } from '../../support/listening-app.ts';
import { claimsOf, ROLES_FILE, rolesFile } from '../../support/roles.ts';
import { describeApp, PASSWORD } from '../../support/start-app.ts';

/* openid-client, the library of OpenID Connect for Node, as a first-party client of `POST /token`. */

const EMAIL = 'ada@example.com';
const ALGORITHMS = ['oauth2', 'oidc'] as const;

describeApp('openid-client', (start) => {
  async function startEditor(): Promise<ListeningApp> {
    const app = await startListening(start, { config: { rolesFile: rolesFile() } });
    await register(app);
    await app.roles.grant(EMAIL, ['editor']);
    return app;
  }

  function discover(
    issuer: string,
    algorithm: (typeof ALGORITHMS)[number] = 'oidc',
  ): Promise<openid.Configuration> {
    return openid.discovery(new URL(issuer), 'first-party', undefined, openid.None(), {
      execute: [openid.allowInsecureRequests],
      algorithm,
    });
  }

  const logIn = (config: openid.Configuration, form: Record<string, string> = {}) =>
    openid.genericGrantRequest(config, 'password', { username: EMAIL, password: PASSWORD, ...form });

  it.each(ALGORITHMS)('openid-client finds this server by the discovery of %s, and logs in', async (name) => {
    const app = await startEditor();
    const config = await discover(app.issuer, name);
    expect(config.serverMetadata()).toMatchObject({
      issuer: app.issuer,
      token_endpoint: `${app.issuer}/token`,
      jwks_uri: `${app.issuer}/.well-known/jwks.json`,
      scopes_supported: [...ROLES_FILE.roles.admin.scopes, 'posts:write', 'posts:read'],
    });
    const answer = await logIn(config);
    expect(answer).toMatchObject({
      token_type: 'bearer',
      expires_in: 600,
      scope: 'posts:write posts:read',
      refresh_token: expect.stringMatching(/^lkr_/),
    });
    expect(claimsOf(answer.access_token)).toMatchObject({
      scope: 'posts:write posts:read',
      client_id: 'first-party',
    });
  });

  it.each(ALGORITHMS)('openid-client refuses metadata of %s that names another issuer', async (name) => {
    const app = await startEditor();
    // The same server by another name, which its issuer is not.
    const other = app.issuer.replace('127.0.0.1', 'localhost');
    await expect(discover(other, name)).rejects.toMatchObject({
      code: 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED',
    });
  });

  it('openid-client narrows a login, and every refresh of it', async () => {
    const app = await startEditor();
    const config = await discover(app.issuer);
    const narrow = await logIn(config, { scope: 'posts:read' });
    // RFC 6749 §5.1: optional where it is as asked.
    expect(narrow.scope).toBeUndefined();
    expect(claimsOf(narrow.access_token)).toMatchObject({ scope: 'posts:read', roles: ['member'] });

    const next = await openid.refreshTokenGrant(config, narrow.refresh_token ?? '');
    expect(next.scope).toBe('posts:read');
    expect(next.refresh_token).not.toBe(narrow.refresh_token);
    const after = await openid.refreshTokenGrant(config, next.refresh_token ?? '', { scope: 'posts:write' });
    // RFC 6749 §3.3: the server ignores what was asked for and says what it gave.
    expect(after.scope).toBe('posts:read');
    for (const { access_token } of [next, after])
      expect(claimsOf(access_token)).toMatchObject({ scope: 'posts:read', roles: ['member'] });
  });

  it('the answers that openid-client gets say the scope of a wide session as it changes', async () => {
    const app = await startEditor();
    const config = await discover(app.issuer);
    const first = await logIn(config);
    await app.roles.revoke(EMAIL, ['editor']);
    const second = await openid.refreshTokenGrant(config, first.refresh_token ?? '');
    expect([first.scope, second.scope]).toEqual(['posts:write posts:read', 'posts:read']);
  });

  it('a scope that openid-client asks for by itself is dropped, and the answer says so', async () => {
    const app = await startEditor();
    const config = await discover(app.issuer);
    const answer = await logIn(config, { scope: 'openid profile email offline_access posts:read' });
    expect(answer.scope).toBe('posts:read');
    expect(answer.id_token).toBeUndefined();
  });

  it.each(['posts:read posts:delete', 'latchkey:users:write', 'posts"read'])(
    'openid-client reads the refusal of the scope %j',
    async (scope) => {
      const app = await startEditor();
      const refused = await logIn(await discover(app.issuer), { scope }).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(openid.ResponseBodyError);
      expect(refused).toMatchObject({ error: 'invalid_scope', status: 400 });
    },
  );

  it('openid-client reads the refusal of a wrong password, and of a spent refresh token', async () => {
    const app = await startEditor();
    const config = await discover(app.issuer);
    const refusal = { name: 'ResponseBodyError', error: 'invalid_grant', status: 400 };
    await expect(logIn(config, { password: 'wrong horse battery staple' })).rejects.toMatchObject(refusal);
    const { refresh_token = '' } = await logIn(config);
    await openid.refreshTokenGrant(config, refresh_token);
    app.clock.travel(60_000);
    await expect(openid.refreshTokenGrant(config, refresh_token)).rejects.toMatchObject(refusal);
  });

  it('a session of GraphQL goes on with openid-client', async () => {
    const app = await startEditor();
    const { refreshToken } = await login(app, { scope: ['posts:write'] });
    const answer = await openid.refreshTokenGrant(await discover(app.issuer), refreshToken);
    expect(answer.scope).toBe('posts:write');
  });
});
