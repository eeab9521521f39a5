import { expect, it } from '@jest/globals';
import { readApiKey } from '../../../src/crypto/api-key.ts';
import { DELETE_ME, login, register } from '../../support/documents.ts';
import { claimsOf } from '../../support/roles.ts';
import {
  CREATE_KEY,
  OPERATOR,
  postToken,
  REVOKE_KEY,
  startWithKey,
  withOtherSecret,
} from '../../support/service-accounts.ts';
import { describeApp, PASSWORD } from '../../support/start-app.ts';

const GRANT = { grant_type: 'client_credentials' };

function basic(clientId: string, secret: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}` };
}

/** Each character as its escape: what no client does, and every server has to read. */
function escaped(text: string): string {
  return [...text].map((character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0')}`).join('');
}

describeApp('client_credentials at /token', (start) => {
  it('a key in the form gets a token of ten minutes at most, without a refresh token (RFC 6749 §4.4.3)', async () => {
    const { app, accountId, keyId, exchange } = await startWithKey(start);
    const { status, headers, body } = await exchange();
    expect([status, headers['cache-control'], headers['set-cookie']]).toEqual([200, 'no-store', undefined]);
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'bearer',
      expires_in: 600,
      scope: 'latchkey:users:read posts:read',
    });
    const now = Math.floor(app.clock.now() / 1_000);
    expect(claimsOf(body.access_token)).toEqual({
      iss: 'http://localhost:4000',
      sub: accountId,
      aud: 'http://localhost:4000',
      exp: now + 600,
      iat: now,
      jti: expect.any(String),
      sid: keyId,
      client_id: accountId,
      scope: 'latchkey:users:read posts:read',
    });
  });

  it('the token lives no longer than access tokens do, nor than the key', async () => {
    const { app, createKey, accountId, exchange } = await startWithKey(start, {
      config: { accessTokenTtlSeconds: 300 },
    });
    expect((await exchange()).body.expires_in).toBe(300);
    const expiresAt = new Date(app.clock.now() + 90_000).toISOString();
    const { key } = (await createKey({ expiresAt })).data.adminCreateApiKey;
    expect((await exchange({ client_secret: key })).body.expires_in).toBe(90);
    app.clock.travel(90_000);
    expect(await exchange({ client_secret: key })).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    });
    expect(accountId).toMatch(/^svc_/);
  });

  it('with an hour for access tokens, the token of a machine lives for ten minutes', async () => {
    const { exchange } = await startWithKey(start, { config: { accessTokenTtlSeconds: 3_600 } });
    expect((await exchange()).body.expires_in).toBe(600);
  });

  it.each([
    ['as it is', (text: string) => text],
    ['in escapes', escaped],
    ['as URLSearchParams has it', (text: string) => new URLSearchParams({ x: text }).toString().slice(2)],
  ])('HTTP Basic %s is read (RFC 6749 §2.3.1)', async (_, encode) => {
    const { app, accountId, key } = await startWithKey(start);
    const { status, body } = await postToken(app, GRANT, basic(encode(accountId), encode(key)));
    expect([status, claimsOf(body.access_token).sub]).toEqual([200, accountId]);
    const named = await postToken(app, { ...GRANT, client_id: accountId }, basic(accountId, key));
    expect(named.status).toBe(200);
    const small = { authorization: basic(accountId, key).authorization?.replace('Basic', 'basic') ?? '' };
    expect((await postToken(app, GRANT, small)).status).toBe(200);
  });

  it('what a client asks for is all or refused, and what OpenID Connect asks for is dropped', async () => {
    const { exchange } = await startWithKey(start);
    expect((await exchange({ scope: 'posts:read' })).body.scope).toBe('posts:read');
    expect((await exchange({ scope: 'posts:read posts:read' })).body.scope).toBe('posts:read');
    expect((await exchange({ scope: 'openid email posts:read' })).body.scope).toBe('posts:read');
    expect((await exchange({ scope: 'openid' })).body.scope).toBe('latchkey:users:read posts:read');
    for (const scope of ['posts:write', 'posts:read posts:write', 'nothing', 'a"b', `${'a '.repeat(51)}`])
      expect(await exchange({ scope })).toMatchObject({ status: 400, body: { error: 'invalid_scope' } });
  });

  it('a wrong key, a wrong account and a key of another account are refused alike', async () => {
    const { app, key, accountId, exchange } = await startWithKey(start);
    const other = await startWithKey(start);
    const forms = [
      { client_secret: other.key },
      { client_secret: `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}` },
      { client_secret: 'wrong' },
      { client_id: 'first-party' },
      { client_id: `${accountId} ` },
      { client_id: 'svc_00000000-0000-4000-8000-000000000000' },
    ];
    const answers = await Promise.all(forms.map((form) => exchange(form)));
    for (const { status, headers, body } of answers) {
      expect([status, headers['www-authenticate'], body.error]).toEqual([401, undefined, 'invalid_client']);
      expect(body).toEqual(answers[0]?.body);
    }
    const byHeader = await postToken(app, GRANT, basic(accountId, other.key));
    expect([byHeader.status, byHeader.headers['www-authenticate']]).toEqual([401, 'Basic realm="Latchkey"']);
    const twoNames = await postToken(app, { ...GRANT, client_id: 'svc_x' }, basic(accountId, key));
    expect([twoNames.status, twoNames.headers['www-authenticate']]).toEqual([401, 'Basic realm="Latchkey"']);
  });

  it('the secret of another key of the account is refused', async () => {
    const { app, createKey, keyId, exchange } = await startWithKey(start);
    const { key, apiKey } = (await createKey()).data.adminCreateApiKey;
    await app.database.run(
      'UPDATE api_keys SET secret_hash = (SELECT secret_hash FROM api_keys WHERE id = :other) WHERE id = :id',
      { id: apiKey.id, other: keyId },
    );
    expect((await exchange()).status).toBe(200);
    expect((await exchange({ client_secret: key })).status).toBe(401);
  });

  it('two ways at once, two headers and parameters that come twice are refused as invalid_request', async () => {
    const { app, accountId, key } = await startWithKey(start);
    const header = basic(accountId, key);
    const form = `grant_type=client_credentials&client_id=${accountId}&client_secret=${key}`;
    for (const answer of [
      await postToken(app, form, header),
      await postToken(app, `${form}&client_id=${accountId}`),
      await postToken(app, `${form}&client_secret=${key}`),
      await postToken(app, `${form}&grant_type=client_credentials`),
      await postToken(app, `${form}&scope=posts:read&scope=posts:read`),
      await postToken(app, { ...GRANT, client_secret: key }),
    ])
      expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  it('a client that does not authenticate, or not well, is refused as invalid_client', async () => {
    const { app, accountId, key, token } = await startWithKey(start);
    const encode = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
    const bare = [{}, { client_id: accountId }, { client_id: accountId, client_secret: '' }];
    for (const form of bare)
      expect(await postToken(app, { ...GRANT, ...form })).toMatchObject({
        status: 401,
        body: { error: 'invalid_client' },
      });
    // The bearer of another request authenticates no client.
    const bearer = await postToken(app, GRANT, { authorization: `Bearer ${token}` });
    expect([bearer.status, bearer.body.error]).toEqual([401, 'invalid_client']);
    for (const headers of [
      { authorization: 'Basic' },
      { authorization: 'Basic ' },
      { authorization: 'Basic !' },
      { authorization: 'bAsIc a-_b' },
      { authorization: 'Basic a b' },
      { authorization: 'Basic\t!' },
      { authorization: `${basic(accountId, key).authorization}===` },
      encode(accountId),
      encode(':'),
      encode(`:${key}`),
      encode(`${accountId}:`),
      encode(`${accountId}:${key}%`),
      encode(`${accountId}:${key}%zz`),
      encode(`${accountId}:${key}%00`),
      encode(`${accountId}:${key}%ff`),
      encode(`${accountId}:${key}:x`),
      encode(`${accountId}\u0000:${key}`),
      encode(`${accountId}:${'k'.repeat(8_000)}`),
      { authorization: `Basic ${Buffer.from([0xff, 0x3a, 0xfe]).toString('base64')}` },
    ]) {
      const {
        status,
        headers: answered,
        body,
      } = await postToken(app, GRANT, headers as Record<string, string>);
      const challenge = answered['www-authenticate'];
      expect([headers, status, body.error, challenge]).toEqual([
        headers,
        401,
        'invalid_client',
        'Basic realm="Latchkey"',
      ]);
      // A header that cannot be read is an authentication all the same.
      const both = await postToken(
        app,
        { ...GRANT, client_id: accountId, client_secret: key },
        headers as Record<string, string>,
      );
      expect([headers, both.status, both.body.error]).toEqual([headers, 400, 'invalid_request']);
    }
  });

  it('with a bearer beside it, the key in the form still counts', async () => {
    const { app, accountId, key, token } = await startWithKey(start);
    const form = { ...GRANT, client_id: accountId, client_secret: key };
    expect((await postToken(app, form, { authorization: `Bearer ${token}` })).status).toBe(200);
  });

  it('a form that is none, too large, of another type or not UTF-8 is refused before any key is read', async () => {
    const { app, accountId, key } = await startWithKey(start);
    const form = `grant_type=client_credentials&client_id=${accountId}&client_secret=${key}`;
    const json = JSON.stringify({ ...GRANT, client_id: accountId, client_secret: key });
    const answers = [
      await postToken(app, `${form}&x=${'x'.repeat(1_048_577)}`),
      await postToken(app, json, { 'content-type': 'application/json' }),
      await postToken(app, Buffer.concat([Buffer.from(`${form}&x=`), Buffer.from([0xff])])),
      await postToken(app, form, { 'content-type': 'application/x-www-form-urlencoded; charset=latin1' }),
    ];
    expect(answers.map(({ status, body }) => [status, body.error])).toEqual([
      [413, 'invalid_request'],
      [400, 'invalid_request'],
      [400, 'invalid_request'],
      [415, 'invalid_request'],
    ]);
  });

  it('a key is of no use for the other grants, and they are as before', async () => {
    const { app, accountId, key } = await startWithKey(start);
    for (const grant_type of ['', 'password', 'refresh_token']) {
      const form = { grant_type, client_id: accountId, client_secret: key, refresh_token: key };
      expect(await postToken(app, form)).toMatchObject({ status: 400, body: { error: 'invalid_client' } });
    }
    const refresh = await app.server.inject({
      method: 'POST',
      url: '/token/refresh',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: `grant_type=client_credentials&client_id=${accountId}&client_secret=${key}`,
    });
    expect(refresh.json()).toMatchObject({ error: 'invalid_client' });
  });

  it('thirty wrong keys of a network later, wrong ones cost nothing, right ones work, and other networks know nothing of it', async () => {
    const { app, accountId, key, exchange } = await startWithKey(start);
    const wrong = (await startWithKey(start)).key;
    expect((await exchange()).status).toBe(200);
    for (let i = 0; i < 30; i++) expect((await exchange({ client_secret: wrong })).status).toBe(401);
    expect(await exchange({ client_secret: wrong })).toMatchObject({
      status: 429,
      headers: { 'retry-after': expect.any(String) },
      body: { error: 'temporarily_unavailable' },
    });
    expect((await exchange()).status).toBe(200);
    const form = { ...GRANT, client_id: accountId, client_secret: wrong };
    expect((await postToken(app, form, { 'x-forwarded-for': '203.0.113.9' })).status).toBe(401);
    // What is no key at all needs no look-up, and is no matter of counting.
    expect((await exchange({ client_secret: `${key}x` })).status).toBe(401);
    const events = await app.database.all(
      "SELECT details FROM audit_events WHERE name = 'excess_rate_limit_exceeded'",
    );
    expect(events).toHaveLength(1);
  });

  it('wrong secrets of a key that works leave it as it is', async () => {
    const { exchange, key, keyId } = await startWithKey(start);
    expect((await exchange()).status).toBe(200);
    for (let i = 1; i <= 30; i++) {
      const wrong = withOtherSecret(key, i);
      expect(readApiKey(wrong)?.id).toBe(keyId);
      expect((await exchange({ client_secret: wrong })).status).toBe(401);
    }
    expect((await exchange({ client_secret: withOtherSecret(key) })).status).toBe(429);
    expect((await exchange()).status).toBe(200);
  });

  it('a key that ended is a wrong one like others, however often it was right', async () => {
    const { app, token, keyId, exchange } = await startWithKey(start);
    expect((await exchange()).status).toBe(200);
    await app.send(REVOKE_KEY, { input: { id: keyId } }, { token });
    for (let i = 0; i < 30; i++) expect((await exchange()).status).toBe(401);
    expect((await exchange()).status).toBe(429);
  });

  it('a text with a wrong checksum asks the database nothing', async () => {
    const { app, key, exchange } = await startWithKey(start);
    await app.database.run('DROP TABLE api_keys');
    const changed = `${key.slice(0, 10)}${key.charAt(10) === 'x' ? 'y' : 'x'}${key.slice(11)}`;
    expect((await exchange({ client_secret: changed })).status).toBe(401);
    expect((await exchange()).status).toBe(500);
  });

  it('six hundred tokens of one key in a minute are the most, and what comes later asks the database nothing', async () => {
    const { app, exchange, createKey } = await startWithKey(start);
    const second = (await createKey()).data.adminCreateApiKey.key;
    for (let i = 0; i < 600; i++) if ((await exchange()).status !== 200) throw new Error(`refused at ${i}`);
    expect((await exchange()).status).toBe(429);
    expect((await exchange({ client_secret: second })).status).toBe(200);
    await app.database.run('DROP TABLE api_keys');
    expect((await exchange()).status).toBe(429);
  });

  it('a revoked key is refused like one that never was, and so is one whose maker is disabled or deleted', async () => {
    const { app, token, keyId, exchange, createKey } = await startWithKey(start);
    const second = (await createKey()).data.adminCreateApiKey.key;
    expect((await app.send(REVOKE_KEY, { input: { id: keyId } }, { token })).code).toBe('OK');
    const refused = { status: 401, body: { error: 'invalid_client' } };
    expect(await exchange()).toMatchObject(refused);
    expect((await exchange({ client_secret: second })).status).toBe(200);
    await app.admin.disable(OPERATOR);
    expect(await exchange({ client_secret: second })).toMatchObject(refused);
    await app.admin.enable(OPERATOR);
    expect((await exchange({ client_secret: second })).status).toBe(200);
    // The last administrator stays.
    await register(app, 'bob@example.com');
    await app.roles.grant('bob@example.com', ['admin']);
    expect(
      (
        await app.send(
          DELETE_ME,
          { input: { password: PASSWORD } },
          { token: (await login(app)).accessToken },
        )
      ).code,
    ).toBe('OK');
    expect(await exchange({ client_secret: second })).toMatchObject(refused);
    const [row] = await app.database.all('SELECT created_by AS maker FROM api_keys WHERE revoked_at IS NULL');
    expect(row).toEqual({ maker: null });
  });

  it('a demoted maker takes scopes from the key, and with nothing left it is invalid_scope', async () => {
    const { app, exchange } = await startWithKey(start, {
      scope: ['posts:write', 'posts:read', 'latchkey:users:read'],
    });
    await app.roles.grant(OPERATOR, ['editor']);
    await app.roles.revoke(OPERATOR, ['admin']);
    expect((await exchange()).body.scope).toBe('posts:write posts:read');
    expect(await exchange({ scope: 'latchkey:users:read' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_scope' },
    });
    await app.roles.grant(OPERATOR, ['admin']);
    expect((await exchange()).body.scope).toBe('latchkey:users:read posts:write posts:read');
  });

  it('a maker without any of the scopes leaves nothing', async () => {
    const { app, exchange } = await startWithKey(start, { scope: ['latchkey:users:read'] });
    await app.roles.revoke(OPERATOR, ['admin']);
    expect(await exchange()).toMatchObject({ status: 400, body: { error: 'invalid_scope' } });
  });

  it('no cookie is read or set, and no page may ask', async () => {
    const { app, accountId, key } = await startWithKey(start, { config: { cookies: true } });
    const form = { ...GRANT, client_id: accountId, client_secret: key };
    const answer = await postToken(app, form, { cookie: '__Host-latchkey_refresh=x' });
    expect([answer.status, answer.headers['set-cookie']]).toEqual([200, undefined]);
    const page = await postToken(app, form, { origin: 'https://evil.example' });
    expect([page.status, page.body.access_token]).toEqual([403, undefined]);
  });

  it('neither the key nor its hash is in the log or in an answer', async () => {
    const { app, key, token, exchange, createKey } = await startWithKey(start);
    await exchange();
    const wrong = { input: { serviceAccountId: 'svc_x', scope: ['posts:read'] } };
    await app.send(CREATE_KEY, wrong, { token });
    const answer = await createKey();
    const [row] = await app.database.all<{ hash: string }>('SELECT secret_hash AS hash FROM api_keys');
    expect(app.lines.join('')).not.toContain(key);
    expect(app.lines.join('') + answer.body).not.toContain(row?.hash ?? 'none');
  });

  it('a key that cannot be looked up is no wrong key', async () => {
    const { app, exchange } = await startWithKey(start);
    await app.database.close();
    expect(await exchange()).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
  });
});
