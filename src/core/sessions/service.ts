import { randomBytes, randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { sha256 } from '../../crypto/digest.ts';
import type { Database, Sql, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { type Caller, networkOf } from '../../platform/caller.ts';
import { type Clock, LARGEST_LEAD_MS } from '../../platform/clock.ts';
import { isId } from '../../platform/id.ts';
import { sweep } from '../../platform/sweep.ts';
import type { RecordEvent } from '../audit/store.ts';
import type { RateLimits } from '../rate-limits/service.ts';
import type { AccessToken } from '../tokens/access-token.ts';
import type { RefreshToken } from '../tokens/refresh-token.ts';
import type { Tokens } from '../tokens/service.ts';
import type { Users, UserView, Viewer } from '../users/service.ts';
import type { UserRecord } from '../users/store.ts';
import { judgeSpentToken } from './rotation.ts';
import { createRotationQueue, type RotationQueue } from './rotation-queue.ts';
import * as store from './store.ts';

/** Live sessions of one user (ASVS 7.1.2). */
const SESSIONS_PER_USER = 50;
/** How long an authentication counts for sensitive changes (ASVS 7.5.1). */
const FRESH_MS = 10 * 60_000;
/** How long a process trusts that a session lives (AT-9). */
const LIVENESS_TTL_MS = 1_000;
/** Events of retries from elsewhere, of one session in a minute. */
const MOST_REPORTED_RETRIES = 10;
/** Ended sessions are kept a while: a clock that was wrong for an hour must not lose live ones (CR-7). */
const KEEP_ENDED_MS = 7 * 24 * 60 * 60_000;
/** A statement of this many takes a fraction of the time that PostgreSQL gives it, however large the table. */
const END_ALL_BATCH = 5_000;

export interface SessionsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly tokens: Tokens;
  readonly users: Users;
  readonly rateLimits: Pick<RateLimits, 'assertFewFailedRefreshes' | 'refreshFailed'>;
  readonly idleTtlSeconds: number;
  readonly absoluteTtlSeconds: number;
  /** 0 turns retries off. */
  readonly retryWindowSeconds: number;
}

/** A session as the answer to somebody. */
export interface SessionView extends Omit<store.SessionRecord, 'amr' | 'scope'> {
  readonly amr: readonly string[];
  readonly scope: readonly string[];
  /** Whether it is the session of whoever gets the answer. */
  readonly current: boolean;
}

/** A pair of tokens and the session that they belong to; moments are ms since 1970. */
export interface Grant {
  readonly accessToken: string;
  readonly expiresAt: number;
  readonly expiresInSeconds: number;
  readonly refreshToken: string;
  /** The proof of a known device; none when the session was only refreshed. */
  readonly deviceToken: string | null;
  readonly refreshExpiresAt: number;
  readonly session: store.SessionRecord;
}

/** What a session is opened with. */
export interface NewSession {
  /** As their row was written in the same transaction. */
  readonly owner: UserRecord;
  /** RFC 8176. */
  readonly amr: readonly string[];
  readonly caller: Caller;
  readonly deviceName: string | null;
  /** A device that is known from an earlier login. */
  readonly deviceId?: string | undefined;
}

/** A session that a transaction has opened; `grantOpened` makes the tokens once it is on disk. */
export interface OpenedSession extends Pick<NewSession, 'owner' | 'deviceId'> {
  readonly session: store.SessionRecord;
  readonly familySecret: Buffer;
}

/** What a session hands down to the one that takes its place. */
type Inheritance = Pick<store.SessionRecord, 'clientId' | 'scope'>;

const FIRST_PARTY: Inheritance = { clientId: 'first-party', scope: '' };

/** The refresh token that a browser keeps for the page, and sends along by itself. */
export interface KeptRefreshToken {
  /** @throws AuthError `FORBIDDEN` when there is one and the page that asks may not use it. */
  read(): string | undefined;
  /** Tells the browser to keep it no longer. */
  drop(): void;
}

export type LogoutScope = 'CURRENT' | 'OTHERS' | 'ALL';

export interface LogoutRequest {
  readonly scope: LogoutScope;
  readonly refreshToken?: string | null | undefined;
  readonly kept?: KeptRefreshToken;
}

export type Sessions = ReturnType<typeof createSessions>;

/** Sessions: who is logged in, from where, until when. */
export function createSessions(options: SessionsOptions) {
  const { database, clock, recordEvent, tokens, users, rateLimits, idleTtlSeconds, absoluteTtlSeconds } =
    options;
  const windowMs = options.retryWindowSeconds * 1_000;
  const rotations = createRotationQueue(database);
  /** When a session was last seen alive, and its owner as that read found them. */
  const seenAlive = new LRUCache<string, { readonly at: number; readonly viewer: Viewer }>({ max: 10_000 });
  /** How many retries from elsewhere were recorded of a session in a minute: each call of a client could be one. */
  const reportedRetries = new LRUCache<string, number>({ max: 10_000, ttl: 60_000, noUpdateTTL: true });
  /** Ended by this process: never again alive here, whatever an earlier query still answers. */
  const ended = new LRUCache<string, true>({ max: 10_000 });

  /** Once the transaction is on disk, tells this process; the others find out within `LIVENESS_TTL_MS`. */
  function forget(tx: Transaction, sessions: readonly { readonly id: string }[]): void {
    tx.afterCommit(() => {
      for (const { id } of sessions) {
        ended.set(id, true);
        seenAlive.delete(id);
      }
    });
  }

  /** A change of the owner's row, which this process shows once it is on disk and the others as soon as an end. */
  function ownerChanged(tx: Transaction, userId: string): void {
    tx.afterCommit(() => {
      for (const [id, { viewer }] of seenAlive) if (viewer.userId === userId) seenAlive.delete(id);
    });
  }

  /**
   * The viewer behind a proven bearer, if their session lives.
   *
   * @throws AuthError `UNAUTHENTICATED` with the reason; `UNAVAILABLE` when the session could not be looked up,
   * because an outage signs nobody out.
   */
  function authenticate(bearer: AccessToken | AuthError): Viewer | Promise<Viewer> {
    if (bearer instanceof AuthError) throw bearer;
    const { sessionId, userId } = bearer;
    // Counted from before the query is sent, so that the answer is never older than it looks.
    const now = clock.now();
    const seen = seenAlive.get(sessionId);
    return seen?.viewer.userId === userId && now - seen.at < LIVENESS_TTL_MS
      ? seen.viewer
      : findViewer(bearer, now);
  }

  async function findViewer({ sessionId, userId }: AccessToken, now: number): Promise<Viewer> {
    const user = ended.has(sessionId)
      ? undefined
      : await store.findLiveSessionOwner(database, { id: sessionId, now });
    if (user === undefined || user.id !== userId || ended.has(sessionId)) {
      throw hasEnded();
    }
    const viewer = { userId, sessionId, user: { ...user, currentSessionId: sessionId } };
    seenAlive.set(sessionId, { at: now, viewer });
    return viewer;
  }

  /**
   * Lets through whoever proved who they are a short while ago (SES-5). The row decides: it says when, in the time of
   * this clock, and whether the session still lives, more recently than `authenticate`.
   *
   * @throws AuthError `REAUTHENTICATION_REQUIRED`; `UNAUTHENTICATED` when the session has ended meanwhile.
   */
  async function requireFreshAuthentication(viewer: Viewer, caller: Caller): Promise<void> {
    const session = await store.findSession(database.before(caller.deadline), viewer.sessionId);
    if (session === undefined || session.revokedAt !== null) throw hasEnded();
    const age = clock.now() - session.authenticatedAt;
    if (age > FRESH_MS || age < -LARGEST_LEAD_MS) throw new AuthError('REAUTHENTICATION_REQUIRED');
  }

  /** Inside the transaction that proves the login: a session of its own id and secret (SES-1, RT-1). */
  async function open(
    tx: Transaction,
    { owner, amr, caller, deviceName, deviceId }: NewSession,
    { clientId, scope }: Inheritance = FIRST_PARTY,
  ): Promise<OpenedSession> {
    const now = clock.now();
    const familySecret = randomBytes(32);
    const session = await store.insertSession(tx, {
      id: randomUUID(),
      userId: owner.id,
      clientId,
      scope,
      amr: amr.join(' '),
      secretHash: sha256(familySecret),
      now,
      idleExpiresAt: now + Math.min(idleTtlSeconds, absoluteTtlSeconds) * 1_000,
      expiresAt: now + absoluteTtlSeconds * 1_000,
      userAgent: caller.userAgent ?? null,
      ip: caller.ip,
      deviceName,
    });
    const keep = SESSIONS_PER_USER - 1;
    forget(tx, await store.endExcessSessions(tx, { userId: owner.id, newId: session.id, keep, now }));
    return { session, familySecret, owner, deviceId };
  }

  /** The tokens of an opened session; called when its transaction is on disk. */
  function grantOpened({ session, familySecret, owner, deviceId }: OpenedSession): Grant {
    const nowSeconds = Math.floor(clock.now() / 1_000);
    const { id: userId, passwordVersion } = owner;
    const deviceToken = tokens.deviceTokens.encode({ userId, passwordVersion, deviceId, nowSeconds });
    return { ...grant(session, familySecret), deviceToken };
  }

  /** The session's current refresh token and a fresh access token. */
  function grant(session: store.SessionRecord, familySecret: Buffer): Grant {
    const access = tokens.signAccessToken({
      userId: session.userId,
      sessionId: session.id,
      clientId: session.clientId,
      amr: wordsOf(session.amr),
      scope: session.scope,
      authenticatedAt: Math.floor(session.authenticatedAt / 1_000),
      sessionEndsAt: session.idleExpiresAt,
    });
    return {
      accessToken: access.text,
      expiresAt: access.expiresAt * 1_000,
      expiresInSeconds: access.lifetimeSeconds,
      refreshToken: tokens.refreshTokens.encode({
        sessionId: session.id,
        generation: session.generation,
        familySecret,
      }),
      deviceToken: null,
      refreshExpiresAt: session.idleExpiresAt,
      session,
    };
  }

  /**
   * Spends a refresh token (RFC 9700 §4.14.2); rotation.ts explains the protocol.
   *
   * @throws AuthError `INVALID_REFRESH_TOKEN`; `UNAVAILABLE` when nothing was decided: the same token again.
   */
  async function refresh(text: string, caller: Caller): Promise<Grant> {
    const token = decode(text);
    // What is no token of ours costs no I/O, and is counted for its network; what is one, for its session.
    await rateLimits.assertFewFailedRefreshes(token?.sessionId, caller);
    if (token === undefined) throw failed(undefined, caller);
    // Before the token is spent: an answer that cannot be made must not cost it.
    tokens.requireSigningKey();
    // Twice, because another request may write the row during the first attempt; the second one waits for it.
    const granted =
      (await spend(token, caller, rotations.rotate)) ?? (await spend(token, caller, rotations.rotateAlone));
    if (granted === undefined) throw new AuthError('UNAVAILABLE', { retryAfter: 1 });
    return granted;
  }

  async function spend(
    token: SpendableToken,
    caller: Caller,
    rotate: RotationQueue['rotate'],
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
      return grant(rotated, token.familySecret);
    }

    const session = await store.findSession(database.before(caller.deadline), token.sessionId);
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

  function failed(sessionId: string | undefined, caller: Caller, cause?: string): AuthError {
    rateLimits.refreshFailed(sessionId, caller);
    return new AuthError('INVALID_REFRESH_TOKEN', { cause });
  }

  /** From elsewhere than the rotation it repeats, a retry may be a thief's: the trail says so, a few times a minute. */
  async function grantRetry(
    session: store.SessionRecord,
    token: SpendableToken,
    caller: Caller,
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
    return grant(session, token.familySecret);
  }

  /** Ends this session alone; the others of its owner are of other families (RT-3). */
  async function endReused(token: SpendableToken, caller: Caller): Promise<void> {
    const now = clock.now();
    await database.transaction(async (tx) => {
      forget(tx, [{ id: token.sessionId }]);
      const session = await store.endSession(tx, { id: token.sessionId, now, reason: 'reuse' });
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

  function recordSkip(session: store.SessionRecord, caller: Caller): Promise<void> {
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

  /**
   * Ends sessions. With a live bearer, those of `scope`; with a refresh token alone its own session, whatever
   * its generation, and none for an unknown one (RFC 7009 §2.2); with both, they must agree. What the browser
   * keeps counts where neither proves anything: it comes along with a live bearer, too, and need not agree.
   *
   * @returns how many it ended.
   */
  async function logout(
    bearer: AccessToken | AuthError,
    { scope, refreshToken, kept }: LogoutRequest,
    caller: Caller,
  ): Promise<number> {
    const viewer = await viewerOrRefusal(bearer);
    const count = await (viewer instanceof AuthError
      ? endUnproven(viewer, { scope, refreshToken: refreshToken ?? kept?.read() }, caller)
      : endProven(viewer, { scope, refreshToken }, caller));
    if (refreshToken == null && scope !== 'OTHERS') kept?.drop();
    return count;
  }

  /** The same for who may go on without. @throws AuthError `UNAVAILABLE`, as an outage refuses nobody. */
  async function viewerOrRefusal(bearer: AccessToken | AuthError): Promise<Viewer | AuthError> {
    try {
      return await authenticate(bearer);
    } catch (refusal) {
      if (refusal instanceof AuthError && refusal.code === 'UNAUTHENTICATED') return refusal;
      throw refusal;
    }
  }

  async function endUnproven(
    refusal: AuthError,
    { scope, refreshToken }: LogoutRequest,
    caller: Caller,
  ): Promise<number> {
    if (refreshToken == null || scope !== 'CURRENT') throw refusal;
    const token = decode(refreshToken);
    const session = token && (await store.findSession(database.before(caller.deadline), token.sessionId));
    if (session === undefined || session.secretHash !== token?.secretHash) return 0;
    const owner = { userId: session.userId, sessionId: session.id };
    return endOne(owner, session.id, { caller, reason: 'logout' });
  }

  /**
   * Ends the session of a refresh token that a browser kept, because another session's takes its place there: the
   * browser could never reach it again (ASVS 7.2.4). Proves itself by the token; of the same session nothing ends. While
   * the database does not answer, the old session stays until it expires: the new one is open already, and is handed out.
   */
  async function endReplaced(
    kept: string,
    { by, caller }: { by: Pick<store.SessionRecord, 'id'>; caller: Caller },
  ): Promise<void> {
    const token = decode(kept);
    if (token === undefined || token.sessionId === by.id) return;
    try {
      const session = await store.findSession(database.before(caller.deadline), token.sessionId);
      if (session === undefined || session.secretHash !== token.secretHash) return;
      const owner = { userId: session.userId, sessionId: session.id };
      await endOne(owner, session.id, { caller, reason: 'replaced' });
    } catch (error) {
      if (!(error instanceof AuthError) || error.code !== 'UNAVAILABLE') throw error;
    }
  }

  async function endProven(
    viewer: Viewer,
    { scope, refreshToken }: LogoutRequest,
    caller: Caller,
  ): Promise<number> {
    if (refreshToken != null && decode(refreshToken)?.sessionId !== viewer.sessionId) {
      throw new AuthError('BAD_USER_INPUT', { field: 'input.refreshToken' });
    }
    return scope === 'CURRENT'
      ? endOne(viewer, viewer.sessionId, { caller, reason: 'logout' })
      : endMany(viewer, scope, caller);
  }

  async function endOne(
    viewer: Viewer,
    id: string,
    { caller, reason }: { caller: Caller; reason: 'logout' | 'revoked' | 'replaced' },
  ): Promise<number> {
    const now = clock.now();
    return database.before(caller.deadline).transaction(async (tx) => {
      forget(tx, [{ id }]);
      if ((await store.endSession(tx, { id, now, reason })) === undefined) return 0;
      await recordRevocation(tx, viewer, { caller, now, details: { reason, session: id, count: 1 } });
      return 1;
    });
  }

  async function endMany(viewer: Viewer, scope: 'OTHERS' | 'ALL', caller: Caller): Promise<number> {
    const now = clock.now();
    const exceptId = scope === 'ALL' ? '' : viewer.sessionId;
    return database.before(caller.deadline).transaction(async (tx) => {
      const gone = await store.endSessionsOf(tx, { userId: viewer.userId, exceptId, now, reason: 'logout' });
      forget(tx, gone);
      const details = { reason: 'logout', scope, count: gone.length };
      // Where nothing ended there is no event: a client could write one with each call.
      if (gone.length > 0) await recordRevocation(tx, viewer, { caller, now, details });
      return gone.length;
    });
  }

  function recordRevocation(
    sql: Sql,
    viewer: Viewer,
    { caller, now, details }: { caller: Caller; now: number; details: Record<string, string | number> },
  ): Promise<void> {
    return recordEvent(sql, {
      name: 'authn_token_revoked',
      outcome: 'success',
      at: now,
      userId: viewer.userId,
      sessionId: viewer.sessionId,
      caller,
      details,
    });
  }

  /** The token with what its row is found by. */
  function decode(text: string): SpendableToken | undefined {
    const token = tokens.refreshTokens.decode(text);
    if (token === undefined) return undefined;
    const { sessionId, generation, familySecret } = token;
    return { sessionId, generation, familySecret, secretHash: sha256(familySecret) };
  }

  return {
    authenticate,
    viewerOrRefusal,
    requireFreshAuthentication,
    open,
    grantOpened,
    refresh,
    logout,
    endReplaced,
    ownerChanged,

    /**
     * Inside the transaction that proves anew who the viewer is: ends their session and opens one of another id and
     * secret in its place (ASVS 7.2.4), for the same client and with no more scope.
     *
     * @throws AuthError `UNAUTHENTICATED` when it has ended meanwhile: what was logged out has no successor.
     */
    async replace(
      tx: Transaction,
      sessionId: string,
      { reason, ...successor }: Omit<NewSession, 'deviceName'> & { reason: 'reauthenticated' | 'password' },
    ): Promise<OpenedSession> {
      const ended = await store.endSession(tx, { id: sessionId, now: clock.now(), reason });
      if (ended?.userId !== successor.owner.id) throw hasEnded();
      forget(tx, [ended]);
      return open(tx, { ...successor, deviceName: ended.deviceName }, ended);
    },

    /**
     * Ends one of the viewer's own sessions; how many it ended. Any but the one that asks needs a fresh authentication
     * (SES-2), which is asked for last: whose sessions there are is nobody else's business.
     *
     * @throws AuthError `NOT_FOUND`, `REAUTHENTICATION_REQUIRED`.
     */
    async revoke(viewer: Viewer, id: string, caller: Caller): Promise<number> {
      const bound = database.before(caller.deadline);
      const session = isId(id) ? await store.findSession(bound, id) : undefined;
      if (session?.userId !== viewer.userId) throw new AuthError('NOT_FOUND');
      if (id !== viewer.sessionId) await requireFreshAuthentication(viewer, caller);
      return endOne(viewer, id, { caller, reason: 'revoked' });
    },

    /** Inside the transaction that changed the user's row first (SES-4). How many it ended. */
    async endAllOf(
      tx: Transaction,
      userId: string,
      reason: 'password' | 'email' | 'disabled',
      exceptId = '',
    ): Promise<number> {
      const gone = await store.endSessionsOf(tx, { userId, exceptId, now: clock.now(), reason });
      forget(tx, gone);
      return gone.length;
    },

    /**
     * Ends the sessions of everybody; how many. Each statement is short and a transaction of its own. Processes notice
     * by themselves.
     */
    async endAll(reason: 'restore'): Promise<number> {
      const now = clock.now();
      let total = 0;
      for (let afterId = ''; ; ) {
        const batch = await store.endSessionsAfter(database, { afterId, limit: END_ALL_BATCH, now, reason });
        total += batch.length;
        // Ids are lower-case UUIDs, which every collation orders alike.
        const lastId = batch
          .map(({ id }) => id)
          .sort()
          .at(-1);
        if (lastId === undefined || batch.length < END_ALL_BATCH) return total;
        afterId = lastId;
      }
    },

    /** Inside the transaction that deletes the user. How many it deleted. */
    async deleteAllOf(tx: Transaction, userId: string): Promise<number> {
      const gone = await store.deleteSessionsOf(tx, userId);
      forget(tx, gone);
      return gone.length;
    },

    /** The viewer's own session. */
    async current(viewer: Viewer): Promise<SessionView> {
      const session = await store.findSession(database, viewer.sessionId);
      if (session === undefined) throw hasEnded();
      return viewOf(session, session.id);
    },

    /** The live sessions of a user, the most recently used first. */
    async listFor({ userId, sessionId }: Viewer): Promise<SessionView[]> {
      const sessions = await store.listLiveSessions(database, { userId, now: clock.now() });
      return sessions.map((session) => viewOf(session, sessionId));
    },

    /** The session of a grant, as its owner sees it. */
    sessionOf: ({ session }: Pick<Grant, 'session'>): SessionView => viewOf(session, session.id),

    /** Whose session a grant is of. */
    ownerOf: ({ session }: Pick<Grant, 'session'>): UserView | Promise<UserView> =>
      users.view({ userId: session.userId, sessionId: session.id }),

    /** Deletes long-ended sessions; how many. */
    prune(): Promise<number> {
      const endedBefore = clock.now() - KEEP_ENDED_MS;
      return sweep((limit) => store.deleteEndedSessions(database, { endedBefore, limit }));
    },
  };
}

type SpendableToken = RefreshToken & { readonly secretHash: string };

function hasEnded(): AuthError {
  return new AuthError('UNAUTHENTICATED', { reason: 'TOKEN_INVALID', cause: 'the session has ended' });
}

function viewOf(session: store.SessionRecord, currentSessionId: string): SessionView {
  return {
    ...session,
    amr: wordsOf(session.amr),
    scope: wordsOf(session.scope),
    current: session.id === currentSessionId,
  };
}

function wordsOf(spaceSeparated: string): string[] {
  return spaceSeparated.split(' ').filter((word) => word !== '');
}
