import { requireViewer } from '../../graphql/context.ts';
import type { Resolvers } from '../../graphql/generated.ts';
import type { Sessions } from './service.ts';

export function sessionsResolvers(sessions: Sessions): Resolvers {
  return {
    Query: {
      session: (_root, _args, context) => sessions.current(requireViewer(context)),
      sessions: (_root, _args, context) => sessions.listFor(requireViewer(context)),
    },
    Mutation: {
      refreshToken: (_root, { input }, { caller, cookies }) =>
        input == null
          ? cookies.renew((refreshToken) => sessions.refresh(refreshToken, caller))
          : cookies.deliver(input.delivery, () => sessions.refresh(input.refreshToken, caller)),
      logout: async (_root, { input }, { bearer, caller, cookies }) => ({
        revokedSessions: await sessions.logout(bearer, { scope: 'CURRENT', ...input, kept: cookies }, caller),
      }),
      revokeSession: async (_root, { input }, context) => ({
        revokedSessions: await sessions.revoke(requireViewer(context), input.id, context.caller),
      }),
    },
    AuthPayload: {
      tokenType: () => 'Bearer',
      expiresIn: (grant) => grant.expiresInSeconds,
      expiresAt: (grant) => new Date(grant.expiresAt),
      refreshExpiresAt: (grant) => new Date(grant.refreshExpiresAt),
      session: (grant) => sessions.sessionOf(grant),
      user: (grant) => sessions.ownerOf(grant),
    },
    Session: {
      createdAt: (session) => new Date(session.createdAt),
      authenticatedAt: (session) => new Date(session.authenticatedAt),
      lastUsedAt: (session) => new Date(session.rotatedAt),
      expiresAt: (session) => new Date(session.expiresAt),
      idleExpiresAt: (session) => new Date(session.idleExpiresAt),
      impersonated: ({ operatorId }) => operatorId !== null,
    },
    User: {
      sessions: (user) => sessions.listOf(user),
    },
  };
}
