import type { ASTVisitor, ValidationContext } from 'graphql';
import { createFold, sum } from './fold.ts';
import { operationsOf } from './operations.ts';
import { refuseDocument } from './refuse-document.ts';

const MAX_ALIASES = 10;

/**
 * A document has at most ten aliases, fragments written out: an alias is what makes a field run once more.
 * `__typename` is no exception (GQL-2).
 */
export function MaxAliasesRule(context: ValidationContext): ASTVisitor {
  const count = createFold(context, {
    field: ({ alias }, below) => (alias === undefined ? 0 : 1) + below(),
    join: sum,
  });
  return {
    Document(document) {
      const aliases = operationsOf(document).map(({ selectionSet }) => count(selectionSet));
      return aliases.reduce(sum, 0) > MAX_ALIASES ? refuseDocument(context, 'aliases') : undefined;
    },
  };
}
