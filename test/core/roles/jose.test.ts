import { expect, it } from '@jest/globals';
import { createLocalJWKSet, createRemoteJWKSet, type JWTVerifyOptions, jwtVerify } from 'jose';
import { login, register } from '../../support/documents.ts';
import { type ListeningApp, startListening } from '../../support/listening-app.ts';
import { rolesFile } from '../../support/roles.ts';
import { describeApp } from '../../support/start-app.ts';

/* What jose, which many servers in JavaScript verify tokens with, says of the tokens and keys of this server. */

const AUDIENCE = 'https://api.example.com';
const DAY_MS = 86_400_000;
const WELL_KNOWN = ['oauth-authorization-server', 'openid-configuration'];

describeApp('jose', (start) => {
  const startJose = (): Promise<ListeningApp> =>
    startListening(start, { config: { audience: AUDIENCE, rolesFile: rolesFile() } });

  /** What a server of the manual asks of a token. */
  const rules = ({ issuer }: ListeningApp): JWTVerifyOptions => ({
    issuer,
    audience: AUDIENCE,
    typ: 'at+jwt',
    algorithms: ['ES256'],
    requiredClaims: ['sub', 'exp', 'iat', 'jti', 'client_id'],
  });

  async function discovered(app: ListeningApp, name = 'openid-configuration') {
    const metadata = await fetch(`${app.issuer}/.well-known/${name}`);
    const { jwks_uri } = (await metadata.json()) as { jwks_uri: string };
    return createRemoteJWKSet(new URL(jwks_uri), { cooldownDuration: 0 });
  }

  const printed = (app: ListeningApp) => createLocalJWKSet(JSON.parse(JSON.stringify(app.tokens.jwks())));

  it.each(WELL_KNOWN)('jose verifies a token with the keys whose address %s names', async (name) => {
    const app = await startJose();
    const { accessToken, user } = await register(app);
    const { payload, protectedHeader } = await jwtVerify(
      accessToken,
      await discovered(app, name),
      rules(app),
    );
    expect(protectedHeader).toMatchObject({ alg: 'ES256', typ: 'at+jwt', kid: expect.any(String) });
    expect(payload).toMatchObject({
      iss: app.issuer,
      aud: AUDIENCE,
      sub: user.id,
      client_id: 'first-party',
      scope: 'posts:read',
      roles: ['member'],
    });
  });

  it('jose verifies a token with the set that `latchkey keys jwks` prints', async () => {
    const app = await startJose();
    const { accessToken, user } = await register(app);
    const { payload } = await jwtVerify(accessToken, printed(app), rules(app));
    expect(payload.sub).toBe(user.id);
  });

  it.each<{ what: string; change: JWTVerifyOptions; code: string; claim?: string }>([
    {
      what: 'another issuer',
      change: { issuer: 'https://auth.example.com' },
      code: 'ERR_JWT_CLAIM_VALIDATION_FAILED',
      claim: 'iss',
    },
    {
      what: 'another audience',
      change: { audience: 'https://other.example.com' },
      code: 'ERR_JWT_CLAIM_VALIDATION_FAILED',
      claim: 'aud',
    },
    {
      what: 'an ID token',
      change: { typ: 'JWT' },
      code: 'ERR_JWT_CLAIM_VALIDATION_FAILED',
      claim: 'typ',
    },
    { what: 'another algorithm', change: { algorithms: ['RS256'] }, code: 'ERR_JOSE_ALG_NOT_ALLOWED' },
    {
      what: 'a token of its own day, which is the next one',
      change: { currentDate: new Date(Date.now() + DAY_MS) },
      code: 'ERR_JWT_EXPIRED',
      claim: 'exp',
    },
  ])('a server that uses jose and wants $what refuses the token', async ({ change, code, claim }) => {
    const app = await startJose();
    const { accessToken } = await register(app);
    const refused = jwtVerify(accessToken, await discovered(app), { ...rules(app), ...change });
    await expect(refused).rejects.toMatchObject({ code, ...(claim && { claim }) });
  });

  it('jose refuses a token whose claims were exchanged for those of another', async () => {
    const app = await startJose();
    const [ada, eve] = [await register(app), await register(app, 'eve@example.com')];
    const [header, , signature] = eve.accessToken.split('.');
    const forged = [header, ada.accessToken.split('.')[1], signature].join('.');
    await expect(jwtVerify(forged, await discovered(app), rules(app))).rejects.toMatchObject({
      code: 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
    });
  });

  it('jose loads the new key after an emergency, and refuses the tokens of the old one from then on', async () => {
    const app = await startJose();
    const { accessToken: old } = await register(app);
    const keys = await discovered(app);
    const before = printed(app);
    await jwtVerify(old, keys, rules(app));

    await app.tokens.rotateKeys({ emergency: true });
    const { accessToken } = await login(app);
    expect((await jwtVerify(accessToken, keys, rules(app))).payload.iss).toBe(app.issuer);
    const unknown = { code: 'ERR_JWKS_NO_MATCHING_KEY' };
    await expect(jwtVerify(old, keys, rules(app))).rejects.toMatchObject(unknown);
    // A set that was printed before knows nothing of the new key.
    await expect(jwtVerify(accessToken, before, rules(app))).rejects.toMatchObject(unknown);
  });
});
