import type { GraphQLAnswer } from './graphql.ts';

/** What is known of an operation. A mutation that has run in part must not run again. */
export interface SentOperation {
  readonly isQuery: boolean;
  /** The response key of the first root field of a mutation. */
  readonly firstKey?: string | undefined;
}

/**
 * Whether an answer refuses the whole operation as unauthenticated, so that it can be sent again.
 *
 * A query that was refused in part is sent again: reading twice harms nothing. A mutation is not, because its fields run
 * one after another, and those before the refused one have run. With `data: null` the refused field is the last that ran.
 */
export function wasRefused(
  { data, errors = [] }: GraphQLAnswer,
  { isQuery, firstKey }: SentOperation,
): boolean {
  const refused = errors.filter(isUnauthenticated);
  if (refused.length === 0) return false;
  if (isQuery) return true;
  // Refused before anything of it ran.
  if (refused.every(({ path }) => path === undefined)) return data === undefined || data === null;
  const keys = refused.map(({ path }) => path?.[0]);
  const all = Object.keys(data ?? { [firstKey ?? '']: null });
  return Object.values(data ?? {}).every((value) => value === null) && all.every((key) => keys.includes(key));
}

/** What can be seen in a document without parsing it. What is not clear counts as a mutation of several fields. */
export function readOperation(document: unknown): SentOperation {
  if (typeof document !== 'string') return { isQuery: false };
  const bare = document.replace(/#[^\n]*|"(?:[^"\\]|\\.)*"/g, ' ');
  if (!/\b(mutation|subscription)\b/.test(bare)) return { isQuery: true };
  if (/\b(mutation|subscription|query|fragment)\b.*\b(mutation|subscription|query)\b/s.test(bare))
    return { isQuery: false };
  // The head of the mutation has no other braces than those of its selection.
  const [, firstKey] = /^\s*mutation\b(?:\s+\w+)?\s*(?:\([^{}]*\)\s*)?\{\s*(\w+)/.exec(bare) ?? [];
  return { isQuery: false, firstKey };
}

export function isUnauthenticated(error: unknown): error is { path?: readonly unknown[] } {
  return Object(Object(error).extensions).code === 'UNAUTHENTICATED';
}
