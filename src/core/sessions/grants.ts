import type { Clock } from '../../platform/clock.ts';
import type { Tokens } from '../tokens/service.ts';
import type { OpenedSession } from './openings.ts';
import type { SessionRecord } from './store.ts';
import { wordsOf } from './words.ts';

export interface GrantsOptions {
  readonly clock: Clock;
  readonly tokens: Pick<Tokens, 'signAccessToken' | 'refreshTokens' | 'deviceTokens'>;
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
  readonly session: SessionRecord;
}

export type Grants = ReturnType<typeof createGrants>;

/** Makes the tokens of a session. */
export function createGrants({ clock, tokens }: GrantsOptions) {
  /** The session's current refresh token and a fresh access token. */
  function grant(session: SessionRecord, familySecret: Buffer): Grant {
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

  /** The tokens of an opened session, the device token among them. Called when its transaction is on disk. */
  function grantOpened({ session, familySecret, owner, deviceId }: OpenedSession): Grant {
    const nowSeconds = Math.floor(clock.now() / 1_000);
    const { id: userId, passwordVersion } = owner;
    const deviceToken = tokens.deviceTokens.encode({ userId, passwordVersion, deviceId, nowSeconds });
    return { ...grant(session, familySecret), deviceToken };
  }

  return { grant, grantOpened };
}
