import type { Sql } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Clock } from '../../platform/clock.ts';
import { wordsOf } from '../../platform/words.ts';
import { MAX_ISSUED_LENGTH } from '../tokens/access-token.ts';
import type { Tokens } from '../tokens/service.ts';
import type { Users } from '../users/service.ts';
import { findUser, type UserRecord } from '../users/store.ts';
import type { OpenedSession } from './openings.ts';
import type { SessionRecord } from './store.ts';
import { createTokenContents, type TokenContentsOptions } from './token-contents.ts';

export interface GrantsOptions extends TokenContentsOptions {
  readonly clock: Clock;
  readonly users: Pick<Users, 'owedBy' | 'requiresFactor'>;
  readonly tokens: Pick<Tokens, 'signAccessToken' | 'lengthOf' | 'refreshTokens' | 'deviceTokens'>;
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

/**
 * By how many characters a token may be larger than the sample. That names all roles, but each of the presets names the
 * highest one alone, and a lower one may have a name that is 62 characters longer: 166 in base64url.
 */
const SLACK = 256;

export type Grants = ReturnType<typeof createGrants>;

/** Makes the tokens of a session. */
export function createGrants({ clock, tokens, roles, claims, users }: GrantsOptions) {
  const { contentOf, sampleOf } = createTokenContents({ roles, claims, users });
  const needsUser = claims.needsUser || users.requiresFactor;
  const mayFail = needsUser || tokens.lengthOf(sampleOf(undefined)) > MAX_ISSUED_LENGTH - SLACK;

  /**
   * The session's current refresh token and a fresh access token.
   *
   * @param user the owner's row, where what the token says rests on it.
   * @throws AuthError `UNAVAILABLE` when the access token cannot be made.
   */
  function grant(session: SessionRecord, familySecret: Buffer, user: UserRecord | undefined): Grant {
    if (needsUser && user === undefined)
      throw new AuthError('UNAVAILABLE', { retryAfter: 1, cause: 'the owner of the session was not read' });
    const content = contentOf(session, user);
    const access = tokens.signAccessToken({ ...content, sessionEndsAt: session.idleExpiresAt });
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
      scope: wordsOf(content.scope),
      session,
    };
  }

  return {
    grant,

    /** Whether an access token may turn out to be impossible, so that the refresh token must not be spent before. */
    mayFail,

    /** The owner of a session, where what a token says rests on them. */
    readOwner: (sql: Sql, { userId }: SessionRecord): Promise<UserRecord | undefined> =>
      needsUser ? findUser(sql, userId) : Promise.resolve(undefined),

    /** The tokens of an opened session, the device token among them. Nothing is handed out before it is on disk. */
    grantOpened({ session, familySecret, owner, deviceId }: OpenedSession): Grant {
      const nowSeconds = Math.floor(clock.now() / 1_000);
      const { id: userId, passwordVersion } = owner;
      const deviceToken = tokens.deviceTokens.encode({ userId, passwordVersion, deviceId, nowSeconds });
      return { ...grant(session, familySecret, owner), deviceToken };
    },
  };
}
