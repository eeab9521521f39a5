import type { Operation, Operator, Operators } from '../../core/operators/service.ts';
import { OWN_SCOPES } from '../../platform/scopes.ts';

export interface AdminApiOptions {
  readonly operators: Pick<Operators, 'authorize'>;
}

export type AdminApi = ReturnType<typeof createAdminApiService>;

/** What operators do by the GraphQL API. */
export function createAdminApiService({ operators }: AdminApiOptions) {
  return {
    /** Lets any operator in: each field of it asks for its own scope. @throws AuthError `FORBIDDEN`. */
    open: (operation: Operation): Operator => operators.authorize(operation, ...OWN_SCOPES),
  };
}
