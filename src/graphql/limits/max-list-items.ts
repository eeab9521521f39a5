import type { GraphQLRequestListener } from '@apollo/server';
import { type ASTVisitor, BREAK, type ListValueNode, type ValidationContext, visit } from 'graphql';
import type { Context } from '../../context.ts';
import { limitError, refuse } from './refuse.ts';

const MAX_LIST_ITEMS = 100;

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
      return long && refuse(context, 'list items', [long]);
    },
  };
}

/** Nor has one that comes in a variable, which no validation rule is shown: this refuses the operation. */
export const longListRefusal: GraphQLRequestListener<Context> = {
  async didResolveOperation({ response }) {
    response.http.status = 400;
    throw limitError('list items');
  },
};

/** Without recursion: 64 KiB of brackets are a deeper nesting than the stack has room for. */
export function hasLongList(variables: unknown): boolean {
  const waiting = [variables];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next !== 'object' || next === null) continue;
    if (Array.isArray(next) && next.length > MAX_LIST_ITEMS) return true;
    for (const item of Object.values(next)) waiting.push(item);
  }
  return false;
}
