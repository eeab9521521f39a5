import type { Resolvers } from '../../graphql/generated.ts';
import type { ServiceAccountAdmin } from './service.ts';

export function serviceAccountsResolvers(accounts: ServiceAccountAdmin): Resolvers {
  return {
    AdminQuery: {
      serviceAccounts: (operator, args) => accounts.list(operator, args),
    },
    Mutation: {
      adminCreateServiceAccount: (_root, { input }, context) => accounts.create(context, input),
      adminCreateApiKey: (_root, { input }, context) => accounts.createKey(context, input),
      adminRevokeApiKey: (_root, { input }, context) => accounts.revokeKey(context, input.id),
      adminDisableServiceAccount: (_root, { input }, context) => accounts.disable(context, input.id),
      adminEnableServiceAccount: (_root, { input }, context) => accounts.enable(context, input.id),
    },
    ServiceAccount: {
      scope: (account) => accounts.scopeOf(account),
      createdAt: (account) => new Date(account.createdAt),
      disabledAt: (account) => (account.disabledAt === null ? null : new Date(account.disabledAt)),
    },
    ApiKey: {
      scope: (key) => accounts.scopeOf(key) ?? [],
      createdAt: (key) => new Date(key.createdAt),
      lastUsedAt: (key) => (key.lastUsedAt === null ? null : new Date(key.lastUsedAt)),
      expiresAt: (key) => (key.expiresAt === null ? null : new Date(key.expiresAt)),
      revokedAt: (key) => (key.revokedAt === null ? null : new Date(key.revokedAt)),
    },
  };
}
