import { AuthClientError, type ServerSession, serverSession } from '@latchkey/client/server';
import { headers } from 'next/headers';

const url = process.env.LATCHKEY_URL ?? 'http://localhost:4000/graphql';

/** The session of a request, for the proxy and for route handlers. Write its headers into the response. */
export function sessionOf(request: Request): Promise<ServerSession> {
  return serverSession(request, { url });
}

/** Who is asking for a page. The proxy has refreshed the session before, so a page sets no cookies. */
export async function viewer(): Promise<ServerSession['user']> {
  const request = new Request('http://localhost', { headers: await headers() });
  return (await sessionOf(request)).user;
}

/** No failure signs the visitor out: the cookies stay. */
export function refusalOf(error: unknown): Response {
  if (!(error instanceof AuthClientError)) throw error;
  const status = { FORBIDDEN: 403, TOO_MANY_REQUESTS: 429 }[error.code] ?? 503;
  return new Response(error.code, { status, headers: { 'cache-control': 'private, no-store' } });
}
