import type { FastifyInstance } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import { createFunnel } from '../graphql/format-error.ts';
import type { Clock } from '../platform/clock.ts';
import { installAccessLog } from './access-log.ts';
import { createApollo } from './apollo.ts';
import { createCallerOf } from './caller-of.ts';
import { limitConnections, MAX_CONNECTIONS } from './connection-limit.ts';
import { installCors } from './cors.ts';
import { installOriginNotes } from './development-origins.ts';
import { type AccountPagesOptions, installAccountPages } from './doors/account-pages.ts';
import { installDevMail, type ShownLetter } from './doors/dev-mail.ts';
import { installDiscovery } from './doors/discovery.ts';
import { type ExternalCallbackOptions, installExternalCallback } from './doors/external-callback.ts';
import { installGraphiql } from './doors/graphiql.ts';
import { type GraphqlOptions, installGraphql } from './doors/graphql.ts';
import { installHealth, type Readiness } from './doors/health.ts';
import { installJwks, type KeySet } from './doors/jwks.ts';
import { installStartPage, type StartPageConfig } from './doors/start-page.ts';
import { installTokenEndpoint, type TokenEndpointOptions } from './doors/token.ts';
import { installDraining } from './draining.ts';
import { createFastify } from './fastify.ts';
import { constantHeaders } from './headers.ts';
import { installRefusals } from './refusals.ts';
import { createTokenCookies, noCookies, type TokenCookiesOptions } from './token-cookies.ts';

export interface ServerOptions {
  readonly config: Pick<
    Config,
    'mode' | 'issuer' | 'corsOrigins' | 'cookies' | 'trustProxy' | 'introspection' | 'tokenEndpoint'
  >;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Executable and guarded. */
  readonly schema: GraphQLSchema;
  readonly createContext: GraphqlOptions['createContext'];
  readonly login: TokenEndpointOptions['login'];
  readonly secondStep: TokenEndpointOptions['secondStep'];
  readonly serviceAccounts: TokenEndpointOptions['serviceAccounts'];
  readonly sessions: TokenEndpointOptions['sessions'] & TokenCookiesOptions['sessions'];
  readonly tokens: KeySet;
  /** Every scope that a role allows. */
  readonly scopes: readonly string[];
  readonly readiness: () => Promise<Readiness>;
  /** Connections at a time; 10,000 unless given. */
  readonly maxConnections?: number | undefined;
  /** In development without a mail server. */
  readonly devMail?: (() => readonly ShownLetter[]) | undefined;
  /** Where the pages of accounts are served. */
  readonly accountPages?: AccountPagesOptions | undefined;
  /** Where people log in by providers: what takes their answers. */
  readonly externalCallback?: ExternalCallbackOptions['answer'] | undefined;
  /** In development: what the start page says of this server. */
  readonly startPage?: StartPageConfig | undefined;
}

/**
 * The HTTP side of everything: GraphQL, the REST door, the keys and the probes. Listens once `listen` is called;
 * `close` accepts whom a client had connected before it, stops accepting, lets what is under way finish for at most 10
 * seconds, and closes idle sockets (CR-3).
 */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { config, logger, clock, schema, sessions } = options;
  const hints = config.mode === 'development';
  const funnel = createFunnel(logger, { hints });
  const apollo = createApollo({ config, logger, schema, funnel });
  await apollo.start();

  const app = createFastify({
    isBehindProxy: config.trustProxy.length > 0,
    headers: constantHeaders(config.mode),
  });
  installAccessLog(app, logger);
  installRefusals(app, funnel, { hints });
  limitConnections(app.server, { most: options.maxConnections ?? MAX_CONNECTIONS, logger });
  installDraining(app, () => apollo.stop());

  const { origin } = new URL(config.issuer);
  const ownOrigins = new Set([origin, ...config.corsOrigins]);
  const hasPages = options.accountPages !== undefined;
  if (config.mode === 'development') installOriginNotes(app, { logger, listed: ownOrigins });
  await installCors(app, config, ownOrigins);
  const callerOf = createCallerOf({ clock, logger, trustProxy: config.trustProxy });
  installGraphql(app, apollo, {
    callerOf,
    createContext: options.createContext,
    cookiesOf:
      config.cookies || hasPages
        ? createTokenCookies({
            clock,
            sessions,
            // Where the operator allows no cookies, the pages of this server itself have them all the same.
            origins: config.cookies ? ownOrigins : new Set([origin]),
            allowOwnPage: config.mode === 'development',
          })
        : () => noCookies,
  });
  const { issuer, tokenEndpoint } = config;
  installJwks(app, options.tokens, issuer);
  installDiscovery(app, { issuer, tokenEndpoint, scopes: options.scopes });
  installHealth(app, clock, options.readiness);
  if (options.accountPages !== undefined) installAccountPages(app, logger, options.accountPages);
  if (options.externalCallback !== undefined)
    installExternalCallback(app, { issuer, callerOf, answer: options.externalCallback });
  if (options.devMail !== undefined) installDevMail(app, options.devMail);
  if (options.startPage !== undefined) installStartPage(app, options.startPage);
  if (config.mode === 'development') installGraphiql(app);
  if (config.tokenEndpoint) {
    const { login, secondStep, serviceAccounts } = options;
    installTokenEndpoint(app, {
      login,
      secondStep,
      serviceAccounts,
      sessions,
      issuer,
      scopes: options.scopes,
      callerOf,
      funnel,
      allowedOrigins: ownOrigins,
    });
  }
  return app;
}
