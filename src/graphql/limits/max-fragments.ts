import { type ASTVisitor, Kind, type ValidationContext } from 'graphql';
import { refuse } from './refuse.ts';

const MAX_FRAGMENTS = 20;

/** A document defines at most twenty fragments (GQL-2). */
export function MaxFragmentsRule(context: ValidationContext): ASTVisitor {
  return {
    Document({ definitions }) {
      const fragments = definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
      return fragments.length > MAX_FRAGMENTS ? refuse(context, 'fragments') : undefined;
    },
  };
}
