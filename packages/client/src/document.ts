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

/** What is known of a parsed document, which has one operation. */
export function describeDocument(document: Document): SentOperation & { readonly keys: readonly string[] } {
  const operation = document.definitions.find(({ kind }) => kind === 'OperationDefinition');
  const keys = (operation?.selectionSet?.selections ?? []).map(({ kind, alias, name }) =>
    kind === 'Field' ? (alias ?? name)?.value : undefined,
  );
  // The empty key is that of no field: what is behind a fragment is not looked at.
  return { isQuery: operation?.operation === 'query', firstKey: keys[0], keys: keys.map((key) => key ?? '') };
}
