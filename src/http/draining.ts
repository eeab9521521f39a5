import type { Server } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';

/** For what is under way when the server is told to stop. */
const DRAIN_MS = 10_000;
/** As many connections as may wait in the queue of the socket that listens (Node's default for `listen`). */
const LONGEST_QUEUE = 511;
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
    const over = new AbortController();
    deadline = setTimeout(() => {
      over.abort();
      app.server.closeAllConnections();
    }, DRAIN_MS);
    if (app.server.listening) await queueIsEmpty(app.server, over.signal);
    // Those whose answer was under way when the server stopped listening.
    idle = setInterval(closeIdle, IDLE_MS);
  });
  app.addHook('onClose', async () => {
    clearTimeout(deadline);
    clearInterval(idle);
    await stop();
  });

  /** What came while the event loop was busy is read first: its connection is idle no more. */
  async function closeIdle(): Promise<void> {
    await nextTurn();
    app.server.closeIdleConnections();
  }
}

/**
 * Resolves when every connection that was made before has arrived: a socket that is closed resets those that wait in
 * its queue. Each turn of the event loop accepts one of them, so after a turn without any the queue is empty. The first
 * turn may have looked already. In a worker, what the primary process handed over arrives in the same turns. However
 * slowly they go by, it waits, and it asks nobody for help.
 */
async function queueIsEmpty(server: Server, over: AbortSignal): Promise<void> {
  let arrivals = 0;
  const count = () => {
    arrivals += 1;
  };
  server.on('connection', count);
  server.on('drop', count);
  let quietTurns = 0;
  for (let turns = 0; turns < LONGEST_QUEUE && quietTurns < 2 && !over.aborted; turns += 1) {
    const before = arrivals;
    await nextTurn();
    quietTurns = arrivals === before ? quietTurns + 1 : 0;
  }
  server.off('connection', count);
  server.off('drop', count);
}
