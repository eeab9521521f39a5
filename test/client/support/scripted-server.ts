import { jest } from '@jest/globals';
import {
  AuthClientError,
  type AuthClientOptions,
  createAuthClient,
} from '../../../packages/client/src/client.ts';

export const URL_OF_SERVER = 'https://auth.example.com/graphql';
export const CREDENTIALS = { email: 'ada@example.com', password: 'correct horse battery staple' };

export interface Sent {
  readonly url: string;
  /** The first root field, or the path of what is no GraphQL. */
  readonly name: string;
  readonly authorization: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: what the client sent
  readonly input: any;
  readonly request: Request;
}

/** Answers one request: JSON of GraphQL, a whole response, or no answer at all. */
type Reply = object | undefined;
type Script = (sent: Sent) => Reply | Promise<Reply>;

export const refusal = (code: string, more: object = {}) => ({
  data: null,
  errors: [{ message: 'No.', extensions: { code, ...more } }],
});
export const unauthenticated = refusal('UNAUTHENTICATED', { reason: 'TOKEN_EXPIRED' });
export const lost = () => new TypeError('fetch failed');

/**
 * A server behind a `fetch`, which keeps one session by the rules: each refresh token works once, and only the newest
 * access token is good. A test replaces any reply by `script`.
 */
export function scriptServer() {
  const sent: Sent[] = [];
  const scripts = new Map<string, Script[]>();
  let access = 0;
  let generation = 0;
  let userId = 'ada';
  let expiresIn = 600;

  function payload() {
    const at = '2027-01-01T00:10:00.000Z';
    return {
      accessToken: `access-${userId}-${access}`,
      refreshToken: `lkr_${userId}-${generation}`,
      deviceToken: 'lkd_device',
      expiresIn,
      expiresAt: at,
      scope: [],
      session: { id: `session-${userId}`, current: true },
      user: { id: userId, email: `${userId}@example.com`, name: null },
    };
  }

  function reply({ name, input, authorization }: Sent): object {
    if (name === 'login') {
      access += 1;
      generation += 1;
      return { data: { login: payload() } };
    }
    if (name === 'refreshToken') {
      if (input !== undefined && input.refreshToken !== payload().refreshToken)
        return refusal('INVALID_REFRESH_TOKEN');
      access += 1;
      generation += 1;
      return { data: { refreshToken: payload() } };
    }
    if (name === 'logout') return { data: { logout: { revokedSessions: 1 } } };
    if (authorization !== `Bearer ${payload().accessToken}`) return unauthenticated;
    return { data: { [name]: payload().user } };
  }

  const fetch = async (...[given, init]: Parameters<typeof globalThis.fetch>): Promise<Response> => {
    const request = new Request(given, init);
    request.signal.throwIfAborted();
    const text = await request.clone().text();
    const {
      query = '',
      variables,
      extensions,
    } = (text === '' ? inAddress(request.url) : JSON.parse(text)) as {
      query?: string;
      extensions?: { persistedQuery?: object };
      variables?: { input?: unknown };
    };
    // As the server does, in the words of Apollo's protocol.
    if (query === '' && extensions?.persistedQuery)
      return Response.json({ errors: [{ message: 'PersistedQueryNotSupported' }] });
    const name = /\{\s*(\w+)/.exec(query.replace(/\([^)]*\)/g, ''))?.[1] ?? new URL(request.url).pathname;
    const authorization = request.headers.get('authorization');
    const one = { url: request.url, name, authorization, input: variables?.input, request };
    sent.push(one);
    const scripted = await scripts.get(name)?.shift()?.(one);
    const answer = scripted ?? reply(one);
    if (answer instanceof Error) throw answer;
    return answer instanceof Response ? answer : Response.json(answer);
  };

  return {
    fetch,
    sent,
    /** How often an operation came. */
    count: (name: string) => sent.filter((one) => one.name === name).length,
    /** The next replies to an operation, in order. Undefined is the reply of always. */
    script(
      name: string,
      ...replies: (Reply | undefined | ((sent: Sent) => Reply | undefined | Promise<Reply | undefined>))[]
    ) {
      const list = replies.map((one) => (typeof one === 'function' ? one : () => one) as Script);
      scripts.set(name, [...(scripts.get(name) ?? []), ...list]);
    },
    /** The access token at hand is past its time. */
    expire() {
      access += 1;
    },
    /** The next login is that of another user. */
    be(name: string) {
      userId = name;
    },
    /** How long access tokens live from now on. */
    liveFor(seconds: number) {
      expiresIn = seconds;
    },
    client(options: Partial<AuthClientOptions> = {}) {
      return createAuthClient({ url: URL_OF_SERVER, tokens: 'memory', fetch, ...options });
    },
  };
}

/** What a GET asks for. */
function inAddress(url: string): object {
  const { query, extensions } = Object.fromEntries(new URL(url).searchParams);
  return { query, extensions: extensions && JSON.parse(extensions) };
}

/** The code of what a promise rejects with; fails for what is no error of the client. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof AuthClientError) return error.code;
    throw error;
  }
  return 'OK';
}

/** Stops the clock of what the client waits for. Requests and streams go on by themselves. */
export function standStill(): void {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
}

/** What a promise comes to while the time passes that its tries need. */
export async function inTime<Result>(promise: Promise<Result>, ms = 60_000): Promise<Result> {
  promise.catch(() => {});
  await jest.advanceTimersByTimeAsync(ms);
  return promise;
}
