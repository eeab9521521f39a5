import { requireViewer } from '../../graphql/context.ts';
import type { Resolvers } from '../../graphql/generated.ts';
import type { Account } from './service.ts';

export function accountResolvers(account: Account): Resolvers {
  return {
    Mutation: {
      register: async (_root, { input }, { caller, cookies }) => {
        const auth = await cookies.deliverIfAny(input.delivery, () => account.register(input, caller));
        return { auth, verificationRequired: auth === null };
      },
      changePassword: (_root, { input }, context) =>
        context.cookies.deliver(input.delivery, () =>
          account.changePassword(requireViewer(context), input, context.caller),
        ),
      reauthenticate: (_root, { input }, context) =>
        context.cookies.deliver(input.delivery, () =>
          account.reauthenticate(requireViewer(context), input, context.caller),
        ),
      removePassword: (_root, { input }, context) =>
        account.removePassword(requireViewer(context), input ?? {}, context.caller),
      updateMe: (_root, { input }, context) => account.update(requireViewer(context), input, context.caller),
      deleteMe: (_root, { input }, context) => account.delete(requireViewer(context), input, context.caller),
    },
  };
}
