import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { AccessToken } from '../tokens/access-token.ts';
import type { Tokens } from '../tokens/service.ts';
import { assertWide, type Viewer } from '../users/service.ts';
import type { Endings } from './endings.ts';
import type { Liveness } from './liveness.ts';
import { readSpendableToken } from './spendable-token.ts';
import { findSession, type SessionRecord } from './store.ts';

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

export interface LogoutOptions {
  readonly database: Database;
  readonly tokens: Pick<Tokens, 'refreshTokens'>;
  readonly liveness: Pick<Liveness, 'viewerOrRefusal'>;
  readonly endings: Pick<Endings, 'endOne' | 'endMany'>;
}

/** Logs out: with a bearer, with a refresh token, or with both. */
export function createLogout({ database, tokens, liveness, endings }: LogoutOptions) {
  /**
   * Ends sessions. A live bearer ends those of `scope`. A refresh token alone, of any generation, ends its own session,
   * and an unknown one ends none (RFC 7009 §2.2). Where both are sent, they must agree. The token that the browser keeps
   * counts only where neither proves anything. It comes along with a live bearer, too, and need not agree.
   *
   * @returns how many it ended.
   */
  async function logout(
    bearer: AccessToken | AuthError,
    { scope, refreshToken, kept }: LogoutRequest,
    caller: Caller,
  ): Promise<number> {
    const viewer = await liveness.viewerOrRefusal(bearer);
    const count = await (viewer instanceof AuthError
      ? endUnproven(viewer, { scope, refreshToken: refreshToken ?? kept?.read() }, caller)
      : endProven(viewer, { scope, refreshToken }, caller));
    if (refreshToken == null && scope !== 'OTHERS') kept?.drop();
    return count;
  }

  async function endUnproven(
    refusal: AuthError,
    { scope, refreshToken }: LogoutRequest,
    caller: Caller,
  ): Promise<number> {
    if (refreshToken == null || scope !== 'CURRENT') throw refusal;
    const session = await findSessionOf(refreshToken, caller);
    if (session === undefined) return 0;
    const owner = { userId: session.userId, sessionId: session.id };
    return endings.endOne(owner, session.id, { caller, reason: 'logout' });
  }

  async function endProven(
    viewer: Viewer,
    { scope, refreshToken }: LogoutRequest,
    caller: Caller,
  ): Promise<number> {
    if (refreshToken != null && readSpendableToken(tokens, refreshToken)?.sessionId !== viewer.sessionId) {
      throw new AuthError('BAD_USER_INPUT', { field: 'input.refreshToken' });
    }
    if (scope !== 'CURRENT') assertWide(viewer);
    return scope === 'CURRENT'
      ? endings.endOne(viewer, viewer.sessionId, { caller, reason: 'logout' })
      : endings.endMany(viewer, scope, caller);
  }

  /**
   * Ends the session of a refresh token that a browser kept, because another session's token takes its place there: the
   * browser could never reach it again (ASVS 7.2.4). The token is the proof. A token of the new session ends nothing.
   * While the database does not answer, the old session stays until it expires: the new one is open already, and is
   * handed out.
   */
  async function endReplaced(
    kept: string,
    { by, caller }: { by: Pick<SessionRecord, 'id'>; caller: Caller },
  ): Promise<void> {
    try {
      const session = await findSessionOf(kept, caller, by.id);
      if (session === undefined) return;
      const owner = { userId: session.userId, sessionId: session.id };
      await endings.endOne(owner, session.id, { caller, reason: 'replaced' });
    } catch (error) {
      if (!(error instanceof AuthError) || error.code !== 'UNAVAILABLE') throw error;
    }
  }

  /** The session that a refresh token is of, unless it is `exceptId`. */
  async function findSessionOf(
    text: string,
    caller: Caller,
    exceptId?: string,
  ): Promise<SessionRecord | undefined> {
    const token = readSpendableToken(tokens, text);
    if (token === undefined || token.sessionId === exceptId) return undefined;
    const session = await findSession(database.before(caller.deadline), token.sessionId);
    return session?.secretHash === token.secretHash ? session : undefined;
  }

  return { logout, endReplaced };
}
