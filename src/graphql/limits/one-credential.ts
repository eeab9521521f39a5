import type { ASTVisitor, ValidationContext } from 'graphql';
import { markedFields } from '../marks.ts';
import { createFold, sum } from './fold.ts';
import { operationsOf } from './operations.ts';
import { refuseDocument } from './refuse-document.ts';

/**
 * A document checks at most one credential: one root field that the SDL marks `@credential`, over all of its
 * operations, fragments written out (GQL-1). A second one would be a guess that no throttle has let in by itself.
 */
export function OneCredentialRule(context: ValidationContext): ASTVisitor {
  const names = new Set(markedFields(context.getSchema(), 'credential').map(({ field }) => field.name));
  const count = createFold(context, { field: ({ name }) => (names.has(name.value) ? 1 : 0), join: sum });
  return {
    Document(document) {
      const checks = operationsOf(document).map(({ selectionSet }) => count(selectionSet));
      return checks.reduce(sum, 0) > 1 ? refuseDocument(context, 'credential checks') : undefined;
    },
  };
}
