import type { GraphQLSchema } from 'graphql';
import { refuseUnenrolledAccounts } from './enrolment.ts';
import { refuseImpersonatedMutations } from './impersonation.ts';
import { refuseLateFields } from './late.ts';
import { refuseMachines } from './machines.ts';
import { type Authenticate, guardRootFields } from './public.ts';
import { refuseNarrowedSessions } from './scope.ts';
import { refuseMalformedText } from './well-formed.ts';

/**
 * Puts every rule in front of the resolvers. The last rule of this list is asked first: malformed text is refused before
 * the deadline is compared, both before anybody is authenticated, impersonations before that, too, and programs, narrowed
 * sessions and accounts without a factor once it is known who asks.
 */
export function applyFieldRules(schema: GraphQLSchema, authenticate: Authenticate): void {
  refuseUnenrolledAccounts(schema);
  refuseNarrowedSessions(schema);
  refuseMachines(schema);
  guardRootFields(schema, authenticate);
  refuseImpersonatedMutations(schema);
  refuseLateFields(schema);
  refuseMalformedText(schema);
}
