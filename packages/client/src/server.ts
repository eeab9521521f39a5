import { absolute, assertEndpoint, readOrigin } from './addresses.ts';
import type { LoginInput, Mutations, User } from './api.ts';
import { type AuthPayload, assertComplete, payloadOf } from './auth-payload.ts';
import { AuthClientError, hasCode } from './errors.ts';
import { type Fetch, fieldOf, send } from './graphql.ts';
import { LOGOUT, mutations, queries, REFRESH } from './operations.ts';
import { assertOwnSite } from './own-site.ts';
import { retry } from './retry.ts';
import { type CookieNames, cookiesOf, setCookie, withCookies } from './server-cookies.ts';

export { AuthClientError } from './errors.ts';

/*
 * A server that renders pages keeps the tokens of its visitors in cookies of its own origin:
 *
 *   __Host-<name>-access    the access token, until shortly before its end
 *   __Host-<name>-refresh   the refresh token
 *   __Host-<name>-device    the proof of a known device, also after a logout
 *   __Host-<name>-ended     the end of a refresh token that the server refused, for ten minutes
 *
 * They are HttpOnly, Secure and SameSite=Lax: a link on another site leads to a page that knows its visitor. A form on
 * another site sends none of them, and what comes from there with an unsafe method is refused besides.
 *
 * A request can be late: it left the browser with the cookies of before, and a login or a new password has replaced them
 * since. Its response must not remove the new ones. So no render removes a cookie. It says which refresh token is of no
 * use, and the next renders neither send that one nor believe its access token.
 *
 * Nothing is kept here between requests. When many requests bring the same refresh token, the retry window of the server
 * gives all of them the same successor, so their cookies agree.
 */

const TRY_TIMEOUT_MS = 5_000;
/** A visitor waits for these. */
const RETRIES = { delaysMs: [500, 1_000], withinMs: 10_000 };
/** As long as browsers keep a cookie. The server decides when a session ends. */
const KEPT_SECONDS = 400 * 86_400;
/** How long a refused refresh token is not sent again. */
const ENDED_SECONDS = 600;

export interface ServerSessionOptions {
  /** The GraphQL endpoint of the server. */
  readonly url: string | URL;
  /** What the cookies are called, between `__Host-` and `-access`. `session` unless given. */
  readonly cookie?: string | undefined;
  /** The origin of the app, where a proxy before it changes the Host header. */
  readonly origin?: string | undefined;
  /** The network address of the visitor. The server counts it when this machine is in `LATCHKEY_TRUST_PROXY`. */
  readonly address?: string | undefined;
  /** Makes the requests. The platform's `fetch` unless given. */
  readonly fetch?: Fetch | undefined;
}

/** Operations that open a session. */
export type SignInOperation =
  | 'register'
  | 'login'
  | 'loginWithMagicLink'
  | 'loginWithEmailCode'
  | 'verifyEmail'
  | 'changePassword'
  | 'reauthenticate'
  | 'completeMfaLogin'
  | 'confirmTotpEnrolment'
  | 'finishPasskeyRegistration'
  | 'loginWithPasskey';

/** Who a request comes from, and what its response has to say. */
export interface ServerSession {
  readonly accessToken: string | undefined;
  /** The visitor, as the server knows them. Undefined for a visitor who is not signed in. */
  readonly user: User | undefined;
  /** The codes that the first second factor of the visitor brought. They are shown this once. */
  readonly recoveryCodes?: readonly string[] | undefined;
  /** The Cookie header of the request, with the tokens of now: what renders the page reads these. */
  readonly cookie: string;
  /** What the response needs: Set-Cookie, and with it Cache-Control. Empty when nothing changed. */
  readonly headers: Headers;
  /** @throws AuthClientError `RESPONSE_BEGUN` when it is too late, `RESPONSE_FIXED` where the platform made the headers */
  writeTo(response: Headers | { readonly headers: Headers } | NodeResponse): void;
  /** The session of the visitor after a login. Its headers are for the response. */
  login(input: LoginInput): Promise<ServerSession>;
  /** The same for each other operation that opens a session. */
  signIn<Name extends SignInOperation>(
    name: Name,
    input: Parameters<Mutations[Name]>[0],
  ): Promise<ServerSession>;
  /**
   * Nobody's session, and the headers that remove the cookies.
   *
   * @throws AuthClientError when the server could not end the session. The cookies stay, so it can be tried again.
   */
  logout(input?: { scope?: 'CURRENT' | 'ALL' }): Promise<ServerSession>;
}

