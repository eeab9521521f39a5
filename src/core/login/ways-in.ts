import type { Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { ExternalLogins } from '../external-logins/service.ts';
import { listPasskeys } from '../passkeys/store.ts';
import { hasPassword } from '../passwords/store.ts';
import type { UserRecord } from '../users/store.ts';

export interface WaysInOptions {
  /** Whether a verified address is a way in. */
  readonly magicLinks: boolean;
  readonly passkeys: { readonly isOn: boolean };
  readonly externalLogins: Pick<ExternalLogins, 'isWayIn'>;
}

export type WaysIn = ReturnType<typeof createWaysIn>;

/** The ways into an account. A reset of the password by mail is a recovery, and none of them. */
export function createWaysIn({ magicLinks, passkeys, externalLogins }: WaysInOptions) {
  return {
    /**
     * Inside a transaction that has locked the user's row, after one way in was removed.
     *
     * @throws AuthError `LAST_CREDENTIAL` when no other one is left; then nothing may be written.
     */
    async assertOneLeft(tx: Transaction, { id, emailVerifiedAt }: UserRecord): Promise<void> {
      if (magicLinks && emailVerifiedAt !== null) return;
      if (await hasPassword(tx, id)) return;
      if (passkeys.isOn && (await listPasskeys(tx, id)).length > 0) return;
      if (await externalLogins.isWayIn(tx, id)) return;
      throw new AuthError('LAST_CREDENTIAL');
    },
  };
}
