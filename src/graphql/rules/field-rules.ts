import type { GraphQLSchema } from 'graphql';
import type { Viewer } from '../../core/users/service.ts';
import type { Context } from '../context.ts';
import { refuseUnenrolledAccounts } from './enrolment.ts';
import { refuseImpersonatedMutations } from './impersonation.ts';
import { refuseLateFields } from './late.ts';
import { guardRootFields } from './public.ts';
import { refuseNarrowedSessions } from './scope.ts';
import { refuseMalformedText } from './well-formed.ts';

/**
 * Puts every rule in front of the resolvers. The last rule of this list is asked first: malformed text is refused before
 * the deadline is compared, both before anybody is authenticated, impersonations before that, too, and narrowed sessions and accounts without a factor once
 * it is known who asks.
 */
export function applyFieldRules(
  schema: GraphQLSchema,
  authenticate: (bearer: Context['bearer']) => Viewer | Promise<Viewer>,
): void {
  refuseUnenrolledAccounts(schema);
  refuseNarrowedSessions(schema);
  guardRootFields(schema, authenticate);
  refuseImpersonatedMutations(schema);
  refuseLateFields(schema);
  refuseMalformedText(schema);
}