/** The response of Node.js, as far as it is needed. */
interface NodeResponse {
  readonly headersSent: boolean;
  getHeader(name: string): unknown;
  setHeader(name: string, value: string | string[]): unknown;
}

interface Tokens {
  readonly access?: string | undefined;
  readonly refresh?: string | undefined;
  readonly device?: string | undefined;
}

/**
 * Who a request comes from. Call it before the response begins, because it may have to set cookies.
 *
 * @throws AuthClientError `FORBIDDEN` for an unsafe method from another site; `BAD_REQUEST` for a wrong option; or when
 *   the server does not answer. Then the cookies stay, and the user with them.
 */
export async function serverSession(request: Request, options: ServerSessionOptions): Promise<ServerSession> {
  assertEndpoint(absolute(options.url));
  assertOwnSite(request, options.origin === undefined ? undefined : readOrigin(options.origin));
  const { url, cookie: name = 'session', address, fetch = (...args) => globalThis.fetch(...args) } = options;
  const names: CookieNames = {
    access: `__Host-${name}-access`,
    refresh: `__Host-${name}-refresh`,
    device: `__Host-${name}-device`,
    ended: `__Host-${name}-ended`,
  };
  const header = request.headers.get('cookie') ?? '';
  const userAgent = request.headers.get('user-agent');
  const headers = {
    ...(address !== undefined && { 'x-forwarded-for': address }),
    ...(userAgent !== null && { 'user-agent': userAgent }),
  };
  const ask = (
    document: string,
    more: { input?: object; accessToken?: string | undefined; timeoutMs?: number } = {},
  ) => send({ url: String(url), fetch, headers, document, ...more });

  async function read(): Promise<ServerSession> {
    const { ended, ...tokens } = cookiesOf(header, names);
    const { access, refresh } = tokens;
    if (refresh !== undefined && markOf(refresh) === ended) return signedOut(tokens);
    if (access !== undefined) {
      const answer = await ask(ME, { accessToken: access, timeoutMs: TRY_TIMEOUT_MS });
      try {
        return sessionOf(tokens, fieldOf<User>(answer, 'me'), []);
      } catch (error) {
        if (!hasCode(error, 'UNAUTHENTICATED')) throw error;
      }
    }
    if (refresh === undefined) return signedOut(tokens);
    try {
      return opened(await exchange(refresh), tokens);
    } catch (error) {
      if (!hasCode(error, 'INVALID_REFRESH_TOKEN')) throw error;
      return signedOut(tokens, [setCookie(names.ended, markOf(refresh), ENDED_SECONDS)]);
    }
  }

  /** The same token again after a lost answer, within the retry window. */
  const exchange = (refreshToken: string) =>
    retry(async () => {
      const answer = await ask(REFRESH, { input: { refreshToken }, timeoutMs: TRY_TIMEOUT_MS });
      const auth = fieldOf<AuthPayload>(answer, 'refreshToken');
      assertComplete(auth, false);
      return auth;
    }, RETRIES);

  function opened(
    { accessToken, refreshToken, deviceToken, expiresIn, user }: AuthPayload,
    before: Tokens,
  ): ServerSession {
    const tokens = { access: accessToken, refresh: refreshToken ?? '', device: deviceToken ?? before.device };
    // A cookie that is gone is renewed, so no clock has to be right.
    const seconds = Math.floor(expiresIn - Math.min(30, expiresIn / 10));
    const accessSeconds = Math.min(KEPT_SECONDS, Math.max(1, seconds));
    return sessionOf(tokens, user, [
      setCookie(names.access, tokens.access, accessSeconds),
      setCookie(names.refresh, tokens.refresh, KEPT_SECONDS),
      ...(deviceToken ? [setCookie(names.device, deviceToken, KEPT_SECONDS)] : []),
    ]);
  }

  function signedOut({ device }: Tokens, cookies: readonly string[] = []): ServerSession {
    return sessionOf({ device }, undefined, cookies);
  }

  function sessionOf(tokens: Tokens, user: User | undefined, cookies: readonly string[]): ServerSession {
    const responseHeaders = new Headers(cookies.length > 0 ? { 'cache-control': 'private, no-store' } : {});
    for (const line of cookies) responseHeaders.append('set-cookie', line);

    async function signIn(operationName: SignInOperation, given: object): Promise<ServerSession> {
      const { document, delivers, bearer } = operationOf(operationName);
      const { device: deviceToken } = tokens;
      const input = {
        ...(operationName === 'login' && deviceToken && { deviceToken }),
        ...given,
        ...(delivers && { delivery: 'BODY' }),
      };
      const answer = await ask(document, { input, accessToken: bearer ? tokens.access : undefined });
      const field = fieldOf<{ recoveryCodes?: readonly string[] }>(answer, operationName);
      const auth = payloadOf(field);
      // An address that must be verified first, or that is verified now: no session was opened.
      if (!auth) return session;
      assertComplete(auth, false);
      // ASVS 7.2.4: the session that this one replaces can no longer be reached, so it ends.
      if (tokens.refresh && !bearer)
        await ask(LOGOUT, { input: { refreshToken: tokens.refresh } }).catch(() => {});
      return { ...opened(auth, tokens), recoveryCodes: field.recoveryCodes };
    }

    const session: ServerSession = {
      accessToken: tokens.access,
      user,
      cookie: withCookies(header, names, tokens),
      headers: responseHeaders,
      writeTo: (response) => writeHeaders(responseHeaders, response),
      login: (input) => signIn('login', input),
      signIn,
      async logout({ scope = 'CURRENT' } = {}) {
        const { access, refresh } = tokens;
        const accessToken = scope === 'ALL' ? access : undefined;
        if (refresh !== undefined) {
          const input = { scope, refreshToken: refresh };
          fieldOf(await ask(LOGOUT, { input, accessToken }), 'logout');
        }
        return signedOut(
          tokens,
          [names.access, names.refresh].map((cookie) => setCookie(cookie, '', 0)),
        );
      },
    };
    return session;
  }

  return read();
}

