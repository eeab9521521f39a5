import type { FactorRecord } from '../../core/factors/service.ts';
import { countRecoveryCodes, listFactors } from '../../core/factors/store.ts';
import { canonicalEmail } from '../../core/users/service.ts';
import { findUserByEmail, type UserRecord } from '../../core/users/store.ts';
import type { Database, Sql } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { createSteps, RecordStep } from './steps.ts';

export interface FactorAdminOptions {
  readonly database: Database;
  readonly steps: Pick<ReturnType<typeof createSteps>, 'removeFactors'>;
  readonly recordIn: (sql: Sql) => RecordStep;
}

/** What the operator does with the second factors of other people. */
export function createFactorAdmin({ database, steps, recordIn }: FactorAdminOptions) {
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
      return database.transaction((tx) => steps.removeFactors(tx, userId, { id, record: recordIn(tx) }));
    },
  };
}
