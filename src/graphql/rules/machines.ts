import { defaultFieldResolver, type GraphQLSchema } from 'graphql';
import { refusedMachine } from '../../core/users/service.ts';
import { type Context, requireAnyViewer } from '../context.ts';
import { isMarked, rootFields } from '../marks.ts';

/**
 * Closes every root field to programs that the SDL does not mark `@machine`, nor `@public` (GQL-8, deny by default). What a
 * marked field answers is closed by scopes.
 */
export function refuseMachines(schema: GraphQLSchema): void {
  for (const { field } of rootFields(schema)) {
    if (isMarked(field, 'public') || isMarked(field, 'machine')) continue;
    const resolve = field.resolve ?? defaultFieldResolver;
    field.resolve = (source, args, context: Context, info) => {
      if (requireAnyViewer(context).kind === 'machine') throw refusedMachine();
      return resolve(source, args, context, info);
    };
  }
}