const ME = queries.find(({ name }) => name === 'me')?.document ?? '';

function operationOf(name: string) {
  const operation = mutations.find((one) => one.name === name && one.opens);
  if (operation === undefined) throw new AuthClientError('BAD_REQUEST', 'This operation opens no session');
  return operation;
}

/** Names a refresh token without being one: its last characters are of its mac. */
function markOf(refreshToken: string): string {
  return refreshToken.slice(-32);
}

function writeHeaders(from: Headers, to: Headers | { readonly headers: Headers } | NodeResponse): void {
  const cookies = from.getSetCookie();
  if (cookies.length === 0) return;
  const cacheControl = from.get('cache-control') ?? '';
  const isNode = 'setHeader' in to;
  try {
    if (isNode) {
      if (to.headersSent) throw new TypeError('The headers are sent');
      const before = [to.getHeader('set-cookie') ?? []].flat().map(String);
      to.setHeader('set-cookie', [...before, ...cookies]);
      to.setHeader('cache-control', cacheControl);
      return;
    }
    const headers = 'headers' in to ? to.headers : to;
    for (const line of cookies) headers.append('set-cookie', line);
    headers.set('cache-control', cacheControl);
  } catch (cause) {
    throw isNode
      ? new AuthClientError('RESPONSE_BEGUN', 'Ask for the session before the response begins', {}, { cause })
      : new AuthClientError(
          'RESPONSE_FIXED',
          'The headers of a redirect() or of a fetched response cannot be set: copy it by new Response(body, response)',
          {},
          { cause },
        );
  }
}
