import { randomUUID } from 'node:crypto';
import { ApolloServer } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import fastifyCors from '@fastify/cors';
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import type { Context } from '../graphql/context.ts';
import { operationsPlugin } from '../graphql/each-operation.ts';
import { createErrorFormat, createFunnel, type Funnel } from '../graphql/format-error.ts';
import { KnownOperationTypesRule } from '../graphql/known-operation-types.ts';
import { documentLimits, MAX_ERRORS, MAX_TOKENS } from '../graphql/limits/document-limits.ts';
import type { Clock } from '../platform/clock.ts';
import { installAccessLog } from './access-log.ts';
import { createCallerOf } from './caller.ts';
import { limitConnections, MAX_CONNECTIONS } from './connection-limit.ts';
import { installDevMail, type ShownLetter } from './doors/dev-mail.ts';
import { type GraphqlOptions, installGraphql, PREFLIGHT_HEADERS } from './doors/graphql.ts';
import { installHealth, type Readiness } from './doors/health.ts';
import { installJwks, type KeySet } from './doors/jwks.ts';
import { sandboxPlugin } from './doors/sandbox.ts';
import { installTokenEndpoint, type TokenEndpointOptions } from './doors/token.ts';
import { installDraining } from './draining.ts';
import { constantHeaders } from './headers.ts';
import { createTurns } from './in-turn.ts';
import { createEarlyRefusals, installRefusals, refuse } from './refusals.ts';
import { createTokenCookies, noCookies, type TokenCookiesOptions } from './token-cookies.ts';

const BODY_LIMIT_BYTES = 64 * 1024;
const HEADER_LIMIT_BYTES = 16 * 1024;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const TIMEOUT_CHECK_MS = 1_000;
/** Of a socket with a request under way: a client that reads nothing of its answer. Longer than any operation takes. */
const UNREAD_ANSWER_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 5_000;
/** Longer than proxies keep theirs, so that it is never this end that closes a socket about to be reused. */
const KEEP_ALIVE_BEHIND_PROXY_MS = 65_000;
const MAX_REQUESTS_PER_SOCKET = 1_000;
/** Where Apollo's hosted Sandbox sends its requests from. */
const STUDIO = 'https://studio.apollographql.com';

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
  readonly sessions: TokenEndpointOptions['sessions'] & TokenCookiesOptions['sessions'];
  readonly tokens: KeySet;
  readonly readiness: () => Promise<Readiness>;
  /** Connections at a time; 10,000 unless given. */
  readonly maxConnections?: number | undefined;
  /** In development without a mail server. */
  readonly devMail?: (() => readonly ShownLetter[]) | undefined;
}

/**
 * The HTTP side of everything: GraphQL, the REST door, the keys and the probes. Listens once `listen` is called;
 * `close` accepts whom a client had connected before it, stops accepting, lets what is under way finish for at most 10
 * seconds, and closes idle sockets (CR-3).
 */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { config, logger } = options;
  const funnel = createFunnel(logger);
  const apollo = createApollo(options, funnel);
  await apollo.start();

  const headers = constantHeaders(config.mode);
  const app = createFastify(config, headers);
  const inTurn = createTurns(MAX_REQUESTS_PER_SOCKET);
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(headers);
    inTurn(request.raw, reply.raw, () => {
      if (hasOneHost(request)) done();
      else refuse(request, reply, 400, 'BAD_REQUEST');
    });
  });
  installAccessLog(app, logger);
  installRefusals(app, funnel);
  limitConnections(app.server, { most: options.maxConnections ?? MAX_CONNECTIONS, logger });
  installDraining(app, () => apollo.stop());

  const ownOrigins = new Set([new URL(config.issuer).origin, ...config.corsOrigins]);
  await installCors(app, config, ownOrigins);
  const callerOf = createCallerOf({ clock: options.clock, logger, trustProxy: config.trustProxy });
  installGraphql(app, apollo, {
    callerOf,
    createContext: options.createContext,
    cookiesOf: config.cookies
      ? createTokenCookies({
          clock: options.clock,
          sessions: options.sessions,
          origins: ownOrigins,
          allowOwnPage: config.mode === 'development',
        })
      : () => noCookies,
  });
  installJwks(app, options.tokens);
  installHealth(app, options.clock, options.readiness);
  if (options.devMail !== undefined) installDevMail(app, options.devMail);
  if (config.tokenEndpoint) {
    const { login, sessions } = options;
    installTokenEndpoint(app, { login, sessions, callerOf, funnel, allowedOrigins: ownOrigins });
  }
  return app;
}

