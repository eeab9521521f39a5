import type { WithBearer } from './bearer.ts';
import { AuthClientError } from './errors.ts';
import { badResponse, type Fetch, isRedirect, readAnswer } from './graphql.ts';
import { readOperation, wasRefused } from './refusal.ts';

export interface FetchOptions {
  readonly fetch: Fetch;
  readonly trusts: (url: string) => boolean;
  readonly withBearer: WithBearer;
}

const STEP_UP = 'insufficient_user_authentication';

/** `fetch` for APIs that take the access token: over GraphQL, where a refusal has status 200, or any other HTTP. */
export function createFetch({ fetch, trusts, withBearer }: FetchOptions): Fetch {
  async function sendOnce(request: Request): Promise<Response> {
    try {
      return await fetch(request);
    } catch (cause) {
      // The caller's own wish is no failure.
      request.signal.throwIfAborted();
      throw new AuthClientError('NETWORK_ERROR', 'The server cannot be reached', {}, { cause });
    }
  }

  return async (input, init) => {
    const request = readRequest(input, init);
    if (!trusts(request.url) || request.headers.has('authorization')) return sendOnce(request);
    request.signal.throwIfAborted();
    const mayRedirect = request.redirect === 'manual';
    const answering = withBearer((accessToken) => {
      if (accessToken === undefined) return sendOnce(request.clone());
      // The platform would follow to any origin, and not every one takes the header off there.
      const authorized = new Request(request.clone(), { redirect: 'manual' });
      authorized.headers.set('authorization', `Bearer ${accessToken}`);
      return sendOnce(authorized);
    }, isRefused(request));
    const response = await unlessAborted(answering, request.signal);
    if (!mayRedirect && isRedirect(response)) throw badResponse(response);
    return response;
  };
}

function isRefused(request: Request): (response: Response) => Promise<boolean> {
  return async (response) => {
    // RFC 9470: a refresh proves nothing new of the user.
    if (response.status === 401) return !response.headers.get('www-authenticate')?.includes(STEP_UP);
    if (!response.headers.get('content-type')?.includes('json')) return false;
    const text = await response.clone().text();
    if (!text.includes('"UNAUTHENTICATED"')) return false;
    const answer = readAnswer(text);
    if (answer === undefined) return false;
    const { query } = Object(readJson(await request.clone().text())) as { query?: unknown };
    return wasRefused(answer, readOperation(query));
  };
}

/** A caller that gives up does not wait for a refresh. */
async function unlessAborted(answering: Promise<Response>, signal: AbortSignal): Promise<Response> {
  let giveUp = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    giveUp = () => reject(signal.reason);
    signal.addEventListener('abort', giveUp);
  });
  try {
    return await Promise.race([answering, aborted]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

function readRequest(...[input, init]: Parameters<Fetch>): Request {
  try {
    return new Request(input, init);
  } catch {
    // The platform's error may name a header's value.
    throw new AuthClientError('BAD_REQUEST', 'This is no request: its address, headers or body are wrong');
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
