import type { ASTVisitor, ValidationContext } from 'graphql';
import { createFold, sum } from './fold.ts';
import { operationsOf } from './operations.ts';
import { refuseDocument } from './refuse-document.ts';

const MAX_ROOT_FIELDS = 10;

/** An operation has at most ten root fields, fragments written out (GQL-2). */
export function MaxRootFieldsRule(context: ValidationContext): ASTVisitor {
  const count = createFold(context, { field: () => 1, join: sum });
  return {
    Document(document) {
      const wide = operationsOf(document).find(({ selectionSet }) => count(selectionSet) > MAX_ROOT_FIELDS);
      return wide && refuseDocument(context, 'root fields', [wide]);
    },
  };
}
