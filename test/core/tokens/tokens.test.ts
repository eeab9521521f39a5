import { createPublicKey, type JsonWebKey, randomBytes, sign } from 'node:crypto';
import { expect, it } from '@jest/globals';
import jwt from 'jsonwebtoken';
import { openSigningKey } from '../../../src/core/tokens/signing-keys.ts';
import { listSigningKeys } from '../../../src/core/tokens/store.ts';
import { createKeyring } from '../../../src/crypto/keyring.ts';
import { createSealer } from '../../../src/crypto/seal.ts';
import { type Json, WRONG, withClaim, without } from '../../support/access-token-cases.ts';
import { LOGIN, LOGOUT, login, ME, refresh, register } from '../../support/documents.ts';
import { eventsOf } from '../../support/events.ts';
import { createKeyPair } from '../../support/key-pair.ts';
import { createFrozenClock, describeApp, PASSWORD, startApp, type TestApp } from '../../support/start-app.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

function decode(token: string): { header: Json; claims: Json } {
  const [header = '', claims = ''] = token.split('.');
  const parse = (segment: string) => JSON.parse(Buffer.from(segment, 'base64url').toString()) as Json;
  return { header: parse(header), claims: parse(claims) };
}

/** Signs any header and claims with the server's own key: only the checks beyond the signature can refuse it. */
async function forger(app: TestApp) {
  const sealer = createSealer(createKeyring(app.config.secrets, 'signing-keys'));
  const [row] = await listSigningKeys(app.database);
  const key = row && openSigningKey(sealer, row);
  if (key === undefined) throw new Error('no signing key');
  return {
    key,
    forge(header: string | Json, claims: string | Json): string {
      const text = [header, claims]
        .map((part) =>
          Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url'),
        )
        .join('.');
      const signature = sign('sha256', Buffer.from(text), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
      return `${text}.${signature.toString('base64url')}`;
    },
  };
}

async function reasonOf(app: TestApp, token: string): Promise<unknown> {
  const { code, errors } = await app.send(ME, {}, { token });
  return code === 'OK' ? 'OK' : errors?.[0]?.extensions.reason;
}

describeApp('access tokens', (start) => {
  it('access tokens follow RFC 9068 (AT-2, AT-3)', async () => {
    const app = await start();
    const { accessToken, session, user } = await register(app);
    const { header, claims } = decode(accessToken);
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: expect.stringMatching(/^[\w-]{43}$/) });
    const now = app.clock.now() / 1_000;
    expect(claims).toEqual({
      iss: 'http://localhost:4000',
      aud: 'http://localhost:4000',
      sub: user.id,
      sid: session.id,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      client_id: 'first-party',
      iat: now,
      exp: now + 600,
      auth_time: now,
      amr: ['pwd'],
      acr: 'aal1',
      scope: '',
      roles: [],
    });
  });

  it('an access token verifies with a common JWT library and the published keys', async () => {
    const app = await start();
    const { accessToken, user } = await register(app);
    const response = await app.server.inject('/.well-known/jwks.json');
    const { keys } = response.json() as { keys: JsonWebKey[] };
    const { header } = decode(accessToken);
    const jwk = keys.find(({ kid }) => kid === header.kid) ?? {};
    const claims = jwt.verify(accessToken, createPublicKey({ key: jwk, format: 'jwk' }), {
      algorithms: ['ES256'],
      clockTimestamp: app.clock.now() / 1_000,
    });
    expect(claims.sub).toBe(user.id);
  });

  it('a refreshed access token says the time of the login, not of the refresh (RT-6)', async () => {
    const app = await start();
    const first = await register(app);
    app.clock.travel(5 * MINUTE_MS);
    const { data } = await refresh(app, first.refreshToken);
    const { claims } = decode(data.refreshToken.accessToken);
    expect([claims.auth_time, claims.iat]).toEqual([
      decode(first.accessToken).claims.iat,
      app.clock.now() / 1_000,
    ]);
  });

  it('an access token expires ten seconds after its lifetime, and the refusal says so (AT-4, AT-8)', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    app.clock.travel(609_000);
    expect(await reasonOf(app, accessToken)).toBe('OK');
    app.clock.travel(1_000);
    expect(await reasonOf(app, accessToken)).toBe('TOKEN_EXPIRED');
  });

  it('an access token that the server first sees after its expiry is refused as expired', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    app.clock.travel(610_000);
    expect(await reasonOf(app, accessToken)).toBe('TOKEN_EXPIRED');
    expect(await reasonOf(app, `${accessToken.slice(0, -4)}AAAA`)).toBe('TOKEN_INVALID');
  });

  it.each([
    ['no authorization header', undefined, 'TOKEN_MISSING'],
    ['another scheme', 'Basic YWRhOmE=', 'TOKEN_INVALID'],
    ['a token without a scheme', 'a.b.c', 'TOKEN_INVALID'],
    ['a scheme without a token', 'Bearer', 'TOKEN_INVALID'],
    ['two tokens', 'Bearer a.b.c a.b.c', 'TOKEN_INVALID'],
    ['garbage as its token', 'Bearer garbage', 'TOKEN_INVALID'],
    ['a token of empty segments', 'Bearer ..', 'TOKEN_INVALID'],
    ['a token of 9 KiB', `Bearer ${'a'.repeat(9_000)}`, 'TOKEN_INVALID'],
  ])('a request with %s is refused as unauthenticated (AT-7)', async (_what, authorization, reason) => {
    const app = await start();
    const headers = authorization === undefined ? {} : { authorization };
    const { errors, status } = await app.send(ME, {}, { headers });
    expect(status).toBe(200);
    expect(errors?.[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED', reason });
  });

  it.each(['bearer', 'BEARER', 'Bearer '])(
    'an access token is accepted after the scheme %j (AT-7)',
    async (scheme) => {
      const app = await start();
      const { accessToken } = await register(app);
      expect((await app.send(ME, {}, { headers: { authorization: `${scheme} ${accessToken}` } })).code).toBe(
        'OK',
      );
    },
  );

  it('an access token with a new signature of the same key is accepted (control of the next table)', async () => {
    const app = await start();
    const { forge } = await forger(app);
    const { header, claims } = decode((await register(app)).accessToken);
    expect(await reasonOf(app, forge(header, claims))).toBe('OK');
    expect(await reasonOf(app, forge(header, { ...claims, nbf: claims.iat }))).toBe('OK');
  });

  /** What no signature and no clock says: only the server knows its sessions. */
  const wrong: typeof WRONG = [
    ...WRONG,
    ['the sub of somebody else', 'RFC 9068 §2.2', withClaim(() => ({ sub: 'somebody-else' }))],
    ['the sid of no session', 'OIDC sid', withClaim(() => ({ sid: 'no-such-session' }))],
  ];

  it('an access token with a wrong header or claim is refused, though its signature is right (AT-1, AT-2, AT-3, AT-4, AT-5)', async () => {
    const app = await start();
    const { forge } = await forger(app);
    const { accessToken } = await register(app);
    const original = decode(accessToken);
    expect(await reasonOf(app, accessToken)).toBe('OK');
    const verdicts: Record<string, unknown> = {};
    for (const [what, clause, change] of wrong) {
      const [header, claims] = change(original.header, original.claims);
      verdicts[`${what} (${clause})`] = await reasonOf(app, forge(header, claims));
    }
    expect(verdicts).toEqual(
      Object.fromEntries(wrong.map(([what, clause]) => [`${what} (${clause})`, 'TOKEN_INVALID'])),
    );
  });

  it('an access token of the version before, without roles and acr, is taken as one without roles', async () => {
    const app = await start();
    const { forge } = await forger(app);
    const { header, claims } = decode((await register(app)).accessToken);
    const old = forge(header, without(without(claims, 'acr'), 'roles'));
    expect(app.tokens.verifyAccessToken(old)).toMatchObject({ kind: 'user', roles: [], acr: 'aal1' });
  });

  it('an access token has one spelling: no other last character, padding or layout verifies (AT-6)', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const body = accessToken.slice(0, -1);
    const spellings = [...alphabet].filter((last) => !accessToken.endsWith(last)).map((last) => body + last);
    const [header = '', claims = '', signature = ''] = accessToken.split('.');
    spellings.push(
      `${accessToken}=`,
      `${header}=.${claims}.${signature}`,
      `${accessToken}.`,
      `${header}.${claims}.`,
    );
    for (const spelling of spellings) expect(await reasonOf(app, spelling)).toBe('TOKEN_INVALID');
    expect(await reasonOf(app, accessToken)).toBe('OK');
  });

  it('an access token with the (r, n−s) twin signature ends with its session: revocation is by sid, not by text', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    const n = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
    const [header, claims, signature = ''] = accessToken.split('.');
    const bytes = Buffer.from(signature, 'base64url');
    const s = n - BigInt(`0x${bytes.subarray(32).toString('hex')}`);
    const twin = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
    const token = [header, claims, twin.toString('base64url')].join('.');
    expect(await reasonOf(app, token)).toBe('OK');
    await app.send(LOGOUT, {}, { token: accessToken });
    expect(await reasonOf(app, token)).toBe('TOKEN_INVALID');
  });

  it('an access token signed by another key under our kid, or with our public key as an HMAC secret, is refused (AT-1)', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    const { header: h, claims } = decode(accessToken);
    const other = createKeyPair();
    const options = { header: { ...h, alg: 'ES256' as const, typ: 'at+jwt' } };
    expect(await reasonOf(app, jwt.sign(claims, other.privateKey, { ...options, algorithm: 'ES256' }))).toBe(
      'TOKEN_INVALID',
    );
    const { key } = await forger(app);
    const pem = key.publicKey.export({ format: 'pem', type: 'spki' });
    const hmac = jwt.sign(claims, pem, { algorithm: 'HS256', header: { ...h, alg: 'HS256', typ: 'at+jwt' } });
    expect(await reasonOf(app, hmac)).toBe('TOKEN_INVALID');
  });

  it('access tokens live for ten minutes by default, or as long as configured (AT-10)', async () => {
    expect((await register(await start())).expiresIn).toBe(600);
    const app = await start({ config: { accessTokenTtlSeconds: 60 } });
    const auth = await register(app);
    expect(auth.expiresIn).toBe(60);
    app.clock.travel(70_000);
    expect(await reasonOf(app, auth.accessToken)).toBe('TOKEN_EXPIRED');
  });
});

