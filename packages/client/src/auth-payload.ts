import type { SignedIn } from './api.ts';
import { AuthClientError } from './errors.ts';

/** The answer of the server that opens or renews a session. */
export interface AuthPayload extends SignedIn {
  readonly accessToken: string;
  readonly refreshToken: string | null;
  readonly deviceToken?: string | null;
  readonly expiresIn: number;
  readonly expiresAt: string;
}

/** What a header and a cookie can hold (RFC 6750 §2.1). A token that cannot be sent would be named in the error. */
const SENDABLE = /^[\w.~+/-]+=*$/;

/** `register` has the payload in a field, and `verifyEmail` may have none. */
export function payloadOf(value: unknown): AuthPayload | null {
  return 'auth' in Object(value)
    ? (value as { auth: AuthPayload | null }).auth
    : (value as AuthPayload | null);
}

/** @throws AuthClientError where a server, or what stands before it, answers with half of the tokens */
export function assertComplete(auth: AuthPayload, usesCookie: boolean): void {
  const { accessToken, refreshToken, expiresIn, user, session } = Object(auth) as Partial<AuthPayload>;
  const isToken = (value: unknown) => typeof value === 'string' && SENDABLE.test(value);
  const isComplete =
    isToken(accessToken) &&
    (usesCookie || isToken(refreshToken)) &&
    typeof expiresIn === 'number' &&
    expiresIn > 0 &&
    user?.id &&
    session?.id;
  if (!isComplete) throw new AuthClientError('BAD_RESPONSE', 'The server answers without tokens');
}
