import type { FastifyInstance } from 'fastify';
import { outcomeCode, routeOf } from '../http/access-log.ts';

/** One request as the metrics see it: nothing in it was chosen by a client (AUD-3). */
export interface RequestObservation {
  /** The pattern of the route, never the URL. */
  readonly route: string;
  /** `OK`, or a code of the table of errors. */
  readonly code: string;
  readonly seconds: number;
}

/** Tells of every answered request. Called before the server listens. */
export function observeRequests(app: FastifyInstance, observe: (request: RequestObservation) => void): void {
  app.addHook('onResponse', (request, reply, done) => {
    observe({
      route: routeOf(request),
      code: outcomeCode(request, reply),
      seconds: reply.elapsedTime / 1_000,
    });
    done();
  });
}
