import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { RetryLink } from '@apollo/client/link/retry';
import { makeExecutableSchema } from '@graphql-tools/schema';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Client, fetchExchange } from '@urql/core';
import { authExchange } from '@urql/exchange-auth';
import { createClient, makeServer } from 'graphql-ws';
import { map, of } from 'rxjs';
import { apolloLink } from '../../packages/client/src/apollo.ts';
import type { AuthClient } from '../../packages/client/src/client.ts';
import { urqlAuth } from '../../packages/client/src/urql.ts';
import { connectionParams } from '../../packages/client/src/ws.ts';
import { gate } from '../support/gate.ts';
import { clients, codeIn } from './support/graphql-clients.ts';
import {
  CREDENTIALS,
  codeOf,
  lost,
  refusal,
  scriptServer,
  URL_OF_SERVER,
  unauthenticated,
} from './support/scripted-server.ts';

type Scripted = ReturnType<typeof scriptServer>;

afterEach(() => {
  jest.restoreAllMocks();
});

async function signedIn(options: Parameters<Scripted['client']>[0] = {}) {
  const server = scriptServer();
  const auth = server.client(options);
  await auth.login(CREDENTIALS);
  return { server, auth };
}

describe.each(Object.entries(clients))('%s with the client', (_, connect) => {
  it('many operations that are refused at once cause one refresh, and each is sent again once', async () => {
    const { server, auth } = await signedIn();
    const ask = connect(server, auth);
    server.expire();
    const fields = Array.from({ length: 20 }, (_field, index) => `f${index}`);
    const answers = await Promise.all(fields.map((field) => ask(`query Asked { ${field} { id } }`)));
    expect(answers.map(({ data }, index) => data?.[`f${index}`]?.id)).toEqual(fields.map(() => 'ada'));
    expect(server.count('refreshToken')).toBe(1);
    for (const field of fields) expect(server.count(field)).toBe(2);
  });

  it('an operation that is refused twice fails with the error of the server', async () => {
    const { server, auth } = await signedIn();
    server.script('me', unauthenticated, unauthenticated);
    expect(await connect(server, auth)('query Asked { me { id } }')).toEqual({ code: 'UNAUTHENTICATED' });
    expect(server.count('me')).toBe(2);
  });

  it('a mutation is sent again when it was refused, and not when it ran in part or its answer was lost', async () => {
    const { server, auth } = await signedIn();
    const ask = connect(server, auth);
    server.script('updateMe', unauthenticated);
    expect((await ask('mutation Asked { updateMe { id } }')).data?.updateMe?.id).toBe('ada');
    expect(server.count('updateMe')).toBe(2);

    const errors = [{ ...unauthenticated.errors[0], path: ['other'] }];
    server.script('deleteMe', { data: { deleteMe: { id: 'ada' }, other: null }, errors });
    await ask('mutation Asked { deleteMe { id } other { id } }');
    expect(server.count('deleteMe')).toBe(1);

    server.script('changePassword', lost());
    await ask('mutation Asked { changePassword { id } }');
    expect(server.count('changePassword')).toBe(1);
  });

  it('the access token goes to trusted origins only', async () => {
    const { server, auth } = await signedIn({ origins: ['https://api.example.com'] });
    const ask = connect(server, auth);
    await ask('query Asked { me { id } }', 'https://api.example.com/graphql');
    await ask('query Asked { me { id } }', 'https://other.example.com/graphql');
    await ask('query Asked { me { id } }', 'http://auth.example.com/graphql');
    expect(server.sent.slice(1).map(({ authorization }) => authorization)).toEqual([
      'Bearer access-ada-1',
      null,
      null,
    ]);
  });

  it('nothing is sent again in the name of another user', async () => {
    const { server, auth } = await signedIn();
    const ask = connect(server, auth);
    await ask('query Asked { me { id } }');
    const { open, opened } = gate();
    server.script('updateMe', async () => {
      await opened;
      return unauthenticated;
    });
    const update = ask('mutation Asked { updateMe { id } }');
    while (server.count('updateMe') === 0) await new Promise(setImmediate);
    server.be('grace');
    await auth.login(CREDENTIALS);
    open();
    expect(await update).toEqual({ code: 'UNAUTHENTICATED' });
    expect(server.count('updateMe')).toBe(1);
  });

  it('a refresh that fails is the failure of the operation, and INVALID_REFRESH_TOKEN signs out', async () => {
    const { server, auth } = await signedIn();
    const ask = connect(server, auth);
    server.expire();
    server.script('refreshToken', refusal('FORBIDDEN'));
    expect((await ask('query Asked { me { id } }')).code).toBe('FORBIDDEN');
    expect(auth.state.status).toBe('signedIn');
    server.script('refreshToken', refusal('INVALID_REFRESH_TOKEN'));
    expect((await ask('query Asked { other { id } }')).code).toBe('UNAUTHENTICATED');
    expect(auth.state.status).toBe('signedOut');
  });

  it('signed out, operations go without a token', async () => {
    const server = scriptServer();
    const ask = connect(server, server.client());
    expect((await ask('query Asked { me { id } }')).code).toBe('UNAUTHENTICATED');
    expect(server.sent.map(({ authorization }) => authorization)).toEqual([null]);
  });

  it('an expired token is renewed before anything is sent', async () => {
    const { server, auth } = await signedIn();
    const ask = connect(server, auth);
    await ask('query Asked { me { id } }');
    const now = performance.now();
    jest.spyOn(performance, 'now').mockImplementation(() => now + 600_000);
    server.expire();
    await ask('query Asked { other { id } }');
    expect(server.sent.map(({ name }) => name)).toEqual(['login', 'me', 'refreshToken', 'other']);
  });
});

