import type { WithBearer } from './bearer.ts';
import { AuthClientError } from './errors.ts';
import { answerOf, badResponse, type Fetch, isRedirect, readJson } from './graphql.ts';
import { isUnauthenticated, readOperation, type SentOperation, wasRefused } from './refusal.ts';

export interface FetchOptions {
  readonly fetch: Fetch;
  readonly trusts: (url: string) => boolean;
  readonly withBearer: WithBearer;
}

const STEP_UP = 'insufficient_user_authentication';
/** The media types of an answer. Those of incremental delivery have other names or more parameters. */
const GRAPHQL = /^application\/(graphql-response\+)?json\s*(;\s*charset=[^;]*)?$/i;
/** How much of an answer is looked at, in characters and in time. What is longer or slower is no refusal. */
const LONGEST = 4_000_000;
const LONGEST_MS = 10_000;

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
    const answering = withBearer(
      (accessToken) => {
        if (accessToken === undefined) return sendOnce(request.clone());
        // The platform would follow to any origin, and not every one takes the header off there.
        const authorized = new Request(request.clone(), { redirect: 'manual' });
        authorized.headers.set('authorization', `Bearer ${accessToken}`);
        return sendOnce(authorized);
      },
      (response) => isRefusedBy(response, () => operationsIn(request)),
    );
    const response = await unlessAborted(answering, request.signal);
    if (!mayRedirect && isRedirect(response)) throw badResponse(response);
    return response;
  };
}

/** What is known of the operations of a request: one, or those of a batch. A GET runs no mutation (GraphQL over HTTP §6.1). */
async function operationsIn(request: Request): Promise<readonly SentOperation[]> {
  if (request.method === 'GET') return [{ isQuery: true }];
  const sent = [readJson(await request.clone().text())].flat();
  return sent.map((one) => readOperation((Object(one) as { query?: unknown }).query));
}

/** Whether a response says that what was asked for did not run, because the bearer is not good. */
export async function isRefusedBy(
  response: Response,
  readOperations: () => readonly SentOperation[] | Promise<readonly SentOperation[]>,
): Promise<boolean> {
  const isUnauthorized = response.status === 401;
  // RFC 9470: a refresh proves nothing new of the user.
  if (isUnauthorized && response.headers.get('www-authenticate')?.includes(STEP_UP)) return false;
  const text = await readText(response);
  if (!isUnauthorized && !text.includes('"UNAUTHENTICATED"')) return false;
  const answers = [readJson(text)].flat().map(answerOf);
  const isGraphQL = !answers.includes(undefined) && answers.some((answer) => answer?.errors);
  if (!isGraphQL) return isUnauthorized;
  const operations = await readOperations();
  // A batch is sent again as a whole, so none of it may have run.
  let isOver = false;
  for (const [index, answer] of answers.entries()) {
    const operation = operations[index] ?? { isQuery: false };
    if (wasRefused(answer ?? {}, operation, isUnauthorized ? () => true : isUnauthenticated)) isOver = true;
    else if (!operation.isQuery) return false;
  }
  return isOver;
}

/** The text of what may be an answer of GraphQL. A stream without an end is left to the caller, from its headers on. */
async function readText(response: Response): Promise<string> {
  if (!GRAPHQL.test(response.headers.get('content-type') ?? '')) return '';
  const copy = response.clone();
  // React Native has no streams.
  if (!copy.body) return copy.text();
  const reader = copy.body.getReader();
  const stop = () => void reader.cancel().catch(() => {});
  const timer = setTimeout(stop, LONGEST_MS);
  const decoder = new TextDecoder();
  let text = '';
  try {
    while (text.length < LONGEST) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    // The caller finds the fault where it reads the body.
  } finally {
    clearTimeout(timer);
    stop();
  }
  return '';
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
    throw new AuthClientError('BAD_REQUEST', 'This is no request');
  }
}
