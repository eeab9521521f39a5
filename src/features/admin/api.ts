import type { AdminUserView, Operation, Operator } from '../../core/operators/service.ts';
import type { Roles } from '../../core/roles/service.ts';
import { OWN_SCOPES } from '../../platform/scopes.ts';
import { type AccountActionsOptions, createAccountActions } from './account-actions.ts';
import type { Changed } from './account-change.ts';
import { type AccountsOptions, createAccounts } from './accounts.ts';
import { createSearch, type SearchOptions } from './search.ts';
import { createTrail, type TrailOptions } from './trail.ts';

export type { AdminUserView, EventView } from '../../core/operators/service.ts';
export { totalOf } from './search.ts';

export type AdminApiOptions = AccountsOptions &
  AccountActionsOptions &
  SearchOptions &
  TrailOptions & { readonly roles: Pick<Roles, 'rolesOf'> };

export type AdminApi = ReturnType<typeof createAdminApiService>;

/** What operators see and do by the GraphQL API. */
export function createAdminApiService(options: AdminApiOptions) {
  const { operators, roles } = options;
  const { viewOf, ...search } = createSearch(options);
  return {
    ...createTrail(options),
    ...search,
    accounts: { ...createAccounts(options), ...createAccountActions(options) },
    rolesOf: roles.rolesOf,

    /** Lets any operator in: each field asks for its own scope. @throws AuthError `FORBIDDEN`. */
    open: (operation: Operation): Operator => operators.authorize(operation, ...OWN_SCOPES),

    /** The account after a change, as the operator who made it may see it. */
    async show(changed: Promise<Changed>): Promise<AdminUserView> {
      const { user, operator } = await changed;
      return viewOf(user, operator);
    },
  };
}
