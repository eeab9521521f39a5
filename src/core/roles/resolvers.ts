import type { Resolvers } from '../../graphql/generated.ts';
import type { Roles } from './service.ts';

export function rolesResolvers(roles: Roles): Resolvers {
  return {
    User: {
      roles: (user) => roles.rolesOf(user.roles),
      metadata: (user) => JSON.parse(user.metadata),
    },
  };
}
