import { defaultFieldResolver, type GraphQLSchema } from 'graphql';
import { AuthError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { rootFields } from '../marks.ts';

/**
 * Refuses every mutation that comes with the access token of an impersonation, the public ones too: an operator who sees
 * what the owner sees changes nothing, and nothing is done in the owner's name.
 */
export function refuseImpersonatedMutations(schema: GraphQLSchema): void {
  for (const { path, field } of rootFields(schema)) {
    if (!path.startsWith('Mutation.')) continue;
    const resolve = field.resolve ?? defaultFieldResolver;
    field.resolve = (source, args, context: Context, info) => {
      const { bearer } = context;
      if (!(bearer instanceof AuthError) && bearer.kind === 'user' && bearer.actor !== undefined)
        throw new AuthError('FORBIDDEN', { reason: 'IMPERSONATION' });
      return resolve(source, args, context, info);
    };
  }
}
