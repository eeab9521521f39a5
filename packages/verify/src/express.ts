import type { Viewer } from './access-token.ts';
import type { TokenSource } from './bearer.ts';
import type { Reason } from './refusal.ts';
import { assertRequirements, type Requirements } from './requirements.ts';
import type { Verifier } from './verifier.ts';

declare global {
  namespace Express {
    interface Request {
      /** Set by `attachViewer` and `requireViewer`. */
      viewer?: Viewer | undefined;
      /** Why there is no viewer. Set by `attachViewer`. */
      authError?: Reason | undefined;
    }
  }
}

/** What Express, Connect and Node.js have in common. */
interface RequestLike {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  viewer?: Viewer | undefined;
  authError?: Reason | undefined;
}

interface ResponseLike {
  statusCode: number;
  readonly headersSent: boolean;
  readonly writableEnded: boolean;
  setHeader(name: string, value: string): unknown;
  end(body: string): unknown;
}

export type Middleware = (request: RequestLike, response: ResponseLike, next: () => unknown) => Promise<void>;

/** Sets `request.viewer`, or `request.authError`. Refuses nothing. */
export function attachViewer(verifier: Verifier): Middleware {
  return async (request, response, next) => {
    const { viewer, reason } = await verifier.verify(request as TokenSource);
    request.viewer = viewer;
    request.authError = reason;
    if (!isOver(response)) next();
  };
}

/**
 * Sets `request.viewer`. Answers 401, 403 or 503 where there is none, with the challenges of RFC 6750 and RFC 9470.
 *
 * @throws TypeError for requirements that cannot be right.
 */
export function requireViewer(verifier: Verifier, requirements: Requirements = {}): Middleware {
  assertRequirements(requirements);
  return async (request, response, next) => {
    const { viewer, refusal } = await verifier.verify(request as TokenSource, requirements);
    if (isOver(response)) return;
    if (refusal === undefined) {
      request.viewer = viewer;
      request.authError = undefined;
      next();
      return;
    }
    response.statusCode = refusal.status;
    for (const [name, value] of Object.entries(refusal.headers)) response.setHeader(name, value);
    response.setHeader('content-type', 'application/json; charset=utf-8');
    response.end(JSON.stringify(refusal.body));
  };
}

/** Whether another middleware, as one that keeps a time limit, has answered meanwhile. */
function isOver({ headersSent, writableEnded }: ResponseLike): boolean {
  return headersSent || writableEnded;
}
