import type {
  ApolloServerPlugin,
  GraphQLRequestContextWillSendResponse,
  HTTPGraphQLRequest,
} from '@apollo/server';
import type { Context } from '../context.ts';
import type { ErrorCode } from '../errors.ts';

/** What the log says of a request (AUD-2, AUD-3): names by GraphQL's grammar and codes of the table only. */
export interface Outcome {
  readonly operation?: string | undefined;
  /** `OK`, or the code of the first error. */
  readonly code: 'OK' | ErrorCode;
}

/** The request as Apollo hands it through, with room for what came of it. */
export interface TracedRequest extends HTTPGraphQLRequest {
  outcome?: Outcome;
}

const LONGEST_OPERATION = 64;

/** Notes on each request what came of its operation. One listener serves all: requests are many. */
export function outcomePlugin(): ApolloServerPlugin<Context> {
  const listener = {
    async willSendResponse({
      request,
      operationName,
      response,
    }: GraphQLRequestContextWillSendResponse<Context>) {
      const traced: TracedRequest | undefined = request.http;
      if (traced === undefined) return;
      const errors = response.body.kind === 'single' ? response.body.singleResult.errors : undefined;
      traced.outcome = {
        operation: operationName?.slice(0, LONGEST_OPERATION),
        code: (errors?.[0]?.extensions?.code as ErrorCode | undefined) ?? 'OK',
      };
    },
  };
  return { requestDidStart: async () => listener };
}
