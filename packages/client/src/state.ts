import type { User } from './api.ts';

export interface AuthState {
  /** `loading` until it is known whether the cookie or the storage has a session. */
  readonly status: 'loading' | 'signedOut' | 'signedIn';
  readonly user?: User;
  /** When the access token expires, by the clock of the server: ms since 1970. */
  readonly expiresAt?: number;
}

/** Who is signed in, and who hears of it. */
export function createState(initial: AuthState) {
  const listeners = new Set<(state: AuthState) => void>();
  let state = initial;

  return {
    get: () => state,
    set(next: AuthState): void {
      if (JSON.stringify(next) === JSON.stringify(state)) return;
      state = next;
      for (const listener of [...listeners]) {
        try {
          // One that ran before may have stopped it.
          if (listeners.has(listener)) listener(state);
        } catch (error) {
          console.error(error);
        }
      }
    },
    hasListeners: () => listeners.size > 0,
    /** The same listener can be added twice: each is called. */
    add(listener: (state: AuthState) => void): () => void {
      const own = (next: AuthState) => listener(next);
      listeners.add(own);
      return () => {
        listeners.delete(own);
      };
    },
  };
}
