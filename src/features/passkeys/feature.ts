import type { Feature } from '../../core/feature.ts';
import { PASSKEY_ADDED } from './mails.ts';
import { passkeysResolvers } from './resolvers.ts';
import { createPasskeysService, type PasskeysOptions } from './service.ts';

type Settings = 'appName' | 'requireVerification';

/** Passkeys: registered by owners, and used to log in. */
export function createPasskeysFeature(
  core: Omit<PasskeysOptions, Settings>,
  settings: Pick<PasskeysOptions, Settings>,
): Feature {
  return {
    resolvers: passkeysResolvers(createPasskeysService({ ...core, ...settings })),
    mails: [PASSKEY_ADDED],
  };
}
