import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Funnel } from '../../graphql/format-error.ts';
import { readBearer } from '../../platform/bearer.ts';
import type { Caller } from '../../platform/caller.ts';
import { parseEmailAddress } from '../../platform/email-address.ts';
import { isScope } from '../../platform/scopes.ts';
import { wordsOf } from '../../platform/words.ts';
import type { CallerOf } from '../caller-of.ts';
import { isCompressed, isUtf8Encoded, isUtf8Type } from '../incoming-text.ts';
import { issuerPath, routesOf } from '../issuer-path.ts';
import { namedPlugin } from '../named-plugin.ts';
import { clientFaultStatus } from '../refusals.ts';
import { readClientAuthentication } from './client-authentication.ts';
import {
  BODY_REFUSALS,
  COMPRESSED,
  FOREIGN_ORIGIN,
  INVALID_CLIENT,
  INVALID_CLIENT_BY_BASIC,
  INVALID_SCOPE,
  MALFORMED,
  NO_PASSWORD,
  NO_REFRESH_TOKEN,
  NO_SECOND_FACTOR,
  NO_TOKEN,
  NOT_UTF8,
  type OAuthRefusal,
  OTHER_CHARSET,
  REFUSALS,
  REPEATED,
  TWO_TOKENS,
  UNKNOWN_CLIENT,
  UNSUPPORTED_GRANT,
  WRONG_CREDENTIALS,
} from './token-refusals.ts';

/** What the endpoint needs of an issued pair of tokens. */
interface IssuedTokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresInSeconds: number;
  /** None when a session was only refreshed. */
  readonly deviceToken: string | null;
  /** What the access token allows. */
  readonly scope: readonly string[];
}

/** What it needs of the token of a program, which has no refresh token. */
type IssuedToken = Pick<IssuedTokens, 'accessToken' | 'expiresInSeconds' | 'scope'>;

/** What the service account of an API key proves itself with. */
interface ApiKey {
  readonly key: string;
  /** Each of them has to be the account. */
  readonly clientIds: readonly string[];
  /** Null is all that the key allows. */
  readonly scope: readonly string[] | null;
}

interface Credentials {
  readonly email: string;
  readonly password: string;
  readonly deviceToken: string | undefined;
  /** Null is all that the roles allow. */
  readonly scope: readonly string[] | null;
}

/** The second step of a login; one of the two codes. */
interface SecondFactor {
  readonly mfaToken: string;
  readonly totpCode: string | undefined;
  readonly recoveryCode: string | undefined;
}

export interface TokenEndpointOptions {
  readonly login: {
    withPassword(credentials: Credentials, caller: Caller): Promise<IssuedTokens>;
  };
  readonly secondStep: { complete(factor: SecondFactor, caller: Caller): Promise<IssuedTokens> };
  readonly sessions: { refresh(refreshToken: string, caller: Caller): Promise<IssuedTokens> };
  /** None for a key that does not work. */
  readonly serviceAccounts: { exchange(key: ApiKey, caller: Caller): Promise<IssuedToken | undefined> };
  /** Below its path, too, is the endpoint. */
  readonly issuer: string;
  readonly callerOf: CallerOf;
  readonly funnel: Funnel;
  /** Origins whose pages may call it; a request without an Origin header comes from no page. */
  readonly allowedOrigins: ReadonlySet<string>;
  /** Every scope that a role allows. */
  readonly scopes: readonly string[];
}

export const TOKEN_PATH = '/token';
/** The client of all users, as the claim `client_id` names it. */
const FIRST_PARTY = 'first-party';
/** What libraries of OpenID Connect ask for by themselves. It is dropped where no role allows a scope of that name. */
const OF_OPENID: readonly string[] = ['openid', 'profile', 'email', 'offline_access'];

/** A name of this server's own: no standard has one for it. */
const MFA_GRANT = 'urn:latchkey:mfa';

const CLIENT_CREDENTIALS = 'client_credentials';

export const GRANT_TYPES = ['password', 'refresh_token', CLIENT_CREDENTIALS, MFA_GRANT];
/** `none` is the client of all users; the others are service accounts. */
export const CLIENT_AUTHENTICATIONS = ['none', 'client_secret_basic', 'client_secret_post'];

/** The prefix tells refresh tokens from access tokens. */
const IS_REFRESH_TOKEN = /^lkr_/;

