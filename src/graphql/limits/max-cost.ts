import {
  type ASTVisitor,
  type FieldNode,
  type GraphQLField,
  type GraphQLNamedType,
  getNamedType,
  isInterfaceType,
  isObjectType,
  Kind,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql';
import { numberOf } from '../marks.ts';
import { createFold, sum } from './fold.ts';
import { MAX_DEPTH } from './max-depth.ts';
import { operationsOf } from './operations.ts';
import { refuseDocument } from './refuse-document.ts';

const MAX_COST = 2_100;
/** The whole schema is a large answer: it may be asked for once, and beside little else. */
const INTROSPECTION_COST: ReadonlyMap<string, number> = new Map([
  ['__schema', 1_500],
  ['__type', 500],
]);

/** A selection set, and the type that it selects from. */
interface Selection {
  readonly set: SelectionSetNode;
  readonly type: GraphQLNamedType | undefined;
  /** How many edges the document asks for, where it says so in a number. */
  readonly page?: number | undefined;
}

/** What the answer has under one name, from however many places of the document. */
interface Answered {
  readonly name: string;
  weight: number;
  size: number;
  readonly below: Selection[];
}

/**
 * An operation costs at most 2,100, which is about how many values its answer can have (GQL-2). The SDL gives the length
 * of each list, and a connection may be asked for less, so a small document cannot ask for a large answer by naming a list ten times. As in the answer, a field
 * that several fragments select is there once.
 *
 * Introspection has lists of unknown length. But without aliases it is no larger than the schema.
 */
export function MaxCostRule(context: ValidationContext): ASTVisitor {
  const schema = context.getSchema();
  const countAliases = createFold(context, {
    field: ({ alias }, below) => (alias === undefined ? 0 : 1) + below(),
    join: sum,
  });

  /**
   * Gives up past the limit, so that fragments in fragments take no more steps than that. What is deeper than a document
   * may be is in a cycle of fragments, which NoFragmentCyclesRule refuses.
   */
  function costOf(selections: readonly Selection[], depth = 1): number {
    if (depth > MAX_DEPTH) return 0;
    let total = 0;
    for (const { name, weight, size, below } of merge(selections)) {
      const introspection = INTROSPECTION_COST.get(name);
      if (introspection === undefined) total += size * (weight + costOf(below, depth + 1));
      else total += introspection + MAX_COST * below.map(({ set }) => countAliases(set)).reduce(sum, 0);
      if (total > MAX_COST) break;
    }
    return total;
  }

  /** The fields of some selection sets by their names in the answer, fragments written out. */
  function merge(selections: readonly Selection[]): Iterable<Answered> {
    const answered = new Map<string, Answered>();
    const spread = new Set<string>();

    function add(field: FieldNode, { type, page = Number.POSITIVE_INFINITY }: Omit<Selection, 'set'>): void {
      const name = field.name.value;
      const definition = definitionOf(name, type);
      const weight = numberOf(definition, 'cost', 'weight') ?? 1;
      const longest = numberOf(definition, 'listSize', 'assumedSize') ?? 1;
      const size = name === 'edges' ? Math.min(longest, page) : longest;
      const key = field.alias?.value ?? name;
      const known = answered.get(key) ?? { name, weight, size, below: [] };
      // Where the types of two fragments differ, the answer has one of the two.
      known.weight = Math.max(known.weight, weight);
      known.size = Math.max(known.size, size);
      if (field.selectionSet !== undefined)
        known.below.push({
          set: field.selectionSet,
          type: definition && getNamedType(definition.type),
          page: pageOf(field),
        });
      answered.set(key, known);
    }

    function collect({ set, type, page }: Selection): void {
      for (const selection of set.selections) {
        if (selection.kind === Kind.FIELD) add(selection, { type, page });
        else if (selection.kind === Kind.INLINE_FRAGMENT) {
          const condition = selection.typeCondition?.name.value;
          const narrower = condition === undefined ? type : typeOf(condition);
          collect({ set: selection.selectionSet, type: narrower, page });
        } else collectFragment(selection.name.value, page);
      }
    }

    function collectFragment(name: string, page: Selection['page']): void {
      const fragment = context.getFragment(name);
      if (fragment == null || spread.has(`${name} ${page}`)) return;
      spread.add(`${name} ${page}`);
      collect({ set: fragment.selectionSet, type: typeOf(fragment.typeCondition.name.value), page });
    }

    for (const selection of selections) collect(selection);
    return answered.values();
  }

  function typeOf(name: string): GraphQLNamedType | undefined {
    return schema.getType(name);
  }

  return {
    Document(document) {
      const dear = operationsOf(document).find(
        ({ operation, selectionSet }) =>
          costOf([{ set: selectionSet, type: schema.getRootType(operation) ?? undefined }]) > MAX_COST,
      );
      return dear && refuseDocument(context, 'cost', [dear]);
    },
  };
}

/** How many edges of a connection a field asks for. What a variable asks for is not known here, and may be the most. */
function pageOf({ arguments: given = [] }: FieldNode): number | undefined {
  const sizes = given.flatMap(({ name, value }) =>
    (name.value === 'first' || name.value === 'last') && value.kind === Kind.INT ? [Number(value.value)] : [],
  );
  return sizes.length === 0 ? undefined : Math.max(0, ...sizes);
}

function definitionOf(
  name: string,
  type: GraphQLNamedType | undefined,
): GraphQLField<unknown, unknown> | undefined {
  return isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined;
}
