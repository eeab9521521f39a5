import { randomBytes, randomUUID } from 'node:crypto';
import { sha256 } from '../../crypto/digest.ts';
import type { Transaction } from '../../database/database.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Roles } from '../roles/service.ts';
import { readRoles } from '../roles/store.ts';
import type { UserRecord } from '../users/store.ts';
import { hasEnded, type Liveness } from './liveness.ts';
import { endExcessSessions, endSession, insertSession, type SessionRecord } from './store.ts';

/** Live sessions of one user (ASVS 7.1.2). */
const SESSIONS_PER_USER = 50;

export interface OpeningsOptions {
  readonly clock: Clock;
  readonly liveness: Pick<Liveness, 'forget'>;
  readonly roles: Pick<Roles, 'narrow'>;
  readonly idleTtlSeconds: number;
  readonly absoluteTtlSeconds: number;
}

/** What a session is opened with. */
export interface NewSession {
  /** As their row was written in the same transaction. */
  readonly owner: UserRecord;
  /** RFC 8176. */
  readonly amr: readonly string[];
  /** How strong the authentication was: `aal1` is one factor, `aal2` is two. */
  readonly acr: Assurance;
  /** When the owner showed it, in ms since 1970; now, unless given. */
  readonly authenticatedAt?: number | undefined;
  readonly caller: Caller;
  readonly deviceName: string | null;
  /** A device that is known from an earlier login. */
  readonly deviceId?: string | undefined;
  /** What the login asks for; null is all that the roles of the owner allow. */
  readonly scope: readonly string[] | null;
}

/** A session that a transaction has opened; `grantOpened` makes the tokens once it is on disk. */
export interface OpenedSession extends Pick<NewSession, 'owner' | 'deviceId'> {
  readonly session: SessionRecord;
  readonly familySecret: Buffer;
}

/** What a session hands down to the one that takes its place. */
type Inheritance = Pick<SessionRecord, 'clientId' | 'narrowedTo'>;

/** As the claim `acr` has it (NIST SP 800-63B-4 §2). */
export type Assurance = 'aal1' | 'aal2';

export const FIRST_PARTY = 'first-party';

/** Opens sessions. */
export function createOpenings({
  clock,
  liveness,
  roles,
  idleTtlSeconds,
  absoluteTtlSeconds,
}: OpeningsOptions) {
  async function insert(
    tx: Transaction,
    { owner, amr, acr, authenticatedAt, caller, deviceName, deviceId }: Omit<NewSession, 'scope'>,
    { inherited, given }: { inherited: Inheritance; given: string },
  ): Promise<OpenedSession> {
    const now = clock.now();
    const since = authenticatedAt ?? now;
    const expiresAt = since + absoluteTtlSeconds * 1_000;
    const familySecret = randomBytes(32);
    const session = await insertSession(tx, {
      id: randomUUID(),
      userId: owner.id,
      ...inherited,
      roles: given,
      amr: amr.join(' '),
      acr,
      secretHash: sha256(familySecret),
      now,
      authenticatedAt: since,
      idleExpiresAt: Math.min(now + idleTtlSeconds * 1_000, expiresAt),
      expiresAt,
      userAgent: caller.userAgent ?? null,
      ip: caller.ip,
      deviceName,
    });
    const keep = SESSIONS_PER_USER - 1;
    liveness.forget(tx, await endExcessSessions(tx, { userId: owner.id, newId: session.id, keep, now }));
    return { session, familySecret, owner, deviceId };
  }

  /**
   * Inside the transaction that proves the login, after the owner's row was written: a session of its own id and secret
   * (SES-1, RT-1), with the roles that the owner has then.
   *
   * @throws ScopeNotAllowed
   */
  async function open(tx: Transaction, { scope, ...session }: NewSession): Promise<OpenedSession> {
    const given = await readRoles(tx, session.owner.id);
    const inherited = { clientId: FIRST_PARTY, narrowedTo: roles.narrow(scope, given) };
    return insert(tx, session, { inherited, given });
  }

  /**
   * Inside the transaction that proves anew who the viewer is: ends their session and opens one of another id and
   * secret in its place (ASVS 7.2.4), for the same client and narrowed to the same.
   *
   * @throws AuthError `UNAUTHENTICATED` when the session has ended meanwhile: a logout has no successor.
   */
  async function replace(
    tx: Transaction,
    sessionId: string,
    {
      reason,
      ...successor
    }: Omit<NewSession, 'deviceName' | 'scope'> & { reason: 'reauthenticated' | 'password' | 'factor' },
  ): Promise<OpenedSession> {
    const ended = await endSession(tx, { id: sessionId, now: clock.now(), reason });
    if (ended?.userId !== successor.owner.id) throw hasEnded();
    liveness.forget(tx, [ended]);
    const { clientId, narrowedTo, deviceName } = ended;
    const given = await readRoles(tx, successor.owner.id);
    return insert(tx, { ...successor, deviceName }, { inherited: { clientId, narrowedTo }, given });
  }

  return { open, replace };
}
