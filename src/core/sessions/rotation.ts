import { LARGEST_LEAD_MS } from '../../platform/clock.ts';
import { MINUTE_MS } from '../../platform/durations.ts';
import type { RefreshToken } from '../tokens/refresh-token.ts';
import type { SessionRecord } from './store.ts';

/*
 * The rotation of refresh tokens.
 *
 * A session is one row for its whole life. The row counts generations; the token that carries the row's
 * generation is the current one. Using a token is one compare-and-swap (`rotateGeneration` in store.ts): it
 * moves the row to the generation after the token's and is the only thing that ever does. Two requests cannot
 * both win it, and since the successor is computed from the token, nothing is stored that a crash could lose
 * between the row and the answer.
 *
 * A token that loses the swap is judged here, by one later read of the row:
 *
 *   unknown   no such session, or not its secret           INVALID_REFRESH_TOKEN, nothing written
 *   ended     revoked or expired                           INVALID_REFRESH_TOKEN
 *   skewed    rotated in the future: clocks disagree       UNAVAILABLE
 *   retry     spent at most one retry window ago           the session's current token, nothing written
 *   reuse     spent before that                            the session ends, INVALID_REFRESH_TOKEN
 *   moved     good: another request wrote the row          the swap once more, which waits for that request
 *
 * A burst is a run of rotations less than a window after its first one. `burst_from` and `burst_at` remember the
 * generation and the time it began with, so that ten tabs which each hold another token of the same few seconds
 * all end up with the one that is current, while a token from before the burst is reuse. The window opens at
 * the burst's first rotation and is not prolonged by later ones.
 */

export type Verdict = 'unknown' | 'ended' | 'skewed' | 'retry' | 'reuse' | 'moved';

/** Clocks that differ by more than this cannot judge how long ago something happened. */
const SKEW_LIMIT_MS = MINUTE_MS;

/** Why a token lost the compare-and-swap, and so what its bearer gets. The order of the checks is the protocol. */
export function judgeSpentToken(
  session: SessionRecord | undefined,
  token: RefreshToken & { secretHash: string },
  { now, windowMs }: { now: number; windowMs: number },
): Verdict {
  // A mac forged over a known session id must not even revoke it.
  if (session === undefined || session.secretHash !== token.secretHash) return 'unknown';
  if (session.revokedAt !== null || session.expiresAt <= now || session.idleExpiresAt <= now) return 'ended';
  if (session.createdAt - LARGEST_LEAD_MS > now) return 'ended';
  if (session.generation <= token.generation) return 'moved';
  if (session.rotatedAt - now > SKEW_LIMIT_MS) return 'skewed';
  return isRetry(session, token, { now, windowMs }) ? 'retry' : 'reuse';
}

/** Spent within the window: the parent of the current token, or any token of the burst. */
function isRetry(
  session: SessionRecord,
  token: RefreshToken,
  { now, windowMs }: { now: number; windowMs: number },
): boolean {
  if (windowMs === 0) return false;
  // A negative elapsed time, from two clocks, is below every window: it counts as none.
  const isParent = token.generation === session.generation - 1;
  if (isParent && now - session.rotatedAt <= windowMs) return true;
  return token.generation >= session.burstFrom && now - session.burstAt <= windowMs;
}
