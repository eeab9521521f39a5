import type { FastifyInstance } from 'fastify';
import { issuerPath, routesOf } from '../issuer-path.ts';
import { publish } from '../published.ts';
import { JWKS_PATH } from './jwks.ts';
import { CLIENT_AUTHENTICATIONS, GRANT_TYPES, TOKEN_PATH } from './token.ts';

export interface DiscoveryOptions {
  readonly issuer: string;
  /** Whether `POST /token` is there. */
  readonly tokenEndpoint: boolean;
  /** Every scope that a role allows. */
  readonly scopes: readonly string[];
}

/** What RFC 8414 §2 requires of every server: there is no authorization endpoint, so no type of its answers. */
const NO_RESPONSE_TYPES: readonly string[] = [];

/**
 * Tells other programs where the keys and the tokens are: authorization server metadata (RFC 8414), and the same where
 * clients of OpenID Connect look for it. It names what there is and nothing else, by the configured issuer and never by
 * the `Host` of a request.
 */
export function installDiscovery(app: FastifyInstance, options: DiscoveryOptions): void {
  const { issuer } = options;
  const metadata = metadataOf(options);
  const path = issuerPath(issuer);
  const oauth = '/.well-known/oauth-authorization-server';
  const openid = '/.well-known/openid-configuration';
  // RFC 8414 §3.1 puts the path of the issuer behind, OpenID Connect Discovery §4 before. A proxy may have taken it away.
  const places = (name: string) => routesOf(name, `${path}${name}`, `${name}${path}`);
  publish(app, { paths: places(oauth), type: 'application/json', read: () => metadata });
  // OpenID Connect Discovery §3 requires two more. There are no ID tokens: its libraries read here what signs a JWT.
  const forOpenid = {
    ...metadata,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  };
  publish(app, { paths: places(openid), type: 'application/json', read: () => forOpenid });
}

function metadataOf({ issuer, tokenEndpoint, scopes }: DiscoveryOptions): object {
  const base = issuer.replace(/\/$/, '');
  return {
    issuer,
    jwks_uri: `${base}${JWKS_PATH}`,
    // RFC 8414 §3.2: what has no elements is left out.
    ...(scopes.length > 0 && { scopes_supported: scopes }),
    response_types_supported: NO_RESPONSE_TYPES,
    ...(tokenEndpoint && {
      token_endpoint: `${base}${TOKEN_PATH}`,
      grant_types_supported: GRANT_TYPES,
      token_endpoint_auth_methods_supported: CLIENT_AUTHENTICATIONS,
    }),
  };
}
