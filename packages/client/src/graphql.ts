import { AuthClientError, refusalOf } from './errors.ts';
import { within } from './timers.ts';

export type Fetch = typeof globalThis.fetch;

export interface GraphQLAnswer {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly unknown[];
}

export interface GraphQLRequest {
  readonly url: string;
  readonly fetch: Fetch;
  readonly document: string;
  readonly input?: object | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly accessToken?: string | undefined;
  readonly withCookies?: boolean;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;

/**
 * What the server answers to one operation, its refusals included.
 *
 * @throws AuthClientError `NETWORK_ERROR`, `BAD_RESPONSE`
 */
export async function send(request: GraphQLRequest): Promise<GraphQLAnswer> {
  const { timeoutMs = TIMEOUT_MS } = request;
  const controller = new AbortController();
  const late = () => new AuthClientError('NETWORK_ERROR', `No answer within ${timeoutMs / 1_000} s`);
  try {
    // The limit holds for a `fetch` that ignores its signal, too.
    return await within(timeoutMs, exchange(request, controller.signal), late);
  } finally {
    controller.abort();
  }
}

async function exchange(request: GraphQLRequest, signal: AbortSignal): Promise<GraphQLAnswer> {
  const { url, fetch, document, input, headers, accessToken, withCookies } = request;
  const body = toJson({ query: document, variables: { input } });
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: {
        accept: 'application/json',
        'content-type': 'application/json',
        ...headers,
        ...(accessToken !== undefined && { authorization: `Bearer ${accessToken}` }),
      },
      body,
      signal,
      // Passwords and tokens go to the configured address and nowhere else.
      redirect: 'manual',
      // Not every edge runtime knows the option, and none of them has cookies.
      ...(withCookies && { credentials: 'include' as const }),
    });
    text = await response.text();
  } catch (cause) {
    throw new AuthClientError('NETWORK_ERROR', 'The server cannot be reached', {}, { cause });
  }
  const answer = answerOf(readJson(text));
  if (answer === undefined || isRedirect(response)) throw badResponse(response);
  return answer;
}

/** The value of the one field that was asked for. @throws AuthClientError what the server refused it with */
export function fieldOf<Value>({ data, errors }: GraphQLAnswer, name: string): Value {
  if (errors !== undefined) throw refusalOf(errors, name);
  const value = data?.[name];
  if (value === undefined || (value === null && name !== 'verifyEmail'))
    throw new AuthClientError('BAD_RESPONSE', `The server answers without ${name}`);
  return value as Value;
}

export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The answer of a GraphQL server. Undefined for other text, as the page of a proxy or JSON that breaks off. */
export function answerOf(json: unknown): GraphQLAnswer | undefined {
  const { data, errors } = Object(json) as { data?: unknown; errors?: unknown };
  const isRefusal = Array.isArray(errors) && errors.length > 0;
  if (!isRefusal && (typeof data !== 'object' || data === null)) return undefined;
  return { data: data as GraphQLAnswer['data'] & {}, ...(isRefusal && { errors }) };
}

/** @throws AuthClientError where the values are none of JSON, as a BigInt. The cause could name a value. */
export function toJson(value: object): string {
  try {
    return JSON.stringify(value);
  } catch {
    throw new AuthClientError('BAD_REQUEST', 'The input is no JSON');
  }
}

/** In browsers a redirect that is not followed has neither status nor address. */
export function isRedirect({ type, status }: Response): boolean {
  return type === 'opaqueredirect' || (status >= 300 && status < 400 && status !== 304);
}

export function badResponse(response: Response): AuthClientError {
  const { status, headers } = response;
  const retryAfter = Number(headers.get('retry-after')) || undefined;
  const what = isRedirect(response) ? 'a redirect' : `status ${status} and no GraphQL`;
  return new AuthClientError('BAD_RESPONSE', `The server answers with ${what}`, { retryAfter });
}
