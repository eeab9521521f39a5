import type { FactorKind } from './api.ts';

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
  /** The user closed the dialog of a passkey, it took too long, or there is no passkey. Browsers do not tell which. */
  | 'PASSKEY_CANCELLED'
  /** The authenticator has a passkey of this account. */
  | 'PASSKEY_EXISTS'
  /** The browser, or the address of the page, allows no passkey. */
  | 'PASSKEYS_UNAVAILABLE'
  /** It is too late to set the cookies of a response. */
  | 'RESPONSE_BEGUN'
  /** The headers of a response cannot be set, because the platform made them. */
  | 'RESPONSE_FIXED';

/** What an operation that answered `MFA_REQUIRED` waits for. */
export interface PendingLogin {
  /** For `completeMfaLogin`. Undefined at `reauthenticate`, which takes all factors in one call. */
  readonly token: string | undefined;
  /** The kinds of factor that would do. */
  readonly factors: readonly FactorKind[];
  /** RFC 3339. */
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
  /** Where the code is `MFA_REQUIRED`. */
  readonly mfa?: PendingLogin | undefined;
}

/**
 * Every failure of this package. An app decides by `code`, and has its own words for its users. The message and the
 * fields are made of codes only, so no password is in them. The one token is in `mfa`, which no log shows: it is not
 * enumerable.
 */
export class AuthClientError extends Error implements ErrorFields {
  override readonly name = 'AuthClientError';
  readonly code: string;
  readonly reason: string | undefined;
  readonly field: string | undefined;
  readonly minLength: number | undefined;
  readonly retryAfter: number | undefined;
  declare readonly mfa: PendingLogin | undefined;

  constructor(code: string, message: string, fields: ErrorFields = {}, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.reason = fields.reason;
    this.field = fields.field;
    this.minLength = fields.minLength;
    this.retryAfter = fields.retryAfter;
    Object.defineProperty(this, 'mfa', { value: fields.mfa });
  }
}

/** The first error of an answer. A foreign server may send anything, so only what has the form of a code is kept. */
export function refusalOf(errors: readonly unknown[], operation: string): AuthClientError {
  const { extensions } = Object(errors[0]) as { extensions?: unknown };
  const given = Object(extensions) as Record<string, unknown>;
  const word = (value: unknown, pattern = /^[A-Z_]{2,64}$/) =>
    typeof value === 'string' && pattern.test(value) ? value : undefined;
  const count = (value: unknown) => (typeof value === 'number' && value >= 0 ? value : undefined);
  const known = word(given.code) ?? 'BAD_RESPONSE';
  return new AuthClientError(known, `The server refuses ${operation}: ${known}`, {
    reason: word(given.reason),
    field: word(given.field, /^[A-Za-z_][\w.]{0,100}$/),
    minLength: count(given.minLength),
    retryAfter: count(given.retryAfter),
    mfa: known === 'MFA_REQUIRED' ? pendingLogin(given) : undefined,
  });
}

function pendingLogin({ mfaToken, factors, expiresAt }: Record<string, unknown>): PendingLogin {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return {
    token: text(mfaToken),
    factors: Array.isArray(factors) ? factors : [],
    expiresAt: text(expiresAt),
  };
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof AuthClientError && codes.includes(error.code);
}

export function signedOut(): AuthClientError {
  return new AuthClientError('SIGNED_OUT', 'The user signed out, or another one in');
}
