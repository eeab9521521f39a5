import { defaultFieldResolver, type GraphQLSchema } from 'graphql';
import { assertWide } from '../../core/users/service.ts';
import { type Context, requireAnyViewer } from '../context.ts';
import { isMarked, rootFields } from '../marks.ts';

/**
 * Closes every root field to narrowed sessions that the SDL does not mark `@narrow`, nor `@public` (GQL-8, deny by
 * default). A public field needs no viewer, or checks for itself.
 */
export function refuseNarrowedSessions(schema: GraphQLSchema): void {
  for (const { field } of rootFields(schema)) {
    if (isMarked(field, 'public') || isMarked(field, 'narrow')) continue;
    const resolve = field.resolve ?? defaultFieldResolver;
    field.resolve = (source, args, context: Context, info) => {
      const viewer = requireAnyViewer(context);
      if (viewer.kind === 'user') assertWide(viewer);
      return resolve(source, args, context, info);
    };
  }
}
