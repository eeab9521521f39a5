import { type FieldNode, Kind, type SelectionSetNode, type ValidationContext } from 'graphql';

/** How fields add up to a number. */
export interface Measure {
  /** What a field counts for; `below` measures what it selects. */
  readonly field: (field: FieldNode, below: () => number) => number;
  /** Puts two selections of one set together. */
  readonly join: (a: number, b: number) => number;
}

/**
 * Measures selection sets as if every fragment were written out where it is spread. Directives change nothing:
 * what `@skip` takes out counts. Each fragment is measured once, so a chain of twenty fragments that spread the
 * next one twice costs forty steps, not a million. A cycle counts for nothing: NoFragmentCyclesRule refuses it.
 */
export function createFold(
  context: ValidationContext,
  { field, join }: Measure,
): (set: SelectionSetNode | undefined) => number {
  const fragments = new Map<string, number>();

  function ofSet(set: SelectionSetNode | undefined): number {
    let total = 0;
    for (const selection of set?.selections ?? []) {
      if (selection.kind === Kind.FIELD) {
        total = join(
          total,
          field(selection, () => ofSet(selection.selectionSet)),
        );
      } else if (selection.kind === Kind.INLINE_FRAGMENT) total = join(total, ofSet(selection.selectionSet));
      else total = join(total, ofFragment(selection.name.value));
    }
    return total;
  }

  function ofFragment(name: string): number {
    const known = fragments.get(name);
    if (known !== undefined) return known;
    fragments.set(name, 0);
    const measured = ofSet(context.getFragment(name)?.selectionSet);
    fragments.set(name, measured);
    return measured;
  }

  return ofSet;
}

export function sum(a: number, b: number): number {
  return a + b;
}
