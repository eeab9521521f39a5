import type { Resolvers } from '../../graphql/generated.ts';
import type { Login } from './service.ts';

export function loginResolvers(login: Login): Resolvers {
  return {
    Mutation: {
      login: (_root, { input }, { caller, cookies }) =>
        cookies.deliver(input.delivery, (deviceToken) =>
          login.withPassword({ deviceToken, ...input }, caller),
        ),
    },
  };
}
