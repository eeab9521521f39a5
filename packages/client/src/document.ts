import type { SentOperation } from './refusal.ts';

/** A parsed document, as far as it is looked at. */
export interface Document {
  readonly definitions: readonly {
    readonly kind: string;
    readonly operation?: string;
    readonly selectionSet?: { readonly selections: readonly Selection[] };
  }[];
}
interface Selection {
  readonly kind: string;
  readonly name?: { readonly value: string };
  readonly alias?: { readonly value: string } | undefined;
}

/** What is known of a parsed document. One of several operations counts as a mutation whose fields are not known. */
export function describeDocument({
  definitions,
}: Document): SentOperation & { readonly keys: readonly string[] } {
  const operations = definitions.filter(({ kind }) => kind === 'OperationDefinition');
  const selections = operations.length === 1 ? operations[0]?.selectionSet?.selections : undefined;
  const keys = selections?.map(({ kind, alias, name }) =>
    kind === 'Field' ? (alias ?? name)?.value : undefined,
  ) ?? [undefined];
  return {
    isQuery: operations.length > 0 && operations.every(({ operation }) => operation === 'query'),
    firstKey: keys[0],
    // The empty key is that of no field: what is behind a fragment is not looked at.
    keys: keys.map((key) => key ?? ''),
  };
}
