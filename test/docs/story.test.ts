import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  ApolloClient,
  CombinedGraphQLErrors,
  gql,
  HttpLink,
  InMemoryCache,
  ServerError,
} from '@apollo/client';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { createRefreshLink } from '../../examples/apollo-client/refresh-link.ts';
import { type Auth, LOGIN, LOGOUT, REFRESH, REGISTER } from '../support/documents.ts';
import { cleanEnvironment, startServerProcess } from '../support/server-process.ts';
import { useBuild, useCleanups } from '../support/setup.ts';
import { createFrozenClock, PASSWORD, startApp } from '../support/start-app.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));
const CREDENTIALS = { email: 'ada@example.com', password: PASSWORD };

const build = useBuild();
afterEach(() => {
  jest.restoreAllMocks();
});
const cleanups = useCleanups();

describe('@apollo/client with the refresh link of examples/apollo-client', () => {
  it('the Apollo client registers, reads its account, refreshes once for all operations, and logs out', async () => {
    const { app, client, auth, signedOut, rotations } = await startClient();
    const { data } = await client.mutate<{ register: { auth: Auth } }>({
      mutation: gql(REGISTER),
      variables: { input: CREDENTIALS },
    });
    auth.signIn(granted(data?.register.auth));
    expect(await ask(client, '{ me { email } }')).toEqual({ me: { email: 'ada@example.com' } });
    expect(await rotations()).toEqual([0]);

    app.clock.travel(11 * 60_000);
    const sent = loseAnswers(0);
    const answers = await Promise.all([
      ask(client, '{ me { email } }'),
      ask(client, '{ session { current } }'),
      ask(client, '{ sessions { current } }'),
      ask(client, '{ me { name sessions { current } } }'),
      client.mutate({ mutation: gql`mutation { updateMe(input: { name: "Ada" }) { name } }` }),
    ]);
    expect(answers[0]).toEqual({ me: { email: 'ada@example.com' } });
    expect(answers[2]).toEqual({ sessions: [{ current: true }] });
    expect(answers[4]).toMatchObject({ data: { updateMe: { name: 'Ada' } } });
    expect(sent).toHaveLength(1);
    expect(await rotations()).toEqual([1]);

    const { data: ended } = await client.mutate({ mutation: gql(LOGOUT) });
    expect(ended).toEqual({ logout: { __typename: 'LogoutPayload', revokedSessions: 1 } });
    auth.signOut();
    expect(await codeOf(ask(client, '{ me { email } }'))).toBe('UNAUTHENTICATED');
    expect(signedOut).not.toHaveBeenCalled();
  });

  it('the refresh link does not refresh again for an operation that was refused late', async () => {
    const { app, client } = await startSignedIn();
    app.clock.travel(11 * 60_000);
    const sent: string[] = [];
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    onRequest(async ({ query }, reach) => {
      sent.push(/me|session \{|refreshToken/.exec(query)?.[0] ?? query);
      const answer = await reach();
      if (query.includes('session {')) await released;
      return answer;
    });

    const late = ask(client, '{ session { current } }');
    expect(await ask(client, '{ me { email } }')).toEqual({ me: { email: 'ada@example.com' } });
    release();
    expect(await late).toEqual({ session: { current: true } });
    expect(sent).toEqual(['session {', 'me', 'refreshToken', 'me', 'session {']);
  });

  it('the refresh link signs the user out once when the refresh token is refused', async () => {
    const { app, client, signedOut } = await startSignedIn();
    app.clock.travel(15 * 86_400_000);
    const codes = await Promise.all([
      codeOf(ask(client, '{ me { email } }')),
      codeOf(ask(client, '{ session { current } }')),
    ]);
    expect(codes).toEqual(['INVALID_REFRESH_TOKEN', 'INVALID_REFRESH_TOKEN']);
    expect(signedOut).toHaveBeenCalledTimes(1);
  });

  it('the refresh link recovers from a lost answer by sending the same token again (RT-4)', async () => {
    const { app, client, signedOut, rotations } = await startSignedIn();
    app.clock.travel(11 * 60_000);
    const sent = loseAnswers(1);
    expect(await ask(client, '{ me { email } }')).toEqual({ me: { email: 'ada@example.com' } });
    expect(sent).toHaveLength(2);
    expect(new Set(sent).size).toBe(1);
    expect(await rotations()).toEqual([1]);
    expect(signedOut).not.toHaveBeenCalled();
  });

  it('the refresh link keeps its token through an outage and goes on with it (RT-10)', async () => {
    const { app, client, signedOut, rotations } = await startSignedIn();
    app.clock.travel(11 * 60_000);
    const refused = refuseRefreshes({ errors: [{ message: '', extensions: { code: 'UNAVAILABLE' } }] });
    expect(await codeOf(ask(client, '{ me { email } }'))).toBe('UNAVAILABLE');
    expect(refused.length).toBeGreaterThan(1);
    expect(new Set(refused).size).toBe(1);
    jest.restoreAllMocks();

    expect(signedOut).not.toHaveBeenCalled();
    expect(await ask(client, '{ me { email } }')).toEqual({ me: { email: 'ada@example.com' } });
    expect(await rotations()).toEqual([1]);
  });

  it.each<[string, () => Response]>([
    ['the page of a proxy', () => new Response('<html>502 Bad Gateway</html>', { status: 502 })],
    ['an empty page', () => new Response('', { status: 504 })],
    ['no data', () => Response.json({ data: null })],
    ['no tokens', () => Response.json({ data: { refreshToken: null }, errors: [] })],
    ['another JSON', () => Response.json(null, { status: 500 })],
  ])('the refresh link reports an answer without tokens and keeps its token: %s', async (_, answer) => {
    const { app, client, signedOut, rotations } = await startSignedIn();
    app.clock.travel(11 * 60_000);
    onRefresh(async () => answer());
    const error: unknown = await ask(client, '{ me { email } }').catch((cause) => cause);
    expect(ServerError.is(error) && error.message).toBe(
      `The refresh was answered with ${answer().status} and no tokens`,
    );
    jest.restoreAllMocks();

    expect(signedOut).not.toHaveBeenCalled();
    expect(await ask(client, '{ me { email } }')).toEqual({ me: { email: 'ada@example.com' } });
    expect(await rotations()).toEqual([1]);
  });

  it('the refresh link leaves a user signed out whose sign-out overlaps a refresh', async () => {
    const { app, client, auth } = await startSignedIn();
    app.clock.travel(11 * 60_000);
    onRefresh(async (_token, reach) => {
      auth.signOut();
      return reach();
    });
    expect(await codeOf(ask(client, '{ me { email } }'))).toBe('UNAUTHENTICATED');
    expect(await codeOf(ask(client, '{ me { email } }'))).toBe('UNAUTHENTICATED');
  });
});

describe('the story of examples/fetch', () => {
  it('the story of examples/fetch runs to its end, and accounts and sessions survive a restart (CR-1)', async () => {
    const folder = temporaryFolder();
    const first = await start(folder);
    expect(await runStory(first.url)).toEqual([
      'registered, verification required: false',
      'logged in, is oneself: true',
      'refreshed, is oneself: true',
      'the answer was lost, the retry gets the same: true',
      'logged out, sessions ended: 1',
      'the access token now: UNAUTHENTICATED',
      'the refresh token now: INVALID_REFRESH_TOKEN',
    ]);
    await send(first.url, REGISTER, { input: CREDENTIALS });
    const { login } = await send<{ login: Auth }>(first.url, LOGIN, { input: CREDENTIALS });
    const { login: gone } = await send<{ login: Auth }>(first.url, LOGIN, { input: CREDENTIALS });
    await send(first.url, LOGOUT, { input: { refreshToken: gone.refreshToken } });
    expect(await first.stop()).toBe(0);

    const second = await start(folder);
    const me = await send(second.url, '{ me { email } }', {}, login.accessToken);
    expect(me).toEqual({ me: { email: 'ada@example.com' } });
    const { refreshToken } = await send<{ refreshToken: Auth }>(second.url, REFRESH, {
      input: { refreshToken: login.refreshToken },
    });
    expect(refreshToken.session.id).toBe(login.session.id);
    const ended = { input: { refreshToken: gone.refreshToken } };
    expect(await codeOf(send(second.url, REFRESH, ended))).toBe('INVALID_REFRESH_TOKEN');
    expect(await codeOf(send(second.url, '{ me { id } }', {}, gone.accessToken))).toBe('UNAUTHENTICATED');
    expect(await second.stop()).toBe(0);
  });
});

/** The whole server on a socket, with time that stands still until it is told to move. */
async function startSocket() {
  // Since now: the client and the tokens that it sees go by the real time.
  const app = await startApp({ engine: 'sqlite', clock: createFrozenClock(Date.now()) });
  cleanups.push(() => app.stop());
  const address = await app.server.listen({ host: '127.0.0.1', port: 0 });
  return { app, endpoint: `${address}/graphql` };
}

async function startClient() {
  const { app, endpoint } = await startSocket();
  const signedOut = jest.fn();
  const auth = createRefreshLink({ url: endpoint, onSignedOut: signedOut, retryDelaysMs: [1, 1] });
  const client = new ApolloClient({
    link: auth.link.concat(new HttpLink({ uri: endpoint })),
    cache: new InMemoryCache(),
  });
  cleanups.push(() => client.stop());
  /** How often each session has been refreshed. */
  const rotations = async () => {
    const rows = await app.database.all<{ generation: number }>('SELECT generation FROM sessions');
    return rows.map(({ generation }) => generation);
  };
  return { app, client, auth, signedOut, rotations };
}

async function startSignedIn() {
  const started = await startClient();
  const { data } = await started.client.mutate<{ register: { auth: Auth } }>({
    mutation: gql(REGISTER),
    variables: { input: CREDENTIALS },
  });
  started.auth.signIn(granted(data?.register.auth));
  return started;
}

function granted(auth: Auth | undefined): Auth {
  if (auth === undefined) throw new Error('no tokens came');
  return auth;
}

/** One query past every cache. */
async function ask(client: ApolloClient, query: string): Promise<unknown> {
  const { data } = await client.query({ query: gql(query), fetchPolicy: 'no-cache' });
  return JSON.parse(JSON.stringify(data, (name, value) => (name === '__typename' ? undefined : value)));
}

/** The error code that a promise is rejected with. */
async function codeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return 'OK';
  } catch (error) {
    return CombinedGraphQLErrors.is(error) ? error.errors[0]?.extensions?.code : String(error);
  }
}

