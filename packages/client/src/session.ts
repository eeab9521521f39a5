import { type AuthPayload, assertComplete } from './auth-payload.ts';
import { signedOut } from './errors.ts';
import { type Fetch, fieldOf, type GraphQLAnswer, send } from './graphql.ts';
import { LOGOUT, REFRESH } from './operations.ts';
import { isUnauthenticated } from './refusal.ts';
import { createState } from './state.ts';
import { createTabs, createTurns, noTabs, type Tabs } from './tabs.ts';
import { createTokenStore, type TokenStorage } from './token-store.ts';

/*
 * One session: its tokens, who it belongs to, and how it is refreshed. The rules:
 *
 *   One refresh at a time. All callers wait for it, in all tabs where the platform lets them.
 *   Only INVALID_REFRESH_TOKEN and the user end the session. Any other failure is the caller's, and the session stays.
 *   After a lost answer the same refresh token is sent again, within the server's retry window of 30 seconds.
 *   What begins or ends a session runs in turn with refreshes, so a late answer never overwrites a newer one.
 *   A tab takes over what another tab tells only where both share the cookie, or the storage shows that session.
 */

/** How long before the end an access token is renewed, at most; a tenth of its life if that is less. */
const EARLY_MS = 30_000;

/** `cookie` for pages, `memory` for what may forget, or the app's own storage. */
export type TokensOption = 'cookie' | 'memory' | TokenStorage;

/** What one tab tells the others: a session or its refresh, when it was told by the wall clock, or which session ended. */
interface Message {
  readonly auth?: AuthPayload;
  readonly at?: number;
  readonly ended?: string | undefined;
}

/** When something was asked for, and by whom where it takes a user. */
export interface Asked {
  readonly logouts: number;
  readonly at: number;
  readonly userId?: string | undefined;
}

/** What a session had before it ended. */
interface Spent {
  readonly accessToken?: string | undefined;
  readonly refreshToken?: string | undefined;
}

export interface SessionOptions {
  readonly readUrl: () => string;
  readonly tokens: TokensOption;
  readonly fetch: Fetch;
  readonly onReturn: () => void;
}

/** The access token at hand, and whose it is. */
interface Held {
  readonly accessToken: string;
  readonly userId: string;
  readonly sessionId: string;
  /** Moments of `performance.now`, which a change of the wall clock does not move. */
  readonly renewAt: number;
  readonly deadAt: number;
  /** The end by the wall clock, which goes on while the machine sleeps. */
  readonly doubtfulAt: number;
}

/** What a session is at the moment. */
interface Current {
  held?: Held | undefined;
  /** Counts the ends of sessions. A refresh that was sent before one of them changes nothing. */
  epoch: number;
  /** Counts what the user ended. A login that was sent before one of them opens no session. */
  logouts: number;
  /** Whether the cookie or the storage has been asked. */
  isRestored: boolean;
  /** The messages of other tabs that have come. */
  hearing: Promise<void>;
}

