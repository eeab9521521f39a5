import { type AuthClientError, hasCode } from './errors.ts';
import { pause } from './timers.ts';

/** What passes by itself. After each of them a refresh token may still be good. */
const TRANSIENT = [
  'NETWORK_ERROR',
  'BAD_RESPONSE',
  'UNAVAILABLE',
  'OVERLOADED',
  'TOO_MANY_REQUESTS',
  'INTERNAL_SERVER_ERROR',
];

/** Whether another try may be answered. */
export function passesByItself(error: unknown): boolean {
  return hasCode(error, ...TRANSIENT);
}

export interface RetryOptions {
  /** The pauses between the tries. Each is shortened by up to a quarter, so that clients do not come in step. */
  readonly delaysMs: readonly number[];
  /** No try begins later than this after the first. */
  readonly withinMs: number;
  /** Whether another try is wanted. */
  readonly isWanted?: () => boolean;
}

/** Tries again after failures that pass by themselves. @throws AuthClientError the last one */
export async function retry<Result>(
  attempt: () => Promise<Result>,
  { delaysMs, withinMs, isWanted = () => true }: RetryOptions,
): Promise<Result> {
  const endsAt = performance.now() + withinMs;
  for (const delayMs of delaysMs) {
    try {
      return await attempt();
    } catch (error) {
      const { retryAfter = 0 } = error as AuthClientError;
      const waitMs = Math.max(delayMs * (0.75 + Math.random() / 4), retryAfter * 1_000);
      const isLate = performance.now() + waitMs > endsAt;
      if (!passesByItself(error) || isLate || !isWanted()) throw error;
      await pause(waitMs);
    }
  }
  return attempt();
}
