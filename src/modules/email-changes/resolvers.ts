import { requireViewer } from '../../context.ts';
import type { Resolvers } from '../../graphql/generated.ts';
import type { EmailChanges } from './service.ts';

export function emailChangesResolvers(changes: EmailChanges): Resolvers {
  return {
    Mutation: {
      requestEmailChange: async (_root, { input }, context) => ({
        expiresIn: await changes.request(requireViewer(context), input, context.client),
      }),
      confirmEmailChange: async (_root, { input }, context) => ({
        revokedSessions: await changes.confirm(input, context),
      }),
      undoEmailChange: async (_root, { input }, { client }) => ({
        revokedSessions: await changes.undo(input.token, client),
      }),
    },
  };
}
