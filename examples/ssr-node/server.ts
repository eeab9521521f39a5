import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { AuthClientError, type ServerSession, serverSession } from '@latchkey/client/server';

const url = process.env.LATCHKEY_URL ?? 'http://localhost:4000/graphql';
const port = Number(process.env.PORT ?? 3000);
const home = `http://localhost:${port}`;
const MOST_BYTES = 16_384;
/** What a refusal is answered with. Any other code means that the server of accounts cannot be asked now. */
const STATUS: Readonly<Record<string, number>> = {
  BAD_REQUEST: 400,
  FORBIDDEN: 403,
  TOO_MANY_REQUESTS: 429,
  INTERNAL_SERVER_ERROR: 500,
};

const pages: Readonly<Record<string, (visit: Visit) => void | Promise<void>>> = {
  'GET /': ({ session, response }) => {
    const { user } = session;
    if (user === undefined) show(response, '<p>Hello, stranger</p><a href="/login">Sign in</a>');
    else show(response, `<p>Hello, ${escapeHtml(user.email)}</p><a href="/account">Your account</a>`);
  },

  'GET /account': ({ session, response }) => {
    const { user } = session;
    if (user === undefined) return lead(response, '/login');
    show(
      response,
      `<p>The account of ${escapeHtml(user.email)}</p>
      <form method="post" action="/logout"><button>Sign out</button></form>`,
    );
  },

  'GET /login': ({ response }) => show(response, loginForm()),

  'POST /login': async ({ session, request, response }) => {
    const form = await readForm(request);
    try {
      const next = await session.login({
        email: form.get('email') ?? '',
        password: form.get('password') ?? '',
      });
      next.writeTo(response);
    } catch (error) {
      const isWrong =
        error instanceof AuthClientError && ['INVALID_CREDENTIALS', 'BAD_USER_INPUT'].includes(error.code);
      if (!isWrong) throw error;
      response.statusCode = 401;
      return show(response, loginForm('Wrong address or password.'));
    }
    lead(response, '/account');
  },

  'POST /logout': async ({ session, response }) => {
    (await session.logout()).writeTo(response);
    lead(response, '/');
  },
};

interface Visit {
  readonly session: ServerSession;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const server = createServer((request, response) => {
  // A page is for its visitor alone, whether it sets cookies or not.
  response.setHeader('cache-control', 'private, no-store');
  answer(request, response).catch((error: unknown) => refuse(response, error));
});
server.listen(port, '127.0.0.1', () => console.log(`The app listens on ${home}`));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', home);
  const page = pages[`${request.method} ${pathname}`];
  if (page === undefined) {
    response.statusCode = 404;
    return show(response, '<p>There is no such page.</p>');
  }
  const session = await serverSession(webRequestOf(request), { url, address: request.socket.remoteAddress });
  // A refresh may have come with this request: its cookies go out whatever the page does.
  session.writeTo(response);
  await page({ session, request, response });
}

/** The request of Node.js as the Web has it, without its body. */
function webRequestOf({ url = '/', method = 'GET', headers }: IncomingMessage): Request {
  const pairs = Object.entries(headers).flatMap(([name, value = '']) =>
    [value].flat().map((one) => [name, one]),
  );
  return new Request(new URL(url, home), { method, headers: pairs as [string, string][] });
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > MOST_BYTES) throw new AuthClientError('BAD_REQUEST', 'The form is too large');
  }
  return new URLSearchParams(text);
}

/** No failure signs the visitor out: the cookies stay. */
function refuse(response: ServerResponse, error: unknown): void {
  const { code, retryAfter } =
    error instanceof AuthClientError ? error : { code: 'INTERNAL_SERVER_ERROR', retryAfter: undefined };
  if (!(error instanceof AuthClientError)) console.error(error);
  response.statusCode = STATUS[code] ?? 503;
  if (retryAfter !== undefined) response.setHeader('retry-after', Math.ceil(retryAfter));
  show(response, `<p>That did not work: ${code}. Try again later.</p>`);
}

function loginForm(problem = ''): string {
  return `<form method="post" action="/login">
    <p>${problem}</p>
    <label>Address <input name="email" type="email" autocomplete="username" required></label>
    <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
    <button>Sign in</button>
  </form>`;
}

function show(response: ServerResponse, body: string): void {
  response
    .setHeader('content-type', 'text/html; charset=utf-8')
    .end(`<!doctype html><html lang="en"><title>An app</title>${body}</html>`);
}

function lead(response: ServerResponse, path: string): void {
  response.writeHead(303, { location: path }).end();
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
