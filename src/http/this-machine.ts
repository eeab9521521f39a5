import type { FastifyRequest } from 'fastify';
import { isLoopback } from '../platform/loopback.ts';
import { isForwarded } from './forwarded-for.ts';

/**
 * Whether the request comes from a browser on this machine. The name in `Host` must be this machine's own, or any
 * website could have a name that leads here and read the page (DNS rebinding). A page of another origin sends `Origin`,
 * and a proxy says that it speaks for a client.
 */
export function isFromThisMachine(request: FastifyRequest): boolean {
  const { headers, raw } = request;
  if (headers.origin !== undefined || isForwarded(request)) return false;
  const host = `http://${headers.host}`;
  return (
    URL.canParse(host) && isLoopback(new URL(host).hostname) && isLoopback(raw.socket.remoteAddress ?? '')
  );
}
