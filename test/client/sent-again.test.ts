import { describe, expect, it, jest } from '@jest/globals';
import { buildSchema, GraphQLError, graphql } from 'graphql';
import type { AuthClient } from '../../packages/client/src/client.ts';
import { relayFetch } from '../../packages/client/src/relay.ts';
import { clients } from './support/graphql-clients.ts';
import {
  CREDENTIALS,
  codeOf,
  type Sent,
  scriptServer,
  standStill,
  URL_OF_SERVER,
  unauthenticated,
} from './support/scripted-server.ts';

type Scripted = ReturnType<typeof scriptServer>;

async function signedIn() {
  const server = scriptServer();
  const auth = server.client();
  await auth.login(CREDENTIALS);
  return { server, auth };
}

const send = (auth: AuthClient, body: unknown, url = URL_OF_SERVER) =>
  auth.fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

const everyClient: typeof clients = {
  ...clients,
  fetch: (_server, auth) => async (query) => (await send(auth, { query })).json() as object,
};

const refuse = () => {
  throw new GraphQLError('No.', { extensions: { code: 'UNAUTHENTICATED' } });
};

/** An executor behind the scripted server, and what its mutations did. */
function execute(server: Scripted, answer: (result: object) => object = (result) => result) {
  const ran: string[] = [];
  const note = (name: string) => () => {
    ran.push(name);
    return { id: 1, owner: refuse };
  };
  const fail = () => {
    ran.push('fail');
    throw new Error('Broken');
  };
  const schema = buildSchema(`
    type Query { open: Int }
    type Mutation { pay: Receipt order: Receipt! fail: Int closed: Int shut: Int! }
    type Receipt { id: ID owner: String! }
  `);
  const rootValue = {
    pay: note('pay'),
    order: note('order'),
    fail,
    closed: refuse,
    shut: refuse,
  };
  const run = async ({ request }: Sent) => {
    const { query } = (await request.clone().json()) as { query: string };
    return answer(JSON.parse(JSON.stringify(await graphql({ schema, source: query, rootValue }))));
  };
  for (const name of ['pay', 'order', 'fail', 'closed', 'shut', 'z', 's']) server.script(name, run, run);
  return ran;
}

type WithPath = { errors: { path?: unknown }[] };
const withoutPaths = (result: object) => ({
  ...result,
  errors: (result as WithPath).errors.map(({ path: _, ...error }) => error),
});
const asUnauthorized = (result: object) => Response.json(result, { status: 401 });
const withoutCodes = (result: object) =>
  asUnauthorized({
    ...result,
    errors: (result as { errors: object[] }).errors.map((error) => ({ ...error, extensions: {} })),
  });

describe.each(Object.entries(everyClient))('a mutation by %s', (_, connect) => {
  it.each<[string, string, string[], ((result: object) => object)?]>([
    ['a field within it was refused', 'mutation M { pay { id owner } }', ['pay']],
    ['a field within it was refused, and it cannot be null', 'mutation M { order { id owner } }', ['order']],
    ['a later field was refused', 'mutation M { pay { id } closed }', ['pay']],
    ['a later field was refused, and it cannot be null', 'mutation M { pay { id } shut }', ['pay']],
    [
      'a later field was refused, which no path says',
      'mutation M { pay { id } closed }',
      ['pay'],
      withoutPaths,
    ],
    [
      'a later field was refused with status 401',
      'mutation M { pay { id } closed }',
      ['pay'],
      asUnauthorized,
    ],
    [
      'a later field was refused by status 401 alone',
      'mutation M { pay { id } closed }',
      ['pay'],
      withoutCodes,
    ],
    [
      'a field within it was refused by status 401 alone',
      'mutation M { pay { id owner } }',
      ['pay'],
      withoutCodes,
    ],
    [
      'a field of a fragment was refused',
      'mutation M { ...F } fragment F on Mutation { pay { id } shut }',
      ['pay'],
    ],
    [
      'a field of a fragment was refused, which no path says',
      'mutation M { ...F } fragment F on Mutation { pay { id } closed }',
      ['pay'],
      withoutPaths,
    ],
    ['a field failed otherwise before one that was refused', 'mutation M { fail closed }', ['fail']],
  ])('is not sent again when %s', async (_case, document, expected, ...[answer]) => {
    const { server, auth } = await signedIn();
    const ran = execute(server, answer);
    await connect(server, auth)(document);
    expect(ran).toEqual(expected);
    expect(server.count('refreshToken')).toBe(0);
  });

  it.each<[string, string, string, ((result: object) => object)?]>([
    ['its one field was refused', 'mutation M { closed }', 'closed'],
    ['its one field was refused, and it cannot be null', 'mutation M { shut }', 'shut'],
    ['all of its fields were refused', 'mutation M { closed s: closed }', 'closed'],
    ['its first field was refused with status 401', 'mutation M { shut }', 'shut', asUnauthorized],
    ['its first field was refused by status 401 alone', 'mutation M { closed }', 'closed', withoutCodes],
  ])('is sent again when %s', async (_case, document, name, ...[answer]) => {
    const { server, auth } = await signedIn();
    execute(server, answer);
    await connect(server, auth)(document);
    expect(server.count(name)).toBe(2);
    expect(server.count('refreshToken')).toBe(1);
  });
});

