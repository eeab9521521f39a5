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
import { clientFaultStatus } from '../refusals.ts';
import {
  BODY_REFUSALS,
  COMPRESSED,
  FOREIGN_ORIGIN,
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
/** The one client there is, as the claim `client_id` names it. */
const FIRST_PARTY = 'first-party';
/** What libraries of OpenID Connect ask for by themselves. It is dropped where no role allows a scope of that name. */
const OF_OPENID: readonly string[] = ['openid', 'profile', 'email', 'offline_access'];

/** A name of this server's own: no standard has one for it. */
const MFA_GRANT = 'urn:latchkey:mfa';

export const GRANT_TYPES = ['password', 'refresh_token', MFA_GRANT];

/** The prefix tells refresh tokens from access tokens. */
const IS_REFRESH_TOKEN = /^lkr_/;

/**
 * The REST door: `POST /token` (RFC 6749 §4.3 and §6, and a grant of its own for the second factor) and `POST /token/refresh`, for first-party clients that
 * speak OAuth 2.0 or plain curl. The same services and throttles as GraphQL; no cookies.
 */
export function installTokenEndpoint(app: FastifyInstance, options: TokenEndpointOptions): void {
  const { login, secondStep, sessions, callerOf, funnel, allowedOrigins } = options;

  async function grant(form: URLSearchParams, caller: Caller): Promise<IssuedTokens | OAuthRefusal> {
    const grantType = form.get('grant_type') || 'password';
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

  async function refresh(
    form: URLSearchParams,
    request: FastifyRequest,
  ): Promise<IssuedTokens | OAuthRefusal> {
    const bearer = readBearer(request.headers.authorization)?.token;
    const field = form.get('refresh_token');
    // RFC 6750 §2: one way per request. Clients that attach their access token to every request send it here, too.
    if (field && bearer && IS_REFRESH_TOKEN.test(bearer)) return TWO_TOKENS;
    const refreshToken = field || bearer;
    return refreshToken ? sessions.refresh(refreshToken, callerOf(request)) : NO_TOKEN;
  }

  app.register(async (door) => {
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
      door.post(route, (request, reply) => answer(request, reply, (form) => grant(form, callerOf(request))));
      door.post(`${route}/refresh`, (request, reply) =>
        answer(request, reply, (form) => refresh(form, request)),
      );
    }
  });
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
  work: (form: URLSearchParams) => Promise<IssuedTokens | OAuthRefusal>,
): Promise<FastifyReply> {
  const form = (request.body as URLSearchParams | OAuthRefusal | undefined) ?? new URLSearchParams();
  if ('error' in form) return refuseAsOAuth(request, reply, form);
  // RFC 6749 §3.2: parameters must not be included more than once.
  if (new Set(form.keys()).size !== form.size) return refuseAsOAuth(request, reply, REPEATED);
  const client = form.get('client_id') || FIRST_PARTY;
  if (client !== FIRST_PARTY) return refuseAsOAuth(request, reply, UNKNOWN_CLIENT);
  if (!askedOf(form).every(isScope)) return refuseAsOAuth(request, reply, INVALID_SCOPE);
  const outcome = await work(form);
  if ('error' in outcome) return refuseAsOAuth(request, reply, outcome);
  return reply.send({
    access_token: outcome.accessToken,
    token_type: 'bearer',
    expires_in: outcome.expiresInSeconds,
    refresh_token: outcome.refreshToken,
    // RFC 6749 §5.1: what was granted is said where it is not what was asked for.
    ...(!isAsAsked(outcome, form) && { scope: outcome.scope.join(' ') }),
    ...(outcome.deviceToken !== null && { device_token: outcome.deviceToken }),
  });
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
  { status, error, description, code, hint, mfaToken, factors }: OAuthRefusal,
): FastifyReply {
  request.outcome = { code };
  // RFC 6750 §3: the challenge of the scheme that would have worked.
  if (status === 401) reply.header('www-authenticate', 'Bearer');
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
