import { type DocumentNode, Kind, type OperationDefinitionNode } from 'graphql';

/** The operations of a document; one of them will run. */
export function operationsOf({ definitions }: DocumentNode): OperationDefinitionNode[] {
  return definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
}
