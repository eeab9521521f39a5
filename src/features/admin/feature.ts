import type { Feature } from '../../core/feature.ts';
import { type AdminApiOptions, createAdminApiService } from './api.ts';
import { adminResolvers } from './resolvers.ts';

/** What operators do by the GraphQL API. */
export function createAdminApi(options: AdminApiOptions): Feature {
  return { resolvers: adminResolvers(createAdminApiService(options)) };
}
