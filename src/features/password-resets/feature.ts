import type { Feature } from '../../core/feature.ts';
import { passwordResetsResolvers } from './resolvers.ts';
import { createPasswordResetsService, type PasswordResetsOptions } from './service.ts';

/** A new password for the reader of the account's mail. */
export function createPasswordResets(core: PasswordResetsOptions): Feature {
  return { resolvers: passwordResetsResolvers(createPasswordResetsService(core)) };
}
