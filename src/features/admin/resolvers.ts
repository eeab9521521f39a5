import type { Resolvers } from '../../graphql/generated.ts';
import { type AdminApi, type AdminUserView, type EventView, totalOf } from './api.ts';

export function adminResolvers(api: AdminApi): Resolvers {
  const { accounts, show } = api;
  return {
    Query: {
      admin: (_root, _args, context) => api.open(context),
    },
    AdminQuery: {
      users: (_operator, args, context) => api.users(context, args),
      user: async (_operator, args, context) => (await api.user(context, args)) ?? null,
      auditEvents: (_operator, args, context) => api.events(context, args),
      stats: (_operator, args, context) => api.stats(context, args),
    },
    AdminUserConnection: {
      totalCount: async ({ count }) => totalOf(await count()).total,
      totalCountCapped: async ({ count }) => totalOf(await count()).isCapped,
    },
    AdminUser: {
      emailVerified: ({ emailVerifiedAt }) => emailVerifiedAt !== null,
      state: stateOf,
      disabledAt: ({ disabledAt }) => dateOf(disabledAt),
      roles: (user) => api.rolesOf(user.roles),
      metadata: (user) => JSON.parse(user.metadata),
      hasPassword: (user) => user.hasPassword === 1,
      createdAt: (user) => new Date(user.createdAt),
      updatedAt: (user) => new Date(user.updatedAt),
      lastLoginAt: (user) => user.more() && dateOf(user.lastLoginAt),
      lockedUntil: async ({ id, more }) => dateOf((await more().failedLoginsOf(id)).lockedUntil || null),
      sessions: ({ id, more }) => more().sessionsOf(id),
      factors: ({ id, more }) => more().factorsOf(id),
      recoveryCodesLeft: ({ id, more }) => more().codesLeftOf(id),
      externalLogins: ({ id, more }) => more().externalLoginsOf(id),
      failedLogins: ({ id, more }) => more().failedLoginsOf(id),
    },
    AdminStats: {
      liveSessions: ({ countLiveSessions }) => countLiveSessions(),
    },
    AdminFactor: {
      createdAt: (factor) => new Date(factor.confirmedAt ?? factor.createdAt),
      lastUsedAt: ({ lastUsedAt }) => dateOf(lastUsedAt),
    },
    AuditEvent: {
      occurredAt: (event) => new Date(event.occurredAt),
      outcome: ({ outcome }) => (outcome === 'success' ? 'SUCCESS' : 'FAIL'),
      actorId: actorOf,
      details: (event) => JSON.parse(event.details),
    },
    Mutation: {
      adminCreateUser: (_root, { input }, context) => show(accounts.create(context, input)),
      adminUpdateUser: (_root, { input }, context) => show(accounts.update(context, input)),
      adminDisableUser: (_root, { input }, context) => show(accounts.disable(context, input)),
      adminEnableUser: (_root, { input }, context) => show(accounts.enable(context, input)),
      adminDeleteUser: (_root, { input }, context) => show(accounts.delete(context, input)),
      adminSendPasswordReset: (_root, { input }, context) => show(accounts.sendPasswordReset(context, input)),
      adminEndSessions: (_root, { input }, context) => show(accounts.endSessions(context, input)),
      adminRemoveFactors: (_root, { input }, context) => show(accounts.removeFactors(context, input)),
      adminUnlockAccount: (_root, { input }, context) => show(accounts.unlock(context, input)),
      adminSetRoles: (_root, { input }, context) => show(accounts.setRoles(context, input)),
      adminSetMetadata: (_root, { input }, context) => show(accounts.setMetadata(context, input)),
    },
  };
}

function stateOf({ disabledAt, emailVerifiedAt }: AdminUserView): 'ACTIVE' | 'UNVERIFIED' | 'DISABLED' {
  if (disabledAt !== null) return 'DISABLED';
  return emailVerifiedAt === null ? 'UNVERIFIED' : 'ACTIVE';
}

function actorOf({ details }: EventView): string | null {
  const { actor }: { readonly actor?: string } = JSON.parse(details);
  return actor ?? null;
}

function dateOf(moment: number | null): Date | null {
  return moment === null ? null : new Date(moment);
}
