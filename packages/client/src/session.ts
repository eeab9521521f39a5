import { type AuthPayload, assertComplete } from './auth-payload.ts';
import { AuthClientError, hasCode } from './errors.ts';
import { type Fetch, fieldOf, type GraphQLAnswer, send, unref } from './graphql.ts';
import { LOGOUT, REFRESH, type User } from './operations.ts';
import { createTabs, noTabs, type Tabs } from './tabs.ts';
import { createTokenStore, type TokenStorage } from './token-store.ts';

/*
 * One session: its tokens, who it belongs to, and how it is refreshed. The rules:
 *
 *   One refresh at a time. All callers wait for it, in all tabs where the platform lets them.
 *   Only INVALID_REFRESH_TOKEN and the user end the session. Any other failure is the caller's, and the session stays.
 *   After a lost answer the same refresh token is sent again, within the server's retry window of 30 seconds.
 *   What begins or ends a session runs in turn with refreshes, so a late answer never overwrites a newer one.
 */

/** The last try begins 23 s after the first, and no try takes more than 5 s: together less than the retry window. */
const RETRY_DELAYS_MS = [1_000, 2_000, 4_000, 8_000, 8_000];
const LAST_TRY_AFTER_MS = 24_000;
const TRY_TIMEOUT_MS = 5_000;
/** For as long as it is not known whether there is a session, and somebody listens. */
const RESTORE_AGAIN_MS = 10_000;
/** Between the lock and the message of the tab that held it. */
const MESSAGE_GRACE_MS = 150;
/** How long after a message of another tab its storage may be seen here. */
const STORAGE_DELAYS_MS = [0, 100, 1_000];
/** How long before the end an access token is renewed, at most; a tenth of its life if that is less. */
const EARLY_MS = 30_000;

const TRANSIENT = [
  'NETWORK_ERROR',
  'BAD_RESPONSE',
  'UNAVAILABLE',
  'OVERLOADED',
  'TOO_MANY_REQUESTS',
  'INTERNAL_SERVER_ERROR',
];
export interface AuthState {
  /** `loading` until it is known whether the cookie or the storage has a session. */
  readonly status: 'loading' | 'signedOut' | 'signedIn';
  readonly user?: User;
  /** When the access token expires, by the clock of the server: ms since 1970. */
  readonly expiresAt?: number;
}

/** `cookie` for pages, `memory` for what may forget, or the app's own storage. */
export type TokensOption = 'cookie' | 'memory' | TokenStorage;

interface Held {
  readonly accessToken: string;
  readonly userId: string;
  readonly sessionId: string;
  /** Moments of `performance.now`, which a change of the wall clock does not move. */
  readonly renewAt: number;
  readonly deadAt: number;
}

type Message = { readonly auth?: AuthPayload };

export interface SessionOptions {
  readonly readUrl: () => string;
  readonly tokens: TokensOption;
  readonly fetch: Fetch;
}

export type SessionKeeper = ReturnType<typeof createSession>;

