import { type ASTNode, GraphQLError, type ValidationContext } from 'graphql';
import { AuthError } from '../../errors.ts';

/** The error of a document that goes past a limit; `cause` says in the log which one. */
export function limitError(limit: string, nodes: readonly ASTNode[] = []): GraphQLError {
  const originalError = new AuthError('OPERATION_LIMIT_EXCEEDED', { cause: new Error(limit) });
  return new GraphQLError(originalError.message, { nodes: nodes.slice(0, 1), originalError });
}

/**
 * What a rule returns on entering a document that goes past its limit. graphql-js takes `null` for "delete this
 * node": no selection of a refused document is visited by any other rule, those with quadratic cost included.
 */
export function refuseDocument(
  context: ValidationContext,
  limit: string,
  nodes: readonly ASTNode[] = [],
): null {
  context.reportError(limitError(limit, nodes));
  return null;
}
