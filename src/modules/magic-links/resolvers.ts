import type { Resolvers } from '../../graphql/generated.ts';
import type { MagicLinks } from './service.ts';

export function magicLinksResolvers(magicLinks: MagicLinks): Resolvers {
  return {
    Mutation: {
      requestMagicLink: async (_root, { input }, { client }) => ({
        expiresIn: await magicLinks.request(input.email, client),
      }),
      loginWithMagicLink: (_root, { input }, { client, cookies }) =>
        cookies.deliver(input.delivery, () => magicLinks.withLink(input, client)),
      loginWithEmailCode: (_root, { input }, { client, cookies }) =>
        cookies.deliver(input.delivery, () => magicLinks.withCode(input, client)),
    },
  };
}
