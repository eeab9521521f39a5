import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { PASSWORD } from '../../support/start-app.ts';

/** Far longer than any limit of the server's own, as the machine may have other things to do. */
const PATIENCE_MS = 30_000;

const AUTH = 'accessToken refreshToken session { id } user { id }';
export const REGISTER = `mutation ($input: RegisterInput!) { register(input: $input) { auth { ${AUTH} } } }`;
export const LOGIN = `mutation ($input: LoginInput!) { login(input: $input) { ${AUTH} } }`;
export const REFRESH =
  'mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { accessToken refreshToken } }';
export const LOGOUT = 'mutation ($input: LogoutInput!) { logout(input: $input) { revokedSessions } }';
export const ME = '{ me { id } }';

export interface Question {
  readonly query: string;
  readonly variables?: object;
  readonly bearer?: string;
}

export interface Answer {
  readonly status: number;
  /** The first error's code, or `OK`. */
  readonly code: string;
  // biome-ignore lint/suspicious/noExplicitAny: an answer has the fields that the document asked for
  readonly data: any;
}

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** There is no telling what became of the request: refused, reset, cut off or too late. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  /** The socket was an idle one, which a server may close while a request is on its way to it. */
  readonly wasIdle: boolean;

  constructor(cause: Error, { wasIdle }: { wasIdle: boolean }) {
    super(cause.message, { cause });
    this.wasIdle = wasIdle;
  }
}

export type Client = ReturnType<typeof createClient>;

/** GraphQL over sockets that are kept open; `onConnect` hears of each new one. No answer is waited for any longer. */
export function createClient({
  onConnect = () => {},
  patienceMs = PATIENCE_MS,
}: {
  onConnect?: () => void;
  patienceMs?: number;
} = {}) {
  const agent = new Agent({ keepAlive: true });

  /** Sends it once, over an idle socket when there is one. */
  const postOnce = (origin: string, question: Question) => send(origin, question, agent);

  function send(
    origin: string,
    { query, variables, bearer }: Question,
    over: Agent | false,
  ): Promise<Answer> {
    const payload = JSON.stringify({ query, variables });
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(payload),
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
    };
    return new Promise((resolve, reject) => {
      const sent = request(
        `${origin}/graphql`,
        { method: 'POST', agent: over, headers, signal: AbortSignal.timeout(patienceMs) },
        (response) => {
          let body = '';
          response.setEncoding('utf8');
          response.on('data', (text) => {
            body += text;
          });
          response.on('end', () => resolve(answerOf(response.statusCode ?? 0, body)));
          response.on('error', fail);
        },
      );
      function fail(cause: Error): void {
        reject(new NoAnswer(cause, { wasIdle: sent.reusedSocket }));
      }
      sent.on('error', fail);
      sent.on('socket', (socket) => {
        if (socket.connecting) socket.once('connect', onConnect);
      });
      sent.end(payload);
    });
  }

  /**
   * Once more, over a new socket, when it went out over an idle one that the server was about to close, as browsers
   * do: the next idle one may be as old.
   */
  async function post(origin: string, question: Question): Promise<Answer> {
    try {
      return await postOnce(origin, question);
    } catch (error) {
      if (!(error instanceof NoAnswer && error.wasIdle)) throw error;
      return send(origin, question, false);
    }
  }

  return { post, postOnce, close: () => agent.destroy() };
}

/**
 * What a client that means well sends again: it was asked to, or its request did not arrive in time, as on a machine that
 * is too busy to send it (RFC 9110 §15.5.9).
 */
export function isRetryable({ code, status }: Answer): boolean {
  return code === 'UNAVAILABLE' || code === 'OVERLOADED' || status === 408;
}

/**
 * Sends the same question again, to any of the servers, until it is answered.
 *
 * @throws Error after a minute.
 */
export async function askUntilAnswered(
  client: Client,
  origins: readonly string[],
  question: Question,
): Promise<Answer> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    const answer = await client.post(oneOf(origins), question).catch(expectNoAnswer);
    if (answer !== undefined && !isRetryable(answer)) return answer;
    await pause(50 + Math.random() * 100);
  }
  throw new Error('Nobody answered for a minute.');
}

/** For `catch`: absent is an answer, a fault of the test is none. */
export function expectNoAnswer(error: unknown): undefined {
  if (!(error instanceof NoAnswer)) throw error;
}

/** Opens `count` sessions, at most 50 per account, which is how many one may have. */
export async function openSessions(client: Client, origin: string, count: number): Promise<Tokens[]> {
  const accounts = Array.from({ length: Math.ceil(count / 50) }, () => ({
    email: `${crypto.randomUUID()}@example.com`,
    password: PASSWORD,
  }));
  const opened: Tokens[] = [];
  for (const input of accounts) {
    const { data } = await askUntilAnswered(client, [origin], { query: REGISTER, variables: { input } });
    opened.push(data.register.auth);
    while (opened.length < count && opened.length % 50 !== 0) {
      const wave = Math.min(4, count - opened.length, 50 - (opened.length % 50));
      const logins = Array.from({ length: wave }, () =>
        askUntilAnswered(client, [origin], { query: LOGIN, variables: { input } }),
      );
      for (const answer of await Promise.all(logins)) opened.push(answer.data.login);
    }
  }
  return opened;
}

export function oneOf<Item>(items: readonly Item[]): Item {
  const item = items[Math.floor(Math.random() * items.length)];
  if (item === undefined) throw new Error('There is nothing to choose from.');
  return item;
}

function answerOf(status: number, body: string): Answer {
  const { data, errors } = JSON.parse(body) as {
    data?: unknown;
    errors?: { extensions: { code: string } }[];
  };
  return { status, code: errors?.[0]?.extensions.code ?? 'OK', data };
}
