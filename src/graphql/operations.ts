import type { ApolloServerPlugin, GraphQLRequestListener } from '@apollo/server';
import type { Context } from '../context.ts';
import { hasLongList, longListRefusal } from './limits/max-list-items.ts';
import type { TracedRequest } from './outcome.ts';

/**
 * All that is done for each operation, in one plugin and one listener: every further one costs each request a promise
 * for each step of it. That is also why `outcomeOf` looks at the operation when all is over instead of listening.
 */
export function operationsPlugin(errors: GraphQLRequestListener<Context>): ApolloServerPlugin<Context> {
  const refusing = { ...errors, ...longListRefusal };
  return {
    async requestDidStart(operation) {
      const { request } = operation;
      const traced: TracedRequest | undefined = request.http;
      if (traced !== undefined) traced.operation = operation;
      return hasLongList(request.variables) ? refusing : errors;
    },
  };
}
