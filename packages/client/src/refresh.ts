import type { AuthPayload } from './auth-payload.ts';
import { hasCode } from './errors.ts';
import { fieldOf } from './graphql.ts';
import { REFRESH } from './operations.ts';
import { retry } from './retry.ts';
import { type createSession, refreshInput } from './session.ts';
import type { AuthState } from './state.ts';
import { pause, unref } from './timers.ts';

/** The last try begins at most 24 s after the first and takes at most 5 s: together less than the retry window. */
const RETRIES = { delaysMs: [1_000, 2_000, 4_000, 8_000, 8_000], withinMs: 24_000 };
const TRY_TIMEOUT_MS = 5_000;
/** Between the lock and the message of the tab that held it, at most: on a busy machine. */
const MESSAGE_GRACE_MS = 500;
const LOOK_AGAIN_MS = 25;
/** How often a client that has a listener asks whether there is a session, until the server has answered. */
const RESTORE_AGAIN_MS = 10_000;
/** After an early renewal that failed. */
const RENEW_AGAIN_MS = 2_000;

/** Keeps the access token of a session good: once for all callers, and ahead of its end. */
export function createRefresh({
  current,
  store,
  usesCookie,
  ask,
  takeOver,
  end,
  drop,
  turns,
  state,
}: ReturnType<typeof createSession>) {
  let refreshing: Promise<void> | undefined;
  /** Whether a caller waits for the refresh, so that it is worth more than one try. */
  let isAwaited = false;
  let renewAgainAt = 0;
  let restoring: ReturnType<typeof setTimeout> | undefined;

  function refreshNow(): Promise<void> {
    const { held: seen, epoch, logouts } = current;
    const isOver = () => current.held !== seen || current.epoch !== epoch;

    async function attempt(couldRead: boolean): Promise<void> {
      if (isOver()) return;
      const { refreshToken } = store.tokens();
      if (!usesCookie && refreshToken === undefined) {
        end();
        current.isRestored = couldRead;
        return;
      }
      const at = performance.now();
      try {
        const answer = await ask({
          document: REFRESH,
          input: refreshInput(refreshToken),
          timeoutMs: TRY_TIMEOUT_MS,
        });
        const auth = fieldOf<AuthPayload>(answer, 'refreshToken');
        // Another tab was faster, or signed out.
        if (!isOver() || current.logouts !== logouts) await takeOver(auth, { logouts, at });
      } catch (error) {
        if (isOver()) return;
        if (!hasCode(error, 'INVALID_REFRESH_TOKEN')) throw error;
        // A tab without locks may have been faster.
        await store.load();
        if (store.tokens().refreshToken !== refreshToken) return attempt(couldRead);
        await drop();
      }
    }

    return turns.exclusive(async (hasWaited) => {
      if (hasWaited) await hearOthers(isOver);
      const couldRead = await store.load();
      // A login that waits for its turn makes more tries needless.
      const isWanted = () => isAwaited && turns.waiting() === 0;
      await retry(() => attempt(couldRead), { ...RETRIES, isWanted });
    });
  }

  /** The tab that held the lock tells what came of it, unless it failed. */
  async function hearOthers(isOver: () => boolean): Promise<void> {
    for (let waited = 0; waited < MESSAGE_GRACE_MS && !isOver(); waited += LOOK_AGAIN_MS)
      await pause(LOOK_AGAIN_MS).then(() => current.hearing);
  }

  /** Renews the access token, unless the one at hand is newer than `spent`. */
  async function refresh(spent = current.held?.accessToken, isCaller = true): Promise<string | undefined> {
    const { held, isRestored } = current;
    if (held?.accessToken === spent && (held ?? !isRestored)) {
      isAwaited ||= isCaller;
      refreshing ??= refreshNow().finally(() => {
        refreshing = undefined;
        isAwaited = false;
      });
      await refreshing;
    }
    return current.held?.accessToken;
  }

  async function getAccessToken(): Promise<string | undefined> {
    turns.begin();
    const { held, isRestored } = current;
    const now = performance.now();
    if (held === undefined) return isRestored ? undefined : refresh();
    if (now >= held.deadAt) return refresh();
    // The machine slept, or its wall clock was set ahead: only the server knows.
    const isDoubtful = Date.now() >= held.doubtfulAt;
    if (now >= renewAgainAt && (isDoubtful || now >= held.renewAt)) {
      const renewing = refresh(held.accessToken, false).catch(() => {
        renewAgainAt = performance.now() + RENEW_AGAIN_MS;
      });
      // The token at hand is still good, so the caller does not wait. A later call meets the failure.
      if (isDoubtful) await renewing;
    }
    return current.held?.accessToken;
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
    refresh,
    getAccessToken,
    subscribe(listener: (state: AuthState) => void): () => void {
      const stop = state.add(listener);
      if (!current.isRestored) restore();
      return stop;
    },
  };
}
