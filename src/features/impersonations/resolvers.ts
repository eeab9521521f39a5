import type { Resolvers } from '../../graphql/generated.ts';
import type { Impersonations } from './service.ts';

export function impersonationsResolvers(impersonations: Impersonations): Resolvers {
  return {
    Mutation: {
      adminImpersonate: (_root, { input }, context) => impersonations.begin(context, input),
    },
  };
}
