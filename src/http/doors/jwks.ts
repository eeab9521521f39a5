import type { JsonWebKey } from 'node:crypto';
import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';

export interface KeySet {
  jwks(): { readonly keys: readonly JsonWebKey[] };
}

/** Serves the public signing keys (KEY-3, RFC 7517 §8.5.2), cacheable by anyone for five minutes. */
export function installJwks(app: FastifyInstance, tokens: KeySet): void {
  app.get('/.well-known/jwks.json', (request, reply) => {
    const body = JSON.stringify(tokens.jwks());
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
    reply
      .header('cache-control', 'public, max-age=300')
      .header('etag', etag)
      // Public keys: any page may verify with them, whatever the list of allowed origins says.
      .header('access-control-allow-origin', '*');
    if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send();
    // As bytes: to a string Fastify would add a charset, which this media type does not have.
    return reply.type('application/jwk-set+json').send(Buffer.from(body));
  });
}

/** RFC 9110 §13.1.2: weak comparison with each tag of the list. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')));
}
