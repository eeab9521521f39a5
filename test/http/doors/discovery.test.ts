import { describe, expect, it } from '@jest/globals';
import { register } from '../../support/documents.ts';
import { useHttpServers } from '../../support/http-server.ts';
import { claimsOf, ROLES_FILE, rolesFile } from '../../support/roles.ts';
import { describeApp } from '../../support/start-app.ts';

const OAUTH = '/.well-known/oauth-authorization-server';
const OPENID = '/.well-known/openid-configuration';

describe('discovery', () => {
  const start = useHttpServers();

  it('the metadata of RFC 8414 names what there is, and nothing else', async () => {
    const { inject } = await start({
      scopes: ['posts:read'],
      config: { issuer: 'https://auth.example.com' },
    });
    const answer = await inject({ url: OAUTH });
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.headers['cache-control']).toBe('public, max-age=300');
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    const metadata = {
      issuer: 'https://auth.example.com',
      jwks_uri: 'https://auth.example.com/.well-known/jwks.json',
      scopes_supported: ['posts:read'],
      response_types_supported: [],
      token_endpoint: 'https://auth.example.com/token',
      grant_types_supported: ['password', 'refresh_token', 'client_credentials', 'urn:latchkey:mfa'],
      token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
    };
    expect(answer.json()).toEqual(metadata);
    expect((await inject({ url: OPENID })).json()).toEqual({
      ...metadata,
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
    });
  });

  it('without the token endpoint, neither it nor its grants are named', async () => {
    const { inject } = await start({ config: { tokenEndpoint: false } });
    for (const url of [OAUTH, OPENID]) {
      const metadata = (await inject({ url })).json();
      expect(Object.keys(metadata).filter((name) => /token_endpoint|grant/.test(name))).toEqual([]);
      // RFC 8414 §3.2: what has no elements is left out.
      expect(metadata).not.toHaveProperty('scopes_supported');
    }
  });

  it('the addresses are those of the configured issuer, whatever the Host of a request says', async () => {
    const { inject } = await start();
    const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example' };
    expect((await inject({ url: OAUTH, headers })).body).not.toContain('evil');
  });

  it.each(['https://auth.example.com/realms/a:b', 'https://auth.example.com/realms/a:b/'])(
    'the issuer %s is served at the places that RFC 8414 and OpenID Connect name, and where a proxy has taken its path away',
    async (issuer) => {
      const { inject } = await start({ config: { issuer } });
      for (const name of [OAUTH, OPENID])
        for (const url of [name, `${name}/realms/a:b`, `/realms/a:b${name}`]) {
          const { issuer: said, jwks_uri } = (await inject({ url })).json();
          expect([said, jwks_uri]).toEqual([
            issuer,
            'https://auth.example.com/realms/a:b/.well-known/jwks.json',
          ]);
        }
    },
  );

  it('the keys and the token endpoint are where the metadata of an issuer with a path says', async () => {
    const { inject } = await start({ config: { issuer: 'https://auth.example.com/realms/a:b' } });
    const { jwks_uri, token_endpoint } = (await inject({ url: OAUTH })).json();
    const [keys, token] = [new URL(jwks_uri).pathname, new URL(token_endpoint).pathname];
    expect((await inject({ url: keys })).json()).toEqual(
      (await inject({ url: '/.well-known/jwks.json' })).json(),
    );
    for (const url of [token, `${token}/refresh`, '/token', '/token/refresh'])
      expect((await inject({ method: 'POST', url, payload: '' })).json()).toHaveProperty('error_description');
  });

  it('the metadata is asked for again with its tag', async () => {
    const { inject } = await start();
    const { etag } = (await inject({ url: OAUTH })).headers;
    expect((await inject({ url: OAUTH, headers: { 'if-none-match': String(etag) } })).status).toBe(304);
    expect((await inject({ url: OPENID, headers: { 'if-none-match': String(etag) } })).status).toBe(200);
  });
});

describeApp('discovery', (start) => {
  it('the issuer is that of the tokens, byte for byte, and the scopes are those of all roles', async () => {
    const issuer = 'http://localhost:4000/tenant/';
    const app = await start({ config: { issuer, rolesFile: rolesFile() } });
    const { accessToken } = await register(app);
    const metadata = (await app.server.inject(OAUTH)).json();
    expect(metadata.issuer).toBe(issuer);
    expect(claimsOf(accessToken).iss).toBe(issuer);
    expect(metadata.scopes_supported).toEqual([
      ...ROLES_FILE.roles.admin.scopes,
      'posts:write',
      'posts:read',
    ]);
  });
});
