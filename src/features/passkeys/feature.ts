import type { Feature } from '../../core/feature.ts';
import { PASSKEY_ADDED } from './mails.ts';
import { passkeysResolvers } from './resolvers.ts';
import { createPasskeysService, type PasskeysFeatureOptions } from './service.ts';

type Settings = 'appName' | 'requireVerification';

/** Passkeys: registered by owners, and used to log in. */
export function createPasskeysFeature(
  core: Omit<PasskeysFeatureOptions, Settings>,
  settings: Pick<PasskeysFeatureOptions, Settings>,
): Feature {
  return {
    resolvers: passkeysResolvers(createPasskeysService({ ...core, ...settings })),
    mails: [PASSKEY_ADDED],
  };
}
