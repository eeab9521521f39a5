import type { Transaction } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import { isOwnScope, type OwnScope } from '../../platform/scopes.ts';
import type { Roles } from '../roles/service.ts';
import { readRoles } from '../roles/store.ts';
import { findOtherHolder, lockAdministrators } from './store.ts';

/** An account needs both scopes to appoint an administrator. */
const ADMINISTRATOR: readonly OwnScope[] = ['latchkey:users:write', 'latchkey:roles:write'];

/** Why an operator may not do something, as `extensions.reason` says it. */
type Reason =
  | 'INSUFFICIENT_SCOPE'
  | 'SELF'
  | 'OUTRANKED'
  | 'LAST_ADMINISTRATOR'
  | 'LIMIT_REACHED'
  | 'DISABLED';

export function forbidden(reason: Reason): AuthError {
  return new AuthError('FORBIDDEN', { reason });
}

/** The `latchkey:` scopes of an account that was given these roles. */
export function ownScopesOf(roles: Pick<Roles, 'rightsOf'>, givenRoles: string): string[] {
  return roles.rightsOf({ roles: givenRoles, narrowedTo: null }).scope.filter(isOwnScope);
}

/** Keeps one account that can appoint others. */
export function createAdministrators({ roles }: { readonly roles: Pick<Roles, 'rightsOf' | 'granting'> }) {
  return {
    /**
     * Refuses what takes the last administrator away. Call it first in the transaction: it makes those wait for each other
     * that go at the same time.
     *
     * @throws AuthError `FORBIDDEN` with the reason `LAST_ADMINISTRATOR`.
     */
    async assertOther(tx: Transaction, userId: string): Promise<void> {
      const scopes = new Set(ownScopesOf(roles, await readRoles(tx, userId)));
      if (!ADMINISTRATOR.every((scope) => scopes.has(scope))) return;
      await lockAdministrators(tx);
      const other = await findOtherHolder(tx, { userId, roles: ADMINISTRATOR.map(roles.granting) });
      if (other === undefined) throw forbidden('LAST_ADMINISTRATOR');
    },
  };
}
