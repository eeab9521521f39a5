import type { GraphQLRequestContext, HTTPGraphQLRequest } from '@apollo/server';
import type { ErrorCode } from '../errors.ts';
import type { Context } from './context.ts';

/** What the log says of a request (AUD-2, AUD-3): names by GraphQL's grammar and codes of the table only. */
export interface Outcome {
  readonly operation?: string | undefined;
  /** `OK`, or the code of the first error. */
  readonly code: 'OK' | ErrorCode;
}

/** The request as Apollo hands it through, with room for what Apollo makes of it. */
export interface TracedRequest extends HTTPGraphQLRequest {
  operation?: GraphQLRequestContext<Context>;
}

const LONGEST_OPERATION = 64;

/** What came of a request that was answered; nothing when it was refused before it was an operation. */
export function outcomeOf({ operation }: TracedRequest): Outcome | undefined {
  const body = operation?.response.body;
  if (body?.kind !== 'single') return undefined;
  return {
    operation: operation?.operationName?.slice(0, LONGEST_OPERATION),
    code: (body.singleResult.errors?.[0]?.extensions?.code as ErrorCode | undefined) ?? 'OK',
  };
}
