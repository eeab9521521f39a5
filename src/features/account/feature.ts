import type { Feature } from '../../core/feature.ts';
import { PASSWORD_REMOVED } from './mails.ts';
import { accountResolvers } from './resolvers.ts';
import { type AccountOptions, createAccountService } from './service.ts';

type Settings = 'registration' | 'networkRegistrations' | 'beginRegistration';

/** What people do to their own accounts. */
export function createAccount(
  core: Omit<AccountOptions, Settings>,
  settings: Pick<AccountOptions, Settings>,
): Feature {
  return {
    resolvers: accountResolvers(createAccountService({ ...core, ...settings })),
    mails: [PASSWORD_REMOVED],
  };
}
