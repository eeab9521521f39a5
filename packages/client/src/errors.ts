/** What the client itself finds wrong. All other codes are the server's (`enum ErrorCode` of its schema). */
export type ClientErrorCode =
  /** No answer came: no network, no server, or none in time. What was sent may have been done. */
  | 'NETWORK_ERROR'
  /** The answer is not the server's: the page of a proxy, a redirect, or JSON that breaks off. */
  | 'BAD_RESPONSE'
  /** The user signed out, or another one in, before the answer came. A new session is dropped. */
  | 'SIGNED_OUT'
  /** An address, a header, an input or an option is wrong. */
  | 'BAD_REQUEST'
  /** It is too late to set the cookies of a response. */
  | 'RESPONSE_BEGUN'
  /** The headers of a response cannot be set, because the platform made them. */
  | 'RESPONSE_FIXED';

/** What completes a login that answered `MFA_REQUIRED`. */
export interface PendingLogin {
  /** For `completeMfaLogin`. It opens nothing by itself. */
  readonly token: string | undefined;
  /** The kinds of factor that would do. */
  readonly factors: readonly string[];
  readonly expiresAt: string | undefined;
}

export interface ErrorFields {
  /** Narrows the code down, as in `TOKEN_EXPIRED` or `TOO_SHORT`. */
  readonly reason?: string | undefined;
  /** The path of the argument at fault, as in `input.email`. */
  readonly field?: string | undefined;
  /** The least number of characters of a password. */
  readonly minLength?: number | undefined;
  /** Seconds until another try makes sense. */
  readonly retryAfter?: number | undefined;
}

/**
 * Every failure of this package. An app decides by `code`, and has its own words for its users. The message and the
 * fields are made of codes only, so no token and no password is in them.
 */
export class AuthClientError extends Error implements ErrorFields {
  override readonly name = 'AuthClientError';
  readonly code: string;
  readonly reason: string | undefined;
  readonly field: string | undefined;
  readonly minLength: number | undefined;
  readonly retryAfter: number | undefined;

  constructor(code: string, message: string, fields: ErrorFields = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.reason = fields.reason;
    this.field = fields.field;
    this.minLength = fields.minLength;
    this.retryAfter = fields.retryAfter;
  }
}

/** The first error of an answer. A foreign server may send anything, so only what has the form of a code is kept. */
export function refusalOf(errors: readonly unknown[], operation: string): AuthClientError {
  const { extensions } = Object(errors[0]) as { extensions?: unknown };
  const { code, reason, field, minLength, retryAfter } = Object(extensions) as Record<string, unknown>;
  const word = (value: unknown, pattern = /^[A-Z_]{2,64}$/) =>
    typeof value === 'string' && pattern.test(value) ? value : undefined;
  const count = (value: unknown) => (typeof value === 'number' && value >= 0 ? value : undefined);
  const known = word(code) ?? 'BAD_RESPONSE';
  return new AuthClientError(known, `The server refuses ${operation}: ${known}`, {
    reason: word(reason),
    field: word(field, /^[A-Za-z_][\w.]{0,100}$/),
    minLength: count(minLength),
    retryAfter: count(retryAfter),
  });
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof AuthClientError && codes.includes(error.code);
}

export function signedOut(): AuthClientError {
  return new AuthClientError('SIGNED_OUT', 'The user signed out, or another one in');
}
