import type { Feature } from '../../core/feature.ts';
import { IMPERSONATED } from './mails.ts';
import { impersonationsResolvers } from './resolvers.ts';
import { createImpersonationsService, type ImpersonationsOptions } from './service.ts';

/** Operators who see an account as its owner does. */
export function createImpersonations(core: ImpersonationsOptions): Feature {
  return {
    resolvers: impersonationsResolvers(createImpersonationsService(core)),
    mails: [IMPERSONATED],
  };
}
