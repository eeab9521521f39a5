import type { GraphQLRequestListener } from '@apollo/server';
import type { Context } from '../context.ts';
import { MAX_LIST_ITEMS } from './max-list-items.ts';
import { limitError } from './refuse-document.ts';

/** As many as a document has tokens. */
const MAX_VALUES = 1_000;

/**
 * The limit that the variables of a request go past, if any (GQL-2): 100 items in a list, and 1,000 values in all,
 * because graphql-js prints every value in the text of an error. No validation rule is shown the variables.
 */
export function limitOfVariables(variables: unknown): 'list items' | 'values' | undefined {
  // Without recursion: 64 KiB of brackets are a deeper nesting than the stack has room for.
  const waiting = [variables];
  let count = 0;
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next !== 'object' || next === null) continue;
    const values: unknown[] = Array.isArray(next) ? next : Object.values(next);
    if (Array.isArray(next) && values.length > MAX_LIST_ITEMS) return 'list items';
    count += values.length;
    if (count > MAX_VALUES) return 'values';
    waiting.push(...values);
  }
  return undefined;
}

/** Refuses the operation, once it is known. */
export function variableRefusal(limit: string): GraphQLRequestListener<Context> {
  return {
    async didResolveOperation({ response }) {
      response.http.status = 400;
      throw limitError(limit);
    },
  };
}