describe('the link for Apollo Client', () => {
  it('a subscription is begun again when it was refused, and its later results are left alone', async () => {
    const { server, auth } = await signedIn();
    const results = [
      [unauthenticated],
      [{ data: { event: 1 } }, unauthenticated, { data: { event: 2 } }],
      [{ data: { event: 3 } }, unauthenticated],
    ];
    const bearers: unknown[] = [];
    const socket = new ApolloLink((operation) => {
      bearers.push(operation.getContext().headers?.authorization);
      return of(...(results.shift() ?? [])).pipe(map((result) => result as ApolloLink.Result));
    });
    const client = new ApolloClient({ link: apolloLink(auth).concat(socket), cache: new InMemoryCache() });
    const listen = () =>
      new Promise<unknown[]>((resolve) => {
        const seen: unknown[] = [];
        client.subscribe({ query: gql('subscription { event }') }).subscribe({
          next: ({ data, error }) => seen.push(data ?? codeIn(error)),
          complete: () => resolve(seen),
        });
      });
    expect(await listen()).toEqual([{ event: 1 }, 'UNAUTHENTICATED', { event: 2 }]);
    expect(await listen()).toEqual([{ event: 3 }, 'UNAUTHENTICATED']);
    expect(bearers).toEqual(['Bearer access-ada-1', 'Bearer access-ada-2', 'Bearer access-ada-2']);
    expect(server.count('refreshToken')).toBe(1);
  });

  it('a try that another link repeats at another address, or after a logout, has no token of the try before', async () => {
    for (const isLogout of [false, true]) {
      const { server, auth } = await signedIn();
      server.script('me', async () => {
        if (isLogout) await auth.logout();
        return lost();
      });
      const again = new RetryLink({
        delay: { initial: 1 },
        attempts: (count, operation) => {
          if (!isLogout) operation.setContext({ uri: 'https://other.example.com/' });
          return count < 2;
        },
      });
      const below = new SetContextLink(({ headers }) => ({ headers: { ...headers, 'x-below': 'yes' } }));
      const seen: unknown[] = [];
      const above = new ApolloLink((operation, forward) =>
        forward(operation).pipe(
          map((result) => {
            seen.push(operation.getContext().response instanceof Response, operation.getContext().headers);
            return result;
          }),
        ),
      );
      const sender = new HttpLink({ uri: URL_OF_SERVER, fetch: server.fetch, headers: { 'x-a': 'b' } });
      const link = ApolloLink.from([above, again, apolloLink(auth), below, sender]);
      const client = new ApolloClient({ link, cache: new InMemoryCache() });
      await client.query({ query: gql('{ me { id } }') }).catch(() => {});
      const sent = server.sent.filter(({ name }) => name === 'me');
      expect(sent.map(({ authorization }) => authorization)).toEqual(['Bearer access-ada-1', null]);
      expect(sent.map(({ request }) => request.headers.get('x-below'))).toEqual(['yes', 'yes']);
      // What the links below say goes up, but for the headers of the try.
      expect(seen).toEqual([true, { 'x-below': 'yes' }]);
    }
  });

  it('an HttpLink for another address gets the token only when that address is trusted', async () => {
    const { server, auth } = await signedIn({ origins: ['https://api.example.com'] });
    for (const uri of ['https://api.example.com/', 'https://other.example.com/']) {
      const link = apolloLink(auth, { uri }).concat(new HttpLink({ uri, fetch: server.fetch }));
      const client = new ApolloClient({ link, cache: new InMemoryCache() });
      await client.query({ query: gql('{ me { id } }') }).catch(() => {});
    }
    expect(server.sent.slice(1).map(({ authorization }) => authorization)).toEqual([
      'Bearer access-ada-1',
      null,
    ]);
  });
});

