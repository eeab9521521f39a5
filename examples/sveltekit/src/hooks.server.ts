import { AuthClientError, serverSession } from '@latchkey/client/server';
import type { Handle } from '@sveltejs/kit';
import { env } from '$env/dynamic/private';

const url = env.LATCHKEY_URL ?? 'http://localhost:4000/graphql';

export const handle: Handle = async ({ event, resolve }) => {
  try {
    event.locals.session = await serverSession(event.request, { url, address: event.getClientAddress() });
  } catch (error) {
    if (!(error instanceof AuthClientError)) throw error;
    // No failure signs the visitor out: the cookies stay.
    return new Response(error.code, {
      status: error.code === 'FORBIDDEN' ? 403 : 503,
      headers: { 'cache-control': 'private, no-store' },
    });
  }
  const response = await resolve(event);
  // The session of now: that of the request, or the one that an action put in its place.
  event.locals.session.writeTo(response);
  // A page is for its visitor alone, whether it sets cookies or not.
  response.headers.set('cache-control', 'private, no-store');
  return response;
};
