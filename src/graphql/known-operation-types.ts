import { type ASTVisitor, GraphQLError, type ValidationContext } from 'graphql';

/**
 * Every operation is of a kind that the schema has (GraphQL, "Operation Type Existence"). graphql-js 16 leaves that to
 * the execution, where it looks like a fault of the server.
 */
export function KnownOperationTypesRule(context: ValidationContext): ASTVisitor {
  return {
    OperationDefinition(node) {
      if (context.getSchema().getRootType(node.operation)) return;
      context.reportError(
        new GraphQLError(`The schema has no operations of the kind "${node.operation}".`, { nodes: node }),
      );
    },
  };
}
