import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { ErrorCode } from '../errors.ts';
import type { Outcome } from '../graphql/outcome.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What came of the request, where whoever answered it knows better than the status tells. */
    outcome: Outcome | undefined;
  }
}

/**
 * One line per request. The route is the pattern, never the URL, and nothing else that the client chose is in the line
 * but the operation's name, which is a GraphQL name of at most 64 characters (AUD-2, AUD-3).
 */
export function installAccessLog(app: FastifyInstance, log: Logger): void {
  app.decorateRequest('outcome', undefined);
  app.addHook('onResponse', (request, reply, done) => {
    log.info(
      {
        requestId: request.id,
        method: request.method,
        route: routeOf(request),
        status: reply.statusCode,
        operation: request.outcome?.operation,
        outcome: outcomeCode(request, reply),
        ms: Math.round(reply.elapsedTime * 10) / 10,
      },
      'request',
    );
    done();
  });
}

/** The pattern of the route, `none` where there is none. */
export function routeOf(request: FastifyRequest): string {
  // Fastify puts all options together for whoever asks for one, which is a hundredth of what `me` costs.
  return request.url === '/graphql' ? request.url : (request.routeOptions.url ?? 'none');
}

/** What came of the request: `OK`, or a code of the table. */
export function outcomeCode(request: FastifyRequest, reply: FastifyReply): 'OK' | ErrorCode {
  return request.outcome?.code ?? codeOfStatus(reply.statusCode);
}

function codeOfStatus(status: number): 'OK' | ErrorCode {
  if (status < 400) return 'OK';
  return status < 500 ? 'BAD_REQUEST' : 'INTERNAL_SERVER_ERROR';
}
