import { type GraphQLField, type GraphQLSchema, Kind } from 'graphql';
import type { Context } from './context.ts';

/** The directives by which the SDL marks root fields. */
export type Mark = 'public' | 'credential' | 'narrow' | 'enrolling' | 'machine';

export interface RootField {
  /** As in `Mutation.login`. */
  readonly path: string;
  readonly field: GraphQLField<unknown, Context>;
}

/** Everything that a document can begin with. */
export function rootFields(schema: GraphQLSchema): RootField[] {
  return [schema.getQueryType(), schema.getMutationType()].flatMap((type) =>
    Object.values(type?.getFields() ?? {}).map((field) => ({ path: `${type?.name}.${field.name}`, field })),
  );
}

/** The root fields that the SDL gives the mark, sorted by their paths. */
export function markedFields(schema: GraphQLSchema, mark: Mark): RootField[] {
  return rootFields(schema)
    .filter(({ field }) => isMarked(field, mark))
    .sort((a, b) => a.path.localeCompare(b.path));
}

export function isMarked({ astNode }: RootField['field'], mark: Mark): boolean {
  return astNode?.directives?.some(({ name }) => name.value === mark) ?? false;
}

/** What a directive of the SDL says of a field in a whole number. */
export function numberOf(
  field: GraphQLField<unknown, unknown> | undefined,
  directive: string,
  argument: string,
): number | undefined {
  const mark = field?.astNode?.directives?.find(({ name }) => name.value === directive);
  const value = mark?.arguments?.find(({ name }) => name.value === argument)?.value;
  return value?.kind === Kind.INT ? Number(value.value) : undefined;
}
