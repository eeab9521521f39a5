import { type CallbackOptions, createCallback } from './callback.ts';
import { createLinks, type LinksOptions } from './links.ts';
import { createLogins, type LoginsOptions } from './logins.ts';
import { createProviders, type ProvidersOptions } from './providers.ts';
import { createStarts, type StartsOptions } from './starts.ts';

type OfThisFolder = 'providers' | 'starts';

export type ExternalLoginsServiceOptions = Omit<StartsOptions, OfThisFolder> &
  Omit<CallbackOptions, OfThisFolder> &
  Omit<LoginsOptions, OfThisFolder> &
  Omit<LinksOptions, OfThisFolder> &
  ProvidersOptions;

export type ExternalLoginsService = ReturnType<typeof createExternalLoginsService>;

/** Logging in with an account at a provider: Google, GitHub, any OpenID provider, any OAuth 2 server. */
export function createExternalLoginsService(options: ExternalLoginsServiceOptions) {
  const providers = createProviders(options);
  const starts = createStarts({ ...options, providers });
  const { begin, present } = starts;
  return {
    begin,
    present,
    ...createLogins({ ...options, starts }),
    ...createLinks({ ...options, starts }),
    answer: createCallback({ ...options, providers, starts }).answer,
    list: providers.list,
    displayNameOf: providers.displayNameOf,
    close: providers.close,
  };
}
