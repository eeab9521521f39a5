import { type NextRequest, NextResponse } from 'next/server';
import { refusalOf, sessionOf } from './session';

/** Refreshes the session before a page renders. The page reads the new cookies, and the browser keeps them. */
export async function proxy(request: NextRequest): Promise<Response> {
  try {
    const session = await sessionOf(request);
    const headers = new Headers(request.headers);
    headers.set('cookie', session.cookie);
    const response = NextResponse.next({ request: { headers } });
    response.headers.set('cache-control', 'private, no-store');
    session.writeTo(response);
    return response;
  } catch (error) {
    return refusalOf(error);
  }
}

// The route handlers that sign in and out set the cookies themselves.
export const config = { matcher: ['/((?!_next/static|_next/image|favicon.ico|login/submit|logout).*)'] };
