import type { ErrorCode } from '../../errors.ts';

/** RFC 6749 §5.2; `detail` repeats the description for clients of FastAPI's OAuth2PasswordBearer. */
export interface OAuthRefusal {
  readonly status: number;
  readonly error: string;
  readonly description: string;
  /** What the log calls it. */
  readonly code: ErrorCode;
  /** The `WWW-Authenticate` of a 401. */
  readonly challenge?: string | undefined;
  /** What to do about it, told in development. */
  readonly hint?: string | undefined;
  /** What a second factor is proven along with. */
  readonly mfaToken?: string | undefined;
  /** The kinds of second factor that would do. */
  readonly factors?: readonly string[] | undefined;
}

/** RFC 6749 §5.2 allows no quotes and backslashes in a description. */
const invalidRequest = (description: string, status = 400, hint?: string): OAuthRefusal => ({
  status,
  error: 'invalid_request',
  description,
  code: 'BAD_REQUEST',
  hint,
});
export const MALFORMED = invalidRequest('Malformed request');
export const NO_FORM = invalidRequest(
  'Send a form, of content type application/x-www-form-urlencoded',
  400,
  'This is not GraphQL and takes no JSON: curl --data-urlencode sends a form.',
);
export const NOT_UTF8 = invalidRequest('The form is not UTF-8');
export const OTHER_CHARSET = invalidRequest('The charset must be UTF-8', 415);
export const COMPRESSED = invalidRequest('The form must not be compressed', 415);
export const TOO_LARGE = invalidRequest('The form is too large', 413);
export const REPEATED = invalidRequest('A parameter is there twice');
export const NO_PASSWORD = invalidRequest(
  'The form needs username and password',
  400,
  '`username` is the email address, and `grant_type` is `password`, `refresh_token` or `urn:latchkey:mfa`.',
);
export const NO_SECOND_FACTOR = invalidRequest(
  'The form needs mfa_token, and either otp or recovery_code',
  400,
  '`mfa_token` is that of the answer `mfa_required`, and `otp` the six digits of the app.',
);
export const NO_REFRESH_TOKEN = invalidRequest('The form needs refresh_token');
export const TWO_TOKENS = invalidRequest('Send one refresh token, as bearer or in the form');
export const FOREIGN_ORIGIN: OAuthRefusal = {
  ...invalidRequest('Origin not allowed', 403, 'Add the origin of the page to LATCHKEY_CORS_ORIGINS.'),
  code: 'FORBIDDEN',
};
export const INVALID_SCOPE: OAuthRefusal = {
  status: 400,
  error: 'invalid_scope',
  description: 'The scope is malformed, or more than the account has',
  code: 'BAD_USER_INPUT',
  hint: 'Scopes have one space between them. Left out, the token gets all that the roles of the account allow.',
};
export const UNKNOWN_CLIENT: OAuthRefusal = {
  status: 400,
  error: 'invalid_client',
  description: 'Unknown client',
  code: 'BAD_REQUEST',
  hint: 'Leave client_id out, or send `first-party`: there are no other clients.',
};
export const UNSUPPORTED_GRANT: OAuthRefusal = {
  status: 400,
  error: 'unsupported_grant_type',
  description: 'Unsupported grant type',
  code: 'BAD_REQUEST',
  hint: '`grant_type` is `password`, `refresh_token`, `client_credentials` or `urn:latchkey:mfa`.',
};
export const NO_TOKEN: OAuthRefusal = {
  ...invalidRequest(
    'Not authenticated',
    401,
    'Send the refresh token as `authorization: Bearer <refresh token>`, or in the form as `refresh_token`.',
  ),
  code: 'UNAUTHENTICATED',
  // RFC 6750 §3: the challenge of the scheme that would have worked.
  challenge: 'Bearer',
};
/**
 * RFC 6749 §5.2: 401, and a challenge where the client authenticated by the header. Without one OAuth libraries read the
 * body.
 */
export const INVALID_CLIENT: OAuthRefusal = {
  status: 401,
  error: 'invalid_client',
  description: 'Invalid client',
  code: 'INVALID_CREDENTIALS',
  hint: 'Send the service account `svc_…` and its API key `lka_…`, by HTTP Basic or as `client_id` and `client_secret`.',
};
export const INVALID_CLIENT_BY_BASIC: OAuthRefusal = {
  ...INVALID_CLIENT,
  challenge: 'Basic realm="Latchkey"',
};
export const TWO_AUTHENTICATIONS = invalidRequest(
  'Authenticate the client once',
  400,
  'Send the API key in one Authorization header or as `client_secret`, not in both.',
);
export const NO_CLIENT_ID = invalidRequest('The form needs client_id beside client_secret');
/** 400 as RFC 6749 §5.2 has it: OAuth libraries do not read the body of an answer with a challenge. */
export const WRONG_CREDENTIALS: OAuthRefusal = {
  status: 400,
  error: 'invalid_grant',
  description: 'Invalid credentials',
  code: 'INVALID_CREDENTIALS',
  hint: '`username` is the email address of an account, and `password` its password.',
};

/** How Fastify's refusal of a body reads, by its status. */
export const BODY_REFUSALS: Readonly<Record<number, OAuthRefusal>> = { 413: TOO_LARGE, 415: NO_FORM };

/** How a refusal of the services reads in OAuth; what is missing here is a wrong parameter. */
export const REFUSALS: { readonly [Code in ErrorCode]?: Omit<OAuthRefusal, 'code' | 'hint'> } = {
  INVALID_CREDENTIALS: WRONG_CREDENTIALS,
  MFA_REQUIRED: { status: 400, error: 'mfa_required', description: 'A second factor is needed' },
  INVALID_CODE: { status: 400, error: 'invalid_grant', description: 'Invalid code' },
  INVALID_TOKEN: { status: 400, error: 'invalid_grant', description: 'Invalid token' },
  INVALID_REFRESH_TOKEN: { status: 400, error: 'invalid_grant', description: 'Invalid token' },
  TOO_MANY_REQUESTS: { status: 429, error: 'temporarily_unavailable', description: 'Too many attempts' },
  OVERLOADED: { status: 503, error: 'temporarily_unavailable', description: 'Try again later' },
  UNAVAILABLE: { status: 503, error: 'temporarily_unavailable', description: 'Try again later' },
  INTERNAL_SERVER_ERROR: { status: 500, error: 'server_error', description: 'Something went wrong' },
};
