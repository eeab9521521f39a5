import { defaultFieldResolver, type GraphQLSchema } from 'graphql';
import { assertNothingOwed } from '../../core/users/service.ts';
import { type Context, requireAnyViewer } from '../context.ts';
import { isMarked, rootFields } from '../marks.ts';

/**
 * Closes every root field that the SDL does not mark `@enrolling`, nor `@public`, to sessions whose owner has to enrol or
 * show a second factor first (deny by default).
 */
export function refuseUnenrolledAccounts(schema: GraphQLSchema): void {
  for (const { field } of rootFields(schema)) {
    if (isMarked(field, 'public') || isMarked(field, 'enrolling')) continue;
    const resolve = field.resolve ?? defaultFieldResolver;
    field.resolve = (source, args, context: Context, info) => {
      const viewer = requireAnyViewer(context);
      if (viewer.kind === 'user') assertNothingOwed(viewer);
      return resolve(source, args, context, info);
    };
  }
}
