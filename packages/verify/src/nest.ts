import { type CanActivate, createParamDecorator, type ExecutionContext, HttpException } from '@nestjs/common';
import type { Viewer } from './access-token.ts';
import type { TokenSource } from './bearer.ts';
import type { Reason, Refusal, RefusalExtensions } from './refusal.ts';
import { assertRequirements, type Requirements } from './requirements.ts';
import type { Verifier } from './verifier.ts';

/** Where a guard leaves the viewer: the request of a controller, or the context of a resolver. */
interface Carrier {
  viewer?: Viewer | undefined;
  authError?: Reason | undefined;
}

/** The fields of one operation share a context, and each may have a guard of its own. */
const viewersOfFields = new WeakMap<object, Viewer | undefined>();

/** The context of a resolver, by Nest's drivers for Apollo and for mercurius. */
interface GraphQLCarrier extends Carrier {
  readonly req?: TokenSource;
  readonly reply?: { readonly request: TokenSource };
}

/** The viewer that `attachViewer` or `requireViewer` has proven, as a parameter of a controller or a resolver. */
export const CurrentViewer = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Viewer | undefined => {
    const { carrier, field } = read(context);
    return field !== undefined && viewersOfFields.has(field) ? viewersOfFields.get(field) : carrier.viewer;
  },
);

/** A guard that lets everyone in. It proves the viewer where there is one. */
export function attachViewer(verifier: Verifier): CanActivate {
  return {
    async canActivate(context) {
      const { source } = read(context);
      const { viewer, reason } = await verifier.verify(source);
      keep(context, viewer, reason);
      return true;
    },
  };
}

/**
 * A guard that lets viewers in, in controllers and in resolvers. It answers a controller's client 401, 403 or 503, with
 * the challenges of RFC 6750 and RFC 9470, and a resolver's with the error codes of the server.
 *
 * @throws TypeError for requirements that cannot be right.
 */
export function requireViewer(verifier: Verifier, requirements: Requirements = {}): CanActivate {
  assertRequirements(requirements);
  return {
    async canActivate(context) {
      const { source } = read(context);
      const { viewer, refusal } = await verifier.verify(source, requirements);
      if (refusal !== undefined) refuse(refusal, context);
      keep(context, viewer);
      return true;
    },
  };
}

function isGraphQL(context: ExecutionContext): boolean {
  return context.getType<string>() === 'graphql';
}

function read(context: ExecutionContext): { carrier: Carrier; source: TokenSource; field?: object } {
  if (!isGraphQL(context)) {
    const request = context.switchToHttp().getRequest();
    return { carrier: request, source: request };
  }
  const [, , carrier, field]: [unknown, unknown, GraphQLCarrier, object] = context.getArgs();
  return { carrier, source: carrier.req ?? carrier.reply?.request, field };
}

/** A viewer that one guard has proven stays for those who ask without a guard of their own. */
function keep(context: ExecutionContext, viewer: Viewer | undefined, reason?: Reason): void {
  const { carrier, field } = read(context);
  if (field !== undefined) viewersOfFields.set(field, viewer);
  if (viewer === undefined && carrier.viewer !== undefined) return;
  carrier.viewer = viewer;
  carrier.authError = reason;
}

/** An exception that Nest logs nothing about: a client's mistake is no fault of the server. */
class RefusedException extends HttpException {
  /** GraphQL takes over what an error of a resolver has here. */
  readonly extensions: RefusalExtensions;

  constructor({ status, body }: Refusal) {
    super(body, status);
    const { message: _, ...extensions } = body;
    this.extensions = extensions;
  }
}

function refuse(refusal: Refusal, context: ExecutionContext): never {
  if (!isGraphQL(context)) {
    // Express and Fastify have this method in common.
    const response: { header(name: string, value: string): unknown } = context.switchToHttp().getResponse();
    for (const [name, value] of Object.entries(refusal.headers)) response.header(name, value);
  }
  throw new RefusedException(refusal);
}
