import cluster from 'node:cluster';
import type { Server } from 'node:net';
import type { Logger } from 'pino';

/** However many more the system has room for. */
export const MAX_CONNECTIONS = 10_000;
const SAY_EVERY_MS = 60_000;

/**
 * Closes at once what connects beyond `most` connections. In a worker not by node:net's `maxConnections`: a worker that
 * has as many gives the connection back to the primary process, which offers it to the next one, and when all of them
 * are full it goes round as fast as their cores can.
 */
export function limitConnections(
  server: Server,
  { most, logger }: { most: number; logger: Pick<Logger, 'warn'> },
): void {
  let saidAt = Number.NEGATIVE_INFINITY;
  function say(): void {
    if (performance.now() - saidAt < SAY_EVERY_MS) return;
    saidAt = performance.now();
    logger.warn({ most }, 'as many connections are open as may be: others are closed');
  }

  if (!cluster.isWorker) {
    server.maxConnections = most;
    server.on('drop', say);
    return;
  }
  let open = 0;
  // Before the listener that reads requests.
  server.prependListener('connection', (socket) => {
    if (open >= most) {
      socket.destroy();
      say();
      return;
    }
    open += 1;
    socket.once('close', () => {
      open -= 1;
    });
  });
}
