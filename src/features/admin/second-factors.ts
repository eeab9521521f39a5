import type { RecordEvent } from '../../core/audit/store.ts';
import { FACTOR_REMOVED } from '../../core/factors/mails.ts';
import { EVERY_FACTOR, type FactorRecord, type Factors } from '../../core/factors/service.ts';
import { countRecoveryCodes, listFactors } from '../../core/factors/store.ts';
import type { Mail } from '../../core/mail/service.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import { canonicalEmail } from '../../core/users/service.ts';
import { findUserByEmail, type UserRecord } from '../../core/users/store.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Clock } from '../../platform/clock.ts';

export interface FactorAdminOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly factors: Pick<Factors, 'remove'>;
  readonly sessions: Pick<Sessions, 'endAllOf'>;
  readonly mail: Pick<Mail, 'notify'>;
}

/** What the operator does with the second factors of other people. */
export function createFactorAdmin({
  database,
  clock,
  recordEvent,
  factors,
  sessions,
  mail,
}: FactorAdminOptions) {
  async function requireUser(email: string): Promise<UserRecord> {
    const user = await findUserByEmail(database, canonicalEmail(email));
    if (user === undefined) throw new AuthError('NOT_FOUND');
    return user;
  }

  return {
    /** @throws AuthError `NOT_FOUND`. */
    async factorsOf(email: string): Promise<{ factors: FactorRecord[]; recoveryCodesLeft: number }> {
      const { id } = await requireUser(email);
      return {
        factors: await listFactors(database, id),
        recoveryCodesLeft: await countRecoveryCodes(database, id),
      };
    },

    /**
     * Removes a factor, and ends every session and every pending login of the account, whose owner is told.
     *
     * @param id which one; all of them, with the recovery codes, unless given.
     * @returns how many factors went.
     * @throws AuthError `NOT_FOUND`.
     */
    async removeFactors(email: string, id?: string): Promise<number> {
      const { id: userId } = await requireUser(email);
      return database.transaction(async (tx) => {
        const done = await factors.remove(tx, userId, id === undefined ? EVERY_FACTOR : { id });
        if (done === undefined || done.removed === 0) throw new AuthError('NOT_FOUND');
        const { user, removed } = done;
        const count = await sessions.endAllOf(tx, userId, 'factor');
        await recordEvent(tx, {
          name: 'user_updated',
          outcome: 'success',
          at: clock.now(),
          userId,
          details: { by: 'operator', fields: ['factors'], reason: 'removed', factors: removed, count },
        });
        await mail.notify(tx, user, FACTOR_REMOVED);
        return removed;
      });
    },
  };
}
