import type { MachineViewer } from '../core/service-accounts/service.ts';
import type { Grant, KeptRefreshToken } from '../core/sessions/service.ts';
import type { AccessToken } from '../core/tokens/access-token.ts';
import type { Tokens } from '../core/tokens/service.ts';
import { refusedMachine, type Viewer } from '../core/users/service.ts';
import { AuthError } from '../errors.ts';
import { readBearer } from '../platform/bearer.ts';
import type { Caller } from '../platform/caller.ts';

/** What every resolver gets. Does not grow when a feature is added. */
export interface Context {
  /** What the bearer header proves, or the reason why it proves nothing. */
  readonly bearer: AccessToken | AuthError;
  readonly caller: Caller;
  /**
   * What the browser keeps for the page. Here, because a resolver knows what the input asks for and what came of it;
   * put here by the HTTP side, because only that knows cookies and origins. Every field that answers with tokens goes
   * through it, so that one more way to log in adds nothing to the context.
   */
  readonly cookies: TokenCookies;
  /** Who asks; set by the guard in front of every field that is not public. */
  viewer?: Viewer | MachineViewer;
}

/** How the client wants its refresh token and its device token. */
export type TokenDelivery = 'BODY' | 'COOKIE';

/** A grant as the body of the answer has it: what went into a cookie is null. */
export type Delivered = Omit<Grant, 'refreshToken'> & { readonly refreshToken: string | null };

/** The tokens in the cookies of a request, and those that its answer puts there. */
export interface TokenCookies extends KeptRefreshToken {
  /**
   * Hands out the tokens of `work` as was asked for; for cookies, it is given the device token that is in one.
   *
   * @throws AuthError before `work` begins: `BAD_USER_INPUT` where there are no cookies, `FORBIDDEN` for a page that
   * may not use them.
   */
  deliver(
    how: TokenDelivery | undefined,
    work: (deviceToken: string | undefined) => Promise<Grant>,
  ): Promise<Delivered>;
  /** The same for `work` that may come to no tokens. */
  deliverIfAny(
    how: TokenDelivery | undefined,
    work: () => Promise<Grant | undefined>,
  ): Promise<Delivered | null>;
  /**
   * Exchanges the refresh token in the cookie for the next one, which goes back there.
   *
   * @throws AuthError `BAD_USER_INPUT` and `FORBIDDEN` as above; `INVALID_REFRESH_TOKEN` when there is none.
   */
  renew(work: (refreshToken: string) => Promise<Grant>): Promise<Delivered>;
  /**
   * A secret of this browser, so that what began in it can end in it alone: the one it has, or a new one. None where the
   * client keeps a secret of its own.
   *
   * @throws AuthError `BAD_USER_INPUT` and `FORBIDDEN` as above.
   */
  bind(how: TokenDelivery | undefined): string | undefined;
  /** The secret of this browser, if it has one. @throws AuthError `FORBIDDEN` for a page that may not use it. */
  bound(): string | undefined;
}

/** One for all: half of what comes in has no token, and to note where an error was made costs 3 % of a refresh. */
const TOKEN_MISSING = new AuthError('UNAUTHENTICATED', { reason: 'TOKEN_MISSING' });

/** The header is there, so it is not the token that is missing. */
const NO_BEARER = new AuthError('UNAUTHENTICATED', {
  reason: 'TOKEN_INVALID',
  hint: 'Send `authorization: Bearer <access token>`: this header has no scheme, or another one.',
});

/** Why a token of another kind is no access token, by its prefix. */
const OTHER_TOKENS: readonly (readonly [prefix: string, hint: string])[] = [
  ['lkr_', 'That is a refresh token: send the access token, or this one as the input of `refreshToken`.'],
  ['lkm_', 'That token stands for a login that waits: send it in the input of `completeMfaLogin`.'],
  ['lka_', 'That is an API key: exchange it at `POST /token`, and send the access token of the answer.'],
  ['lkd_', 'That is a device token: send the access token, and this one in the input of `login`.'],
];

/**
 * Reads the bearer header. Never throws: clients attach a stale token to every call, and throwing would block
 * `refreshToken` exactly when it is needed (AT-8).
 */
export function createContext(
  tokens: Pick<Tokens, 'verifyAccessToken'>,
  { authorization, caller }: { authorization: string | undefined; caller: Caller },
): Omit<Context, 'cookies'> {
  return { bearer: verifyBearer(tokens, authorization), caller };
}

/** A person. @throws AuthError `UNAUTHENTICATED` where no guard has proven the viewer; `FORBIDDEN` for a program. */
export function requireViewer(context: Context): Viewer {
  const viewer = requireAnyViewer(context);
  if (viewer.kind === 'machine') throw refusedMachine();
  return viewer;
}

/** A person or a program. @throws AuthError `UNAUTHENTICATED` where no guard has proven the viewer. */
export function requireAnyViewer({ viewer }: Context): Viewer | MachineViewer {
  if (viewer === undefined) throw TOKEN_MISSING;
  return viewer;
}

function verifyBearer(
  tokens: Pick<Tokens, 'verifyAccessToken'>,
  authorization: string | undefined,
): AccessToken | AuthError {
  if (!authorization) return TOKEN_MISSING;
  const bearer = readBearer(authorization);
  if (bearer === undefined) return NO_BEARER;
  const { token } = bearer;
  if (token === undefined)
    return new AuthError('UNAUTHENTICATED', {
      reason: 'TOKEN_INVALID',
      hint: 'Send `authorization: Bearer <access token>`: no token, or more than one word, comes after `Bearer`.',
    });
  try {
    return tokens.verifyAccessToken(token);
  } catch (error) {
    if (!(error instanceof AuthError)) return new AuthError('INTERNAL_SERVER_ERROR', { cause: error });
    const [, hint] = OTHER_TOKENS.find(([prefix]) => token.startsWith(prefix)) ?? [];
    return hint === undefined ? error : withHint(error, hint);
  }
}

function withHint({ extensions: { code, ...details }, cause }: AuthError, hint: string): AuthError {
  return new AuthError(code, { ...details, cause, hint });
}
