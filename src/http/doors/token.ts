import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../../errors.ts';
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

export interface TokenEndpointOptions {
  readonly login: {
    withPassword(credentials: Credentials, caller: Caller): Promise<IssuedTokens>;
  };
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

/** RFC 6749 §5.2; `detail` repeats the description for clients of FastAPI's OAuth2PasswordBearer. */
interface OAuthRefusal {
  readonly status: number;
  readonly error: string;
  readonly description: string;
  /** What the log calls it. */
  readonly code: ErrorCode;
  /** What to do about it, told in development. */
  readonly hint?: string | undefined;
}

/** RFC 6749 §5.2 allows no quotes and backslashes in a description. */
const invalidRequest = (description: string, status = 400, hint?: string): OAuthRefusal => ({
  status,
  error: 'invalid_request',
  description,
  code: 'BAD_REQUEST',
  hint,
});
const MALFORMED = invalidRequest('Malformed request');
const NO_FORM = invalidRequest(
  'Send a form, of content type application/x-www-form-urlencoded',
  400,
  'This is not GraphQL and takes no JSON: curl --data-urlencode sends a form.',
);
const NOT_UTF8 = invalidRequest('The form is not UTF-8');
const OTHER_CHARSET = invalidRequest('The charset must be UTF-8', 415);
const COMPRESSED = invalidRequest('The form must not be compressed', 415);
const TOO_LARGE = invalidRequest('The form is too large', 413);
const REPEATED = invalidRequest('A parameter is there twice');
const NO_PASSWORD = invalidRequest(
  'The form needs username and password',
  400,
  '`username` is the email address, and `grant_type` is `password` or `refresh_token`.',
);
const NO_REFRESH_TOKEN = invalidRequest('The form needs refresh_token');
const TWO_TOKENS = invalidRequest('Send one refresh token, as bearer or in the form');
const FOREIGN_ORIGIN: OAuthRefusal = {
  ...invalidRequest('Origin not allowed', 403, 'Add the origin of the page to LATCHKEY_CORS_ORIGINS.'),
  code: 'FORBIDDEN',
};
const INVALID_SCOPE: OAuthRefusal = {
  status: 400,
  error: 'invalid_scope',
  description: 'The scope is malformed, or more than the account has',
  code: 'BAD_USER_INPUT',
  hint: 'Scopes have one space between them. Left out, the token gets all that the roles of the account allow.',
};
const UNKNOWN_CLIENT: OAuthRefusal = {
  status: 400,
  error: 'invalid_client',
  description: 'Unknown client',
  code: 'BAD_REQUEST',
  hint: 'Leave client_id out, or send `first-party`: there are no other clients.',
};
const UNSUPPORTED_GRANT: OAuthRefusal = {
  status: 400,
  error: 'unsupported_grant_type',
  description: 'Unsupported grant type',
  code: 'BAD_REQUEST',
  hint: '`grant_type` is `password` or `refresh_token`.',
};
const NO_TOKEN: OAuthRefusal = {
  ...invalidRequest(
    'Not authenticated',
    401,
    'Send the refresh token as `authorization: Bearer <refresh token>`, or in the form as `refresh_token`.',
  ),
  code: 'UNAUTHENTICATED',
};
/** 400 as RFC 6749 §5.2 has it: OAuth libraries do not read the body of an answer with a challenge. */
const WRONG_CREDENTIALS: OAuthRefusal = {
  status: 400,
  error: 'invalid_grant',
  description: 'Invalid credentials',
  code: 'INVALID_CREDENTIALS',
  hint: '`username` is the email address of an account, and `password` its password.',
};

/** How Fastify's refusal of a body reads, by its status. */
const BODY_REFUSALS: Readonly<Record<number, OAuthRefusal>> = { 413: TOO_LARGE, 415: NO_FORM };

/** How a refusal of the services reads in OAuth; what is missing here is a wrong parameter. */
const REFUSALS: { readonly [Code in ErrorCode]?: Omit<OAuthRefusal, 'code' | 'hint'> } = {
  INVALID_CREDENTIALS: WRONG_CREDENTIALS,
  INVALID_REFRESH_TOKEN: { status: 400, error: 'invalid_grant', description: 'Invalid token' },
  TOO_MANY_REQUESTS: { status: 429, error: 'temporarily_unavailable', description: 'Too many attempts' },
  OVERLOADED: { status: 503, error: 'temporarily_unavailable', description: 'Try again later' },
  UNAVAILABLE: { status: 503, error: 'temporarily_unavailable', description: 'Try again later' },
  INTERNAL_SERVER_ERROR: { status: 500, error: 'server_error', description: 'Something went wrong' },
};

export const TOKEN_PATH = '/token';
/** The one client there is, as the claim `client_id` names it. */
const FIRST_PARTY = 'first-party';
/** What libraries of OpenID Connect ask for by themselves. It is dropped where no role allows a scope of that name. */
const OF_OPENID: readonly string[] = ['openid', 'profile', 'email', 'offline_access'];

export const GRANT_TYPES = ['password', 'refresh_token'];

/** The prefix tells refresh tokens from access tokens. */
const IS_REFRESH_TOKEN = /^lkr_/;

/**
 * The REST door: `POST /token` (RFC 6749 §4.3 and §6) and `POST /token/refresh`, for first-party clients that
 * speak OAuth 2.0 or plain curl. The same services and throttles as GraphQL; no cookies.
 */
export function installTokenEndpoint(app: FastifyInstance, options: TokenEndpointOptions): void {
  const { login, sessions, callerOf, funnel, allowedOrigins } = options;

  async function grant(form: URLSearchParams, caller: Caller): Promise<IssuedTokens | OAuthRefusal> {
    const grantType = form.get('grant_type') || 'password';
    if (grantType === 'refresh_token') {
      const refreshToken = form.get('refresh_token');
      return refreshToken ? sessions.refresh(refreshToken, caller) : NO_REFRESH_TOKEN;
    }
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
      const refusal = { ...(REFUSALS[code] ?? MALFORMED), code, hint };
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
  { status, error, description, code, hint }: OAuthRefusal,
): FastifyReply {
  request.outcome = { code };
  // RFC 6750 §3: the challenge of the scheme that would have worked.
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  if (status === 415 && isCompressed(request)) reply.header('accept-encoding', 'identity');
  return reply.code(status).send({
    error,
    error_description: description,
    detail: description,
    hint: request.server.showsHints ? hint : undefined,
  });
}
