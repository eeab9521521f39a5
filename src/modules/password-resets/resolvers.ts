import type { Resolvers } from '../../graphql/generated.ts';
import type { PasswordResets } from './service.ts';

export function passwordResetsResolvers(resets: PasswordResets): Resolvers {
  return {
    Mutation: {
      requestPasswordReset: async (_root, { input }, { client }) => ({
        expiresIn: await resets.request(input.email, client),
      }),
      resetPassword: async (_root, { input }, { client }) => ({
        revokedSessions: await resets.complete(input, client),
      }),
    },
  };
}
