import type { AuthPayload } from './auth-payload.ts';
import { hasCode } from './errors.ts';
import { fieldOf, type GraphQLAnswer } from './graphql.ts';
import type { Holding } from './holding.ts';
import { REFRESH } from './operations.ts';
import { pause, retry } from './retry.ts';
import type { createTurns } from './tabs.ts';
import type { createTokenStore } from './token-store.ts';

/** The last try begins at most 24 s after the first and takes at most 5 s: together less than the retry window. */
const RETRIES = { delaysMs: [1_000, 2_000, 4_000, 8_000, 8_000], withinMs: 24_000 };
const TRY_TIMEOUT_MS = 5_000;
/** Between the lock and the message of the tab that held it. */
const MESSAGE_GRACE_MS = 150;

/** When something was asked: after how many logouts, and at which moment of `performance.now`. */
export interface Asked {
  readonly logouts: number;
  readonly at: number;
}

export interface RefreshOptions {
  readonly usesCookie: boolean;
  readonly holding: Holding;
  readonly store: ReturnType<typeof createTokenStore>;
  readonly turns: Pick<ReturnType<typeof createTurns>, 'exclusive' | 'waiting'>;
  readonly ask: (request: {
    document: string;
    input?: object | undefined;
    timeoutMs: number;
  }) => Promise<GraphQLAnswer>;
  readonly now: () => Asked;
  /** What this tab hears from another one at the moment. */
  readonly hearing: () => Promise<void> | undefined;
  readonly takeOver: (auth: AuthPayload, asked: Asked) => Promise<void>;
  readonly drop: () => Promise<unknown>;
}

/** One refresh of a session at a time, in turn with all else that begins or ends it. */
export function createRefresh(options: RefreshOptions) {
  const { usesCookie, holding, store, turns, ask, now, hearing, takeOver, drop } = options;
  const { held } = holding;
  let refreshing: Promise<void> | undefined;

  async function refreshNow(): Promise<void> {
    const { logouts } = now();
    const isOver = holding.watch();

    async function attempt(couldRead: boolean): Promise<void> {
      if (isOver()) return;
      const { refreshToken } = store.tokens();
      if (!usesCookie && refreshToken === undefined) return holding.end(couldRead);
      const { at } = now();
      try {
        const answer = await ask({
          document: REFRESH,
          input: refreshInput(refreshToken),
          timeoutMs: TRY_TIMEOUT_MS,
        });
        const auth = fieldOf<AuthPayload>(answer, 'refreshToken');
        // Another tab was faster, or signed out.
        if (isOver() && logouts === now().logouts) return;
        await takeOver(auth, { logouts, at });
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
      if (hasWaited && !isOver()) await pause(MESSAGE_GRACE_MS).then(hearing);
      const couldRead = await store.load();
      // A login that waits for its turn makes more tries needless.
      await retry(() => attempt(couldRead), { ...RETRIES, isWanted: () => turns.waiting() === 0 });
    });
  }

  /** Renews the access token, unless the one at hand is newer than `spent`. */
  return async function refresh(spent = held()?.accessToken): Promise<string | undefined> {
    if (held()?.accessToken === spent && (held() !== undefined || !holding.isRestored())) {
      refreshing ??= refreshNow().finally(() => {
        refreshing = undefined;
      });
      await refreshing;
    }
    return held()?.accessToken;
  };
}

/** Without an input, the cookie counts. */
export function refreshInput(refreshToken: string | null | undefined): { refreshToken: string } | undefined {
  return refreshToken ? { refreshToken } : undefined;
}