describe('the operations of the client itself', () => {
  it('a mutation that was refused within is not sent again', async () => {
    const { server, auth } = await signedIn();
    const errors = [{ ...unauthenticated.errors[0], path: ['updateMe', 'roles'] }];
    server.script('updateMe', { data: null, errors });
    expect(await codeOf(auth.updateMe({ name: 'Ada' }))).toBe('UNAUTHENTICATED');
    expect(server.count('updateMe')).toBe(1);
  });
});

describe('what is sent again through the fetch of a client', () => {
  const refused = (...path: string[]) => ({ ...unauthenticated.errors[0], ...(path.length && { path }) });
  const partial = { data: { a: 1, b: null }, errors: [refused('b')] };

  it.each<[string, string, number]>([
    ['a comment that CR ends', '# c\rmutation M { a b }', 1],
    [
      'a block string before it',
      'fragment F on M { z(s: """5" disk""") } mutation M { a b } fragment G on X { b(s: "x") }',
      1,
    ],
    [
      'a block string with escaped quotes',
      'fragment F on M { z(s: """\\""" } query Q { """) } mutation M { a b }',
      1,
    ],
    ['a string that looks like the end of a comment', '#"\nmutation M { a b } #"', 1],
    ['two operations', 'query Q { a } mutation M { a b }', 1],
    ['a document that is none', 'queries Q { a b }', 1],
    ['a query with a field called subscription', 'query Q { me { id subscription { plan } } }', 2],
    ['a query with a field called mutation', '{ mutation query: b }', 2],
    ['a query with braces in its variables', 'query mutation($x: I = { a: "}" }) @d(x: { y: 1 }) { a b }', 2],
    ['two queries', 'query A { a } query B { b }', 2],
  ])('%s is seen for what it is', async (_case, query, times) => {
    const { server, auth } = await signedIn();
    let count = 0;
    const script = () => {
      count += 1;
      return partial;
    };
    for (const name of ['z', 'a', 'b', 'me', 'mutation']) server.script(name, script, script);
    await send(auth, { query });
    expect(count).toBe(times);
  });

  it('a query by GET', async () => {
    const { server, auth } = await signedIn();
    server.script('me', partial);
    await auth.fetch(`${URL_OF_SERVER}?query=${encodeURIComponent('{ me { id } }')}`);
    expect(server.count('me')).toBe(2);
  });

  it.each<[string, object, number]>([
    ['the whole request was refused', { data: null, errors: [refused()] }, 2],
    ['its one field was refused', { data: { a: null }, errors: [refused('a')] }, 2],
    ['a field was refused, and others may have run before', { data: null, errors: [refused('a')] }, 1],
    ['a part was refused', partial, 1],
  ])('an operation that only the server knows, when %s', async (_case, answer, times) => {
    const { server, auth } = await signedIn();
    const path = '/persisted';
    server.script(path, () => Response.json(answer));
    await send(auth, { documentId: 'x' }, `https://auth.example.com${path}`);
    expect(server.count(path)).toBe(times);
  });

  it.each<[string, string[], object[], number, number?]>([
    ['queries', ['{ a }', '{ b }'], [{ data: { a: 1 } }, { data: null, errors: [refused('b')] }], 2],
    [
      'refused mutations',
      ['mutation { a }', 'mutation { b }'],
      ['a', 'b'].map((key) => ({ data: null, errors: [refused(key)] })),
      2,
    ],
    [
      'a mutation that ran and a refused query',
      ['mutation { a }', '{ b }'],
      [{ data: { a: 1 } }, { data: null, errors: [refused('b')] }],
      1,
    ],
    [
      'a mutation that ran and a refused query with status 401',
      ['mutation { a }', '{ b }'],
      [{ data: { a: 1 } }, { data: null, errors: [refused('b')] }],
      1,
      401,
    ],
    [
      'more answers than operations',
      ['{ a }'],
      [{ data: { a: 1 } }, { data: null, errors: [refused('b')] }],
      1,
    ],
    [
      'answers without a refusal',
      ['{ a }', '{ b }'],
      [{ data: { a: 'UNAUTHENTICATED' } }, { data: { b: 1 } }],
      1,
    ],
  ])('a batch of %s', async (_case, queries, answers, times, status = 200) => {
    const { server, auth } = await signedIn();
    server.script('/graphql', () => Response.json(answers, { status }));
    await send(
      auth,
      queries.map((query) => ({ query })),
    );
    expect(server.count('/graphql')).toBe(times);
  });

  it('a query that Relay names by its id, and no mutation of that kind', async () => {
    const { server, auth } = await signedIn();
    const ask = (operationKind: string) =>
      relayFetch(auth)({ id: 'x', name: 'Asked', text: null, operationKind }, {});
    const answer = { data: null, errors: [refused('me')] };
    server.script('/graphql', answer, { data: { me: 1 } }, answer);
    expect(await ask('query')).toEqual({ data: { me: 1 } });
    expect(await ask('mutation')).toEqual(answer);
    expect(server.sent.map(({ authorization }) => authorization?.slice(-1))).toEqual([
      undefined,
      '1',
      undefined,
      '2',
      '2',
    ]);
  });
});

