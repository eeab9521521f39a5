import { expect, it } from '@jest/globals';
import * as oauth from 'oauth4webapi';
import { login, register } from '../../support/documents.ts';
import { type ListeningApp, startListening } from '../../support/listening-app.ts';
import { rolesFile } from '../../support/roles.ts';
import { describeApp } from '../../support/start-app.ts';

/* oauth4webapi as a resource server: it finds the keys by discovery, and takes the tokens of RFC 9068. */

const AUDIENCE = 'https://api.example.com';
const DAY_SECONDS = 86_400;
const ALGORITHMS = ['oauth2', 'oidc'] as const;

describeApp('oauth4webapi', (start) => {
  const startServer = (): Promise<ListeningApp> =>
    startListening(start, {
      config: { audience: AUDIENCE, rolesFile: rolesFile(), claims: ['hasura', 'postgrest'] },
    });

  /** What the library makes of the metadata; `said` is the issuer that it expects there. */
  async function discover(
    { issuer }: ListeningApp,
    algorithm: (typeof ALGORITHMS)[number] = 'oidc',
    said = issuer,
  ): Promise<oauth.AuthorizationServer> {
    const response = await oauth.discoveryRequest(new URL(issuer), {
      algorithm,
      [oauth.allowInsecureRequests]: true,
    });
    return oauth.processDiscoveryResponse(new URL(said), response);
  }

  function validate(
    as: oauth.AuthorizationServer,
    token: string,
    { audience = AUDIENCE, skewSeconds = 0 }: { audience?: string; skewSeconds?: number } = {},
  ): Promise<oauth.JWTAccessTokenClaims> {
    const request = new Request(AUDIENCE, { headers: { authorization: `Bearer ${token}` } });
    return oauth.validateJwtAccessToken(as, request, audience, {
      [oauth.allowInsecureRequests]: true,
      [oauth.clockSkew]: skewSeconds,
    });
  }

  it.each(ALGORITHMS)(
    'oauth4webapi takes an access token by the discovery of %s (RFC 9068)',
    async (algorithm) => {
      const app = await startServer();
      const { accessToken, user, session } = await register(app);
      const claims = await validate(await discover(app, algorithm), accessToken);
      expect(claims).toMatchObject({
        iss: app.issuer,
        aud: AUDIENCE,
        sub: user.id,
        sid: session.id,
        client_id: 'first-party',
        scope: 'posts:read',
      });
      expect(claims).not.toHaveProperty('cnf');
    },
  );

  it.each(ALGORITHMS)('oauth4webapi refuses the metadata of %s under another name', async (algorithm) => {
    const app = await startServer();
    await expect(discover(app, algorithm, 'https://auth.example.com')).rejects.toMatchObject({
      code: 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED',
    });
  });

  it('oauth4webapi takes the tokens of narrowed logins, even those without a scope', async () => {
    const app = await startServer();
    await register(app);
    const as = await discover(app);
    for (const scope of [['posts:read'], []]) {
      const { accessToken } = await login(app, { scope });
      expect((await validate(as, accessToken)).scope).toBe(scope.join(' '));
    }
  });

  it.each([
    {
      what: 'for another audience',
      expected: { audience: 'https://other.example.com' },
      code: 'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
    },
    {
      what: 'a day later',
      expected: { skewSeconds: DAY_SECONDS },
      code: 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
    },
  ])('oauth4webapi refuses a token $what', async ({ expected, code }) => {
    const app = await startServer();
    const { accessToken } = await register(app);
    const as = await discover(app);
    await validate(as, accessToken);
    await expect(validate(as, accessToken, expected)).rejects.toMatchObject({ code });
  });

  it('oauth4webapi refuses a token with the claims of another, and one with another signature', async () => {
    const app = await startServer();
    const [ada, eve] = [await register(app), await register(app, 'eve@example.com')];
    const [header, claims, signature = ''] = eve.accessToken.split('.');
    const [, others] = ada.accessToken.split('.');
    const as = await discover(app);
    const altered = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    for (const forged of [
      [header, others, signature],
      [header, claims, altered],
    ])
      await expect(validate(as, forged.join('.'))).rejects.toMatchObject({
        code: 'OAUTH_INVALID_RESPONSE',
        message: 'JWT signature verification failed',
      });
  });

  it('oauth4webapi refuses the token of another server, whose key this one does not publish', async () => {
    const [app, other] = [await startServer(), await startServer()];
    const { accessToken } = await register(other);
    const as = await discover(app);
    // The issuer of the token, with the keys of this server.
    await expect(validate({ ...as, issuer: other.issuer }, accessToken)).rejects.toMatchObject({
      code: 'OAUTH_KEY_SELECTION_FAILED',
    });
    await expect(validate(as, accessToken)).rejects.toMatchObject({
      code: 'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
    });
  });
});
