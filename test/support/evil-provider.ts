import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { type Provider, readProviders } from '../../src/core/external-logins/providers-file.ts';
import { createPinnedFetch, type PinnedFetch } from '../../src/platform/pinned-fetch.ts';

/*
 * A provider that does as it is told: OpenID Connect and OAuth 2 on a port of this machine, with codes that work once and
 * PKCE that is checked. A `twist` makes it break a rule.
 */

type Json = Record<string, unknown>;
type Signer =
  | 'none'
  | 'HS256 by the public key'
  | 'HS256 by the secret'
  | 'another key'
  | 'the kid of another key'
  | 'garbled';

export interface Twist {
  readonly claims?: (claims: Json) => Json;
  readonly signer?: Signer;
  readonly document?: Json;
  readonly token?: (answer: Json) => unknown;
  readonly userinfo?: Json;
  /** Whether it is waited for half a second and not ten. */
  readonly isSlow?: boolean;
  /** Answers at a path instead of what would be there. */
  readonly at?: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>>;
}

/** What it says of who logs in. */
export type Person = { readonly sub: unknown } & Json;

export const SECRET = 'provider-secret-0123456789abcdef';
export const CLIENT = 'latchkey';

export type EvilProvider = Awaited<ReturnType<typeof startEvilProvider>>;

export async function startEvilProvider(now: () => number) {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  const other = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' };
  const codes = new Map<string, { person: Person; nonce: string | null; challenge: string | null }>();
  const tokens = new Map<string, Person>();
  const state = {
    twist: {} as Twist,
    /** Who it says that it is; its own origin, unless given. */
    issuer: undefined as string | undefined,
    /** Every request, with what its form held. */
    requests: [] as { readonly path: string; readonly form: URLSearchParams; readonly headers: Json }[],
    /** Every secret that it gave away. */
    secrets: [] as string[],
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const limits = { allowedOrigins: new Set([origin]), mostBytes: 64 * 1024 };
  const patient = createPinnedFetch({ ...limits, timeoutMs: 10_000 });
  const impatient = createPinnedFetch({ ...limits, timeoutMs: 500 });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '', origin).pathname;
    const form = new URLSearchParams(await textOf(request));
    state.requests.push({ path, form, headers: request.headers as Json });
    const twisted = state.twist.at?.[path];
    if (twisted !== undefined) return twisted(request, response);
    const send = (body: unknown, status = 200) =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (path.endsWith('/.well-known/openid-configuration')) return send(documentOf());
    if (path === '/jwks') return send({ keys: [jwk] });
    if (path === '/token' || path === '/login/oauth/access_token') return grant(form, send);
    const person = tokens.get((request.headers.authorization ?? '').replace(/^Bearer /i, ''));
    if (person === undefined) return send({ error: 'invalid_token' }, 401);
    if (path === '/me') return send(state.twist.userinfo ?? { sub: person.sub });
    if (path === '/user') return send({ ...person, id: person.sub });
    if (path === '/user/emails') return send(person.emails ?? []);
    return send({}, 404);
  }

  function documentOf(): Json {
    return {
      issuer: state.issuer ?? origin,
      authorization_endpoint: `${state.issuer ?? origin}/authorize`,
      token_endpoint: `${hostOf()}/token`,
      jwks_uri: `${hostOf()}/jwks`,
      userinfo_endpoint: `${hostOf()}/me`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      token_endpoint_auth_methods_supported: ['client_secret_post'],
      authorization_response_iss_parameter_supported: true,
      ...state.twist.document,
    };
  }

  function hostOf(): string {
    return state.issuer === undefined ? origin : new URL(state.issuer).origin;
  }

  async function grant(form: URLSearchParams, send: (body: unknown, status?: number) => void): Promise<void> {
    const found = codes.get(form.get('code') ?? '');
    codes.delete(form.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (found === undefined || found.challenge !== challenge) return send({ error: 'invalid_grant' }, 400);
    const accessToken = `at-${randomUUID()}`;
    tokens.set(accessToken, found.person);
    const seconds = Math.floor(now() / 1_000);
    const usual = {
      iss: state.issuer ?? origin,
      aud: CLIENT,
      iat: seconds,
      exp: seconds + 60,
      ...(found.nonce !== null && { nonce: found.nonce }),
      ...found.person,
    };
    const idToken = await sign(state.twist.claims?.(usual) ?? usual);
    state.secrets.push(accessToken, idToken, form.get('code') ?? '', form.get('code_verifier') ?? '');
    const body = { access_token: accessToken, token_type: 'Bearer', expires_in: 60, id_token: idToken };
    send(state.twist.token?.(body) ?? body);
  }

  async function sign(claims: Json): Promise<string> {
    const by = (alg: string, kid: string, key: Parameters<SignJWT['sign']>[0]) =>
      new SignJWT(claims as JWTPayload).setProtectedHeader({ alg, kid }).sign(key);
    switch (state.twist.signer) {
      case 'none':
        return new UnsecuredJWT(claims as JWTPayload).encode();
      case 'HS256 by the public key':
        return by('HS256', 'k1', new TextEncoder().encode(await exportSPKI(publicKey)));
      case 'HS256 by the secret':
        return by('HS256', 'k1', new TextEncoder().encode(SECRET));
      case 'another key':
        return by('RS256', 'k2', other.privateKey);
      case 'the kid of another key':
        return by('RS256', 'k1', other.privateKey);
      case 'garbled':
        return `${(await by('RS256', 'k1', privateKey)).slice(0, -40)}${'A'.repeat(40)}`;
      default:
        return by('RS256', 'k1', privateKey);
    }
  }

  return {
    origin,
    state,

    /** A person logs in: what the browser brings back from there. */
    authorize(authorizationUrl: string, person: Person): Record<string, string> {
      const asked = new URL(authorizationUrl).searchParams;
      const code = `code-${randomUUID()}`;
      codes.set(code, { person, nonce: asked.get('nonce'), challenge: asked.get('code_challenge') });
      return { code, state: asked.get('state') ?? '', iss: state.issuer ?? origin };
    },

    /** Asks this provider, whatever host a URL names. */
    fetch: ((url, init) => {
      const target = new URL(url);
      const isElsewhere = state.issuer !== undefined && target.origin !== origin;
      const { fetch } = state.twist.isSlow ? impatient : patient;
      return fetch(isElsewhere ? `${origin}${target.pathname}` : url, init);
    }) satisfies PinnedFetch['fetch'],

    async close(): Promise<void> {
      await Promise.all([patient.close(), impatient.close()]);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A provider of the file, with its secret. */
export function providerOf(name: string, definition: Json): Provider {
  const problems: string[] = [];
  const hasKey = 'privateKeyFile' in definition;
  const usual = { clientId: CLIENT, ...(!hasKey && { clientSecretEnv: 'X' }) };
  const file = { providers: { [name]: { ...usual, ...definition } } };
  const [provider] = readProviders(file, (path, problem) => void problems.push(`${path} ${problem}`));
  if (provider === undefined || problems.length > 0) throw new Error(problems.join('; '));
  return { ...provider, clientSecret: SECRET };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
