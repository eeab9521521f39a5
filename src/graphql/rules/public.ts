import { defaultFieldResolver, type GraphQLSchema } from 'graphql';
import type { MachineViewer } from '../../core/service-accounts/service.ts';
import type { Viewer } from '../../core/users/service.ts';
import type { Context } from '../context.ts';
import { isMarked, markedFields, rootFields } from '../marks.ts';

/** Who is behind a bearer. @throws AuthError where it proves nobody. */
export type Authenticate = (
  bearer: Context['bearer'],
) => Viewer | MachineViewer | Promise<Viewer | MachineViewer>;

/**
 * Closes every root field that the SDL does not mark `@public` (GQL-8, deny by default): its resolver runs only
 * after `authenticate` has named the viewer. It does so for each field anew, because a mutation may have ended
 * the session that the next one of the same document is asked with (AT-9).
 *
 * @throws Error when the schema has subscriptions, whose events no resolver stands in front of.
 */
export function guardRootFields(schema: GraphQLSchema, authenticate: Authenticate): void {
  if (schema.getSubscriptionType()) throw new Error('Subscriptions have no guard.');
  for (const { field } of rootFields(schema)) {
    if (isMarked(field, 'public')) continue;
    const resolve = field.resolve ?? defaultFieldResolver;
    field.resolve = (source, args, context: Context, info) => {
      const proceed = (viewer: Viewer | MachineViewer) => {
        context.viewer = viewer;
        return resolve(source, args, context, info);
      };
      const viewer = authenticate(context.bearer);
      // An await where nothing is awaited costs the whole document one more turn of promises.
      return viewer instanceof Promise ? viewer.then(proceed) : proceed(viewer);
    };
  }
}

/** The open doors, as in `Mutation.login`, sorted. */
export function publicFields(schema: GraphQLSchema): string[] {
  return markedFields(schema, 'public').map(({ path }) => path);
}
