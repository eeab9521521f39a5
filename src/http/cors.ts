import fastifyCors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config/config.ts';
import { isLoopbackOrigin, STUDIO } from './development-origins.ts';

/**
 * Exact origins only; credentials, which are cookies, only where those are read (WEB-3). Development lets every port of
 * this machine ask, without credentials.
 */
export async function installCors(
  app: FastifyInstance,
  { mode, corsOrigins, cookies }: Pick<Config, 'mode' | 'corsOrigins' | 'cookies'>,
  ownOrigins: ReadonlySet<string>,
): Promise<void> {
  const origin = [...corsOrigins, ...(mode === 'development' ? [STUDIO] : [])];
  if (origin.length === 0) return;
  const common = {
    origin,
    methods: 'GET,POST',
    exposedHeaders: 'Retry-After',
    strictPreflight: false,
    maxAge: 600,
  };
  const withCredentials = { ...common, credentials: true };
  await app.register(fastifyCors, {
    delegator({ headers, routeOptions }, done) {
      const page = headers.origin;
      const mayUseCookies = cookies && routeOptions.url === '/graphql' && ownOrigins.has(page ?? '');
      const isNeighbour = mode === 'development' && isLoopbackOrigin(page);
      const allowed = isNeighbour ? { ...common, origin: [page] } : common;
      done(null, mayUseCookies ? withCredentials : allowed);
    },
  });
}