describe('an answer that has no end', () => {
  it.each([
    'application/x-ndjson',
    'application/graphql-response+json; deferSpec=20220824',
    'multipart/mixed; boundary="-"; deferSpec=20220824',
    'text/event-stream',
    'application/problem+json',
  ])('of %s comes with its headers', async (type) => {
    const { server, auth } = await signedIn();
    let cancelled: unknown;
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{"errors":"UNAUTHENTICATED"}\n')),
      cancel: (reason) => {
        cancelled = reason;
      },
    });
    server.script('/feed', () => new Response(body, { headers: { 'content-type': type } }));
    const response = await auth.fetch('https://auth.example.com/feed');
    expect(response.status).toBe(200);
    await response.body?.cancel('enough');
    expect(cancelled).toBe('enough');
  });

  it.each([200, 401])(
    'of JSON with status %i comes after ten seconds, or four million characters',
    async (status) => {
      standStill();
      try {
        const { server, auth } = await signedIn();
        const headers = { 'content-type': 'application/json; charset=utf-8' };
        let cancelled = 0;
        const cancel = () => {
          cancelled += 1;
        };
        const slow = new ReadableStream({
          start: (controller) => controller.enqueue(new Uint8Array([91])),
          cancel,
        });
        const long = new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(1e6).fill(32)),
          cancel,
        });
        for (const body of [slow, long]) {
          server.script('/feed', () => new Response(body, { status, headers }));
          if (status === 401) server.script('/feed', () => new Response('', { status }));
          const fetching = auth.fetch('https://auth.example.com/feed');
          await jest.advanceTimersByTimeAsync(body === slow ? 10_000 : 0);
          const response = await fetching;
          expect(response.status).toBe(status);
          if (status === 200) await response.body?.cancel();
        }
        // The copy that was looked at is not read on.
        if (status === 200) expect(cancelled).toBe(2);
        expect(server.count('/feed')).toBe(status === 401 ? 4 : 2);
      } finally {
        jest.useRealTimers();
      }
    },
  );
});

describe('what is not JSON', () => {
  const cut = () => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"data":'));
        controller.error(new TypeError('terminated'));
      },
    });
    return new Response(body, { headers: { 'content-type': 'application/json' } });
  };

  it('a body that breaks off is the answer of fetch, and fails where it is read; by Relay it is a lost answer', async () => {
    const { server, auth } = await signedIn();
    server.script('me', cut, cut);
    const response = await send(auth, { query: '{ me { id } }' });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow('terminated');
    expect(await codeOf(relayFetch(auth)({ name: 'Asked', text: '{ me { id } }' }, {}))).toBe(
      'NETWORK_ERROR',
    );
  });

  it('a BigInt in the variables is a bad request', async () => {
    const { server, auth } = await signedIn();
    expect(await codeOf(relayFetch(auth)({ name: 'Asked', text: '{ me { id } }' }, { x: 1n }))).toBe(
      'BAD_REQUEST',
    );
    expect(await codeOf(auth.updateMe({ name: 1n as never }))).toBe('BAD_REQUEST');
    expect(server.sent).toHaveLength(1);
  });

  it('an answer without the field is a bad answer', async () => {
    const { server, auth } = await signedIn();
    for (const data of [{}, { me: null }]) {
      server.script('me', { data });
      expect(await codeOf(auth.me())).toBe('BAD_RESPONSE');
    }
    for (const data of [{}, { login: null }]) {
      server.script('login', { data });
      expect(await codeOf(auth.login(CREDENTIALS))).toBe('BAD_RESPONSE');
    }
    server.script('verifyEmail', { data: { verifyEmail: null } });
    expect(await auth.verifyEmail({ token: 'x' })).toBeNull();
    expect(auth.state.user?.id).toBe('ada');
  });
});
