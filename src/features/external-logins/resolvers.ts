import { requireViewer } from '../../graphql/context.ts';
import type { Resolvers } from '../../graphql/generated.ts';
import type { ExternalLoginsService } from './service.ts';

export function externalLoginsResolvers(logins: ExternalLoginsService): Resolvers {
  return {
    Query: {
      externalProviders: () => logins.list(),
    },
    Mutation: {
      startExternalLogin: (_root, { input }, { caller, cookies }) =>
        logins.begin(input, { kept: cookies.bind(input.delivery), caller }),
      completeExternalLogin: async (_root, { input }, { caller, cookies }) => {
        const start = await logins.present(input.code, { ...input, kept: cookies.bound }, caller);
        let registration: { registrationToken: string; email: string | null } | undefined;
        const auth = await cookies.deliverIfAny(start.delivery, async () => {
          const outcome = await logins.completeLogin(start, caller);
          if ('grant' in outcome) return outcome.grant;
          registration = outcome;
          return undefined;
        });
        return { auth, registrationToken: null, email: null, ...registration };
      },
      requestExternalRegistration: async (_root, { input }, { caller, cookies }) => {
        const start = await logins.presentRegistration(
          input.registrationToken,
          { kept: cookies.bound },
          caller,
        );
        return { expiresIn: await logins.requestCode(start, input.email, caller) };
      },
      completeExternalRegistration: async (_root, { input }, { caller, cookies }) => {
        const start = await logins.presentRegistration(
          input.registrationToken,
          { kept: cookies.bound },
          caller,
        );
        return cookies.deliver(start.delivery, () => logins.completeRegistration(start, input.code, caller));
      },
      linkExternalLogin: (_root, { input }, context) => {
        const { caller, cookies } = context;
        return logins.link(requireViewer(context), input, { kept: cookies.bind(input.delivery), caller });
      },
      completeExternalLink: async (_root, { input }, context) => {
        const { caller, cookies } = context;
        const start = await logins.present(input.code, { ...input, kept: cookies.bound }, caller);
        return logins.completeLink(requireViewer(context), start, caller);
      },
      unlinkExternalLogin: (_root, { input }, context) =>
        logins.unlink(requireViewer(context), input, context.caller),
    },
    User: {
      externalLogins: (user) => logins.listOf(user),
    },
    ExternalLogin: {
      displayName: ({ provider }) => logins.displayNameOf(provider),
      linkedAt: ({ linkedAt }) => new Date(linkedAt),
      lastUsedAt: ({ lastUsedAt }) => (lastUsedAt === null ? null : new Date(lastUsedAt)),
    },
  };
}
