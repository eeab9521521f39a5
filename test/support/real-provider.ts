import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

export const REAL_CLIENT = { clientId: 'latchkey', clientSecret: 'a secret of the real provider' };

const LOGIN_PAGE = `<!doctype html><html lang="en"><title>Sign in</title>
<form method="post"><input name="account" aria-label="Account">
<button name="answer" value="sign-in">Sign in</button><button name="answer" value="decline">Decline</button></form>`;

/** The people that it knows. All of its addresses are verified. */
const claimsOf = (account: string) => ({
  sub: `real|${account}`,
  email: `${account}@example.com`,
  email_verified: true,
  name: account,
});

export type RealProvider = Awaited<ReturnType<typeof startRealProvider>>;

/** A real OpenID provider on a port of this machine, where a person logs in on a page. */
export async function startRealProvider(redirectUris: readonly string[]) {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const ttl = {
    AccessToken: 60,
    AuthorizationCode: 60,
    IdToken: 60,
    Interaction: 600,
    Session: 600,
    Grant: 600,
  };
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: REAL_CLIENT.clientId,
        client_secret: REAL_CLIENT.clientSecret,
        redirect_uris: redirectUris,
        grant_types: ['authorization_code'],
        response_types: ['code'],
        // Its default, which encodes the secret (RFC 6749 §2.3.1).
        token_endpoint_auth_method: 'client_secret_basic',
      },
    ],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'r1' }] },
    cookies: { keys: ['a key of cookies'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context: unknown, { uid }: { uid: string }) => `/sign-in/${uid}` },
    findAccount: (_context: unknown, id: string) => ({
      accountId: id,
      claims: () => claimsOf(id.replace('real|', '')),
    }),
    ttl,
  });
  const answer = provider.callback();
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!request.url?.startsWith('/sign-in/')) return answer(request, response);
    interact(request, response).catch(() => response.destroy());
  });

  async function interact(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { prompt, params, session } = await provider.interactionDetails(request, response);
    const finish = (result: object) =>
      provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
    if (prompt.name === 'consent') {
      const grant = new provider.Grant({ accountId: session?.accountId, clientId: params.client_id });
      grant.addOIDCScope('openid email profile');
      return finish({ consent: { grantId: await grant.save() } });
    }
    if (request.method !== 'POST') {
      response.writeHead(200, { 'content-type': 'text/html' }).end(LOGIN_PAGE);
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    if (form.get('answer') === 'decline')
      return finish({ error: 'access_denied', error_description: 'the person declined' });
    return finish({ login: { accountId: `real|${form.get('account')}` } });
  }

  return {
    issuer,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
