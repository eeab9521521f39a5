import type { JsonWebKey } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { publish } from '../published.ts';

export const JWKS_PATH = '/.well-known/jwks.json';

export interface KeySet {
  jwks(): { readonly keys: readonly JsonWebKey[] };
}

/** Serves the public signing keys (KEY-3). */
export function installJwks(app: FastifyInstance, tokens: KeySet): void {
  publish(app, { paths: [JWKS_PATH], type: 'application/jwk-set+json', read: tokens.jwks });
}
