import { AuthError } from '../errors.ts';
import type { Clock } from './clock.ts';

/**
 * The moment from which on nothing more is begun for whoever asked. What has begun is finished and answered as it
 * ended: to call a write failed that goes on would be a lie.
 */
export interface Deadline {
  hasPassed(): boolean;
}

export const NO_DEADLINE: Deadline = { hasPassed: () => false };

export function deadlineIn(ms: number, clock: Clock): Deadline {
  const at = clock.now() + ms;
  return { hasPassed: () => clock.now() >= at };
}

/** @throws AuthError `UNAVAILABLE` for what would begin too late; none of it was done. */
export function assertInTime(deadline: Deadline): void {
  if (deadline.hasPassed())
    throw new AuthError('UNAVAILABLE', { retryAfter: 1, cause: new Error('The operation ran out of time') });
}
