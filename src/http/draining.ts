import { once } from 'node:events';
import { get } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';

/** For what is under way when the server is told to stop. */
const DRAIN_MS = 10_000;
/** Each connection takes a turn of an event loop, and a busy one turns slowly. */
const ACCEPT_MS = 2_000;
/** How long a socket may be idle before it is closed. */
const IDLE_MS = 50;

/**
 * What a client had connected or sent before `close` was called is served (CR-3): the server accepts what waits in its
 * queue, stops listening, lets requests finish for at most 10 seconds, and closes idle sockets.
 */
export function installDraining(app: FastifyInstance, stop: () => Promise<void>): void {
  let deadline: NodeJS.Timeout | undefined;
  let idle: NodeJS.Timeout | undefined;
  app.addHook('preClose', async () => {
    deadline = setTimeout(() => app.server.closeAllConnections(), DRAIN_MS);
    if (app.server.listening) await acceptedSoFar(app.listeningOrigin);
    // Those whose answer was under way when the server stopped listening.
    idle = setInterval(() => app.server.closeIdleConnections(), IDLE_MS);
  });
  app.addHook('onClose', async () => {
    clearTimeout(deadline);
    clearInterval(idle);
    await stop();
  });
}

/**
 * Resolves when every connection that was made before has arrived here, or at another worker. A socket that is closed
 * resets those that wait in its queue. The queue is first in, first out, so once a connection of our own is answered
 * none of those before it is left in there.
 */
async function acceptedSoFar(origin: string): Promise<void> {
  const asked = get(`${origin}/livez`, { agent: false, signal: AbortSignal.timeout(ACCEPT_MS) });
  asked.on('response', (answer) => answer.resume());
  // Without an answer the queue is closed as it is.
  asked.on('error', () => {});
  await once(asked, 'close');
  // One that the primary process handed to this worker, but that the worker has not read yet, is read in this turn.
  await nextTurn();
}