/** Lets the first refreshes reach the server and loses what it answers; the refresh tokens that were sent. */
function loseAnswers(count: number): string[] {
  const sent: string[] = [];
  onRefresh(async (token, reach) => {
    sent.push(token);
    const answer = await reach();
    if (sent.length <= count) throw new TypeError('fetch failed');
    return answer;
  });
  return sent;
}

/** Answers refreshes in the server's stead; the refresh tokens that were sent. */
function refuseRefreshes(body: object): string[] {
  const sent: string[] = [];
  onRefresh(async (token) => {
    sent.push(token);
    return Response.json(body);
  });
  return sent;
}

/** Everything but a refresh goes its way. */
function onRefresh(handle: (token: string, reach: () => Promise<Response>) => Promise<Response>): void {
  onRequest(({ variables }, reach) => {
    const token = variables?.input?.refreshToken;
    return token === undefined ? reach() : handle(token, reach);
  });
}

interface GraphqlBody {
  readonly query: string;
  readonly variables?: { readonly input?: Partial<Auth> };
}

/** Stands between the client and the socket. */
function onRequest(handle: (body: GraphqlBody, reach: () => Promise<Response>) => Promise<Response>): void {
  const realFetch = globalThis.fetch;
  jest.spyOn(globalThis, 'fetch').mockImplementation((...request) => {
    const body = JSON.parse(String(request[1]?.body)) as GraphqlBody;
    return handle(body, () => realFetch(...request));
  });
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-story-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The program itself, with its data in a folder. */
async function start(folder: string) {
  const server = await startServerProcess([process.execPath, build.cli, 'serve'], { cwd: folder });
  cleanups.push(() => server.stop());
  return server;
}

async function runStory(url: string): Promise<string[]> {
  const args = ['--import', import.meta.resolve('tsx'), join(EXAMPLES, 'fetch/story.ts'), url];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: cleanEnvironment() });
  return stdout.trimEnd().split('\n');
}

/** One operation by plain fetch; an error has the shape that Apollo's client gives it. */
async function send<Data>(url: string, query: string, variables = {}, accessToken?: string): Promise<Data> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(accessToken && { authorization: `Bearer ${accessToken}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  const result = (await response.json()) as { data: Data; errors?: [] };
  if (result.errors) throw new CombinedGraphQLErrors(result);
  return result.data;
}