describeApp('signing keys', (start, engine) => {
  it('one signing key is created, however many processes start together (KEY-4)', async () => {
    const app = await start();
    await app.database.run('DELETE FROM signing_keys');
    const clock = createFrozenClock();
    const { secrets } = app.config;
    const together = await Promise.all(
      [1, 2, 3].map(() => startApp({ engine, database: app.database, clock, config: { secrets } })),
    );
    expect(await app.database.all('SELECT kid FROM signing_keys')).toHaveLength(1);
    for (const other of together) await other.stop();
  });

  it('signing keys are published before they sign, and verify until their last token has expired (KEY-2)', async () => {
    const app = await start();
    const before = await register(app);
    await app.tokens.rotateKeys();
    const [oldKid, newKid] = app.tokens.jwks().keys.map(({ kid }) => kid);
    const kidOf = (auth: { accessToken: string }) => decode(auth.accessToken).header.kid;

    app.clock.travel(10 * MINUTE_MS - 1);
    const published = await login(app);
    expect(kidOf(published)).toBe(oldKid);
    app.clock.travel(1);
    const after = await login(app);
    expect(kidOf(after)).toBe(newKid);
    await app.tokens.maintainKeys();
    expect(await reasonOf(app, published.accessToken)).toBe('OK');
    expect(kidOf(before)).toBe(oldKid);

    app.clock.travel(60 * MINUTE_MS);
    await app.tokens.maintainKeys();
    expect(app.tokens.jwks().keys).toHaveLength(2);
    app.clock.travel(6 * MINUTE_MS);
    await app.tokens.maintainKeys();
    expect(app.tokens.jwks().keys.map(({ kid }) => kid)).toEqual([newKid]);
    expect(await eventsOf(app, 'sensitive_delete')).toHaveLength(1);
  });

  it('a signing key that a wrong clock dated weeks ahead does not delay the next key (CR-7)', async () => {
    const app = await start();
    app.clock.travel(40 * DAY_MS);
    await app.tokens.rotateKeys();
    app.clock.travel(-40 * DAY_MS);
    await app.tokens.maintainKeys();
    await app.tokens.maintainKeys();
    const signsAt = (await app.tokens.listKeys()).map(({ activatesAt }) => activatesAt - app.clock.now());
    expect(signsAt).toEqual([0, 40 * DAY_MS + 10 * MINUTE_MS, 10 * MINUTE_MS]);
    app.clock.travel(10 * MINUTE_MS);
    const statuses = (await app.tokens.listKeys()).map(({ status }) => status);
    expect(statuses).toEqual(['verifying', 'verifying', 'signing']);
  });

  it('signing keys rotate by themselves every 30 days, once for all processes (KEY-2)', async () => {
    const app = await start();
    const other = await startApp({
      engine,
      database: app.database,
      clock: app.clock,
      config: { secrets: app.config.secrets },
    });
    app.clock.travel(30 * DAY_MS);
    await Promise.all([app.tokens.maintainKeys(), other.tokens.maintainKeys()]);
    await app.tokens.reload();
    expect(app.tokens.jwks().keys).toHaveLength(2);
    await other.stop();
  });

  it('an emergency signing key signs at once and ends every token of the other keys', async () => {
    const app = await start();
    const before = await register(app);
    await app.tokens.rotateKeys({ emergency: true });
    expect(app.tokens.jwks().keys).toHaveLength(1);
    expect(await reasonOf(app, before.accessToken)).toBe('TOKEN_INVALID');
    const { data } = await refresh(app, before.refreshToken);
    expect(await reasonOf(app, data.refreshToken.accessToken)).toBe('OK');
  });

  it('an emergency rotation in another process ends access tokens here at the next reload, even those accepted just before', async () => {
    const app = await start();
    const clock = app.clock;
    const other = await start({ database: app.database, clock });
    const before = await register(app);
    expect(await reasonOf(app, before.accessToken)).toBe('OK');
    await other.tokens.rotateKeys({ emergency: true });
    await app.tokens.reload();
    expect(await reasonOf(app, before.accessToken)).toBe('TOKEN_INVALID');

    const { data } = await refresh(app, before.refreshToken);
    const { accessToken } = data.refreshToken;
    expect(await reasonOf(app, accessToken)).toBe('OK');
    // Dropped by hand, where there was one more.
    await app.tokens.rotateKeys();
    expect(await reasonOf(app, accessToken)).toBe('OK');
    await other.database.run('DELETE FROM signing_keys WHERE sequence = 2');
    await app.tokens.reload();
    expect(await reasonOf(app, accessToken)).toBe('TOKEN_INVALID');
  });

  it('the public key is taken from the sealed private key, and a foreign one written beside it is ignored (KEY-4)', async () => {
    const app = await start();
    const { accessToken } = await register(app);
    const published = app.tokens.jwks();
    const foreign = createKeyPair();
    const jwk = JSON.stringify(foreign.publicKey.export({ format: 'jwk' }));
    await app.database.run('UPDATE signing_keys SET public_jwk = :jwk', { jwk });

    const later = await start({ database: app.database, clock: app.clock });
    expect(later.tokens.jwks()).toEqual(published);
    expect(await reasonOf(later, accessToken)).toBe('OK');
    const { header, claims } = decode(accessToken);
    const forged = jwt.sign(claims, foreign.privateKey, {
      algorithm: 'ES256',
      header: { ...header, alg: 'ES256', typ: 'at+jwt' },
    });
    for (const one of [app, later]) expect(await reasonOf(one, forged)).toBe('TOKEN_INVALID');
    expect(await later.tokens.reseal()).toBe(0);
    expect((await later.server.inject('/.well-known/jwks.json')).body).not.toContain(JSON.parse(jwk).x);
  });

  it('a signing key that another process added is found at the next reload and verifies its tokens', async () => {
    const app = await start();
    const other = await startApp({
      engine,
      database: app.database,
      clock: app.clock,
      config: { secrets: app.config.secrets },
    });
    await app.tokens.rotateKeys();
    await other.tokens.maintainKeys();
    app.clock.travel(10 * MINUTE_MS);
    const { accessToken } = await register(app);
    expect(await reasonOf(other, accessToken)).toBe('OK');
    await other.stop();
  });

  it('signing keys are published without private parts, under RFC 7638 thumbprints (KEY-3)', async () => {
    const app = await start();
    const { keys } = app.tokens.jwks();
    expect(keys).toEqual([
      {
        kty: 'EC',
        crv: 'P-256',
        x: expect.any(String),
        y: expect.any(String),
        use: 'sig',
        alg: 'ES256',
        kid: expect.any(String),
      },
    ]);
    const [row] = await listSigningKeys(app.database);
    expect(JSON.stringify(row)).not.toMatch(/"d"|PRIVATE/);
  });

  it('signing keys that do not open are never replaced: nothing is signed, and no user is signed out (KEY-4, KEY-5)', async () => {
    const app = await start();
    const { accessToken, refreshToken } = await register(app);
    const clock = app.clock;
    const strange = await startApp({
      engine,
      database: app.database,
      clock,
      config: { secrets: [randomBytes(32)] },
    });
    expect(await strange.readiness()).toEqual({
      database: true,
      writable: true,
      keys: false,
      migrations: true,
    });
    const input = { email: 'ada@example.com', password: PASSWORD };
    expect((await strange.send(LOGIN, { input })).code).toBe('UNAVAILABLE');
    expect((await strange.send(ME, {}, { token: accessToken })).code).toBe('UNAVAILABLE');
    await strange.tokens.maintainKeys();
    expect(await listSigningKeys(app.database)).toHaveLength(1);
    expect(await strange.tokens.listKeys()).toEqual([expect.objectContaining({ status: 'unreadable' })]);
    await expect(strange.tokens.reseal()).rejects.toThrow();
    await expect(strange.tokens.rotateKeys()).rejects.toThrow('no key was added');
    expect(await listSigningKeys(app.database)).toHaveLength(1);
    expect(strange.lines.filter((line) => line.includes('LATCHKEY_SECRET is not the secret'))).toHaveLength(
      1,
    );
    expect(app.lines.join('')).not.toContain('LATCHKEY_SECRET is not the secret');
    await strange.stop();
    expect((await refresh(app, refreshToken)).code).toBe('OK');
    expect(await app.readiness()).toEqual({ database: true, writable: true, keys: true, migrations: true });
  });

  it('a sealed signing key does not open in another row (KEY-4)', async () => {
    const app = await start();
    await app.tokens.rotateKeys();
    const [first, second] = await listSigningKeys(app.database);
    await app.database.run('UPDATE signing_keys SET sealed_private_key = :sealed WHERE sequence = 2', {
      sealed: first?.sealedPrivateKey ?? '',
    });
    const fresh = await startApp({
      engine,
      database: app.database,
      clock: app.clock,
      config: { secrets: app.config.secrets },
    });
    expect(fresh.tokens.jwks().keys.map(({ kid }) => kid)).toEqual([first?.kid]);
    expect(fresh.tokens.keysLoaded()).toBe(false);
    expect(second?.kid).not.toBe(first?.kid);
    await fresh.stop();
  });
});
