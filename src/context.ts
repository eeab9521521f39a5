import type { Client } from './client.ts';
import { AuthError } from './errors.ts';
import type { AccessToken } from './modules/tokens/access-token.ts';
import type { Tokens } from './modules/tokens/service.ts';
import type { Viewer } from './modules/users/service.ts';

/** What every resolver gets. Does not grow when a feature is added. */
export interface Context {
  /** What the bearer header proves, or the reason why it proves nothing. */
  readonly bearer: AccessToken | AuthError;
  readonly client: Client;
  /** Who asks; set by the guard in front of every field that is not public. */
  viewer?: Viewer;
}

/** RFC 6750 §2.1, RFC 9110 §11.1: the scheme's case does not matter. */
const BEARER = /^Bearer +(\S+)$/i;

/**
 * Reads the bearer header. Never throws: clients attach a stale token to every call, and throwing would block
 * `refreshToken` exactly when it is needed (AT-8).
 */
export function createContext(
  tokens: Pick<Tokens, 'verifyAccessToken'>,
  { authorization, client }: { authorization: string | undefined; client: Client },
): Context {
  return { bearer: readBearer(tokens, authorization), client };
}

/** @throws AuthError `UNAUTHENTICATED` where no guard has proven the viewer. */
export function requireViewer(context: Context): Viewer {
  if (context.viewer === undefined) throw new AuthError('UNAUTHENTICATED', { reason: 'TOKEN_MISSING' });
  return context.viewer;
}

function readBearer(
  tokens: Pick<Tokens, 'verifyAccessToken'>,
  authorization: string | undefined,
): AccessToken | AuthError {
  if (authorization === undefined || !/^Bearer\b/i.test(authorization)) {
    return new AuthError('UNAUTHENTICATED', { reason: 'TOKEN_MISSING' });
  }
  const [, token] = BEARER.exec(authorization) ?? [];
  if (token === undefined) return new AuthError('UNAUTHENTICATED', { reason: 'TOKEN_INVALID' });
  try {
    return tokens.verifyAccessToken(token);
  } catch (error) {
    return error instanceof AuthError ? error : new AuthError('INTERNAL_SERVER_ERROR', { cause: error });
  }
}
