import { absolute, assertEndpoint, readOrigin } from './addresses.ts';
import type { Mutations, Queries, SignedIn, User } from './api.ts';
import { payloadOf } from './auth-payload.ts';
import { createWithBearer } from './bearer.ts';
import { hasCode, signedOut } from './errors.ts';
import { createExternalRedirects, type ExternalRedirects } from './external.ts';
import { createFetch } from './fetch.ts';
import { type Fetch, fieldOf } from './graphql.ts';
import { LOGOUT, mutations, type Operation, queries } from './operations.ts';
import { createRefresh } from './refresh.ts';
import { wasRefused } from './refusal.ts';
import { createSession, type TokensOption } from './session.ts';
import type { AuthState } from './state.ts';

export type {
  ExternalLogin,
  ExternalLoginResult,
  ExternalLoginStart,
  ExternalProvider,
  Factor,
  FactorConfirmation,
  FactorKind,
  LoginInput,
  Mfa,
  Mutations,
  PasskeyAnswer,
  PasskeyDetails,
  PasskeyLoginOptions,
  PasskeyRegistration,
  PasskeyRegistrationOptions,
  Queries,
  Session,
  SignedIn,
  TotpEnrolment,
  User,
} from './api.ts';
export { AuthClientError, type ClientErrorCode, type PendingLogin } from './errors.ts';
export type { LoginRedirectOptions, RedirectOptions, RedirectResult } from './external.ts';
export type { TokensOption } from './session.ts';
export type { AuthState } from './state.ts';
export type { TokenStorage } from './token-store.ts';

export interface AuthClientOptions {
  /** The GraphQL endpoint of the server. In a page it may be relative. */
  readonly url: string | URL;
  /** Where the tokens are: the server's cookies, this page's memory, or a storage of the app. */
  readonly tokens: TokensOption;
  /** Other origins that get the access token, each as `https://api.example.com`. */
  readonly origins?: readonly string[] | undefined;
  /** Makes all requests. The platform's `fetch` unless given. */
  readonly fetch?: Fetch | undefined;
}

export interface AuthClient extends Mutations, Queries, ExternalRedirects {
  /** Who is signed in. The object changes only when something in it does. */
  readonly state: AuthState;
  /** Hears of every change of `state`. The first listener restores the session. Call the answer to stop. */
  subscribe(listener: (state: AuthState) => void): () => void;
  /**
   * A good access token. Undefined while no user is signed in.
   *
   * @throws AuthClientError when it had to be refreshed and could not be. The session stays.
   */
  getAccessToken(): Promise<string | undefined>;
  /** Renews the access token, unless the one at hand is newer than `spent`. */
  refresh(spent?: string): Promise<string | undefined>;
  /**
   * `fetch` with the access token, for the origin of `url` and those in `origins`. Refreshes and sends again, once, what
   * is refused as unauthenticated. A request that has an Authorization of its own is left as it is.
   *
   * @throws AuthClientError `NETWORK_ERROR` and others; or what the request's own signal aborts with.
   */
  fetch: Fetch;
  /** The access token at hand, unless it has expired. */
  readonly accessToken: string | undefined;
  /** The endpoint, as it was given. */
  readonly url: string | URL;
  /** Whether a request to this address gets the access token. */
  trusts(url: string | URL): boolean;
  /**
   * Ends sessions. Unless the scope is `OTHERS`, this client has no tokens from then on, also when the server cannot be
   * reached and the promise rejects.
   */
  logout(input?: { scope?: 'CURRENT' | 'OTHERS' | 'ALL' }): Promise<{ revokedSessions: number }>;
}

/**
 * The client of one server. Make one for an app. Making it sends nothing.
 *
 * @throws AuthClientError `BAD_REQUEST` for a `url` with a password in it, or an entry of `origins` that is no origin
 */
