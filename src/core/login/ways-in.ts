import type { Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { ExternalLogins } from '../external-logins/service.ts';
import { hasPassword } from '../passwords/store.ts';
import type { UserRecord } from '../users/store.ts';

export interface WaysInOptions {
  readonly externalLogins: Pick<ExternalLogins, 'isWayIn'>;
  /** Whether a verified address is a way in. */
  readonly magicLinks: boolean;
}

export type WaysIn = ReturnType<typeof createWaysIn>;

/** The first factors by which an account can be logged in to. */
export function createWaysIn({ externalLogins, magicLinks }: WaysInOptions) {
  return {
    /**
     * Inside the transaction that removed one, after the user's row was written: nothing of it stays where none is left.
     *
     * @throws AuthError `LAST_CREDENTIAL`
     */
    async assertOneLeft(tx: Transaction, { id, emailVerifiedAt }: UserRecord): Promise<void> {
      if (magicLinks && emailVerifiedAt !== null) return;
      if ((await hasPassword(tx, id)) || (await externalLogins.isWayIn(tx, id))) return;
      throw new AuthError('LAST_CREDENTIAL');
    },
  };
}
