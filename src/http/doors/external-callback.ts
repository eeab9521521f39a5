import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AuthError, type ErrorCode } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import { escapeHtml } from '../../platform/html.ts';
import type { CallerOf } from '../caller-of.ts';
import { isCompressed, isUtf8Encoded, isUtf8Type } from '../incoming-text.ts';
import { issuerPath, routesOf } from '../issuer-path.ts';
import { namedPlugin } from '../named-plugin.ts';
import { clientFaultStatus } from '../refusals.ts';

export interface ExternalCallbackOptions {
  readonly issuer: string;
  readonly callerOf: CallerOf;
  /**
   * Takes what a provider sent the browser back with.
   *
   * @returns where the browser goes.
   * @throws AuthError where no page is known that it could go to.
   */
  readonly answer: (provider: string, parameters: URLSearchParams, caller: Caller) => Promise<string>;
}

interface Refusal {
  readonly status: number;
  readonly words: string;
}

const BROKEN: Refusal = { status: 400, words: 'What the provider sent cannot be read. Begin again.' };
const REFUSALS: { readonly [Code in ErrorCode]?: Refusal } = {
  EXTERNAL_LOGIN_FAILED: {
    status: 400,
    words: 'This sign-in took too long, or was used before. Go back to where you began, and begin again.',
  },
  TOO_MANY_REQUESTS: { status: 429, words: 'There were too many tries from your network. Try again later.' },
  UNAVAILABLE: { status: 503, words: 'The server does not answer at the moment. Try again shortly.' },
};

/**
 * `/external/callback/:provider`: where providers send the browser back to, by GET or with a form (OAuth 2.0 Form Post
 * Response Mode). The request comes from another site, so it brings no cookie; the state in it is all that it is known by.
 */
export function installExternalCallback(app: FastifyInstance, options: ExternalCallbackOptions): void {
  const { issuer, callerOf, answer } = options;

  async function respond(
    request: FastifyRequest,
    reply: FastifyReply,
    parameters: URLSearchParams | undefined,
  ): Promise<FastifyReply> {
    // RFC 6749 §3.1: parameters must not be included more than once.
    if (parameters === undefined || new Set(parameters.keys()).size !== parameters.size)
      return refuse(request, reply, { ...BROKEN, code: 'BAD_REQUEST' });
    const { provider } = request.params as { provider: string };
    try {
      const location = await answer(provider, parameters, callerOf(request));
      // RFC 9700 §4.12: 303, or the browser would post the form of the provider once more.
      return reply.code(303).header('location', location).send();
    } catch (error) {
      const refusal = error instanceof AuthError ? REFUSALS[error.code] : undefined;
      if (refusal === undefined || !(error instanceof AuthError)) throw error;
      if (refusal.status !== 400) reply.header('retry-after', String(error.extensions.retryAfter ?? 1));
      return refuse(request, reply, { ...refusal, code: error.code });
    }
  }

  const plugin = namedPlugin('external callback', async (door) => {
    door.removeAllContentTypeParsers();
    door.addContentTypeParser<Buffer>(
      'application/x-www-form-urlencoded',
      { parseAs: 'buffer' },
      (request, bytes, done) => done(null, formOf(request, bytes)),
    );
    door.setErrorHandler<FastifyError>((error, request, reply) => {
      const status = clientFaultStatus(error);
      // What is no fault of the request goes on to the handler of all routes.
      if (status === undefined) throw error;
      return refuse(request, reply, { ...BROKEN, status, code: 'BAD_REQUEST' });
    });
    const path = '/external/callback';
    for (const base of routesOf(path, `${issuerPath(issuer)}${path}`)) {
      const url = `${base}/:provider`;
      door.get(url, { exposeHeadRoute: false }, (request, reply) =>
        respond(request, reply, queryOf(request)),
      );
      door.post(url, (request, reply) =>
        respond(request, reply, request.body as URLSearchParams | undefined),
      );
    }
  });
  app.register(plugin);
}

function queryOf({ url }: FastifyRequest): URLSearchParams | undefined {
  const start = url.indexOf('?');
  const query = start === -1 ? '' : url.slice(start + 1);
  return isUtf8Encoded(Buffer.from(query)) ? new URLSearchParams(query) : undefined;
}

function formOf(request: FastifyRequest, bytes: Buffer): URLSearchParams | undefined {
  if (isCompressed(request) || !isUtf8Type(request.headers['content-type'] ?? '')) return undefined;
  return isUtf8Encoded(bytes) ? new URLSearchParams(bytes.toString()) : undefined;
}

/** A person reads it, who did nothing wrong. */
function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  { status, words, code }: Refusal & { code: ErrorCode },
): FastifyReply {
  request.outcome = { code };
  return reply
    .code(status)
    .type('text/html; charset=utf-8')
    .send(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The sign-in did not work</title>
<h1>The sign-in did not work</h1>
<p>${escapeHtml(words)}</p>
</html>
`);
}
