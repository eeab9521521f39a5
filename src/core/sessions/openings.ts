import { randomBytes, randomUUID } from 'node:crypto';
import { sha256 } from '../../crypto/digest.ts';
import type { Transaction } from '../../database/database.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import type { UserRecord } from '../users/store.ts';
import { hasEnded, type Liveness } from './liveness.ts';
import { endExcessSessions, endSession, insertSession, type SessionRecord } from './store.ts';

/** Live sessions of one user (ASVS 7.1.2). */
const SESSIONS_PER_USER = 50;

export interface OpeningsOptions {
  readonly clock: Clock;
  readonly liveness: Pick<Liveness, 'forget'>;
  readonly idleTtlSeconds: number;
  readonly absoluteTtlSeconds: number;
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
  readonly session: SessionRecord;
  readonly familySecret: Buffer;
}

/** What a session hands down to the one that takes its place. */
type Inheritance = Pick<SessionRecord, 'clientId' | 'scope'>;

const FIRST_PARTY: Inheritance = { clientId: 'first-party', scope: '' };

/** Opens sessions. */
export function createOpenings({ clock, liveness, idleTtlSeconds, absoluteTtlSeconds }: OpeningsOptions) {
  /** Inside the transaction that proves the login: a session of its own id and secret (SES-1, RT-1). */
  async function open(
    tx: Transaction,
    { owner, amr, caller, deviceName, deviceId }: NewSession,
    { clientId, scope }: Inheritance = FIRST_PARTY,
  ): Promise<OpenedSession> {
    const now = clock.now();
    const familySecret = randomBytes(32);
    const session = await insertSession(tx, {
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
    liveness.forget(tx, await endExcessSessions(tx, { userId: owner.id, newId: session.id, keep, now }));
    return { session, familySecret, owner, deviceId };
  }

  /**
   * Inside the transaction that proves anew who the viewer is: ends their session and opens one of another id and
   * secret in its place (ASVS 7.2.4), for the same client and with no more scope.
   *
   * @throws AuthError `UNAUTHENTICATED` when the session has ended meanwhile: a logout has no successor.
   */
  async function replace(
    tx: Transaction,
    sessionId: string,
    { reason, ...successor }: Omit<NewSession, 'deviceName'> & { reason: 'reauthenticated' | 'password' },
  ): Promise<OpenedSession> {
    const ended = await endSession(tx, { id: sessionId, now: clock.now(), reason });
    if (ended?.userId !== successor.owner.id) throw hasEnded();
    liveness.forget(tx, [ended]);
    return open(tx, { ...successor, deviceName: ended.deviceName }, ended);
  }

  return { open, replace };
}
