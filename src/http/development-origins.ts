import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { isLoopbackUrl } from '../platform/loopback.ts';

/** Where Apollo's hosted Sandbox sends its requests from. */
export const STUDIO = 'https://studio.apollographql.com';
/** Each has a line in the log, once. */
const MOST_ORIGINS = 50;
/** As browsers write it: no path, no quotes and no blanks, so that it can stand in a line of the log. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[\w.:[\]-]{1,255}$/i;

/**
 * Whether a page is from a port of this machine. In development such a page may ask without being listed: it can send
 * a token that it has, as every program on this machine can. Cookies stay out of its reach, because only a listed
 * origin gets `Access-Control-Allow-Credentials`, and only a listed one may have a cookie read or set.
 */
export function isLoopbackOrigin(origin: string | undefined): origin is string {
  return origin !== undefined && /^https?:/.test(origin) && isLoopbackUrl(origin);
}

/** Tells the developer whose page a browser refuses, which the page itself does not learn. */
export function installOriginNotes(
  app: FastifyInstance,
  { logger, listed }: { logger: Logger; listed: ReadonlySet<string> },
): void {
  const noted = new Set<string>();
  app.addHook('onRequest', (request, _reply, done) => {
    const { origin, host } = request.headers;
    const isKnown = origin === undefined || origin === STUDIO || listed.has(origin);
    if (!isKnown && origin !== `http://${host}`) note(origin);
    done();
  });

  function note(origin: string): void {
    if (noted.has(origin) || noted.size >= MOST_ORIGINS) return;
    const isOpaque = origin === 'null';
    if (!isOpaque && !ORIGIN.test(origin)) return;
    noted.add(origin);
    if (isOpaque)
      logger.warn(
        'A page without an origin was refused: serve it from an address, such as http://localhost:3000. A file and a sandboxed frame have none.',
      );
    else if (isLoopbackOrigin(origin))
      logger.info(
        `A page of ${origin} asks. Development lets it, without cookies: for those, for POST /token, and in production, add it to LATCHKEY_CORS_ORIGINS.`,
      );
    else logger.warn(`A page of ${origin} was refused: add it to LATCHKEY_CORS_ORIGINS.`);
  }
}
