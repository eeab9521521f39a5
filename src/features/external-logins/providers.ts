import { speaksFor } from '../../core/external-logins/issuers.ts';
import { type Provider, urlsOf } from '../../core/external-logins/providers-file.ts';
import { AuthError } from '../../errors.ts';
import type { Clock } from '../../platform/clock.ts';
import type { PinnedFetch } from '../../platform/pinned-fetch.ts';
import { ProviderFault } from './identity.ts';
import type { ProviderClient } from './protocol.ts';

export interface ProvidersOptions {
  readonly providers: readonly Provider[];
  readonly clock: Clock;
  /** Of the tokens; the callbacks are below it. */
  readonly issuer: string;
  /** Whether providers may be on this machine or a private network, over plain HTTP. */
  readonly isDevelopment: boolean;
  /** What asks the providers instead of the internet. */
  readonly fetchOfProviders?: PinnedFetch['fetch'] | undefined;
}

export type Providers = ReturnType<typeof createProviders>;

/** Where the provider of that name sends people back to: the redirect URI to be registered there. */
function redirectUriOf(issuer: string, name: string): string {
  return `${issuer.replace(/\/$/, '')}/external/callback/${name}`;
}

/**
 * The providers by whose accounts people log in. Nothing is asked of them before the first login, and the libraries are
 * loaded then: most servers have no providers.
 */
export function createProviders({
  providers,
  clock,
  issuer,
  isDevelopment,
  fetchOfProviders,
}: ProvidersOptions) {
  const byName = new Map(providers.map((provider) => [provider.name, provider]));
  const clients = new Map<string, Promise<ProviderClient>>();
  let libraries: ReturnType<typeof load> | undefined;

  async function load() {
    const { createProviderClient } = await import('./provider-client.ts');
    const { createPinnedFetch } = await import('../../platform/pinned-fetch.ts');
    const origins = providers.flatMap(urlsOf).map((url) => new URL(url).origin);
    const pinned = createPinnedFetch({ allowedOrigins: new Set(isDevelopment ? origins : []) });
    return { createProviderClient, pinned };
  }

  async function openClient(provider: Provider): Promise<ProviderClient> {
    libraries ??= load();
    const { createProviderClient, pinned } = await libraries;
    const redirectUri = redirectUriOf(issuer, provider.name);
    return createProviderClient({ provider, clock, fetch: fetchOfProviders ?? pinned.fetch, redirectUri });
  }

  async function clientOf(name: string): Promise<ProviderClient> {
    const provider = byName.get(name);
    if (provider === undefined) throw new ProviderFault('LATCHKEY_PROVIDERS_FILE has it no more');
    const client = clients.get(name) ?? openClient(provider);
    clients.set(name, client);
    return client;
  }

  return {
    /** What people choose from, in the order of the file. */
    list: (): readonly Pick<Provider, 'name' | 'displayName'>[] => providers,

    /** What people call a provider; its name, where the file has it no more. */
    displayNameOf: (name: string): string => byName.get(name)?.displayName ?? name,

    /** @throws AuthError `FEATURE_DISABLED`, `BAD_USER_INPUT`. */
    require(name: string): void {
      if (byName.size === 0)
        throw new AuthError('FEATURE_DISABLED', { hint: 'Set LATCHKEY_PROVIDERS_FILE.' });
      if (!byName.has(name)) throw new AuthError('BAD_USER_INPUT', { field: 'input.provider' });
    },

    /** Whether the provider of that name still says who the identities of `issuer` are. */
    speaksFor(name: string, issuer: string): boolean {
      const provider = byName.get(name);
      return provider !== undefined && speaksFor(provider, issuer);
    },

    /** @throws ProviderFault for a provider that the operator removed after the login began. */
    clientOf,

    /** Asks each provider for its discovery document; what is wrong with it, if anything is. */
    examine: (): Promise<{ name: string; redirectUri: string; problem: string | undefined }[]> =>
      Promise.all(
        providers.map(async ({ name }) => {
          const examination = { name, redirectUri: redirectUriOf(issuer, name) };
          try {
            await (await clientOf(name)).examine();
            return { ...examination, problem: undefined };
          } catch (error) {
            if (!(error instanceof ProviderFault)) throw error;
            return { ...examination, problem: error.message };
          }
        }),
      ),

    close: async (): Promise<void> => (await libraries)?.pinned.close(),
  };
}