/**
 * The REST door: `POST /token` (RFC 6749 §4.3, §4.4 and §6, and a grant of its own for the second factor) and
 * `POST /token/refresh`, for first-party clients that speak OAuth 2.0 or plain curl, and for programs with an API key. The
 * same services and throttles as GraphQL; no cookies.
 */
export function installTokenEndpoint(app: FastifyInstance, options: TokenEndpointOptions): void {
  const { login, secondStep, sessions, serviceAccounts, callerOf, funnel, allowedOrigins } = options;

  async function grant(
    form: URLSearchParams,
    request: FastifyRequest,
  ): Promise<IssuedTokens | IssuedToken | OAuthRefusal> {
    const grantType = form.get('grant_type') || 'password';
    const caller = callerOf(request);
    if (grantType === CLIENT_CREDENTIALS) return exchange(form, request);
    const refusal = refusalOfFirstParty(form);
    if (refusal !== undefined) return refusal;
    if (grantType === 'refresh_token') {
      const refreshToken = form.get('refresh_token');
      return refreshToken ? sessions.refresh(refreshToken, caller) : NO_REFRESH_TOKEN;
    }
    if (grantType === MFA_GRANT) return complete(form, caller);
    if (grantType !== 'password') return UNSUPPORTED_GRANT;

    const username = form.get('username');
    const password = form.get('password');
    if (!username || !password) return NO_PASSWORD;
    // A username that is no address belongs to no account, so it gets the answer of every wrong one.
    const email = parseEmailAddress(username);
    const deviceToken = form.get('device_token') || undefined;
    if (email === undefined) return WRONG_CREDENTIALS;
    return login.withPassword({ email, password, deviceToken, scope: scopeOf(form, options.scopes) }, caller);
  }

  async function complete(form: URLSearchParams, caller: Caller): Promise<IssuedTokens | OAuthRefusal> {
    const mfaToken = form.get('mfa_token');
    const totpCode = form.get('otp') || undefined;
    const recoveryCode = form.get('recovery_code') || undefined;
    if (!mfaToken || (totpCode === undefined) === (recoveryCode === undefined)) return NO_SECOND_FACTOR;
    return secondStep.complete({ mfaToken, totpCode, recoveryCode }, caller);
  }

  /** RFC 6749 §4.4. */
  async function exchange(
    form: URLSearchParams,
    request: FastifyRequest,
  ): Promise<IssuedToken | OAuthRefusal> {
    const client = readClientAuthentication(form, request);
    if ('error' in client) return client;
    if (!askedOf(form).every(isScope)) return INVALID_SCOPE;
    const { secret: key, clientIds, usesBasic } = client;
    const scope = scopeOf(form, options.scopes);
    const issued = await serviceAccounts.exchange({ key, clientIds, scope }, callerOf(request));
    return issued ?? (usesBasic ? INVALID_CLIENT_BY_BASIC : INVALID_CLIENT);
  }

  async function refresh(
    form: URLSearchParams,
    request: FastifyRequest,
  ): Promise<IssuedTokens | OAuthRefusal> {
    const refusal = refusalOfFirstParty(form);
    if (refusal !== undefined) return refusal;
    const bearer = readBearer(request.headers.authorization)?.token;
    const field = form.get('refresh_token');
    // RFC 6750 §2: one way per request. Clients that attach their access token to every request send it here, too.
    if (field && bearer && IS_REFRESH_TOKEN.test(bearer)) return TWO_TOKENS;
    const refreshToken = field || bearer;
    return refreshToken ? sessions.refresh(refreshToken, callerOf(request)) : NO_TOKEN;
  }

  const plugin = namedPlugin('token', async (door) => {
    door.removeAllContentTypeParsers();
    door.addContentTypeParser<Buffer>(
      'application/x-www-form-urlencoded',
      { parseAs: 'buffer' },
      (request, bytes, done) => done(null, readForm(request, bytes)),
    );
    door.addHook('onRequest', (request, reply, done) => {
      const { origin } = request.headers;
      if (origin === undefined || allowedOrigins.has(origin)) done();
      else refuseAsOAuth(request, reply, FOREIGN_ORIGIN);
    });
    door.setErrorHandler<FastifyError>((error, request, reply) => {
      const status = clientFaultStatus(error);
      if (status !== undefined) return refuseAsOAuth(request, reply, BODY_REFUSALS[status] ?? MALFORMED);
      const { extensions } = funnel(error, request.id);
      const { code, hint } = extensions;
      if (extensions.field === 'input.scope') return refuseAsOAuth(request, reply, INVALID_SCOPE);
      const { mfaToken, factors } = extensions;
      const refusal = { ...(REFUSALS[code] ?? MALFORMED), code, hint, mfaToken, factors };
      if (refusal.status === 503 || refusal.status === 429)
        reply.header('retry-after', String(extensions.retryAfter ?? 1));
      return refuseAsOAuth(request, reply, refusal);
    });

    const path = issuerPath(options.issuer);
    for (const route of routesOf(TOKEN_PATH, `${path}${TOKEN_PATH}`)) {
      door.post(route, (request, reply) => answer(request, reply, (form) => grant(form, request)));
      door.post(`${route}/refresh`, (request, reply) =>
        answer(request, reply, (form) => refresh(form, request)),
      );
    }
  });
  app.register(plugin);
}

