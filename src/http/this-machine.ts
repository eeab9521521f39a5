import type { FastifyRequest } from 'fastify';
import { isLoopback, isLoopbackUrl } from '../platform/loopback.ts';
import { isForwarded } from './forwarded-for.ts';

/**
 * Whether the request comes from a browser on this machine. The name in `Host` must be this machine's own, or any
 * website could have a name that leads here and read the page (DNS rebinding). A page of another origin sends `Origin`,
 * and a proxy says that it speaks for a client.
 */
export function isFromThisMachine(request: FastifyRequest): boolean {
  const { headers, raw } = request;
  if (headers.origin !== undefined || isForwarded(request) || isForAnotherPage(request)) return false;
  const host = `http://${headers.host}`;
  return (
    isLoopbackUrl(host) &&
    new URL(host).origin === host.toLowerCase().replace(/:80$/, '') &&
    isLoopback(raw.socket.remoteAddress ?? '')
  );
}

/** What a page of another site asks for without `Origin`, as for a picture; not what a person follows a link to. */
function isForAnotherPage({ headers }: FastifyRequest): boolean {
  return (
    /^(cross|same)-site$/.test(String(headers['sec-fetch-site'])) && headers['sec-fetch-mode'] !== 'navigate'
  );
}
