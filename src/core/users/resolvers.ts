import { requireViewer } from '../../graphql/context.ts';
import type { Resolvers } from '../../graphql/generated.ts';
import type { Users } from './service.ts';

export function usersResolvers(users: Users): Resolvers {
  return {
    Query: {
      me: (_root, _args, context) => users.view(requireViewer(context)),
    },
    User: {
      hasPassword: (user) => users.hasPassword(user),
      emailVerified: (user) => user.emailVerifiedAt !== null,
      createdAt: (user) => new Date(user.createdAt),
      updatedAt: (user) => new Date(user.updatedAt),
    },
  };
}
