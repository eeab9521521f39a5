import { requireViewer } from '../../graphql/context.ts';
import type { Resolvers } from '../../graphql/generated.ts';
import type { EmailChanges } from './service.ts';

export function emailChangesResolvers(changes: EmailChanges): Resolvers {
  return {
    Mutation: {
      requestEmailChange: async (_root, { input }, context) => ({
        expiresIn: await changes.request(requireViewer(context), input, context.caller),
      }),
      confirmEmailChange: async (_root, { input }, context) => ({
        revokedSessions: await changes.confirm(input, context),
      }),
      undoEmailChange: async (_root, { input }, { caller }) => ({
        revokedSessions: await changes.undo(input.token, caller),
      }),
    },
  };
}
