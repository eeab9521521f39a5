import { setTimeout as pause } from 'node:timers/promises';
import { isBusy } from './sqlite-connection.ts';

/** Between two tries: while SQLite waits by itself, the event loop does, too. */
export const RETRY_EVERY_MS = 40;

export type Patience = ReturnType<typeof createPatience>;

/** How long statements wait for another process that holds the lock. */
export function createPatience() {
  /** When nothing waits any longer, in ms of the monotonic clock. */
  let overAt = Number.POSITIVE_INFINITY;

  function isLate(givesUpAt: number): boolean {
    return performance.now() >= Math.min(givesUpAt, overAt);
  }

  return {
    /** Whether what would wait until `givesUpAt`, in ms of the monotonic clock, waits no longer. */
    isLate,

    /** Tries again, off the event loop, while another process holds the lock. */
    async attempt<Result>(ms: number, operation: () => Result): Promise<Result> {
      const givesUpAt = performance.now() + ms;
      for (;;) {
        try {
          return operation();
        } catch (error) {
          if (!isBusy(error) || isLate(givesUpAt)) throw error;
        }
        await pause(RETRY_EVERY_MS);
      }
    },

    /** From now on, nothing waits longer than this. */
    endIn(ms: number): void {
      overAt = performance.now() + ms;
    },
  };
}
