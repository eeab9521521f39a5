import type { AuditEvent, EventName } from '../../core/audit/store.ts';
import { FACTOR_REMOVED } from '../../core/factors/mails.ts';
import { EVERY_FACTOR, type Factors } from '../../core/factors/service.ts';
import type { Mail } from '../../core/mail/service.ts';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { Sessions } from '../../core/sessions/service.ts';
import { deleteUser, disableUser, enableUser } from '../../core/users/store.ts';
import type { Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Clock } from '../../platform/clock.ts';

export interface StepsOptions {
  readonly clock: Clock;
  readonly sessions: Pick<Sessions, 'endAllOf' | 'deleteAllOf'>;
  readonly oneTimeTokens: Pick<OneTimeTokens, 'endAllOf' | 'endUndosOf'>;
  readonly factors: Pick<Factors, 'remove'>;
  readonly mail: Pick<Mail, 'notify'>;
}

/** Writes the event of a step. The command line and the API say who acts in ways of their own. */
export type RecordStep = (
  name: EventName,
  userId: string,
  details: NonNullable<AuditEvent['details']>,
) => Promise<void>;

/** What an operator does to an account, by the command line or by the API; each inside a transaction. */
export function createSteps({ clock, sessions, oneTimeTokens, factors, mail }: StepsOptions) {
  return {
    /** Ends the sessions and links of an account, and lets it log in no more. */
    async disable(tx: Transaction, userId: string, record: RecordStep): Promise<void> {
      await disableUser(tx, { id: userId, now: clock.now() });
      await oneTimeTokens.endAllOf(tx, userId);
      const count = await sessions.endAllOf(tx, userId, 'disabled');
      await record('authz_admin', userId, { reason: 'disabled', count });
    },

    async enable(tx: Transaction, userId: string, record: RecordStep): Promise<void> {
      await enableUser(tx, { id: userId, now: clock.now() });
      await record('authz_admin', userId, { reason: 'enabled' });
    },

    /** The row of the account is locked. */
    async delete(tx: Transaction, userId: string, record: RecordStep): Promise<void> {
      const count = await sessions.deleteAllOf(tx, userId);
      await oneTimeTokens.endAllOf(tx, userId);
      await oneTimeTokens.endUndosOf(tx, userId);
      await deleteUser(tx, userId);
      await record('user_deleted', userId, { count });
    },

    /**
     * Removes a factor, and ends every session and every pending login of the account, whose owner is told.
     *
     * @param id which one; all of them, with the recovery codes, unless given.
     * @returns how many factors went.
     * @throws AuthError `NOT_FOUND`.
     */
    async removeFactors(
      tx: Transaction,
      userId: string,
      { id, record }: { id: string | undefined; record: RecordStep },
    ): Promise<number> {
      const done = await factors.remove(tx, userId, id === undefined ? EVERY_FACTOR : { id });
      if (done === undefined || done.removed === 0) throw new AuthError('NOT_FOUND');
      const { user, removed } = done;
      const count = await sessions.endAllOf(tx, userId, 'factor');
      const details = { fields: ['factors'], reason: 'removed', factors: removed, count };
      await record('user_updated', userId, details);
      await mail.notify(tx, user, FACTOR_REMOVED);
      return removed;
    },
  };
}
