import type { Database, Sql } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import type { RecordEvent } from '../audit/store.ts';
import { networksOf, type Source } from '../rate-limits/networks.ts';
import { NETWORK_WINDOW_MS, type RateLimits } from '../rate-limits/service.ts';
import type { Tokens } from '../tokens/service.ts';
import type { Grant, Grants } from './grants.ts';
import type { Liveness } from './liveness.ts';
import { judgeSpentToken } from './rotation.ts';
import { createRotationEvents } from './rotation-events.ts';
import { createRotationQueue, type RotationQueue } from './rotation-queue.ts';
import { readSpendableToken, type SpendableToken } from './spendable-token.ts';
import { endSession, findSession, type Rotation, rotateGeneration, type SessionRecord } from './store.ts';

export interface RefreshOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly tokens: Pick<Tokens, 'refreshTokens' | 'requireSigningKey'>;
  readonly rateLimits: Pick<RateLimits, 'failures'>;
  readonly liveness: Pick<Liveness, 'forget'>;
  readonly grants: Pick<Grants, 'grant' | 'mayFail' | 'readOwner'>;
  readonly idleTtlSeconds: number;
  /** 0 turns retries off. */
  readonly retryWindowSeconds: number;
  /** Failed refreshes of one network, or with the tokens of one session, in five minutes. */
  readonly refreshFailures: number;
}

interface Spending {
  readonly caller: Caller;
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
  const events = createRotationEvents({ clock, recordEvent });

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
    // Twice, because another request may write the row during the first attempt; the second one waits for it.
    const granted =
      (await spend(token, { caller, rotate: rotations.rotate })) ??
      (await spend(token, { caller, rotate: rotations.rotateAlone }));
    if (granted === undefined) throw new AuthError('UNAVAILABLE', { retryAfter: 1 });
    return granted;
  }

  async function spend(token: SpendableToken, { caller, rotate }: Spending): Promise<Grant | undefined> {
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
    const granted = grants.mayFail
      ? await rotateAndGrant(token, { rotation, caller })
      : await grantRotated(await rotate(rotation, caller.deadline), token, caller);
    if (granted !== undefined) return granted;

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
        if (session !== undefined) return grantRetry(session, token, caller);
    }
    throw failed(token.sessionId, caller, verdict);
  }

  /** In one transaction, so that an access token which cannot be made spends no refresh token. */
  function rotateAndGrant(
    token: SpendableToken,
    { rotation, caller }: { rotation: Rotation; caller: Caller },
  ): Promise<Grant | undefined> {
    return database.before(caller.deadline).transaction(async (tx) => {
      const rotated = await rotateGeneration(tx, rotation);
      return grantRotated(rotated, token, caller, tx);
    });
  }

  async function grantRotated(
    rotated: SessionRecord | undefined,
    token: SpendableToken,
    caller: Caller,
    sql: Sql = database,
  ): Promise<Grant | undefined> {
    if (rotated === undefined) return undefined;
    await events.recordSkip(sql, { session: rotated, caller });
    return grants.grant(rotated, token.familySecret, await grants.readOwner(sql, rotated));
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

  async function grantRetry(session: SessionRecord, token: SpendableToken, caller: Caller): Promise<Grant> {
    await events.recordRetry(database, { session, caller });
    const owner = await grants.readOwner(database.before(caller.deadline), session);
    return grants.grant(session, token.familySecret, owner);
  }

  /** Ends this session alone; the others of its owner are of other families (RT-3). */
  async function endReused(token: SpendableToken, caller: Caller): Promise<void> {
    const now = clock.now();
    await database.transaction(async (tx) => {
      liveness.forget(tx, [{ id: token.sessionId }]);
      const session = await endSession(tx, { id: token.sessionId, now, reason: 'reuse' });
      if (session === undefined) return;
      await events.recordReuse(tx, { session, caller, generation: token.generation });
    });
  }

  return { refresh };
}
