import { request } from 'node:http';
import { expect, it } from '@jest/globals';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { type ListeningApp, startListening } from '../../support/listening-app.ts';
import { claimsOf } from '../../support/roles.ts';
import { startWithKey } from '../../support/service-accounts.ts';
import { describeApp, TEST_CONFIG } from '../../support/start-app.ts';

/* Libraries of OAuth as programs that exchange an API key, and what no library sends. */

const SCOPE = 'latchkey:users:read posts:read';

describeApp('a program with an API key', (start) => {
  async function startServer() {
    let listening: ListeningApp | undefined;
    const machine = await startWithKey(async (options) => {
      listening = await startListening(start, options);
      return listening;
    });
    if (listening === undefined) throw new Error('The app did not start.');
    return { ...machine, issuer: listening.issuer };
  }

  it.each([
    ['in the form', openid.ClientSecretPost],
    ['by HTTP Basic', openid.ClientSecretBasic],
  ])('openid-client gets a token %s, by discovery', async (_, method) => {
    const { issuer, accountId, key } = await startServer();
    const config = await openid.discovery(new URL(issuer), accountId, undefined, method(key), {
      execute: [openid.allowInsecureRequests],
    });
    const answer = await openid.clientCredentialsGrant(config, { scope: 'posts:read' });
    expect(answer).toMatchObject({ token_type: 'bearer', expires_in: 600, scope: 'posts:read' });
    expect(answer.refresh_token).toBeUndefined();
    expect((await openid.clientCredentialsGrant(config)).scope).toBe(SCOPE);
    await expect(openid.clientCredentialsGrant(config, { scope: 'posts:write' })).rejects.toMatchObject({
      error: 'invalid_scope',
      status: 400,
    });
  });

  it.each([
    ['in the form', oauth.ClientSecretPost],
    ['by HTTP Basic', oauth.ClientSecretBasic],
  ])('oauth4webapi gets a token %s, and takes it as a resource server (RFC 9068)', async (_, method) => {
    const { issuer, accountId, key } = await startServer();
    const insecure = { [oauth.allowInsecureRequests]: true };
    const found = await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oauth2', ...insecure });
    const as = await oauth.processDiscoveryResponse(new URL(issuer), found);
    const client = { client_id: accountId };
    const ask = (secret: string) =>
      oauth.clientCredentialsGrantRequest(as, client, method(secret), new URLSearchParams(), insecure);
    const answer = await oauth.processClientCredentialsResponse(as, client, await ask(key));
    expect(answer.scope).toBe(SCOPE);
    const headers = { authorization: `Bearer ${answer.access_token}` };
    const claims = await oauth.validateJwtAccessToken(
      as,
      new Request(issuer, { headers }),
      TEST_CONFIG.audience,
      insecure,
    );
    expect(claims).toMatchObject({ sub: accountId, client_id: accountId, scope: SCOPE });
    expect(claimsOf(answer.access_token)).not.toHaveProperty('roles');
    const refused = await ask(`${key}x`);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toBe(
      method === oauth.ClientSecretBasic ? 'Basic realm="Latchkey"' : null,
    );
  });

  it('two Authorization headers are refused, whichever of them is right (RFC 6749 §2.3)', async () => {
    const { issuer, accountId, key, token } = await startServer();
    const basic = `Basic ${Buffer.from(`${accountId}:${key}`).toString('base64')}`;
    for (const values of [
      [basic, basic],
      [basic, `Bearer ${token}`],
      [`Bearer ${token}`, basic],
    ])
      expect(await postRaw(issuer, values, { grant_type: 'client_credentials' })).toEqual([
        400,
        'invalid_request',
      ]);
    expect(await postRaw(issuer, [basic], { grant_type: 'client_credentials' })).toEqual([200, undefined]);
  });
});

/** `fetch` joins two headers of one name. */
function postRaw(
  issuer: string,
  authorization: string[],
  form: Record<string, string>,
): Promise<[status: number | undefined, error: string | undefined]> {
  return new Promise((resolve, reject) => {
    const body = new URLSearchParams(form).toString();
    const headers = [
      ...['host', new URL(issuer).host, 'content-type', 'application/x-www-form-urlencoded'],
      ...['content-length', String(body.length), 'connection', 'close'],
      ...authorization.flatMap((value) => ['authorization', value]),
    ];
    const sent = request(`${issuer}/token`, { method: 'POST', headers }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      resolve([response.statusCode, JSON.parse(Buffer.concat(chunks).toString()).error]);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
