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
 * A query that was refused in part is sent again: reading twice harms nothing. The root fields of a mutation run one
 * after another, and a field ran when an error has a path into it. So a mutation is sent again only when each field that
 * the executor came to was refused itself. With `data: null`, the executor stopped at the refused field. An error without
 * a path refuses the request before anything runs (GraphQL §7.1.2).
 */
export function wasRefused(
  { data, errors = [] }: GraphQLAnswer,
  { isQuery, firstKey = '' }: SentOperation,
  /** Status 401 makes each error a refusal. */
  isRefusal: (error: unknown) => boolean = isUnauthenticated,
): boolean {
  if (isQuery) return errors.some(isRefusal);
  const paths = errors.map((error) => (Object(error) as { path?: readonly unknown[] | null }).path ?? []);
  if (errors.length === 0 || !errors.every(isRefusal) || paths.some(({ length }) => length > 1)) return false;
  if (paths.every(({ length }) => length === 0)) return !data;
  const reached = Object.entries(data ?? { [firstKey]: null });
  return (
    reached.length > 0 &&
    reached.every(([key, value]) => value === null && paths.some(([first]) => first === key))
  );
}

/** What GraphQL skips: a comment, a block string, a string (§2.1.4, §2.9.4). A line ends at CR, too. */
const SKIPPED = /#[^\n\r]*|"""(?:\\"""|[^\\]|\\(?!"""))*?"""|"(?:[^"\\\n\r]|\\.)*"/g;
const TOKENS = /\w+|[^\s,]/g;

/** What can be seen in a document without parsing it. Anything that is not certain counts as a mutation. */
export function readOperation(document: unknown): SentOperation {
  const tokens = String(document).replace(SKIPPED, ' ').match(TOKENS) ?? [];
  const operations: string[] = [];
  let firstKey: string | undefined;
  let depth = 0;
  let isHead = true;
  for (const [index, token] of tokens.entries()) {
    if (isHead && token !== 'fragment') operations.push(token === '{' ? 'query' : token);
    if ('({['.includes(token)) depth += 1;
    // The selection of an operation or a fragment is the first brace that is in no other.
    if (token === '{' && depth === 1 && operations.length === 1) firstKey ??= tokens[index + 1];
    if (')}]'.includes(token)) depth -= 1;
    isHead = token === '}' && depth === 0;
  }
  return {
    isQuery: depth === 0 && operations.length > 0 && operations.every((kind) => kind === 'query'),
    firstKey: operations.length === 1 ? firstKey : undefined,
  };
}

export function isUnauthenticated(error: unknown): boolean {
  return Object(Object(error).extensions).code === 'UNAUTHENTICATED';
}
