import { randomUUID } from 'node:crypto';
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify';
import { createTurns } from './in-turn.ts';
import { createEarlyRefusals, refuse } from './refusals.ts';

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

export interface FastifyOptions {
  /** Whether proxies are named, which keep their connections open for longer than browsers do. */
  readonly isBehindProxy: boolean;
  /** Of every answer. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Fastify with the limits on sizes and times, `headers` on every answer, and the requests of a socket in turn. */
export function createFastify({ isBehindProxy, headers }: FastifyOptions): FastifyInstance {
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
  const inTurn = createTurns(MAX_REQUESTS_PER_SOCKET);
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(headers);
    inTurn(request.raw, reply.raw, () => {
      if (hasOneHost(request)) done();
      else refuse(request, reply, 400, 'BAD_REQUEST');
    });
  });
  return app;
}

/** RFC 9112 §3.2: two proxies, or a proxy and this server, could each believe in another one of several. */
function hasOneHost({ headers, raw }: FastifyRequest): boolean {
  return headers.host === undefined ? raw.httpVersion === '1.0' : !headers.host.includes(',');
}
