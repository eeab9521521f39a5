import type { Provider } from '../../core/external-logins/providers-file.ts';
import { createOAuth2Client } from './oauth2-client.ts';
import { createOidcClient } from './oidc-client.ts';
import type { ProviderClient, ProviderClientOptions } from './protocol.ts';

/** A provider by the protocol that it speaks. */
export function createProviderClient({
  provider,
  ...options
}: ProviderClientOptions<Provider>): ProviderClient {
  return provider.protocol === 'oauth2'
    ? createOAuth2Client({ ...options, provider })
    : createOidcClient({ ...options, provider });
}
