import { type ASTVisitor, BREAK, type ListValueNode, type ValidationContext, visit } from 'graphql';
import { refuseDocument } from './refuse-document.ts';

export const MAX_LIST_ITEMS = 100;

/** No list that is written into a document has more than a hundred items (GQL-2). */
export function MaxListItemsRule(context: ValidationContext): ASTVisitor {
  return {
    Document(document) {
      let long: ListValueNode | undefined;
      visit(document, {
        ListValue(list) {
          if (list.values.length <= MAX_LIST_ITEMS) return undefined;
          long = list;
          return BREAK;
        },
      });
      return long && refuseDocument(context, 'list items', [long]);
    },
  };
}
