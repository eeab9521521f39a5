import { makeExecutableSchema } from '@graphql-tools/schema';
import type { FastifyInstance, InjectOptions } from 'fastify';
import type { GraphQLSchema } from 'graphql';
import { pino } from 'pino';
import type { Config } from '../../src/config/config.ts';
import { AuthError } from '../../src/errors.ts';
import type { Context } from '../../src/graphql/context.ts';
import { guardRootFields } from '../../src/graphql/rules/public.ts';
import { scalars } from '../../src/graphql/scalars.ts';
import { readTypeDefs } from '../../src/graphql/type-defs.ts';
import { createServer, type ServerOptions } from '../../src/http/server.ts';
import { parseWithoutHints } from './hints.ts';
import { useCleanups } from './setup.ts';

/** A value that came in, and must be in no answer and no line of the log (AUD-2). */
export const SECRET = 'hunter2-planted-secret';

export const TOKENS = {
  accessToken: 'a.b.c',
  refreshToken: 'lkr_next',
  expiresInSeconds: 600,
  deviceToken: null,
  scope: [],
};

export interface HttpServer {
  readonly app: FastifyInstance;
  /** Everything that was logged. */
  readonly lines: Record<string, unknown>[];
  /** Fails when the planted secret came back or was logged. */
  inject(request: InjectOptions): Promise<{
    status: number;
    headers: Record<string, unknown>;
    body: string;
    // biome-ignore lint/suspicious/noExplicitAny: an answer is what the request asked for
    json(): any;
  }>;
  /** Sends a GraphQL request in a body. */
  query(
    body: { query?: unknown; variables?: unknown; operationName?: unknown; extensions?: unknown },
    headers?: Record<string, string>,
  ): ReturnType<HttpServer['inject']>;
}

export type HttpServerOptions = Omit<Partial<ServerOptions>, 'config' | 'sessions'> & {
  config?: Partial<Config>;
  sessions?: Partial<ServerOptions['sessions']>;
  resolvers?: Record<string, Record<string, unknown>>;
};

/** The schema with the resolvers that a test brings; `authenticate` lets the bearer `good` in. */
export function testSchema(resolvers: Record<string, Record<string, unknown>> = {}): GraphQLSchema {
  const schema = makeExecutableSchema({ typeDefs: readTypeDefs(), resolvers: { ...scalars, ...resolvers } });
  guardRootFields(schema, async (bearer) => {
    if (bearer instanceof AuthError) throw bearer;
    return {
      kind: 'user',
      userId: bearer.userId,
      sessionId: bearer.sessionId,
      roles: '',
      narrowedTo: null,
      acr: 'aal1',
      owed: undefined,
    };
  });
  return schema;
}

/** Starts servers for the tests of the file or block that this is called in, and closes them after each. */
export function useHttpServers(): (options?: HttpServerOptions) => Promise<HttpServer> {
  const cleanups = useCleanups();
  return async (options) => {
    const server = await startHttpServer(options);
    cleanups.push(() => server.app.close());
    return server;
  };
}

/** The HTTP door over services that a test brings: what no real service can be made to do on demand. */
async function startHttpServer({
  config = {},
  resolvers,
  sessions,
  ...options
}: HttpServerOptions = {}): Promise<HttpServer> {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const app = await createServer({
    config: {
      mode: 'development',
      issuer: 'http://localhost:4000',
      corsOrigins: ['https://app.example.com'],
      cookies: false,
      trustProxy: [],
      introspection: config.mode !== 'production',
      tokenEndpoint: true,
      ...config,
    },
    logger,
    clock: { now: () => 0 },
    schema: testSchema(resolvers),
    createContext: ({ authorization, caller }) => ({ bearer: bearerOf(authorization), caller }),
    login: { withPassword: async () => TOKENS },
    secondStep: { complete: async () => TOKENS },
    serviceAccounts: { exchange: async () => undefined },
    sessions: { refresh: async () => TOKENS, endReplaced: async () => {}, ...sessions },
    scopes: [],
    tokens: { jwks: () => ({ keys: [{ kty: 'EC', kid: 'one' }] }) },
    readiness: async () => ({ database: true, writable: true, keys: true, migrations: true }),
    ...options,
  });

  async function inject(request: InjectOptions) {
    const response = await app.inject(request);
    const everything = JSON.stringify([response.headers, response.body, lines]);
    if (everything.includes(SECRET)) throw new Error(`the planted secret came out: ${everything}`);
    return {
      status: response.statusCode,
      headers: response.headers,
      body: response.body,
      json: () => parseWithoutHints(response.body),
    };
  }

  return {
    app,
    lines,
    inject,
    query: (body, headers = {}) =>
      inject({
        method: 'POST',
        url: '/graphql',
        headers: { 'content-type': 'application/json', ...headers },
        payload: JSON.stringify(body),
      }),
  };
}

function bearerOf(authorization: string | undefined): Context['bearer'] {
  if (authorization === 'Bearer good') {
    return { userId: 'ada', sessionId: 'one' } as Exclude<Context['bearer'], AuthError>;
  }
  return new AuthError('UNAUTHENTICATED', {
    reason: authorization === undefined ? 'TOKEN_MISSING' : 'TOKEN_INVALID',
  });
}
