import type { Resolvers } from '../../graphql/generated.ts';
import type { MagicLinks } from './service.ts';

export function magicLinksResolvers(magicLinks: MagicLinks): Resolvers {
  return {
    Mutation: {
      requestMagicLink: async (_root, { input }, { caller }) => ({
        expiresIn: await magicLinks.request(input.email, caller),
      }),
      loginWithMagicLink: (_root, { input }, { caller, cookies }) =>
        cookies.deliver(input.delivery, () => magicLinks.withLink(input, caller)),
      loginWithEmailCode: (_root, { input }, { caller, cookies }) =>
        cookies.deliver(input.delivery, () => magicLinks.withCode(input, caller)),
    },
  };
}
