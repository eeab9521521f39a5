import type { RecordEvent } from '../../core/audit/store.ts';
import { canonicalEmail } from '../../core/users/service.ts';
import { findUserByEmail, lockUser, type UserRecord } from '../../core/users/store.ts';
import type { Sql } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Clock } from '../../platform/clock.ts';

/**
 * The user's row, locked until the end of the transaction: a login that overlaps comes before it or after it.
 *
 * @throws AuthError `NOT_FOUND`
 */
export async function lockAccount(tx: Sql, email: string): Promise<UserRecord> {
  const found = await findUserByEmail(tx, canonicalEmail(email));
  const user = found && (await lockUser(tx, found.id));
  if (user === undefined) throw new AuthError('NOT_FOUND');
  return user;
}

export interface ChangeRecordOptions {
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
}

/** Writes into the audit trail what an operator gave or took, never the values of metadata. */
export function createChangeRecord({ clock, recordEvent }: ChangeRecordOptions) {
  return (tx: Sql, userId: string, details: Record<string, string | readonly string[]>): Promise<void> =>
    recordEvent(tx, {
      name: 'authz_change',
      outcome: 'success',
      at: clock.now(),
      userId,
      details: { by: 'operator', ...details },
    });
}
