import { type AuthPayload, assertComplete } from './auth-payload.ts';
import { AuthClientError } from './errors.ts';
import { type Fetch, type GraphQLAnswer, send, unref } from './graphql.ts';
import { createHolding } from './holding.ts';
import { endAtServer } from './logout.ts';
import { LOGOUT, type User } from './operations.ts';
import { type Asked, createRefresh } from './refresh.ts';
import { type AuthState, createState } from './state.ts';
import { createTabs, createTurns, noTabs, type Tabs } from './tabs.ts';
import { createTokenStore, type TokenStorage } from './token-store.ts';

/*
 * One session: its tokens, who it belongs to, and how it is refreshed. The rules:
 *
 *   One refresh at a time. All callers wait for it, in all tabs where the platform lets them.
 *   Only INVALID_REFRESH_TOKEN and the user end the session. Any other failure is the caller's, and the session stays.
 *   After a lost answer the same refresh token is sent again, within the server's retry window of 30 seconds.
 *   What begins or ends a session runs in turn with refreshes, so a late answer never overwrites a newer one.
 */

/** For as long as it is not known whether there is a session, and somebody listens. */
const RESTORE_AGAIN_MS = 10_000;

/** `cookie` for pages, `memory` for what may forget, or the app's own storage. */
export type TokensOption = 'cookie' | 'memory' | TokenStorage;

type Message = { readonly auth?: AuthPayload };

export interface SessionOptions {
  readonly readUrl: () => string;
  readonly tokens: TokensOption;
  readonly fetch: Fetch;
}

export function createSession({ readUrl, tokens, fetch }: SessionOptions) {
  const usesCookie = tokens === 'cookie';
  const store = createTokenStore(typeof tokens === 'object' ? tokens : undefined);
  const state = createState({ status: tokens === 'memory' ? 'signedOut' : 'loading' });
  const turns = createTurns(openTabs);
  const holding = createHolding({ state, isRestored: tokens === 'memory' });
  const { held } = holding;
  /** Counts what the user ended. A login that was sent before one of them opens no session. */
  let logouts = 0;
  /** Logouts that the server has not answered yet. */
  let leaving = 0;
  let restoring: ReturnType<typeof setTimeout> | undefined;
  let hearing: Promise<void> | undefined;

  function openTabs(): Tabs<Message> {
    // Tabs are a browser's. A server process may hold the sessions of many users.
    if (tokens === 'memory' || !('document' in globalThis)) return noTabs;
    // A page that the browser kept for the way back has heard of nothing.
    const page = globalThis as unknown as EventTarget;
    page.addEventListener?.('pageshow', (event) => {
      if (!('persisted' in event) || !event.persisted) return;
      holding.doubt();
      refresh().catch(() => {});
    });
    return createTabs(`latchkey:${readUrl()}`, (message) => {
      hearing = hear(message);
    });
  }

  function ask(
    request: Pick<Parameters<typeof send>[0], 'document' | 'input' | 'accessToken' | 'timeoutMs'>,
  ) {
    return send({ url: readUrl(), fetch, withCookies: usesCookie, ...request });
  }

  async function hear({ auth }: Message): Promise<void> {
    // Storage need not be shared: each tab has a sessionStorage of its own.
    if (!usesCookie && !(await store.isChanged())) return;
    // A tab that refreshed before it heard of the logout does not sign this one in again.
    if (auth !== undefined) return leaving > 0 ? undefined : holding.take(auth, performance.now());
    store.forget();
    holding.end();
  }

  /** Ends the session in every tab; at once in this one. What was the refresh token. */
  async function drop(options?: { withDevice: boolean }): Promise<string | undefined> {
    holding.end();
    const refreshToken = await store.drop(options);
    turns.tell({});
    return refreshToken;
  }

  /** The tokens of a new session, or of a refresh, unless the user signed out since `asked`. */
  async function takeOver(auth: AuthPayload, asked: Asked): Promise<void> {
    assertComplete(auth, usesCookie);
    if (logouts !== asked.logouts) {
      // Nobody will ever know of this session, so it ends.
      const { refreshToken } = auth;
      if (refreshToken) await ask({ document: LOGOUT, input: { refreshToken } }).catch(() => {});
      throw new AuthClientError('SIGNED_OUT', 'The user signed out before the answer came');
    }
    holding.take(auth, asked.at);
    await store.keep(auth);
    if (held()?.accessToken === auth.accessToken)
      turns.tell({ auth: { ...auth, refreshToken: null, deviceToken: null } });
  }

  const now = (): Asked => ({ logouts, at: performance.now() });
  const refresh = createRefresh({
    usesCookie,
    holding,
    store,
    turns,
    ask,
    now,
    hearing: () => hearing,
    takeOver,
    drop,
  });

  async function getAccessToken(): Promise<string | undefined> {
    turns.begin();
    const has = held();
    const at = performance.now();
    if (has === undefined ? !holding.isRestored() : at >= has.deadAt) return refresh();
    // Still good: nobody waits, and a failure is that of a later call.
    if (has !== undefined && at >= has.renewAt) refresh().catch(() => {});
    return has?.accessToken;
  }

  /** Until it is known whether there is a session. */
  function restore(): void {
    clearTimeout(restoring);
    getAccessToken().catch(() => {
      if (state.get().status !== 'loading' || !state.hasListeners()) return;
      restoring = setTimeout(restore, RESTORE_AGAIN_MS);
      unref(restoring);
    });
  }

  return {
    exclusive: turns.exclusive,
    ask,
    takeOver,
    refresh,
    getAccessToken,
    drop,
    deviceToken: () => store.tokens().deviceToken,
    now,
    held,
    state: state.get,
    setUser(user: User): void {
      if (held()?.userId === user.id) state.set({ ...state.get(), user });
    },

    subscribe(listener: (state: AuthState) => void): () => void {
      const stop = state.add(listener);
      if (!holding.isRestored()) restore();
      return stop;
    },

    /** Forgets the tokens at once, then tells the server. Undefined where there was no session to end. */
    async logout(scope: 'CURRENT' | 'ALL'): Promise<GraphQLAnswer | undefined> {
      logouts += 1;
      leaving += 1;
      const accessToken = held()?.accessToken;
      try {
        const refreshToken = await drop();
        if (!usesCookie && refreshToken === undefined) return undefined;
        return await turns.exclusive(() =>
          // Another tab may have told of a refresh meanwhile.
          endAtServer(ask, scope, { accessToken, refreshToken }).finally(() => turns.tell({})),
        );
      } finally {
        leaving -= 1;
      }
    },
  };
}
