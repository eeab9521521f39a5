import { randomBytes, randomUUID } from 'node:crypto';
import { sha256 } from '../../crypto/digest.ts';
import type { Transaction } from '../../database/database.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { MINUTE_MS } from '../../platform/durations.ts';
import { readRoles } from '../roles/store.ts';
import type { AccessTokenContent } from '../tokens/access-token.ts';
import type { OwnSession } from '../users/service.ts';
import type { UserRecord } from '../users/store.ts';
import { hasEnded, type Liveness } from './liveness.ts';
import { FIRST_PARTY } from './openings.ts';
import { endImpersonationsOf } from './operator-store.ts';
import { findSession, insertSession, type SessionRecord } from './store.ts';

const LIFETIME_MS = 15 * MINUTE_MS;

export interface ImpersonationsOptions {
  readonly clock: Clock;
  readonly liveness: Pick<Liveness, 'forget'>;
}

/**
 * Opens sessions for operators who look at an account. Such a session is a row like any other, but narrowed to nothing, and
 * with a family secret that nobody is given: there is no refresh token of it. liveness.ts lets it live as long as the
 * operator may go on.
 */
export function createImpersonations({ clock, liveness }: ImpersonationsOptions) {
  return {
    /** Inside the transaction that let the operator in. Their earlier session of the account ends. */
    async impersonate(
      tx: Transaction,
      { owner, operator, caller }: { owner: UserRecord; operator: OwnSession; caller: Caller },
    ): Promise<{ session: SessionRecord; content: AccessTokenContent }> {
      const now = clock.now();
      const { userId: operatorId, sessionId: operatorSessionId } = operator;
      liveness.forget(tx, await endImpersonationsOf(tx, { userId: owner.id, operatorId, now }));
      const own = await findSession(tx, operator.sessionId);
      // Other services take the token until it expires, and cannot see that the operator's session has.
      const expiresAt = Math.min(now + LIFETIME_MS, own?.idleExpiresAt ?? 0, own?.expiresAt ?? 0);
      if (expiresAt <= now) throw hasEnded();
      const session = await insertSession(tx, {
        id: randomUUID(),
        userId: owner.id,
        clientId: FIRST_PARTY,
        roles: await readRoles(tx, owner.id),
        narrowedTo: '',
        amr: '',
        acr: 'aal1',
        secretHash: sha256(randomBytes(32)),
        now,
        idleExpiresAt: expiresAt,
        expiresAt,
        userAgent: caller.userAgent ?? null,
        ip: caller.ip,
        deviceName: null,
        operatorId,
        operatorSessionId,
      });
      const content = {
        kind: 'user' as const,
        userId: owner.id,
        sessionId: session.id,
        clientId: session.clientId,
        actor: operatorId,
        amr: [],
        acr: session.acr,
        authenticatedAt: Math.floor(now / 1_000),
        scope: '',
        roles: [],
        claims: {},
      };
      return { session, content };
    },
  };
}