/** RFC 9112 §3.2: two proxies, or a proxy and this server, could each believe in another one of several. */
function hasOneHost({ headers, raw }: FastifyRequest): boolean {
  return headers.host === undefined ? raw.httpVersion === '1.0' : !headers.host.includes(',');
}

/** Exact origins only; credentials, which are cookies, only where those are read (WEB-3). */
async function installCors(
  app: FastifyInstance,
  { mode, corsOrigins, cookies }: ServerOptions['config'],
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
      const mayUseCookies =
        cookies && routeOptions.url === '/graphql' && ownOrigins.has(headers.origin ?? '');
      done(null, mayUseCookies ? withCredentials : common);
    },
  });
}

function createApollo({ config, logger, schema }: ServerOptions, funnel: Funnel): ApolloServer<Context> {
  const { listener, formatError, stringifyResult } = createErrorFormat({
    funnel,
    introspection: config.introspection,
  });
  return new ApolloServer<Context>({
    schema,
    logger,
    formatError,
    stringifyResult,
    nodeEnv: config.mode,
    introspection: config.introspection,
    hideSchemaDetailsFromClientErrors: !config.introspection,
    includeStacktraceInErrorResponses: false,
    csrfPrevention: { requestHeaders: PREFLIGHT_HEADERS },
    allowBatchedHttpRequests: false,
    persistedQueries: false,
    parseOptions: { maxTokens: MAX_TOKENS },
    validationRules: [...documentLimits, KnownOperationTypesRule],
    validationOptions: { maxErrors: MAX_ERRORS },
    // Each error holds the whole variable in print.
    executionOptions: { maxCoercionErrors: MAX_ERRORS },
    stopOnTerminationSignals: false,
    plugins: [
      operationsPlugin(listener),
      config.mode === 'development' ? sandboxPlugin(config) : ApolloServerPluginLandingPageDisabled(),
      // What is not used costs a tenth of the throughput, and reports would leave the house.
      ApolloServerPluginCacheControlDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginSchemaReportingDisabled(),
      ApolloServerPluginUsageReportingDisabled(),
    ],
  });
}

function createFastify(
  { trustProxy }: ServerOptions['config'],
  headers: ReturnType<typeof constantHeaders>,
): FastifyInstance {
  const isBehindProxy = trustProxy.length > 0;
  const { refuseUnparsable, refuseUnroutable } = createEarlyRefusals(headers);
  const app: FastifyInstance = fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: UNREAD_ANSWER_TIMEOUT_MS,
    keepAliveTimeout: isBehindProxy ? KEEP_ALIVE_BEHIND_PROXY_MS : KEEP_ALIVE_MS,
    maxRequestsPerSocket: MAX_REQUESTS_PER_SOCKET,
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      maxHeaderSize: HEADER_LIMIT_BYTES,
      // RFC 9110 §5.2: where there may be one line and there are two, Node would drop the second silently (AT-7).
      joinDuplicateHeaders: true,
      // Refused with the headers of every answer.
      requireHostHeader: false,
    },
    genReqId: () => randomUUID(),
    routerOptions: { ignoreTrailingSlash: true },
    // While draining, whatever still comes in on an open socket is served, and told to close it.
    return503OnClosing: false,
    clientErrorHandler: refuseUnparsable,
    frameworkErrors: (_error, _request, reply) => refuseUnroutable(reply.raw),
  });
  app.removeContentTypeParser('text/plain');
  return app;
}
