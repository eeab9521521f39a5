/**
 * Every refusal there is. The message belongs to the code, so no call site can leak a value into it; the true
 * reason travels in `cause`, to the log and the audit trail only.
 */
export const ERRORS = {
  UNAUTHENTICATED: 'Authentication is required.',
  FORBIDDEN: 'This is not allowed.',
  BAD_USER_INPUT: 'An argument has an invalid value.',
  INVALID_CREDENTIALS: 'Invalid email or password.',
  INVALID_REFRESH_TOKEN: 'The refresh token is not valid. Log in again.',
  INVALID_TOKEN: 'The link or code is not valid. Ask for a new one.',
  MFA_REQUIRED: 'A second factor is needed.',
  INVALID_CODE: 'The code or the passkey is not valid.',
  FACTOR_LIMIT: 'The account has as many factors of this kind as it can have.',
  LAST_CREDENTIAL: 'It is the last way into the account.',
  EXTERNAL_LOGIN_FAILED: 'The login at the provider did not work.',
  EMAIL_TAKEN: 'An account with this email address exists.',
  REGISTRATION_CLOSED: 'Registration is closed.',
  FEATURE_DISABLED: 'This server does not offer this.',
  WEAK_PASSWORD: 'The password does not meet the requirements.',
  REAUTHENTICATION_REQUIRED: 'Prove again who you are.',
  NOT_FOUND: 'Not found.',
  TOO_MANY_REQUESTS: 'Too many attempts. Try again later.',
  OVERLOADED: 'The server is busy. Try again shortly.',
  UNAVAILABLE: 'The service is temporarily unavailable. Send the same request again shortly.',
  OPERATION_LIMIT_EXCEEDED: 'The document asks for more than one request may.',
  GRAPHQL_PARSE_FAILED: 'The document does not parse.',
  GRAPHQL_VALIDATION_FAILED: 'The document does not fit the schema.',
  OPERATION_RESOLUTION_FAILURE: 'The operation name is missing or names no operation of the document.',
  // The words of Apollo's protocol: clients send the document after them and after no others.
  PERSISTED_QUERY_NOT_SUPPORTED: 'PersistedQueryNotSupported',
  PERSISTED_QUERY_NOT_FOUND: 'PersistedQueryNotFound',
  BAD_REQUEST: 'The request is not a valid GraphQL request.',
  INTERNAL_SERVER_ERROR: 'Something went wrong.',
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** What a code may add to `extensions`. Nothing here ever holds a value that came in. */
export interface ErrorDetails {
  /** The path of the argument at fault, as in `input.email`. */
  readonly field?: string;
  /** A word in capitals that narrows the code down. */
  readonly reason?: string;
  readonly minLength?: number;
  /** Seconds until another try makes sense. */
  readonly retryAfter?: number;
  /** What a second factor is proven along with, made by this server for this answer. */
  readonly mfaToken?: string;
  /** The kinds of second factor that would do. */
  readonly factors?: readonly string[];
  /** RFC 3339; until when `mfaToken` works. */
  readonly expiresAt?: string;
}

interface ErrorOptions extends ErrorDetails {
  /** For the log and the audit trail. */
  readonly cause?: unknown;
  /** What the developer of the client can do about it. It holds no value that came in. */
  readonly hint?: string;
}

/** A refusal that the client is told of. Its `extensions` are the answer's. */
export class AuthError extends Error {
  override readonly name = 'AuthError';
  readonly code: ErrorCode;
  readonly extensions: { readonly code: ErrorCode } & ErrorDetails;
  /** Told in development only. */
  readonly hint: string | undefined;

  constructor(code: ErrorCode, { cause, hint, ...extensions }: ErrorOptions = {}) {
    super(ERRORS[code], cause === undefined ? undefined : { cause });
    this.code = code;
    this.extensions = { code, ...extensions };
    this.hint = hint;
  }
}