/** RFC 6749 Appendix B: the names and values of a form are UTF-8. */
function readForm(request: FastifyRequest, bytes: Buffer): URLSearchParams | OAuthRefusal {
  if (isCompressed(request)) return COMPRESSED;
  if (!isUtf8Type(request.headers['content-type'] ?? '')) return OTHER_CHARSET;
  return isUtf8Encoded(bytes) ? new URLSearchParams(bytes.toString()) : NOT_UTF8;
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  work: (form: URLSearchParams) => Promise<IssuedTokens | IssuedToken | OAuthRefusal>,
): Promise<FastifyReply> {
  const form = (request.body as URLSearchParams | OAuthRefusal | undefined) ?? new URLSearchParams();
  if ('error' in form) return refuseAsOAuth(request, reply, form);
  // RFC 6749 §3.2: parameters must not be included more than once.
  if (new Set(form.keys()).size !== form.size) return refuseAsOAuth(request, reply, REPEATED);
  const outcome = await work(form);
  if ('error' in outcome) return refuseAsOAuth(request, reply, outcome);
  const { accessToken, expiresInSeconds, scope } = outcome;
  const access = { access_token: accessToken, token_type: 'bearer', expires_in: expiresInSeconds };
  // RFC 6749 §4.4.3: without a refresh token. What a program may do is not left to what it asked for.
  if (!('refreshToken' in outcome)) return reply.send({ ...access, scope: scope.join(' ') });
  return reply.send({
    ...access,
    refresh_token: outcome.refreshToken,
    // RFC 6749 §5.1: what was granted is said where it is not what was asked for.
    ...(!isAsAsked(outcome, form) && { scope: scope.join(' ') }),
    ...(outcome.deviceToken !== null && { device_token: outcome.deviceToken }),
  });
}

/** What is wrong with a request of the client of all users, which proves itself by nothing. */
function refusalOfFirstParty(form: URLSearchParams): OAuthRefusal | undefined {
  const client = form.get('client_id') || FIRST_PARTY;
  if (client !== FIRST_PARTY) return UNKNOWN_CLIENT;
  return askedOf(form).every(isScope) ? undefined : INVALID_SCOPE;
}

/** The scopes of a form, as they were sent. */
function askedOf(form: URLSearchParams): string[] {
  return wordsOf(form.get('scope') ?? '');
}

/** What a login asks for; null is all. */
function scopeOf(form: URLSearchParams, known: readonly string[]): string[] | null {
  const asked = askedOf(form).filter((scope) => !OF_OPENID.includes(scope) || known.includes(scope));
  return asked.length === 0 ? null : asked;
}

function isAsAsked({ scope }: IssuedTokens, form: URLSearchParams): boolean {
  const asked = new Set(askedOf(form));
  return asked.size === scope.length && scope.every((granted) => asked.has(granted));
}

function refuseAsOAuth(
  request: FastifyRequest,
  reply: FastifyReply,
  { status, error, description, code, challenge, hint, mfaToken, factors }: OAuthRefusal,
): FastifyReply {
  request.outcome = { code };
  if (challenge !== undefined) reply.header('www-authenticate', challenge);
  if (status === 415 && isCompressed(request)) reply.header('accept-encoding', 'identity');
  return reply.code(status).send({
    error,
    error_description: description,
    detail: description,
    mfa_token: mfaToken,
    factors,
    hint: request.server.showsHints ? hint : undefined,
  });
}
