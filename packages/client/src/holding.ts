import type { AuthPayload } from './auth-payload.ts';
import type { createState } from './state.ts';

/** How long before the end an access token is renewed, at most; a tenth of its life if that is less. */
const EARLY_MS = 30_000;

export interface Held {
  readonly accessToken: string;
  readonly userId: string;
  readonly sessionId: string;
  /** Moments of `performance.now`, which a change of the wall clock does not move. */
  readonly renewAt: number;
  readonly deadAt: number;
}

export interface HoldingOptions {
  readonly state: ReturnType<typeof createState>;
  /** Whether it is known from the start that there is no session. */
  readonly isRestored: boolean;
}

export type Holding = ReturnType<typeof createHolding>;

/** What this client holds of its session: the access token, and whose it is. */
export function createHolding({ state, isRestored }: HoldingOptions) {
  let held: Held | undefined;
  /** Counts the ends of sessions. */
  let epoch = 0;

  return {
    held: () => held,
    /** Whether the cookie or the storage has been asked. */
    isRestored: () => isRestored,

    /** Asks the cookie or the storage again where nothing is held. */
    doubt(): void {
      isRestored = held !== undefined;
    },

    take({ accessToken, expiresIn, expiresAt, user, session }: AuthPayload, since: number): void {
      const lifetimeMs = expiresIn * 1_000;
      // Each tab and each device at another moment.
      const earlyMs = Math.min(EARLY_MS, lifetimeMs / 10) * (0.5 + Math.random() / 2);
      const deadAt = since + lifetimeMs;
      held = { accessToken, userId: user.id, sessionId: session.id, renewAt: deadAt - earlyMs, deadAt };
      isRestored = true;
      state.set({ status: 'signedIn', user, expiresAt: Date.parse(expiresAt) });
    },

    /** Ends the session here, at once. `isKnown` is false where the storage could not be read. */
    end(isKnown = true): void {
      epoch += 1;
      held = undefined;
      isRestored = isKnown;
      state.set({ status: 'signedOut' });
    },

    /** The answer tells whether a session began, was refreshed or ended since. */
    watch(): () => boolean {
      const seen = held;
      const begunIn = epoch;
      return () => held !== seen || epoch !== begunIn;
    },
  };
}
