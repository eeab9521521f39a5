import type { ASTVisitor, ValidationContext } from 'graphql';
import { createFold } from './fold.ts';
import { operationsOf } from './operations.ts';
import { refuseDocument } from './refuse-document.ts';

export const MAX_DEPTH = 8;

/**
 * Fields stand at most eight deep, the root field being the first, fragments written out (GQL-2).
 *
 * What `__schema` and `__type` select is exempt: the standard introspection query alone is over ten deep; where
 * introspection is off both are refused anyway, and graphql-js bounds their lists (MaxIntrospectionDepthRule).
 */
export function MaxDepthRule(context: ValidationContext): ASTVisitor {
  const depthOf = createFold(context, {
    field: ({ name }, below) => (name.value === '__schema' || name.value === '__type' ? 1 : 1 + below()),
    join: Math.max,
  });
  return {
    Document(document) {
      const deep = operationsOf(document).find(({ selectionSet }) => depthOf(selectionSet) > MAX_DEPTH);
      return deep && refuseDocument(context, 'depth', [deep]);
    },
  };
}
