import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { wordsOf } from '../../platform/words.ts';
import type { Claims } from '../roles/claims.ts';
import type { Roles } from '../roles/service.ts';
import { MAX_ISSUED_LENGTH, type Tokens } from '../tokens/service.ts';
import type { UserRecord } from '../users/store.ts';
import { FIRST_PARTY, type OpenedSession } from './openings.ts';
import { findLiveSessionOwner, type SessionRecord } from './store.ts';

/** As long as every other one. */
const NO_ID = '00000000-0000-0000-0000-000000000000';

export interface GrantsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly tokens: Pick<
    Tokens,
    'signAccessToken' | 'lengthOf' | 'assertFits' | 'refreshTokens' | 'deviceTokens'
  >;
  readonly roles: Pick<Roles, 'names' | 'rightsOf'>;
  readonly claims: Claims;
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
  /** What the access token allows. */
  readonly scope: readonly string[];
  readonly session: SessionRecord;
}

/** What tokens of this server are like. */
export interface AccessTokenSample {
  /** Those for other servers. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Characters, of `MAX_ISSUED_LENGTH` at most. */
  readonly length: number;
}

export type Grants = ReturnType<typeof createGrants>;

/** What a token says of its session. */
type Told = Pick<SessionRecord, 'id' | 'userId' | 'clientId' | 'roles' | 'narrowedTo' | 'amr' | 'acr'>;

/** Makes the tokens of a session. */
export function createGrants({ database, clock, tokens, roles, claims }: GrantsOptions) {
  function contentOf(session: Told, user: UserRecord | undefined) {
    const { id: sessionId, userId, clientId, acr } = session;
    const rights = roles.rightsOf(session);
    return {
      content: {
        userId,
        sessionId,
        clientId,
        amr: wordsOf(session.amr),
        acr,
        scope: rights.scope.join(' '),
        roles: rights.roles,
        claims: claims.of({ userId, sessionId, rights, user }),
      },
      rights,
    };
  }

  /** A token that says as much as one can: of an account with every role. */
  function sampleOf(user: UserRecord | undefined): AccessTokenSample {
    const session = { id: NO_ID, userId: NO_ID, clientId: FIRST_PARTY, amr: 'pwd otp', acr: 'aal1' };
    const { content } = contentOf({ ...session, roles: roles.names.join(' '), narrowedTo: null }, user);
    return { claims: content.claims, length: tokens.lengthOf({ ...content, authenticatedAt: 0 }) };
  }

  /**
   * The session's current refresh token and a fresh access token.
   *
   * @param user the owner's row, where the template of claims asks for it.
   * @throws AuthError `UNAVAILABLE` when the access token cannot be made.
   */
  function grant(session: SessionRecord, familySecret: Buffer, user: UserRecord | undefined): Grant {
    if (claims.needsUser && user === undefined)
      throw new AuthError('UNAVAILABLE', { retryAfter: 1, cause: 'the owner of the session was not read' });
    const { content, rights } = contentOf(session, user);
    const access = tokens.signAccessToken({
      ...content,
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
      scope: rights.scope,
      session,
    };
  }

  const mayFail = claims.needsUser || sampleOf(undefined).length > MAX_ISSUED_LENGTH;

  return {
    grant,
    sampleOf,

    /**
     * The owner of a live session, where a template of claims asks for them or a token may become too large: read before
     * the refresh token is spent.
     *
     * @throws AuthError `UNAVAILABLE` when no access token can be made.
     */
    async readOwner(id: string, { deadline }: Caller): Promise<UserRecord | undefined> {
      if (!mayFail) return undefined;
      const owner = await findLiveSessionOwner(database.before(deadline), { id, now: clock.now() });
      if (owner === undefined) return undefined;
      const { content } = contentOf({ ...owner, id, userId: owner.id }, owner);
      tokens.assertFits(tokens.lengthOf({ ...content, authenticatedAt: 0 }));
      return owner;
    },

    /** The tokens of an opened session, the device token among them. Nothing is handed out before it is on disk. */
    grantOpened({ session, familySecret, owner, deviceId }: OpenedSession): Grant {
      const nowSeconds = Math.floor(clock.now() / 1_000);
      const { id: userId, passwordVersion } = owner;
      const deviceToken = tokens.deviceTokens.encode({ userId, passwordVersion, deviceId, nowSeconds });
      return { ...grant(session, familySecret, owner), deviceToken };
    },
  };
}
