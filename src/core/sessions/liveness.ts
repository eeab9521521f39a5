import { LRUCache } from 'lru-cache';
import type { Database, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { atMost } from '../../platform/bounded.ts';
import type { Clock } from '../../platform/clock.ts';
import { isOwnScope } from '../../platform/scopes.ts';
import type { Roles } from '../roles/service.ts';
import type { AccessToken, UserAccessToken } from '../tokens/access-token.ts';
import { refusedMachine, type Users, type Viewer } from '../users/service.ts';
import { findLiveSessionOwner, type SessionOwner } from './store.ts';

/** How long a process trusts that a session lives, or that a key works (AT-9). */
export const LIVENESS_TTL_MS = 1_000;

export interface LivenessOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly users: Pick<Users, 'owedBy'>;
  readonly roles: Pick<Roles, 'rightsOf'>;
}

export type Liveness = ReturnType<typeof createLiveness>;

/** Knows which sessions live: from the database, and for a second from memory. */
export function createLiveness({ database, clock, users, roles: { rightsOf } }: LivenessOptions) {
  /** When a session was last seen alive, and its owner as that read found them. */
  const seenAlive = new LRUCache<
    string,
    { readonly at: number; readonly viewer: Viewer; readonly actor: string | undefined }
  >(atMost(10_000));
  /** Sessions that this process ended. They stay ended here, even if a query that began earlier still finds them. */
  const ended = new LRUCache<string, true>(atMost(10_000));

  /** How often the rows of owners changed in this process. */
  const changes = new LRUCache<string, number>(atMost(10_000));

  /** Once the transaction is on disk, tells this process; the others find out within `LIVENESS_TTL_MS`. */
  function forget(tx: Transaction, sessions: readonly { readonly id: string }[]): void {
    tx.afterCommit(() => {
      for (const { id } of sessions) {
        ended.set(id, true);
        seenAlive.delete(id);
      }
    });
  }

  /** A change of the owner's row. This process shows it once it is on disk, the others within `LIVENESS_TTL_MS`. */
  function ownerChanged(tx: Transaction, userId: string): void {
    tx.afterCommit(() => {
      changes.set(userId, (changes.get(userId) ?? 0) + 1);
      for (const [id, { viewer }] of seenAlive) if (viewer.userId === userId) seenAlive.delete(id);
    });
  }

  /**
   * The viewer behind a proven bearer, if their session lives.
   *
   * @throws AuthError `UNAUTHENTICATED` with the reason; `FORBIDDEN` for a program, which has no session; `UNAVAILABLE`
   * when the session could not be looked up, because an outage must not sign users out.
   */
  function authenticate(bearer: AccessToken | AuthError): Viewer | Promise<Viewer> {
    if (bearer instanceof AuthError) throw bearer;
    if (bearer.kind === 'machine') throw refusedMachine();
    const { sessionId, userId, actor } = bearer;
    // Counted from before the query is sent, so that the answer is never older than it looks.
    const now = clock.now();
    const seen = seenAlive.get(sessionId);
    return seen?.viewer.userId === userId && seen.actor === actor && now - seen.at < LIVENESS_TTL_MS
      ? seen.viewer
      : findViewer(bearer, now);
  }

  async function findViewer({ sessionId, userId, actor }: UserAccessToken, now: number): Promise<Viewer> {
    const changesBefore = changes.get(userId);
    const user = ended.has(sessionId)
      ? undefined
      : await findLiveSessionOwner(database, { id: sessionId, now });
    if (user === undefined || user.id !== userId || ended.has(sessionId)) throw hasEnded();
    if (user.operatorId !== (actor ?? null) || !(await mayGoOn(user, now))) throw hasEnded();
    const { roles, narrowedTo, acr } = user;
    const rights = { roles, narrowedTo, acr, owed: users.owedBy(user, user) };
    const viewer = {
      kind: 'user' as const,
      userId,
      sessionId,
      ...rights,
      user: { ...user, ...rights, currentSessionId: sessionId },
    };
    // What was read before a change of this process is not kept.
    if (changes.get(userId) === changesBefore) seenAlive.set(sessionId, { at: now, viewer, actor });
    return viewer;
  }

  /**
   * Whether the operator of an impersonation may still see the account: their session lives, their roles allow it, and the
   * account has no scope of this server that they lack. Every other session may go on.
   */
  async function mayGoOn(
    { operatorId, operatorSessionId, roles }: SessionOwner,
    now: number,
  ): Promise<boolean> {
    if (operatorId === null || operatorSessionId === null) return true;
    const operator = await findLiveSessionOwner(database, { id: operatorSessionId, now });
    if (operator?.id !== operatorId || ended.has(operatorSessionId)) return false;
    const { scope } = rightsOf(operator);
    const needed = rightsOf({ roles, narrowedTo: null }).scope.filter(isOwnScope);
    return ['latchkey:impersonate', ...needed].every((name) => scope.includes(name));
  }

  /**
   * The viewer, or the reason why there is none, for a caller that may go on without.
   *
   * @throws AuthError `UNAVAILABLE`, because an outage is no refusal.
   */
  async function viewerOrRefusal(bearer: AccessToken | AuthError): Promise<Viewer | AuthError> {
    try {
      return await authenticate(bearer);
    } catch (refusal) {
      if (refusal instanceof AuthError && ['UNAUTHENTICATED', 'FORBIDDEN'].includes(refusal.code))
        return refusal;
      throw refusal;
    }
  }

  return { forget, ownerChanged, authenticate, viewerOrRefusal };
}

export function hasEnded(): AuthError {
  return new AuthError('UNAUTHENTICATED', { reason: 'TOKEN_INVALID', cause: 'the session has ended' });
}
