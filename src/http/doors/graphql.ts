import { isUtf8 } from 'node:buffer';
import { type ApolloServer, HeaderMap } from '@apollo/server';
import { errorCodes, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Context } from '../../graphql/context.ts';
import { MAX_LENGTH } from '../../graphql/limits/document-limits.ts';
import { outcomeOf, type TracedRequest } from '../../graphql/outcome.ts';
import { readBearer } from '../../platform/bearer.ts';
import type { Caller } from '../../platform/caller.ts';
import type { CallerOf } from '../caller-of.ts';
import { isCompressed, isUtf8Encoded, isUtf8Type } from '../incoming-text.ts';
import { hasMoreValues } from '../json-values.ts';
import { refuse } from '../refusals.ts';
import type { createTokenCookies } from '../token-cookies.ts';
import { sandboxPolicy } from './sandbox.ts';

/** One of them is on every GET that a page of another site cannot send by itself (WEB-2). */
export const PREFLIGHT_HEADERS = ['x-apollo-operation-name', 'apollo-require-preflight', 'authorization'];
/** The others would be copied for nobody. */
const APOLLO_READS = ['accept', 'content-type', 'x-apollo-operation-name', 'apollo-require-preflight'];
/** What Apollo reads a longer one with takes time that grows with the square of its length: it counts as not sent. */
const LONGEST_READ = 1_024;
/** Twice what the variables of a document may have. */
const JSON_LIMIT_VALUES = 2_000;

const METHOD_HINT = 'Send a POST with `content-type: application/json` and {"query":"{ me { id } }"}.';

export interface GraphqlOptions {
  readonly callerOf: CallerOf;
  /** Must not throw (AT-8). The cookies are added to it. */
  readonly createContext: (request: {
    authorization: string | undefined;
    caller: Caller;
  }) => Omit<Context, 'cookies'>;
  readonly cookiesOf: ReturnType<typeof createTokenCookies>;
}

/** `/graphql`, by GraphQL over HTTP: POST, and GET for queries. */
export function installGraphql(
  app: FastifyInstance,
  apollo: ApolloServer<Context>,
  { callerOf, createContext, cookiesOf }: GraphqlOptions,
): void {
  readJsonStrictly(app);
  const url = '/graphql';
  app.route({ method: ['GET', 'POST'], url, exposeHeadRoute: false, handler: answer });
  app.route({
    method: app.supportedMethods.filter((method) => method !== 'GET' && method !== 'POST'),
    url,
    // Before the body is looked at: it is the method that is wrong.
    onRequest: async (request, reply) =>
      refuse(request, reply.header('allow', 'GET, POST'), 405, 'BAD_REQUEST', METHOD_HINT),
    handler: () => {},
  });

  async function answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    if (request.method === 'GET' && !isUtf8Encoded(Buffer.from(request.url)))
      return refuse(request, reply, 400, 'BAD_REQUEST');
    if (hasLongDocument(request.body)) return refuse(request, reply, 400, 'OPERATION_LIMIT_EXCEEDED');
    const traced: TracedRequest = {
      method: request.method,
      headers: headerMapOf(request),
      search: searchOf(request),
      body: bodyOf(request),
    };
    const { status, headers, body } = await apollo.executeHTTPGraphQLRequest({
      httpGraphQLRequest: traced,
      context: async () => {
        const caller = callerOf(request);
        return {
          ...createContext({ authorization: request.headers.authorization, caller }),
          cookies: cookiesOf(request, reply, caller),
        };
      },
    });
    if (body.kind !== 'complete') throw new Error('No schema of ours answers in parts.');

    request.outcome = outcomeOf(traced);
    for (const [name, value] of headers) {
      // Apollo lets some refusals be cached, whatever else holds here.
      if (name !== 'cache-control') reply.header(name, value);
    }
    if (headers.get('content-type') === 'text/html') {
      reply.type('text/html; charset=utf-8').header('content-security-policy', sandboxPolicy(body.string));
    }
    return reply.code(status ?? 200).send(body.string);
  }
}

/** In a URL there is no room for one. */
function hasLongDocument(body: unknown): boolean {
  const { query } = (body ?? {}) as { readonly query?: unknown };
  return typeof query === 'string' && query.length > MAX_LENGTH;
}

/** Fastify's own parser behind a door that lets UTF-8 alone in, and no more values than are read at once. */
function readJsonStrictly(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, bytes, done) => {
    if (isCompressed(request) || !isUtf8Type(request.headers['content-type'] ?? ''))
      done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE());
    else if (!isUtf8(bytes)) done(new errorCodes.FST_ERR_CTP_INVALID_JSON_BODY());
    else if (hasMoreValues(bytes, JSON_LIMIT_VALUES)) done(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE());
    else void parseJson(request, bytes.toString(), done);
  });
}

function headerMapOf({ headers }: FastifyRequest): HeaderMap {
  const map = new HeaderMap();
  for (const name of APOLLO_READS) {
    const value = headers[name];
    if (value === undefined) continue;
    const text = Array.isArray(value) ? value.join(', ') : value;
    if (text.length <= LONGEST_READ) map.set(name, text);
  }
  // Browsers send other schemes by themselves; before a page sends this one they ask in a preflight.
  if (readBearer(headers.authorization) !== undefined) map.set('authorization', 'Bearer');
  return map;
}

/** What a GET asks for. Clients write nothing, or `null`, after the name of a parameter that they do not give. */
function searchOf({ method, url }: FastifyRequest): string {
  const start = url.indexOf('?');
  if (method !== 'GET' || start === -1) return '';
  const parameters = [...new URLSearchParams(url.slice(start))];
  const given = parameters.filter(
    ([name, value]) => value !== '' && !(value === 'null' && (name === 'variables' || name === 'extensions')),
  );
  return `?${new URLSearchParams(given)}`;
}

/** Nor does an empty name in a body name an operation. */
function bodyOf({ body }: FastifyRequest): unknown {
  const hasEmptyName =
    typeof body === 'object' && body !== null && 'operationName' in body && body.operationName === '';
  return hasEmptyName ? { ...body, operationName: null } : body;
}
