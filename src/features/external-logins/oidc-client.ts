import * as oidc from 'openid-client';
import { canonicalIssuer, documentIssuerOf } from '../../core/external-logins/issuers.ts';
import type { OidcDefinition, Provider } from '../../core/external-logins/providers-file.ts';
import type { Answer } from '../../core/external-logins/start-store.ts';
import { HOUR_MS } from '../../platform/durations.ts';
import { addressOf, type Claims, identityOf, nameOf, ProviderFault } from './identity.ts';
import {
  answerAt,
  authenticationOf,
  guard,
  METADATA,
  type ProviderClient,
  type ProviderClientOptions,
  requestOf,
  TIMEOUT_SECONDS,
} from './protocol.ts';

/** A discovery document is asked for anew after this. */
const DOCUMENT_TTL_MS = HOUR_MS;
/** After a failure there is no other request for so long: each login would make one. */
const PAUSE_MS = 5_000;
const REQUIRED = ['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const;
const LISTS = ['id_token_signing_alg_values_supported', 'token_endpoint_auth_methods_supported'] as const;
const ENDPOINTS = [...REQUIRED, 'userinfo_endpoint'] as const;
const BY_SECRET = /^client_secret_(basic|post)$/;
/** Signatures by a public key (RFC 7518 §3.1, RFC 8037, RFC 9864). */
const BY_PUBLIC_KEY = /^([RPE]S\d{3}|Ed(DSA|25519))$/;

/** An OpenID provider, known by its discovery document. */
export function createOidcClient(options: ProviderClientOptions<Provider & OidcDefinition>): ProviderClient {
  const { provider, redirectUri, fetch, clock } = options;
  let document: { readonly config: oidc.Configuration; readonly loadedAt: number } | undefined;
  let flight: Promise<oidc.Configuration> | undefined;
  let failedAt = Number.NEGATIVE_INFINITY;

  async function discover(): Promise<oidc.Configuration> {
    const authentication = authenticationOf(provider, clock);
    const config = await guard(() =>
      oidc.discovery(new URL(provider.issuer), provider.clientId, METADATA, authentication, {
        [oidc.customFetch]: fetch as oidc.CustomFetch,
        // In the code flow the library checks no signature without the first. `fetch` decides what may be plain HTTP.
        execute: [oidc.enableNonRepudiationChecks, oidc.allowInsecureRequests],
        timeout: TIMEOUT_SECONDS,
      }),
    );
    const problem = problemOf(config.serverMetadata(), provider);
    if (problem !== undefined) throw new ProviderFault(`the discovery document ${problem}`);
    return config;
  }

  /** One request for any number of logins. While the provider is away, the document of before goes on. */
  async function load(): Promise<oidc.Configuration> {
    const now = clock.now();
    if (document !== undefined && now - document.loadedAt < DOCUMENT_TTL_MS) return document.config;
    if (flight === undefined && now - failedAt < PAUSE_MS) {
      if (document !== undefined) return document.config;
      throw new ProviderFault('the discovery document could not be had a moment ago');
    }
    flight ??= discover()
      .then((config) => {
        document = { config, loadedAt: clock.now() };
        return config;
      })
      .catch((error: unknown) => {
        failedAt = clock.now();
        if (document !== undefined) return document.config;
        throw error;
      })
      .finally(() => {
        flight = undefined;
      });
    return flight;
  }

  /** OpenID Connect Core §5.4: where an access token comes along, the claims of scopes may be at another endpoint. */
  async function withUserInfo(
    identity: Answer,
    { config, claims, accessToken }: { config: oidc.Configuration; claims: Claims; accessToken: string },
  ): Promise<Answer> {
    if (claims.email !== undefined || config.serverMetadata().userinfo_endpoint === undefined)
      return identity;
    const user: Claims = await guard(() => oidc.fetchUserInfo(config, accessToken, identity.subject));
    const { email, email_verified } = user;
    return {
      ...identity,
      // What else an ID token says of an address, as Microsoft's does, it says of the one beside it.
      ...addressOf(provider, { hd: claims.hd, email, email_verified }),
      name: identity.name ?? nameOf(user.name),
    };
  }

  return {
    async authorizationUrl(secrets) {
      const config = await load();
      const { nonce } = secrets;
      const { responseMode } = provider;
      return oidc.buildAuthorizationUrl(config, {
        ...(await requestOf(options, secrets)),
        nonce,
        ...(responseMode && { response_mode: responseMode }),
      }).href;
    },

    async exchange(parameters, { state, nonce, codeVerifier }) {
      const config = await load();
      const tokens = await guard(() =>
        oidc.authorizationCodeGrant(config, answerAt(redirectUri, parameters), {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: codeVerifier,
          idTokenExpected: true,
        }),
      );
      const claims: Claims = tokens.claims() ?? {};
      const { issuer: documentIssuer } = config.serverMetadata();
      const identity = identityOf(provider, claims, { documentIssuer, now: clock.now() });
      return withUserInfo(identity, { config, claims, accessToken: tokens.access_token });
    },

    async examine() {
      await discover();
    },
  };
}

/** What keeps a document from being used. */
function problemOf(server: oidc.ServerMetadata, definition: OidcDefinition): string | undefined {
  const expected = documentIssuerOf(definition);
  // The document decides how its tokens spell it.
  if (canonicalIssuer(server.issuer) !== canonicalIssuer(expected))
    return `names another issuer than ${expected}`;
  const missing = REQUIRED.find((name) => server[name] === undefined);
  if (missing !== undefined) return `has no ${missing}`;
  // The browser is led to one of them, so it must not be `javascript:`.
  const schemes = new URL(expected).protocol === 'http:' ? ['http:', 'https:'] : ['https:'];
  const isWrong = (url: string | undefined) =>
    url !== undefined && !(URL.canParse(url) && schemes.includes(new URL(url).protocol));
  const wrong = ENDPOINTS.find((name) => isWrong(server[name]));
  if (wrong !== undefined) return `has no https URL as ${wrong}`;
  const list = LISTS.find((name) => !Array.isArray(server[name] ?? []));
  if (list !== undefined) return `has no list as ${list}`;
  const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  if (!methods.some((name) => BY_SECRET.test(name))) return 'takes no client secret';
  const algorithms = server.id_token_signing_alg_values_supported ?? ['RS256'];
  if (!algorithms.some((name) => BY_PUBLIC_KEY.test(name)))
    return 'knows no signature of ID tokens by a public key';
  return undefined;
}
