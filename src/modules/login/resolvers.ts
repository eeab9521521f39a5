import type { Resolvers } from '../../graphql/generated.ts';
import type { Login } from './service.ts';

export function loginResolvers(login: Login): Resolvers {
  return {
    Mutation: {
      login: (_root, { input }, { client }) => login.withPassword(input, client),
    },
  };
}
