import type { FastifyPluginAsync } from 'fastify';
import type { Viewer } from './access-token.ts';
import type { TokenSource } from './bearer.ts';
import type { Reason } from './refusal.ts';
import { assertRequirements, type Requirements } from './requirements.ts';
import type { Verifier } from './verifier.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by `attachViewer` and `requireViewer`. */
    viewer?: Viewer | undefined;
    /** Why there is no viewer. Set by `attachViewer`. */
    authError?: Reason | undefined;
  }
}

/** What a request over HTTP/1.1, TLS and HTTP/2 has in common. */
interface RequestLike {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  viewer?: Viewer | undefined;
  authError?: Reason | undefined;
}

interface ReplyLike {
  code(status: 401 | 403 | 503): ReplyLike;
  headers(values: Readonly<Record<string, string>>): ReplyLike;
  send(body: unknown): unknown;
}

/** A plugin that sets `request.viewer`, or `request.authError`, on every request. Refuses nothing. */
export function attachViewer(verifier: Verifier): FastifyPluginAsync {
  const plugin: FastifyPluginAsync = async (app) => {
    // Another verifier may have been there, for the whole of an app or for the part around this one.
    for (const name of ['viewer', 'authError'])
      if (!app.hasRequestDecorator(name)) app.decorateRequest(name, undefined);
    app.addHook('onRequest', async (request) => {
      const { viewer, reason } = await verifier.verify(request);
      request.viewer = viewer;
      request.authError = reason;
    });
  };
  // The hook is for the routes around the plugin, too.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true });
}

/**
 * A hook for routes that sets `request.viewer`. Answers 401, 403 or 503 where there is none, with the challenges of
 * RFC 6750 and RFC 9470.
 *
 * @throws TypeError for requirements that cannot be right.
 */
export function requireViewer(verifier: Verifier, requirements: Requirements = {}) {
  assertRequirements(requirements);
  return async (request: RequestLike, reply: ReplyLike): Promise<void> => {
    const { viewer, refusal } = await verifier.verify(request as TokenSource, requirements);
    if (refusal !== undefined) {
      await reply.code(refusal.status).headers(refusal.headers).send(refusal.body);
      return;
    }
    request.viewer = viewer;
    request.authError = undefined;
  };
}