/** `onReturn` hears of a page that the browser kept for the way back. It has heard of nothing. */
export function createSession({ readUrl, tokens, fetch, onReturn }: SessionOptions) {
  const usesCookie = tokens === 'cookie';
  const store = createTokenStore(typeof tokens === 'object' ? tokens : undefined);
  const state = createState({ status: tokens === 'memory' ? 'signedOut' : 'loading' });
  const turns = createTurns(openTabs);
  const current: Current = {
    epoch: 0,
    logouts: 0,
    isRestored: tokens === 'memory',
    hearing: Promise.resolve(),
  };
  /** Logouts that the server has not answered yet. */
  let leaving = 0;

  const ask = (
    request: Pick<Parameters<typeof send>[0], 'document' | 'input' | 'accessToken' | 'timeoutMs'>,
  ) => send({ url: readUrl(), fetch, withCookies: usesCookie, ...request });

  function openTabs(): Tabs<Message> {
    // Tabs are a browser's. A server process may hold the sessions of many users.
    if (tokens === 'memory' || !('document' in globalThis)) return noTabs;
    (globalThis as unknown as EventTarget).addEventListener?.('pageshow', (event) => {
      if (!('persisted' in event) || !event.persisted) return;
      current.isRestored = current.held !== undefined;
      onReturn();
    });
    return createTabs(`latchkey:${readUrl()}`, (message) => {
      current.hearing = current.hearing.then(() => hear(message)).catch(() => {});
    });
  }

  async function hear({ auth, at = 0, ended }: Message): Promise<void> {
    const { held, epoch } = current;
    if (auth === undefined) {
      // Each tab may have a storage, and with it a session, of its own.
      if (!usesCookie && (held === undefined || held.sessionId !== ended)) return;
      store.forget();
      return end();
    }
    if (!usesCookie && !(await store.shows(auth.session.id))) return;
    // A tab that refreshed before it heard of the logout does not sign this one in again.
    if (leaving > 0 || current.held !== held || current.epoch !== epoch) return;
    // A tab that the browser froze hears late.
    hold(auth, Math.max(0, Date.now() - at));
  }

  /** `ageMs` is how long ago the tokens were asked for. */
  function hold({ accessToken, expiresIn, expiresAt, user, session }: AuthPayload, ageMs: number): void {
    const lifetimeMs = expiresIn * 1_000;
    // Each tab and each device at another moment.
    const earlyMs = Math.min(EARLY_MS, lifetimeMs / 10) * (0.5 + Math.random() / 2);
    const deadAt = performance.now() + lifetimeMs - ageMs;
    current.held = {
      accessToken,
      userId: user.id,
      sessionId: session.id,
      renewAt: deadAt - earlyMs,
      deadAt,
      doubtfulAt: Date.now() + lifetimeMs - ageMs,
    };
    current.isRestored = true;
    state.set({ status: 'signedIn', user, expiresAt: Date.parse(expiresAt) });
  }

  /** Ends the session here, at once. */
  function end(): void {
    current.epoch += 1;
    current.held = undefined;
    current.isRestored = true;
    state.set({ status: 'signedOut' });
  }

  /** Ends the session in every tab; at once in this one. What it had. */
  async function drop(options?: { withDevice: boolean }) {
    const { sessionId } = current.held ?? {};
    end();
    const { refreshToken, sessionId: ended = sessionId } = await store.drop(options);
    turns.tell({ ended });
    return { refreshToken, ended };
  }

  /** Whether the user signed out since, or another one in. */
  function isOver({ logouts, userId }: Asked): boolean {
    return current.logouts !== logouts || (userId !== undefined && userId !== current.held?.userId);
  }

  /** The tokens of a new session, or of a refresh. @throws AuthClientError `SIGNED_OUT` */
  async function takeOver(auth: AuthPayload, asked: Asked): Promise<void> {
    assertComplete(auth, usesCookie);
    if (isOver(asked)) {
      // Nobody will ever know of this session, so it ends.
      const input = refreshInput(auth.refreshToken);
      if (input) await ask({ document: LOGOUT, input }).catch(() => {});
      throw signedOut();
    }
    hold(auth, performance.now() - asked.at);
    await store.keep(auth);
    if (current.held?.accessToken === auth.accessToken)
      turns.tell({ auth: { ...auth, refreshToken: null, deviceToken: null }, at: Date.now() });
  }

  async function endAtServer(scope: 'CURRENT' | 'ALL', { accessToken, refreshToken }: Spent) {
    const logout = (bearer?: string, token = refreshToken) =>
      ask({ document: LOGOUT, input: { scope, refreshToken: token }, accessToken: bearer });
    if (scope === 'CURRENT') return logout();
    const answer = accessToken && (await logout(accessToken));
    if (answer && !isUnauthenticated(answer.errors?.[0])) return answer;
    // All sessions take an access token that is good.
    const refreshed = await ask({ document: REFRESH, input: refreshInput(refreshToken) });
    const auth = fieldOf<AuthPayload>(refreshed, 'refreshToken');
    return logout(auth.accessToken, auth.refreshToken ?? undefined);
  }

  return {
    current,
    store,
    state,
    turns,
    usesCookie,
    ask,
    takeOver,
    end,
    drop,
    isOver,
    /** Forgets the tokens at once, then tells the server. Undefined where there was no session to end. */
    logout(scope: 'CURRENT' | 'ALL'): Promise<GraphQLAnswer | undefined> {
      current.logouts += 1;
      leaving += 1;
      const { accessToken } = current.held ?? {};
      const dropping = drop();
      // The turn is taken now, so that it comes before that of a later login.
      return turns
        .exclusive(async () => {
          const { refreshToken, ended } = await dropping;
          if (!usesCookie && refreshToken === undefined) return undefined;
          try {
            return await endAtServer(scope, { accessToken, refreshToken });
          } finally {
            // Another tab may have told of a refresh meanwhile.
            turns.tell({ ended });
          }
        })
        .finally(() => {
          leaving -= 1;
        });
    },
  };
}

/** Without an input, the cookie counts. */
export function refreshInput(refreshToken: string | null | undefined): { refreshToken: string } | undefined {
  return refreshToken ? { refreshToken } : undefined;
}