export function createAuthClient({ url, tokens, origins = [], fetch }: AuthClientOptions): AuthClient {
  // Looked up for each request, so that what replaces the platform's function is used.
  const platformFetch: Fetch = fetch ?? ((...args) => globalThis.fetch(...args));
  assertEndpoint(url);
  const trusted = origins.map(readOrigin);
  const readUrl = () => absolute(url).href;
  const session = createSession({
    readUrl,
    tokens,
    fetch: platformFetch,
    onReturn: () => void refresh().catch(() => {}),
  });
  const { current, store, state } = session;
  const { refresh, getAccessToken, subscribe } = createRefresh(session);
  const withBearer = createWithBearer({ getAccessToken, refresh, userId: () => current.held?.userId });
  const trusts = (address: string | URL) => {
    const { origin } = absolute(address);
    return origin !== 'null' && [absolute(url).origin, ...trusted].includes(origin);
  };

  async function call(
    { name, root = name, document, opens, delivers, bearer }: Operation,
    given?: object,
  ): Promise<unknown> {
    const { logouts } = current;
    let userId: string | undefined;
    async function sendOnce(accessToken: string | undefined) {
      const asked = { logouts, userId, at: performance.now() };
      // Another user may have signed in while this waited for its turn.
      if (opens && userId !== undefined && session.isOver(asked)) throw signedOut();
      const input = delivers ? { ...given, ...(await sessionInput(name)) } : given;
      const answer = await session.ask({ document, input, accessToken });
      const auth = opens && answer.errors === undefined ? payloadOf(fieldOf(answer, name)) : null;
      if (auth !== null) await session.takeOver(auth, asked);
      return answer;
    }
    const inTurn = (accessToken?: string) => {
      userId = accessToken && current.held?.userId;
      return opens ? session.turns.exclusive(() => sendOnce(accessToken)) : sendOnce(accessToken);
    };
    const operation = { isQuery: document.startsWith('query'), firstKey: name };
    const answer = bearer
      ? await withBearer(inTurn, (refused) => wasRefused(refused, operation))
      : await inTurn();
    const field = fieldOf<Record<string, unknown>>(answer, root);
    const value = root === name ? field : field[name];
    await follow(name, value, { ...given, userId });
    return opens ? withoutTokens(value) : value;
  }

  /** What an operation says of the session here. Another user may have signed in meanwhile. */
  async function follow(name: string, value: unknown, asked: { id?: string; userId?: string | undefined }) {
    const { userId, sessionId } = current.held ?? {};
    if ((name === 'me' || name === 'updateMe') && userId === (value as User).id)
      state.set({ ...state.get(), user: value as User });
    if (name === 'deleteMe' && userId === asked.userId) await session.drop({ withDevice: true });
    if (name === 'revokeSession' && sessionId === asked.id) await session.drop();
  }

  async function sessionInput(name: string): Promise<object> {
    const delivery = tokens === 'cookie' ? 'COOKIE' : 'BODY';
    if (name !== 'login') return { delivery };
    await store.load();
    const { deviceToken } = store.tokens();
    return { delivery, ...(deviceToken && { deviceToken }) };
  }

  async function logout(
    input: { scope?: 'CURRENT' | 'OTHERS' | 'ALL' } = {},
  ): Promise<{ revokedSessions: number }> {
    const { scope = 'CURRENT' } = input;
    // This session stays, so it is an operation as any other.
    if (scope === 'OTHERS')
      return call(
        { name: 'logout', document: LOGOUT, opens: false, delivers: false, bearer: true },
        input,
      ) as ReturnType<typeof logout>;
    const answer = await session.logout(scope);
    try {
      return answer === undefined ? { revokedSessions: 0 } : fieldOf(answer, 'logout');
    } catch (error) {
      // The session had ended before.
      if (scope === 'CURRENT' && hasCode(error, 'UNAUTHENTICATED')) return { revokedSessions: 0 };
      throw error;
    }
  }

  const methods = [...mutations, ...queries].map((operation) => [
    operation.name,
    (input?: object) => call(operation, input),
  ]);
  const operations = Object.fromEntries(methods) as Mutations & Queries;
  return {
    ...operations,
    ...createExternalRedirects(operations, readUrl),
    get state() {
      return state.get();
    },
    get accessToken() {
      const { accessToken, deadAt = 0 } = current.held ?? {};
      return performance.now() < deadAt ? accessToken : undefined;
    },
    url,
    subscribe,
    getAccessToken,
    refresh: (spent) => refresh(spent),
    fetch: createFetch({ fetch: platformFetch, trusts, withBearer }),
    trusts,
    logout,
  };
}

function withoutTokens(value: unknown): unknown {
  const auth = payloadOf(value);
  const signedIn: SignedIn | null = auth && { user: auth.user, session: auth.session, scope: auth.scope };
  return auth === value ? signedIn : { ...Object(value), auth: signedIn };
}
