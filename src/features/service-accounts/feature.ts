import type { Feature } from '../../core/feature.ts';
import { serviceAccountsResolvers } from './resolvers.ts';
import { createServiceAccountAdmin, type ServiceAccountAdminOptions } from './service.ts';

/** What operators do with service accounts and API keys. */
export function createServiceAccountsFeature(options: ServiceAccountAdminOptions): Feature {
  return { resolvers: serviceAccountsResolvers(createServiceAccountAdmin(options)) };
}
