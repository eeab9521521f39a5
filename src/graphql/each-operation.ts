import type { ApolloServerPlugin, GraphQLRequestListener } from '@apollo/server';
import type { Context } from './context.ts';
import { limitOfVariables, variableRefusal } from './limits/variable-limits.ts';
import type { TracedRequest } from './outcome.ts';

/**
 * All that is done for each operation, in one plugin and one listener: every further one costs each request a promise
 * for each step of it. That is also why `outcomeOf` looks at the operation when all is over instead of listening.
 */
export function eachOperationPlugin(errors: GraphQLRequestListener<Context>): ApolloServerPlugin<Context> {
  return {
    async requestDidStart(operation) {
      const { request } = operation;
      const traced: TracedRequest | undefined = request.http;
      if (traced !== undefined) traced.operation = operation;
      const limit = limitOfVariables(request.variables);
      return limit === undefined ? errors : { ...errors, ...variableRefusal(limit) };
    },
  };
}
