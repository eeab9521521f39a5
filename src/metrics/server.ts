import { createServer, type Server } from 'node:http';
import type { Logger } from '../platform/logger.ts';

/** They have no share in the limit of the public port. */
const MAX_CONNECTIONS = 8;

/** Where the numbers come from. */
export interface MetricsSource {
  readonly contentType: string;
  read(): Promise<string>;
}

/** Serves `/metrics` to Prometheus, and nothing else, on a port of its own: the public one never shows them. */
export function createMetricsServer({ contentType, read }: MetricsSource, logger: Logger): Server {
  const server = createServer(async (request, response) => {
    if (request.url !== '/metrics') return response.writeHead(404).end();
    if (request.method !== 'GET') return response.writeHead(405, { allow: 'GET' }).end();
    try {
      const text = await read();
      return response.writeHead(200, { 'content-type': contentType }).end(text);
    } catch (error) {
      // As when a worker died while its numbers were waited for: the next scrape has them all.
      logger.warn({ err: error }, 'the metrics could not be read');
      return response.writeHead(503).end();
    }
  });
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}
