import { GraphQLError } from 'graphql';
import type { Viewer } from './access-token.ts';
import type { TokenSource } from './bearer.ts';
import { extensionsOf, messageOf, type Reason } from './refusal.ts';
import { assertRequirements, lackOf, type Requirements } from './requirements.ts';
import type { Verifier } from './verifier.ts';

export type { Viewer } from './access-token.ts';
export type { Reason } from './refusal.ts';
export type { Requirements } from './requirements.ts';

/** What resolvers see of the bearer header: the viewer, or why there is none. */
export interface AuthContext {
  readonly viewer: Viewer | undefined;
  readonly authError: Reason | undefined;
}

/**
 * The request among the arguments of a context function. Each server hands it over in its own way: alone (Fastify,
 * mercurius), as `req` (Express, the standalone server), `request` (Yoga, Cloudflare), `event` (AWS Lambda) or `ctx`
 * (Koa).
 */
interface RequestCarrier {
  readonly req?: unknown;
  readonly request?: unknown;
  readonly event?: unknown;
  readonly ctx?: unknown;
}

/**
 * A context function. It never throws: clients attach a stale token to every request, and an error here would block
 * the fields that need no viewer.
 */
export function latchkeyContext(verifier: Verifier): (first: unknown) => Promise<AuthContext> {
  return async (first) => {
    const { viewer, reason } = await verifier.verify(requestOf(first));
    return { viewer, authError: reason };
  };
}

function requestOf(first: unknown): TokenSource {
  try {
    const { req, request, event, ctx } = Object(first) as RequestCarrier;
    return (req ?? request ?? event ?? ctx ?? first) as TokenSource;
  } catch {
    return undefined;
  }
}

/**
 * The viewer, for a resolver that needs one.
 *
 * @throws GraphQLError with the codes of the server: `UNAUTHENTICATED`, `FORBIDDEN`, `REAUTHENTICATION_REQUIRED` or
 * `UNAVAILABLE`. `extensions.reason` says which refusal it is.
 */
export function requireViewer(
  context: Partial<AuthContext> | null | undefined,
  requirements: Requirements = {},
): Viewer {
  assertRequirements(requirements);
  const { viewer, authError = 'TOKEN_MISSING' } = context ?? {};
  if (!viewer) throw errorOf(authError);
  const lack = lackOf(viewer, requirements);
  if (lack !== undefined) throw errorOf(lack);
  return viewer;
}

function errorOf(reason: Reason): GraphQLError {
  const extensions = extensionsOf(reason);
  return new GraphQLError(messageOf(extensions), { extensions: { ...extensions } });
}
