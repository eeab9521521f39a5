import { type ASTVisitor, BREAK, Kind, type ValidationContext, visit } from 'graphql';
import { refuseDocument } from './refuse-document.ts';

const MAX_FRAGMENTS = 20;

/**
 * A document defines at most twenty fragments (GQL-2). Nor does it spread more, defined or not: graphql-js compares
 * all that one selection spreads with each other.
 */
export function MaxFragmentsRule(context: ValidationContext): ASTVisitor {
  return {
    Document(document) {
      const definitions = document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
      const spreads = new Set<string>();
      visit(document, {
        FragmentSpread({ name }) {
          spreads.add(name.value);
          return spreads.size > MAX_FRAGMENTS ? BREAK : undefined;
        },
      });
      const isPast = definitions.length > MAX_FRAGMENTS || spreads.size > MAX_FRAGMENTS;
      return isPast ? refuseDocument(context, 'fragments') : undefined;
    },
  };
}
