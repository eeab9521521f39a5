import { LRUCache } from 'lru-cache';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { type Caller, networkOf } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import type { RecordEvent } from '../audit/store.ts';
import { networksOf, type Source } from '../rate-limits/networks.ts';
import { NETWORK_WINDOW_MS, type RateLimits } from '../rate-limits/service.ts';
import type { Tokens } from '../tokens/service.ts';
import type { UserRecord } from '../users/store.ts';
import type { Grant, Grants } from './grants.ts';
import type { Liveness } from './liveness.ts';
import { judgeSpentToken } from './rotation.ts';
import { createRotationQueue, type RotationQueue } from './rotation-queue.ts';
import { readSpendableToken, type SpendableToken } from './spendable-token.ts';
import { endSession, findSession, type SessionRecord } from './store.ts';

/** Events of retries from elsewhere, of one session in a minute. */
const MOST_REPORTED_RETRIES = 10;

export interface RefreshOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly tokens: Pick<Tokens, 'refreshTokens' | 'requireSigningKey'>;
  readonly rateLimits: Pick<RateLimits, 'failures'>;
  readonly liveness: Pick<Liveness, 'forget'>;
  readonly grants: Pick<Grants, 'grant' | 'readOwner'>;
  readonly idleTtlSeconds: number;
  /** 0 turns retries off. */
  readonly retryWindowSeconds: number;
  /** Failed refreshes of one network, or with the tokens of one session, in five minutes. */
  readonly refreshFailures: number;
}

interface Spending {
  readonly caller: Caller;
  /** Where the template of claims asks for them. */
  readonly owner: UserRecord | undefined;
  readonly rotate: RotationQueue['rotate'];
}

/** Spends refresh tokens; rotation.ts explains the protocol. */
export function createRefresh({
  database,
  clock,
  recordEvent,
  tokens,
  rateLimits,
  liveness,
  grants,
  idleTtlSeconds,
  retryWindowSeconds,
  refreshFailures,
}: RefreshOptions) {
  const windowMs = retryWindowSeconds * 1_000;
  /** Refreshes that succeed are free, because an office shares an address. */
  const failures = rateLimits.failures({ name: 'refreshes', windowMs: NETWORK_WINDOW_MS });
  const rotations = createRotationQueue(database);
  /** How many retries from elsewhere were recorded of a session in a minute: each call of a client could be one. */
  const reportedRetries = new LRUCache<string, number>({ max: 10_000, ttl: 60_000, noUpdateTTL: true });

  /**
   * Spends a refresh token (RFC 9700 §4.14.2).
   *
   * @throws AuthError `INVALID_REFRESH_TOKEN`; `UNAVAILABLE` when nothing was decided: the same token again.
   */
  async function refresh(text: string, caller: Caller): Promise<Grant> {
    const token = readSpendableToken(tokens, text);
    // A text with a wrong mac costs no I/O and counts for its network. An authentic token counts for its session.
    await failures.assertFew(sourcesOf(token?.sessionId, caller), caller);
    if (token === undefined) throw failed(undefined, caller);
    // Before the token is spent: an answer that cannot be made must not cost it.
    tokens.requireSigningKey();
    const owner = await grants.readOwner(token.sessionId, caller);
    // Twice, because another request may write the row during the first attempt; the second one waits for it.
    const granted =
      (await spend(token, { caller, owner, rotate: rotations.rotate })) ??
      (await spend(token, { caller, owner, rotate: rotations.rotateAlone }));
    if (granted === undefined) throw new AuthError('UNAVAILABLE', { retryAfter: 1 });
    return granted;
  }

  async function spend(
    token: SpendableToken,
    { caller, owner, rotate }: Spending,
  ): Promise<Grant | undefined> {
    const now = clock.now();
    const rotation = {
      sessionId: token.sessionId,
      secretHash: token.secretHash,
      spent: token.generation,
      now,
      burstLimit: now - windowMs,
      newIdleExpiresAt: now + idleTtlSeconds * 1_000,
      newUserAgent: caller.userAgent ?? null,
      newIp: caller.ip,
    };
    const rotated = await rotate(rotation, caller.deadline);
    if (rotated !== undefined) {
      if (rotated.skippedGenerations > 0) await recordSkip(rotated, caller);
      return grants.grant(rotated, token.familySecret, owner);
    }

    const session = await findSession(database.before(caller.deadline), token.sessionId);
    const verdict = judgeSpentToken(session, token, { now, windowMs });
    switch (verdict) {
      case 'moved':
        return undefined;
      case 'skewed':
        throw new AuthError('UNAVAILABLE', {
          retryAfter: 60,
          cause: 'the session was rotated in the future',
        });
      case 'reuse':
        await endReused(token, caller);
        break;
      case 'retry':
        if (session !== undefined) return grantRetry(session, token, { caller, owner });
    }
    throw failed(token.sessionId, caller, verdict);
  }

  function failed(sessionId: string | undefined, caller: Caller, cause?: string): AuthError {
    failures.add(sourcesOf(sessionId, caller));
    return new AuthError('INVALID_REFRESH_TOKEN', { cause });
  }

  function sourcesOf(sessionId: string | undefined, caller: Caller): Source[] {
    return sessionId === undefined
      ? networksOf(caller, refreshFailures)
      : [{ name: sessionId, most: refreshFailures }];
  }

  /** A retry from elsewhere than the rotation it repeats may be a thief's. The trail says so, a few times a minute. */
  async function grantRetry(
    session: SessionRecord,
    token: SpendableToken,
    { caller, owner }: Pick<Spending, 'caller' | 'owner'>,
  ): Promise<Grant> {
    const isElsewhere =
      networkOf(session.ip ?? '') !== networkOf(caller.ip) ||
      session.userAgent !== (caller.userAgent ?? null);
    const reported = reportedRetries.get(session.id) ?? 0;
    if (isElsewhere && reported < MOST_REPORTED_RETRIES) {
      reportedRetries.set(session.id, reported + 1);
      await recordEvent(database, {
        name: 'authn_token_retry',
        outcome: 'success',
        at: clock.now(),
        userId: session.userId,
        sessionId: session.id,
        caller,
        details: { reason: 'other_client' },
      });
    }
    return grants.grant(session, token.familySecret, owner);
  }

  /** Ends this session alone; the others of its owner are of other families (RT-3). */
  async function endReused(token: SpendableToken, caller: Caller): Promise<void> {
    const now = clock.now();
    await database.transaction(async (tx) => {
      liveness.forget(tx, [{ id: token.sessionId }]);
      const session = await endSession(tx, { id: token.sessionId, now, reason: 'reuse' });
      if (session === undefined) return;
      await recordEvent(tx, {
        name: 'authn_token_reuse',
        outcome: 'fail',
        at: now,
        userId: session.userId,
        sessionId: session.id,
        caller,
        details: { generation: token.generation },
      });
    });
  }

  function recordSkip(session: SessionRecord, caller: Caller): Promise<void> {
    return recordEvent(database, {
      name: 'authn_token_skip',
      outcome: 'success',
      at: clock.now(),
      userId: session.userId,
      sessionId: session.id,
      caller,
      details: { skipped: session.skippedGenerations },
    });
  }

  return { refresh };
}
