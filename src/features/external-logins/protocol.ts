import * as oidc from 'openid-client';
import type { Provider } from '../../core/external-logins/providers-file.ts';
import type { Answer } from '../../core/external-logins/start-store.ts';
import type { Clock } from '../../platform/clock.ts';
import type { PinnedFetch } from '../../platform/pinned-fetch.ts';
import { appleSecret } from './apple-secret.ts';
import { ProviderFault } from './identity.ts';

export const TIMEOUT_SECONDS = 4;
/** More than any clock is wrong by. */
const HUNDRED_YEARS_SECONDS = 100 * 365 * 24 * 60 * 60;

export interface ProviderClientOptions<Which extends Provider = Provider> {
  readonly provider: Which;
  readonly redirectUri: string;
  readonly fetch: PinnedFetch['fetch'];
  readonly clock: Clock;
}

/** What ties an answer of a provider to the request that it answers. */
export interface Secrets {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
}

/** The protocol with one provider. Each of its functions fails with a `ProviderFault`, and with nothing else. */
export interface ProviderClient {
  /** Where the browser is led to. */
  authorizationUrl(secrets: Secrets): Promise<string>;
  /** Exchanges the code of an answer, and says who logged in. The tokens of the provider are forgotten. */
  exchange(parameters: URLSearchParams, secrets: Secrets): Promise<Answer>;
  /** Asks for the discovery document, if there is one. The fault says what is wrong with it. */
  examine(): Promise<void>;
}

/**
 * The library compares times with the clock of the machine, which may jump while a document is kept. So it lets every time
 * pass, and identity.ts compares them with the clock of this server.
 */
export const METADATA: Partial<oidc.ClientMetadata> = { [oidc.clockTolerance]: HUNDRED_YEARS_SECONDS };

/** How this server proves itself to a provider. */
export function authenticationOf(provider: Provider, clock: Clock): oidc.ClientAuth {
  const { clientId, clientSecret } = provider;
  if (typeof clientSecret === 'string') {
    const [basic, post] = [oidc.ClientSecretBasic(clientSecret), oidc.ClientSecretPost(clientSecret)];
    // RFC 8414 §2: without the list it is `client_secret_basic`. OAuth 2 servers without a document take the other.
    return (server, ...rest) => {
      const methods = server.token_endpoint_auth_methods_supported ?? [];
      const usesBasic = provider.protocol === 'oidc' && !methods.includes('client_secret_post');
      (usesBasic ? basic : post)(server, ...rest);
    };
  }
  const signer = provider.protocol === 'oidc' ? provider.signer : undefined;
  if (signer === undefined) throw new Error('a key without its signer');
  return (_server, _client, body) => {
    const nowSeconds = Math.floor(clock.now() / 1_000);
    body.set('client_id', clientId);
    body.set('client_secret', appleSecret({ ...signer, clientId, key: clientSecret, nowSeconds }));
  };
}

/** The parameters of an authorization request that both protocols have. */
export async function requestOf(
  { provider, redirectUri }: Pick<ProviderClientOptions, 'provider' | 'redirectUri'>,
  { state, codeVerifier }: Secrets,
): Promise<Record<string, string>> {
  return {
    redirect_uri: redirectUri,
    ...(provider.scopes.length > 0 && { scope: provider.scopes.join(' ') }),
    state,
    code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: 'S256',
  };
}

/** Where the browser came back to, with what it brought. The library takes the redirect URI from here. */
export function answerAt(redirectUri: string, parameters: URLSearchParams): URL {
  const url = new URL(redirectUri);
  url.search = parameters.toString();
  return url;
}

/** Makes a fault of whatever goes wrong with a provider. Errors of the library hold tokens, and are dropped. */
export async function guard<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ProviderFault ? error : new ProviderFault(wordOf(error));
  }
}

/** What the most frequent codes of the library and of Node.js mean to an operator. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens at its address (ECONNREFUSED)',
  ENOTFOUND: 'its name has no address (ENOTFOUND)',
  OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED: 'its answer names another issuer or subject than was asked for',
  OAUTH_RESPONSE_IS_NOT_CONFORM: 'its answer has a status or a type that it must not have',
  OAUTH_RESPONSE_IS_NOT_JSON: 'its answer is no JSON',
  OAUTH_TIMEOUT: 'it did not answer in time',
};

/** The first word of a library or of the protocol about what went wrong. */
function wordOf(error: unknown): string {
  const words = chainOf(error).flatMap((link) => {
    const { name, code, message, error } = link as Record<string, unknown>;
    if (name === 'FetchRefused') return [String(message)];
    // RFC 6749 §5.2 has words of lower-case letters. Anything else of the provider's may be a secret.
    const ofProvider = typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? error : undefined;
    return [ofProvider, typeof code === 'string' ? code : undefined];
  });
  const word = words.find((word) => typeof word === 'string');
  if (word === undefined) return 'it cannot be reached, or its answer cannot be read';
  return WORDS[word] ?? word;
}

/** An error, its cause, the cause of that, and so on. */
function chainOf(error: unknown, most = 5): unknown[] {
  if (typeof error !== 'object' || error === null || most === 0) return [];
  return [error, ...('cause' in error ? chainOf(error.cause, most - 1) : [])];
}
