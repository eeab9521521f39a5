import type { JsonWebKey } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { issuerPath, routesOf } from '../issuer-path.ts';
import { publish } from '../published.ts';

export const JWKS_PATH = '/.well-known/jwks.json';

export interface KeySet {
  jwks(): { readonly keys: readonly JsonWebKey[] };
}

/** Serves the public signing keys (KEY-3). */
export function installJwks(app: FastifyInstance, tokens: KeySet, issuer: string): void {
  const paths = routesOf(JWKS_PATH, `${issuerPath(issuer)}${JWKS_PATH}`);
  publish(app, { paths, type: 'application/jwk-set+json', read: tokens.jwks });
}
