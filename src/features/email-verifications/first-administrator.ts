import type { RecordEvent } from '../../core/audit/store.ts';
import type { OneTimeTokens } from '../../core/one-time-tokens/service.ts';
import type { Roles } from '../../core/roles/service.ts';
import { insertRole } from '../../core/roles/store.ts';
import { countUsers } from '../../core/users/store.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Clock } from '../../platform/clock.ts';
import { FIRST_ADMINISTRATOR } from './mails.ts';

/** The address that the account gets; its owner can change it. */
const EMAIL = 'admin@localhost';

export interface FirstAdministratorOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly recordEvent: RecordEvent;
  readonly oneTimeTokens: Pick<OneTimeTokens, 'recipientOf' | 'mint'>;
  readonly roles: Pick<Roles, 'names' | 'scopesOf'>;
}

/** The account that a new server begins with, for who develops with it. */
export function createFirstAdministrator({
  database,
  clock,
  recordEvent,
  oneTimeTokens,
  roles,
}: FirstAdministratorOptions) {
  const role = roles.names.find((name) => {
    const scopes = roles.scopesOf(name);
    return scopes.includes('latchkey:users:write') && scopes.includes('latchkey:roles:write');
  });

  return {
    /** A token for `verifyEmail`, in the place of the one before; none where there are accounts, or no such role. */
    mint: (): Promise<string | undefined> =>
      database.transaction(async (tx) => {
        if (role === undefined || (await countUsers(tx)) > 0) return undefined;
        return oneTimeTokens.mint(tx, {
          purpose: FIRST_ADMINISTRATOR,
          recipient: oneTimeTokens.recipientOf({ email: EMAIL }),
          payload: JSON.stringify({ name: null }),
        });
      }),

    /**
     * Inside the transaction that made the account.
     *
     * @throws AuthError `INVALID_TOKEN` when it is not the first.
     */
    async appoint(tx: Transaction, userId: string): Promise<void> {
      if (role === undefined || (await countUsers(tx)) > 1)
        throw new AuthError('INVALID_TOKEN', { cause: 'there are accounts' });
      const now = clock.now();
      await insertRole(tx, { userId, role, now });
      await recordEvent(tx, {
        name: 'authz_change',
        outcome: 'success',
        at: now,
        userId,
        details: { by: 'first_administrator', granted: [role] },
      });
    },
  };
}
