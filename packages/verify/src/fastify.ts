import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Viewer } from './access-token.ts';
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

/** A plugin that sets `request.viewer`, or `request.authError`, on every request. Refuses nothing. */
export function attachViewer(verifier: Verifier): FastifyPluginAsync {
  const plugin: FastifyPluginAsync = async (app) => {
    app.decorateRequest('viewer', undefined);
    app.decorateRequest('authError', undefined);
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
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { viewer, refusal } = await verifier.verify(request, requirements);
    if (refusal === undefined) request.viewer = viewer;
    else await reply.code(refusal.status).headers(refusal.headers).send(refusal.body);
  };
}
