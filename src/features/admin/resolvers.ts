import type { Resolvers } from '../../graphql/generated.ts';
import type { AdminApi } from './api.ts';

export function adminResolvers(api: AdminApi): Resolvers {
  return {
    Query: {
      admin: (_root, _args, context) => api.open(context),
    },
  };
}
