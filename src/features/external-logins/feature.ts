import type { Feature } from '../../core/feature.ts';
import { EXTERNAL_LOGIN_LINKED, EXTERNAL_LOGIN_UNLINKED, EXTERNAL_REGISTRATION } from './mails.ts';
import { externalLoginsResolvers } from './resolvers.ts';
import {
  createExternalLoginsService,
  type ExternalLoginsService,
  type ExternalLoginsServiceOptions,
} from './service.ts';

type Settings =
  | 'addressMails'
  | 'fetchOfProviders'
  | 'isDevelopment'
  | 'issuer'
  | 'logger'
  | 'networkChecks'
  | 'networkRegistrations'
  | 'providers'
  | 'redirectOrigins'
  | 'registration'
  | 'secrets';

/** Logging in with an account at a provider. The callback is for the HTTP side. */
export function createExternalLoginsFeature(
  core: Omit<ExternalLoginsServiceOptions, Settings>,
  settings: Pick<ExternalLoginsServiceOptions, Settings>,
): Feature & { readonly callback: ExternalLoginsService['answer']; readonly close: () => Promise<void> } {
  const logins = createExternalLoginsService({ ...core, ...settings });
  return {
    resolvers: externalLoginsResolvers(logins),
    purposes: [EXTERNAL_REGISTRATION],
    mails: [EXTERNAL_LOGIN_LINKED, EXTERNAL_LOGIN_UNLINKED],
    callback: logins.answer,
    close: logins.close,
  };
}