describe('the configuration for urql', () => {
  const urqlOf = (server: Scripted, auth: AuthClient) =>
    new Client({
      url: URL_OF_SERVER,
      exchanges: [authExchange(urqlAuth(auth)), fetchExchange],
      fetch: server.fetch,
      preferGetMethod: false,
      requestPolicy: 'network-only',
      fetchOptions: { headers: { 'x-a': 'b' } },
    });
  const bearersOf = (server: Scripted, field: string) =>
    server.sent.filter(({ name }) => name === field).map(({ authorization }) => authorization);

  it('an operation that is sent again after the session ended has no token', async () => {
    const { server, auth } = await signedIn();
    server.expire();
    server.script('refreshToken', refusal('INVALID_REFRESH_TOKEN'));
    await urqlOf(server, auth).query('{ me { id } }', {});
    expect(bearersOf(server, 'me')).toEqual(['Bearer access-ada-1', null]);
    expect(server.sent.at(-1)?.request.headers.get('x-a')).toBe('b');
  });

  it('an operation that waited for a refresh is sent again when it is refused, once', async () => {
    const { server, auth } = await signedIn();
    const client = urqlOf(server, auth);
    await client.query('{ other { id } }', {});
    const now = performance.now();
    jest.spyOn(performance, 'now').mockImplementation(() => now + 600_000);
    server.script('me', unauthenticated);
    expect((await client.query('{ me { id } }', {})).data?.me.id).toBe('ada');
    expect(bearersOf(server, 'me')).toEqual(['Bearer access-ada-2', 'Bearer access-ada-3']);
    server.script('me', unauthenticated, unauthenticated);
    expect(codeIn((await client.query('{ me { name } }', {})).error)).toBe('UNAUTHENTICATED');
    expect(server.count('me')).toBe(4);
  });
});

describe('the parameters of a socket', () => {
  /** A WebSocket without a network, whose other end is a server of graphql-ws. */
  function socketsTo(seen: unknown[]) {
    const schema = makeExecutableSchema({
      typeDefs: 'type Query { hello: String }',
      resolvers: { Query: { hello: () => 'hi' } },
    });
    const server = makeServer({
      schema,
      onConnect({ connectionParams: params }) {
        seen.push(params);
        return true;
      },
    });
    return class extends EventTarget {
      static readonly OPEN = 1;
      static readonly CONNECTING = 0;
      static readonly CLOSING = 2;
      static readonly CLOSED = 3;
      readyState = 1;
      onopen?: () => void;
      onmessage?: (event: { data: string }) => void;
      onclose?: (event: object) => void;
      onerror?: () => void;
      #receive: (data: string) => Promise<void> = async () => {};
      #closed: (code?: number, reason?: string) => Promise<void> = async () => {};
      constructor() {
        super();
        setImmediate(() => {
          this.#closed = server.opened(
            {
              protocol: 'graphql-transport-ws',
              send: (data) => void setImmediate(() => this.onmessage?.({ data })),
              close: (code, reason) => this.close(code, reason),
              onMessage: (receive) => {
                this.#receive = receive;
              },
            },
            {},
          );
          this.onopen?.();
        });
      }
      send(data: string) {
        void this.#receive(data);
      }
      close(code?: number, reason?: string) {
        void this.#closed(code, reason);
        this.onclose?.({ code, reason, wasClean: true });
      }
    };
  }

  it('each connection of graphql-ws has a token that is good, and an address that is not trusted gets none', async () => {
    const { server, auth } = await signedIn();
    const seen: unknown[] = [];
    const ask = async (url: string) => {
      const client = createClient({
        url,
        webSocketImpl: socketsTo(seen),
        connectionParams: connectionParams(auth, url),
      });
      const answers: unknown[] = [];
      for await (const { data } of client.iterate({ query: '{ hello }' })) answers.push(data);
      await client.dispose();
      return answers;
    };
    expect(await ask('wss://auth.example.com/graphql')).toEqual([{ hello: 'hi' }]);
    const now = performance.now();
    jest.spyOn(performance, 'now').mockImplementation(() => now + 600_000);
    await ask('wss://auth.example.com/graphql');
    await ask('wss://other.example.com/graphql');
    await ask('ws://auth.example.com/graphql');
    expect(seen).toEqual([
      { authorization: 'Bearer access-ada-1' },
      { authorization: 'Bearer access-ada-2' },
      undefined,
      undefined,
    ]);
    expect(server.count('refreshToken')).toBe(1);
    expect(await connectionParams(scriptServer().client())()).toBeUndefined();
    expect(await codeOf(connectionParams(auth)())).toBe('OK');
  });
});
