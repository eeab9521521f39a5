import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';

/** A document that is the same for everybody. */
export interface Published {
  readonly paths: readonly string[];
  readonly type: string;
  readonly read: () => object;
}

/** Serves a document to everybody, cacheable by anyone for five minutes (RFC 7517 §8.5.2). */
export function publish(app: FastifyInstance, { paths, type, read }: Published): void {
  for (const path of paths)
    app.get(path, (request, reply) => {
      const body = JSON.stringify(read());
      const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
      reply
        .header('cache-control', 'public, max-age=300')
        .header('etag', etag)
        // Any page may verify tokens: the list of allowed origins does not matter here.
        .header('access-control-allow-origin', '*');
      if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send();
      // As bytes: to a string Fastify would add a charset, which these media types do not have.
      return reply.type(type).send(Buffer.from(body));
    });
}

/** RFC 9110 §13.1.2: weak comparison with each tag of the list. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')));
}
