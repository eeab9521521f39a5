import type { Resolvers } from '../../graphql/generated.ts';
import type { SecondStep } from './second-step.ts';
import type { Login } from './service.ts';

export function loginResolvers(login: Login & SecondStep): Resolvers {
  return {
    Mutation: {
      login: (_root, { input }, { caller, cookies }) =>
        cookies.deliver(input.delivery, (deviceToken) =>
          login.withPassword({ deviceToken, ...input }, caller),
        ),
      completeMfaLogin: (_root, { input }, { caller, cookies }) =>
        cookies.deliver(input.delivery, () => login.complete(input, caller)),
    },
  };
}
