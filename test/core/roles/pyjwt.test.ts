import { spawnSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { login, register } from '../../support/documents.ts';
import { claimsOf, rolesFile } from '../../support/roles.ts';
import { cleanEnvironment } from '../../support/server-process.ts';
import { createFrozenClock, describeApp, type TestApp } from '../../support/start-app.ts';

/* PyJWT, which servers in Python verify tokens with, by the key set that `latchkey keys jwks` prints. */

/** That of the system, for which Debian has python3-jwt. */
const PYTHON = '/usr/bin/python3';
const ISSUER = 'https://auth.example.com';
const AUDIENCE = 'https://api.example.com';
const HOUR_MS = 3_600_000;

/** Reads what it needs as JSON, and prints the claims or the name of the error. */
const SCRIPT = `
import json, sys
import jwt

asked = json.load(sys.stdin)
token = asked["token"]
kid = jwt.get_unverified_header(token)["kid"]
try:
    key = next((key for key in asked["jwks"]["keys"] if key["kid"] == kid), None)
    if key is None:
        raise LookupError
    claims = jwt.decode(
        token,
        jwt.PyJWK(key).key,
        algorithms=asked["algorithms"],
        audience=asked["audience"],
        issuer=asked["issuer"],
        options={"require": ["exp", "iat", "sub"]},
    )
    print(json.dumps({"claims": claims}))
except (LookupError, jwt.PyJWTError) as error:
    print(json.dumps({"error": type(error).__name__}))
`;

/** PyJWT needs the package cryptography for ES256. */
const hasPyjwt =
  spawnSync(PYTHON, ['-c', 'import jwt, cryptography'], { env: cleanEnvironment() }).status === 0;
if (!hasPyjwt) console.warn(`Skipped: ${PYTHON} has no PyJWT with cryptography here.`);

interface Asked {
  readonly token: string;
  readonly jwks: unknown;
  readonly audience?: string;
  readonly issuer?: string;
  readonly algorithms?: readonly string[];
}

function decode(asked: Asked): { claims?: Record<string, unknown>; error?: string } {
  const { status, stdout, stderr } = spawnSync(PYTHON, ['-I', '-c', SCRIPT], {
    env: cleanEnvironment(),
    input: JSON.stringify({ audience: AUDIENCE, issuer: ISSUER, algorithms: ['ES256'], ...asked }),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

const describePyjwt: typeof describeApp = hasPyjwt
  ? describeApp
  : (subject, suite) =>
      describe.skip(subject, () => suite(() => Promise.reject(new Error('Skipped')), 'sqlite'));

describePyjwt('PyJWT', (start) => {
  const startApp = (at = Date.now()): Promise<TestApp> =>
    start({
      clock: createFrozenClock(at),
      config: { issuer: ISSUER, audience: AUDIENCE, rolesFile: rolesFile(), claims: ['postgrest'] },
    });

  it('PyJWT reads the claims of an access token', async () => {
    const app = await startApp();
    const { accessToken: token, user } = await register(app);
    const { claims } = decode({ token, jwks: app.tokens.jwks() });
    expect(claims).toEqual(claimsOf(token));
    expect(claims).toMatchObject({
      iss: ISSUER,
      aud: AUDIENCE,
      sub: user.id,
      scope: 'posts:read',
      roles: ['member'],
      role: 'member',
    });
  });

  it('PyJWT reads a token whose scope is empty', async () => {
    const app = await startApp();
    await register(app);
    const { accessToken: token } = await login(app, { scope: [] });
    const { claims } = decode({ token, jwks: app.tokens.jwks() });
    expect(claims).toMatchObject({ scope: '', roles: [] });
    expect(claims).not.toHaveProperty('role');
  });

  it.each([
    { what: 'of another issuer', change: { issuer: `${ISSUER}/` }, error: 'InvalidIssuerError' },
    { what: 'for another audience', change: { audience: ISSUER }, error: 'InvalidAudienceError' },
    { what: 'of another algorithm', change: { algorithms: ['RS256'] }, error: 'InvalidAlgorithmError' },
  ])('PyJWT refuses a token $what', async ({ change, error }) => {
    const app = await startApp();
    const { accessToken: token } = await register(app);
    expect(decode({ token, jwks: app.tokens.jwks(), ...change })).toEqual({ error });
  });

  it('PyJWT refuses a token that is expired', async () => {
    const app = await startApp(Date.now() - HOUR_MS);
    const { accessToken: token } = await register(app);
    expect(decode({ token, jwks: app.tokens.jwks() })).toEqual({ error: 'ExpiredSignatureError' });
  });

  it('PyJWT refuses a token with the claims of another, and one of another server', async () => {
    const [app, other] = [await startApp(), await startApp()];
    const [ada, eve] = [await register(app), await register(app, 'eve@example.com')];
    const [header, , signature] = eve.accessToken.split('.');
    const token = [header, ada.accessToken.split('.')[1], signature].join('.');
    expect(decode({ token, jwks: app.tokens.jwks() })).toEqual({ error: 'InvalidSignatureError' });
    expect(decode({ token: ada.accessToken, jwks: other.tokens.jwks() })).toEqual({ error: 'LookupError' });
  });
});