export function createSession({ readUrl, tokens, fetch }: SessionOptions) {
  const usesCookie = tokens === 'cookie';
  const store = createTokenStore(typeof tokens === 'object' ? tokens : undefined);
  const listeners = new Set<(state: AuthState) => void>();
  let state: AuthState = { status: tokens === 'memory' ? 'signedOut' : 'loading' };
  /** Whether the cookie or the storage has been asked. */
  let isRestored = tokens === 'memory';
  let held: Held | undefined;
  /** Counts the ends of sessions. A refresh that was sent before one of them changes nothing. */
  let epoch = 0;
  /** Counts what the user ended. A login that was sent before one of them opens no session. */
  let logouts = 0;
  let refreshing: Promise<void> | undefined;
  let restoring: ReturnType<typeof setTimeout> | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  let queued = 0;
  let hearing: Promise<void> | undefined;
  let tabs: Tabs<Message> | undefined;

  function setState(next: AuthState): void {
    if (JSON.stringify(next) === JSON.stringify(state)) return;
    state = next;
    for (const listener of [...listeners]) {
      try {
        listener(state);
      } catch (error) {
        console.error(error);
      }
    }
  }

  /** Joins the other tabs at the first use, so that a module that a server renders with does nothing. */
  function join(): Tabs<Message> {
    // Tabs are a browser's. A server process may hold the sessions of many users.
    const isShared = tokens !== 'memory' && 'document' in globalThis;
    tabs ??= isShared
      ? createTabs(`latchkey:${readUrl()}`, (message) => {
          hearing = hear(message);
        })
      : noTabs;
    return tabs;
  }

  /** One at a time: what reads or writes the session at the server. */
  function exclusive<Result>(work: (hasWaited: boolean) => Promise<Result>): Promise<Result> {
    queued += 1;
    const turn = queue
      .then(() => join().exclusive(work))
      .finally(() => {
        queued -= 1;
      });
    queue = turn.catch(() => {});
    return turn;
  }

  function ask(
    request: Pick<Parameters<typeof send>[0], 'document' | 'input' | 'accessToken' | 'timeoutMs'>,
  ) {
    return send({ url: readUrl(), fetch, withCookies: usesCookie, ...request });
  }

  async function hear({ auth }: Message): Promise<void> {
    if (!usesCookie && !(await isStorageChanged())) return;
    if (auth !== undefined) return hold(auth, performance.now());
    store.forget();
    end();
  }

  /** Storage need not be shared: each tab has a sessionStorage of its own. One that is shared may be late. */
  async function isStorageChanged(): Promise<boolean> {
    for (const delayMs of STORAGE_DELAYS_MS) {
      await pause(delayMs);
      if (await store.isChanged()) return true;
    }
    return false;
  }

  function hold({ accessToken, expiresIn, expiresAt, user, session }: AuthPayload, since: number): void {
    const lifetimeMs = expiresIn * 1_000;
    // Each tab and each device at another moment.
    const earlyMs = Math.min(EARLY_MS, lifetimeMs / 10) * (0.5 + Math.random() / 2);
    const deadAt = since + lifetimeMs;
    held = { accessToken, userId: user.id, sessionId: session.id, renewAt: deadAt - earlyMs, deadAt };
    isRestored = true;
    setState({ status: 'signedIn', user, expiresAt: Date.parse(expiresAt) });
  }

  /** Ends the session here, at once. */
  function end(): void {
    epoch += 1;
    held = undefined;
    isRestored = true;
    setState({ status: 'signedOut' });
  }

  /** Ends the session in every tab; at once in this one. What was the refresh token. */
  async function drop(options?: { withDevice: boolean }): Promise<string | undefined> {
    end();
    const refreshToken = await store.drop(options);
    join().tell({});
    return refreshToken;
  }

  /** The tokens of a new session, or of a refresh, unless the user signed out since `asked`. */
  async function takeOver(auth: AuthPayload, asked: { logouts: number; at: number }): Promise<void> {
    assertComplete(auth, usesCookie);
    if (logouts !== asked.logouts) {
      // Nobody will ever know of this session, so it ends.
      const { refreshToken } = auth;
      if (refreshToken) await ask({ document: LOGOUT, input: { refreshToken } }).catch(() => {});
      throw new AuthClientError('SIGNED_OUT', 'The user signed out before the answer came');
    }
    hold(auth, asked.at);
    await store.keep(auth);
    if (held?.accessToken === auth.accessToken)
      join().tell({ auth: { ...auth, refreshToken: null, deviceToken: null } });
  }

  async function refreshNow(): Promise<void> {
    const seen = held;
    const begunIn = epoch;
    const asked = { logouts, at: 0 };
    const isOver = () => held !== seen || epoch !== begunIn;
    await exclusive(async (hasWaited) => {
      if (hasWaited && !isOver()) await pause(MESSAGE_GRACE_MS).then(() => hearing);
      const couldRead = await store.load();
      const begun = performance.now();
      for (const delayMs of [...RETRY_DELAYS_MS, Number.POSITIVE_INFINITY]) {
        if (isOver()) return;
        const { refreshToken } = store.tokens();
        if (!usesCookie && refreshToken === undefined) {
          end();
          isRestored = couldRead;
          return;
        }
        asked.at = performance.now();
        try {
          const input = refreshToken === undefined ? undefined : { refreshToken };
          const answer = await ask({ document: REFRESH, input, timeoutMs: TRY_TIMEOUT_MS });
          const auth = fieldOf<AuthPayload>(answer, 'refreshToken');
          // Another tab was faster, or signed out.
          if (isOver() && logouts === asked.logouts) return;
          return await takeOver(auth, asked);
        } catch (error) {
          if (isOver()) return;
          if (hasCode(error, 'INVALID_REFRESH_TOKEN')) {
            // A tab without locks may have been faster.
            await store.load();
            if (store.tokens().refreshToken !== refreshToken) continue;
            await drop();
            return;
          }
          const waitMs = Math.max(jittered(delayMs), 1_000 * ((error as AuthClientError).retryAfter ?? 0));
          const isLate = performance.now() - begun + waitMs > LAST_TRY_AFTER_MS;
          // A login that waits for its turn makes the tries needless.
          if (!hasCode(error, ...TRANSIENT) || isLate || queued > 1) throw error;
          await pause(waitMs);
        }
      }
    });
  }

  /** Renews the access token, unless the one at hand is newer than `spent`. */
  async function refresh(spent = held?.accessToken): Promise<string | undefined> {
    if (held?.accessToken === spent && (held !== undefined || !isRestored)) {
      refreshing ??= refreshNow().finally(() => {
        refreshing = undefined;
      });
      await refreshing;
    }
    return held?.accessToken;
  }

  async function getAccessToken(): Promise<string | undefined> {
    join();
    const now = performance.now();
    if (held === undefined ? !isRestored : now >= held.deadAt) return refresh();
    // Still good: nobody waits, and a failure is that of a later call.
    if (held !== undefined && now >= held.renewAt) refresh().catch(() => {});
    return held?.accessToken;
  }

  /** Until it is known whether there is a session. */
  function restore(): void {
    clearTimeout(restoring);
    getAccessToken().catch(() => {
      if (state.status !== 'loading' || listeners.size === 0) return;
      restoring = setTimeout(restore, RESTORE_AGAIN_MS);
      unref(restoring);
    });
  }

  return {
    exclusive,
    ask,
    takeOver,
    refresh,
    getAccessToken,
    drop,
    deviceToken: () => store.tokens().deviceToken,
    now: () => ({ logouts, at: performance.now() }),
    held: () => held,
    state: () => state,
    setUser(user: User): void {
      if (held?.userId === user.id) setState({ ...state, user });
    },

    subscribe(listener: (state: AuthState) => void): () => void {
      listeners.add(listener);
      if (!isRestored) restore();
      return () => {
        listeners.delete(listener);
      };
    },

    /** Sends with the bearer. What is refused as unauthenticated is sent again once, by the same user. */
    async withBearer<Answer>(
      sendOnce: (accessToken: string | undefined) => Promise<Answer>,
      isRefused: (answer: Answer) => boolean | Promise<boolean>,
    ): Promise<Answer> {
      const accessToken = await getAccessToken();
      const userId = held?.userId;
      const answer = await sendOnce(accessToken);
      if (accessToken === undefined || !(await isRefused(answer))) return answer;
      const next = await refresh(accessToken);
      // Another user may have signed in meanwhile, and this is not their request.
      return next === undefined || held?.userId !== userId ? answer : sendOnce(next);
    },

    /** Forgets the tokens at once, then tells the server. */
    async logout(input: { scope?: 'CURRENT' | 'ALL' } = {}): Promise<GraphQLAnswer | undefined> {
      logouts += 1;
      const accessToken = held?.accessToken;
      const refreshToken = await drop();
      if (!usesCookie && refreshToken === undefined) return undefined;
      const bearer = input.scope === 'ALL' ? { accessToken } : {};
      return exclusive(() => ask({ document: LOGOUT, input: { ...input, refreshToken }, ...bearer }));
    },
  };
}

function jittered(delayMs: number): number {
  return delayMs * (0.75 + Math.random() / 4);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
