import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ERRORS, type ErrorCode } from '../errors.ts';
import type { Funnel } from '../graphql/format-error.ts';
import { isCompressed } from './incoming-text.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether a refusal says what to do about it, as in development. */
    showsHints: boolean;
  }
}

/** What Node's HTTP parser refuses before there is a request. */
const PARSER_STATUS: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
};

const JSON_TYPE = 'application/json; charset=utf-8';

/** The body of every refusal outside of the REST door: what a GraphQL client reads anyway. */
function refusalBody(code: ErrorCode, hint?: string): string {
  return JSON.stringify({ errors: [{ message: ERRORS[code], extensions: { code, hint } }] });
}

const NOT_FOUND_HINT = 'GraphQL is at `POST /graphql`, the keys of the tokens at `/.well-known/jwks.json`.';

/** What to do about what Fastify refuses, by its status. */
const HINTS: Readonly<Record<number, string>> = {
  400: 'The body is not valid JSON: send an object, as in {"query":"{ me { id } }"}.',
  413: 'The body is too large: it may have 64 KiB and 2,000 values.',
  415: 'Send `content-type: application/json`, and the body as UTF-8 and uncompressed.',
};

/** Answers what Fastify refuses by itself, and what no route expected, in the same shape. */
export function installRefusals(app: FastifyInstance, funnel: Funnel, { hints }: { hints: boolean }): void {
  app.decorate('showsHints', hints);
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const status = clientFaultStatus(error);
    // RFC 9110 §15.5.16: tells what is wrong with the coding from what is wrong with the type.
    if (status === 415 && isCompressed(request)) reply.header('accept-encoding', 'identity');
    if (status !== undefined) return refuse(request, reply, status, 'BAD_REQUEST', HINTS[status]);
    const { message, extensions } = funnel(error, request.id);
    request.outcome = { code: extensions.code };
    const isRetryable = extensions.code === 'UNAVAILABLE' || extensions.code === 'OVERLOADED';
    return reply.code(isRetryable ? 503 : 500).send({ errors: [{ message, extensions }] });
  });
  app.setNotFoundHandler((request, reply) => refuse(request, reply, 404, 'NOT_FOUND', NOT_FOUND_HINT));
}

/** The status of an error that Fastify blames on the request, such as a body that does not parse or that breaks off. */
export function clientFaultStatus({ code, statusCode }: FastifyError): number | undefined {
  const isFastifys = typeof code === 'string' && /^(FST_|ECONNRESET$)/.test(code);
  return isFastifys && statusCode !== undefined && statusCode < 500 ? statusCode : undefined;
}

/** The refusals of what never becomes a request: no hook runs, so they bring `headers`, which every answer has. */
export function createEarlyRefusals(headers: Readonly<Record<string, string>>) {
  const body = refusalBody('BAD_REQUEST');
  const allHeaders = { ...headers, 'content-type': JSON_TYPE, 'content-length': String(body.length) };
  const lines = Object.entries(allHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
  return {
    /** Fastify's `clientErrorHandler`: the answer is written to the socket. */
    refuseUnparsable(error: NodeJS.ErrnoException, socket: Socket): void {
      if (error.code === 'ECONNRESET' || !socket.writable) {
        socket.destroy();
        return;
      }
      const status = PARSER_STATUS[error.code ?? ''] ?? 400;
      socket.end(
        `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\n${lines.join('')}\r\n${body}`,
      );
    },
    /** Fastify's `frameworkErrors`, such as a URL that does not decode: its own text would quote it. */
    refuseUnroutable(response: ServerResponse): void {
      response.writeHead(400, allHeaders).end(body);
    },
  };
}

/**
 * Answers in the shape of every refusal outside of the REST door.
 *
 * @param hint what to do about it, told in development.
 */
export function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  code: ErrorCode,
  hint?: string,
): FastifyReply {
  request.outcome = { code };
  const body = refusalBody(code, request.server.showsHints ? hint : undefined);
  return reply.code(status).type(JSON_TYPE).send(body);
}
