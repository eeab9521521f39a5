import { defaultFieldResolver, type GraphQLSchema } from 'graphql';
import { assertInTime } from '../../platform/deadline.ts';
import type { Context } from '../context.ts';
import { rootFields } from '../marks.ts';

/**
 * Refuses the root fields that would begin after the deadline of their operation (GQL-6): those of a mutation run one
 * after another, and ten slow ones must not add up. graphql-js cannot stop a resolver that runs, so what takes long
 * inside one, hashing and the database, keeps the same deadline by itself.
 */
export function refuseLateFields(schema: GraphQLSchema): void {
  for (const { field } of rootFields(schema)) {
    const resolve = field.resolve ?? defaultFieldResolver;
    field.resolve = (source, args, context: Context, info) => {
      assertInTime(context.caller.deadline);
      return resolve(source, args, context, info);
    };
  }
}
