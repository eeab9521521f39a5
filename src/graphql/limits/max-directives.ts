import { type ASTVisitor, BREAK, type ValidationContext, visit } from 'graphql';
import { refuseDocument } from './refuse-document.ts';

const MAX_DIRECTIVES = 5;

/** A document has at most five directives, as they are written (GQL-2). */
export function MaxDirectivesRule(context: ValidationContext): ASTVisitor {
  return {
    Document(document) {
      let count = 0;
      visit(document, {
        Directive() {
          count += 1;
          return count > MAX_DIRECTIVES ? BREAK : undefined;
        },
      });
      return count > MAX_DIRECTIVES ? refuseDocument(context, 'directives') : undefined;
    },
  };
}
