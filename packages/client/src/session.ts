import { type AuthPayload, assertComplete } from './auth-payload.ts';
import { AuthClientError, hasCode } from './errors.ts';
import { type Fetch, fieldOf, type GraphQLAnswer, send, unref } from './graphql.ts';
import { LOGOUT, REFRESH, type User } from './operations.ts';
import { isUnauthenticated } from './refusal.ts';
import { pause, retry } from './retry.ts';
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

/** The last try begins at most 24 s after the first and takes at most 5 s: together less than the retry window. */
const RETRIES = { delaysMs: [1_000, 2_000, 4_000, 8_000, 8_000], withinMs: 24_000 };
const TRY_TIMEOUT_MS = 5_000;
/** For as long as it is not known whether there is a session, and somebody listens. */
const RESTORE_AGAIN_MS = 10_000;
/** Between the lock and the message of the tab that held it. */
const MESSAGE_GRACE_MS = 150;
/** How long before the end an access token is renewed, at most; a tenth of its life if that is less. */
const EARLY_MS = 30_000;

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

/** What a session had before it ended. */
interface Spent {
  readonly accessToken?: string | undefined;
  readonly refreshToken?: string | null | undefined;
}

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
  /** Whether the cookie or the storage has been asked. */
  let isRestored = tokens === 'memory';
  let held: Held | undefined;
  /** Counts the ends of sessions. A refresh that was sent before one of them changes nothing. */
  let epoch = 0;
  /** Counts what the user ended. A login that was sent before one of them opens no session. */
  let logouts = 0;
  /** Logouts that the server has not answered yet. */
  let leaving = 0;
  let refreshing: Promise<void> | undefined;
  let restoring: ReturnType<typeof setTimeout> | undefined;
  let hearing: Promise<void> | undefined;

  function openTabs(): Tabs<Message> {
    // Tabs are a browser's. A server process may hold the sessions of many users.
    if (tokens === 'memory' || !('document' in globalThis)) return noTabs;
    // A page that the browser kept for the way back has heard of nothing.
    const page = globalThis as unknown as EventTarget;
    page.addEventListener?.('pageshow', (event) => {
      if (!('persisted' in event) || !event.persisted) return;
      isRestored = held !== undefined;
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
    if (auth !== undefined) return leaving > 0 ? undefined : hold(auth, performance.now());
    store.forget();
    end();
  }

  function hold({ accessToken, expiresIn, expiresAt, user, session }: AuthPayload, since: number): void {
    const lifetimeMs = expiresIn * 1_000;
    // Each tab and each device at another moment.
    const earlyMs = Math.min(EARLY_MS, lifetimeMs / 10) * (0.5 + Math.random() / 2);
    const deadAt = since + lifetimeMs;
    held = { accessToken, userId: user.id, sessionId: session.id, renewAt: deadAt - earlyMs, deadAt };
    isRestored = true;
    state.set({ status: 'signedIn', user, expiresAt: Date.parse(expiresAt) });
  }

  /** Ends the session here, at once. */
  function end(): void {
    epoch += 1;
    held = undefined;
    isRestored = true;
    state.set({ status: 'signedOut' });
  }

  /** Ends the session in every tab; at once in this one. What was the refresh token. */
  async function drop(options?: { withDevice: boolean }): Promise<string | undefined> {
    end();
    const refreshToken = await store.drop(options);
    turns.tell({});
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
      turns.tell({ auth: { ...auth, refreshToken: null, deviceToken: null } });
  }

  async function endAtServer(scope: 'CURRENT' | 'ALL', tokens: Spent): Promise<GraphQLAnswer> {
    const end = ({ accessToken, refreshToken }: Spent) =>
      ask({ document: LOGOUT, input: { scope, refreshToken }, accessToken });
    try {
      if (scope === 'CURRENT') return await end({ refreshToken: tokens.refreshToken });
      const answer = tokens.accessToken === undefined ? undefined : await end(tokens);
      if (answer !== undefined && !isUnauthenticated(answer.errors?.[0])) return answer;
      // All sessions take an access token that is good.
      const refreshed = await ask({ document: REFRESH, input: refreshInput(tokens.refreshToken) });
      return await end(fieldOf<AuthPayload>(refreshed, 'refreshToken'));
    } finally {
      // Another tab may have told of a refresh meanwhile.
      turns.tell({});
    }
  }

  async function refreshNow(): Promise<void> {
    const seen = held;
    const begunIn = epoch;
    const asked = { logouts, at: 0 };
    const isOver = () => held !== seen || epoch !== begunIn;

    async function attempt(couldRead: boolean): Promise<void> {
      if (isOver()) return;
      const { refreshToken } = store.tokens();
      if (!usesCookie && refreshToken === undefined) {
        end();
        isRestored = couldRead;
        return;
      }
      asked.at = performance.now();
      try {
        const answer = await ask({
          document: REFRESH,
          input: refreshInput(refreshToken),
          timeoutMs: TRY_TIMEOUT_MS,
        });
        const auth = fieldOf<AuthPayload>(answer, 'refreshToken');
        // Another tab was faster, or signed out.
        if (isOver() && logouts === asked.logouts) return;
        await takeOver(auth, asked);
      } catch (error) {
        if (isOver()) return;
        if (!hasCode(error, 'INVALID_REFRESH_TOKEN')) throw error;
        // A tab without locks may have been faster.
        await store.load();
        if (store.tokens().refreshToken !== refreshToken) return attempt(couldRead);
        await drop();
      }
    }

    await turns.exclusive(async (hasWaited) => {
      if (hasWaited && !isOver()) await pause(MESSAGE_GRACE_MS).then(() => hearing);
      const couldRead = await store.load();
      // A login that waits for its turn makes more tries needless.
      await retry(() => attempt(couldRead), { ...RETRIES, isWanted: () => turns.waiting() === 0 });
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
    turns.begin();
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
    now: () => ({ logouts, at: performance.now() }),
    held: () => held,
    state: state.get,
    setUser(user: User): void {
      if (held?.userId === user.id) state.set({ ...state.get(), user });
    },

    subscribe(listener: (state: AuthState) => void): () => void {
      const stop = state.add(listener);
      if (!isRestored) restore();
      return stop;
    },

    /** Forgets the tokens at once, then tells the server. Undefined where there was no session to end. */
    async logout(scope: 'CURRENT' | 'ALL'): Promise<GraphQLAnswer | undefined> {
      logouts += 1;
      leaving += 1;
      const { accessToken } = held ?? {};
      try {
        const refreshToken = await drop();
        if (!usesCookie && refreshToken === undefined) return undefined;
        return await turns.exclusive(() => endAtServer(scope, { accessToken, refreshToken }));
      } finally {
        leaving -= 1;
      }
    },
  };
}

/** Without an input, the cookie counts. */
function refreshInput(refreshToken: string | null | undefined): { refreshToken: string } | undefined {
  return refreshToken ? { refreshToken } : undefined;
}
