import type { Resolvers } from '../../graphql/generated.ts';
import type { PasswordResets } from './service.ts';

export function passwordResetsResolvers(resets: PasswordResets): Resolvers {
  return {
    Mutation: {
      requestPasswordReset: async (_root, { input }, { caller }) => ({
        expiresIn: await resets.request(input.email, caller),
      }),
      resetPassword: async (_root, { input }, { caller }) => ({
        revokedSessions: await resets.complete(input, caller),
      }),
    },
  };
}
