import * as oidc from 'openid-client';
import type { OAuth2Definition, Provider } from '../../core/external-logins/providers-file.ts';
import type { FetchInit } from '../../platform/pinned-fetch.ts';
import { addressOf, type Claims, nameOf, ProviderFault, subjectOf } from './identity.ts';
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

/** GitHub refuses requests without one. */
const USER_AGENT = 'latchkey';

/** An OAuth 2 server, which answers with JSON about the owner of an access token. */
export function createOAuth2Client(
  options: ProviderClientOptions<Provider & OAuth2Definition>,
): ProviderClient {
  const { provider, redirectUri, fetch, clock } = options;
  const { userUrl, emailsUrl, mapping } = provider;

  function configuration(): oidc.Configuration {
    const { authorizationUrl, tokenUrl } = provider;
    const server = {
      issuer: userUrl,
      authorization_endpoint: authorizationUrl,
      token_endpoint: tokenUrl,
    };
    const authentication = authenticationOf(provider, clock);
    const config = new oidc.Configuration(server, provider.clientId, METADATA, authentication);
    config[oidc.customFetch] = async (url, init) => withoutIdToken(await fetch(url, init as FetchInit));
    config.timeout = TIMEOUT_SECONDS;
    // `fetch` decides what may be plain HTTP.
    oidc.allowInsecureRequests(config);
    return config;
  }

  function ask(url: string, token: string): Promise<unknown> {
    return guard(async () => {
      const headers = {
        accept: 'application/json',
        authorization: `Bearer ${token}`,
        'user-agent': USER_AGENT,
      };
      const response = await fetch(url, { headers });
      if (response.status !== 200)
        throw new ProviderFault(`the answer about the user has status ${response.status}`);
      return response.json();
    });
  }

  return {
    authorizationUrl: async (secrets) =>
      oidc.buildAuthorizationUrl(configuration(), await requestOf(options, secrets)).href,

    async exchange(parameters, { state, codeVerifier }) {
      const answer = answerAt(redirectUri, parameters);
      // The issuer is no word of the server's, so there is none to compare with (RFC 9207). A redirect URI of its own
      // keeps the answers of providers apart (RFC 9700 §4.4.2.2).
      answer.searchParams.delete('iss');
      const { access_token: token } = await guard(() =>
        oidc.authorizationCodeGrant(configuration(), answer, {
          expectedState: state,
          pkceCodeVerifier: codeVerifier,
        }),
      );
      const user = await ask(userUrl, token);
      const claims: Claims =
        emailsUrl === undefined
          ? { email: at(user, mapping.email), email_verified: at(user, mapping.emailVerified) }
          : primaryOf(await ask(emailsUrl, token));
      const id = at(user, mapping.subject);
      return {
        issuer: userUrl,
        subject: subjectOf(Number.isSafeInteger(id) ? String(id) : id),
        ...addressOf(provider, claims),
        name: nameOf(at(user, mapping.name)),
      };
    },

    async examine() {},
  };
}

/**
 * A server that knows OpenID Connect, too, may answer with an ID token that nothing asked for. The library would compare its
 * issuer, and none is known. The answer at the user's URL says who somebody is.
 */
async function withoutIdToken(response: Response): Promise<Response> {
  if (!response.ok) return response;
  const { id_token: _, ...answer } = Object(await response.json()) as Record<string, unknown>;
  return new Response(JSON.stringify(answer), { status: response.status, headers: response.headers });
}

/** A value by a path of names with dots between them. */
function at(value: unknown, path: string | undefined): unknown {
  return path?.split('.').reduce<unknown>((found, name) => {
    const isObject = typeof found === 'object' && found !== null && Object.hasOwn(found, name);
    return isObject ? (found as Record<string, unknown>)[name] : undefined;
  }, value);
}

/** The address that GitHub calls primary (GitHub REST API, "List email addresses for the authenticated user"). */
function primaryOf(list: unknown): Claims {
  const primary = Array.isArray(list) ? list.find((entry) => at(entry, 'primary') === true) : undefined;
  return { email: at(primary, 'email'), email_verified: at(primary, 'verified') };
}
