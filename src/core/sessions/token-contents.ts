import { wordsOf } from '../../platform/words.ts';
import type { Claims } from '../roles/claims.ts';
import type { Rights, Roles } from '../roles/service.ts';
import type { UserTokenContent } from '../tokens/access-token.ts';
import type { Users } from '../users/service.ts';
import type { UserRecord } from '../users/store.ts';
import { FIRST_PARTY } from './openings.ts';
import type { SessionRecord } from './store.ts';

const NO_RIGHTS: Rights = { roles: [], scope: [] };

/** As long as every other one. */
const NO_ID = '00000000-0000-0000-0000-000000000000';

export interface TokenContentsOptions {
  readonly roles: Pick<Roles, 'names' | 'rightsOf'>;
  readonly claims: Claims;
  /** Whether a second factor is owed. The token allows nothing then. */
  readonly users: Pick<Users, 'owedBy'>;
}

/** What a token says of its session. */
type Told = Pick<
  SessionRecord,
  'id' | 'userId' | 'clientId' | 'roles' | 'narrowedTo' | 'amr' | 'acr' | 'authenticatedAt'
>;

/** Decides what access tokens say, but for the moments of their own life. */
export function createTokenContents({ roles, claims, users }: TokenContentsOptions) {
  /** @param user the owner's row, where the template of claims or the setting of second factors asks for it. */
  function contentOf(session: Told, user: UserRecord | undefined): UserTokenContent {
    const { id: sessionId, userId, clientId, acr, authenticatedAt } = session;
    const isOwing = user !== undefined && users.owedBy(user, session) !== undefined;
    const rights = isOwing ? NO_RIGHTS : roles.rightsOf(session);
    return {
      kind: 'user',
      userId,
      sessionId,
      clientId,
      amr: wordsOf(session.amr),
      acr,
      authenticatedAt: Math.floor(authenticatedAt / 1_000),
      scope: rights.scope.join(' '),
      roles: rights.roles,
      claims: isOwing ? {} : claims.of({ userId, sessionId, rights, user }),
    };
  }

  return {
    contentOf,

    /** A token that says as much as one can: of an account with every role. */
    sampleOf(user: UserRecord | undefined) {
      const session = {
        id: NO_ID,
        userId: NO_ID,
        clientId: FIRST_PARTY,
        amr: 'pwd otp mfa',
        acr: 'aal2',
        authenticatedAt: 1_700_000_000_000,
      };
      return contentOf({ ...session, roles: roles.names.join(' '), narrowedTo: null }, user);
    },
  };
}
