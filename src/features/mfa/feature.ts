import type { Feature } from '../../core/feature.ts';
import {
  FACTOR_ADDED,
  FACTOR_RESET_CANCELLED,
  FACTOR_RESET_REQUESTED,
  RECOVERY_CODES_CHANGED,
} from './mails.ts';
import { mfaResolvers } from './resolvers.ts';
import { createMfaService, type MfaOptions } from './service.ts';

type Settings = 'issuer' | 'factorResetSeconds';

/** Second factors. */
export function createMfa(core: Omit<MfaOptions, Settings>, settings: Pick<MfaOptions, Settings>): Feature {
  const mfa = createMfaService({ ...core, ...settings });
  return {
    resolvers: mfaResolvers(mfa),
    mails: [FACTOR_ADDED, RECOVERY_CODES_CHANGED, FACTOR_RESET_REQUESTED, FACTOR_RESET_CANCELLED],
    chores: mfa.chores,
  };
}
