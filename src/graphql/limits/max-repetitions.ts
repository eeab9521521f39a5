import { type ASTVisitor, BREAK, type ValidationContext, visit } from 'graphql';
import { refuseDocument } from './refuse-document.ts';

const MAX_REPETITIONS = 20;
/** Clients put it into every selection, and no two of it can differ. */
const MAX_TYPENAMES = 100;

/**
 * A document has at most twenty fields of one name, the alias if there is one, as they are written; a hundred of
 * `__typename` (GQL-2). Fields of one name may have to be merged, so graphql-js compares each with each of them, with
 * its arguments and all that it selects (OverlappingFieldsCanBeMergedRule): a thousand tokens are worth 50 ms.
 */
export function MaxRepetitionsRule(context: ValidationContext): ASTVisitor {
  return {
    Document(document) {
      const counts = new Map<string, number>();
      let isPast = false;
      visit(document, {
        Field({ alias, name }) {
          const responseName = (alias ?? name).value;
          const count = (counts.get(responseName) ?? 0) + 1;
          counts.set(responseName, count);
          isPast = count > (responseName === '__typename' ? MAX_TYPENAMES : MAX_REPETITIONS);
          return isPast ? BREAK : undefined;
        },
      });
      return isPast ? refuseDocument(context, 'repetitions') : undefined;
    },
  };
}
