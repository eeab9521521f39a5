import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { Client, fetchExchange } from '@urql/core';
import { authExchange } from '@urql/exchange-auth';
import { persistedExchange } from '@urql/exchange-persisted';
import * as relay from 'relay-runtime';
import { apolloLink } from '../../../packages/client/src/apollo.ts';
import type { AuthClient } from '../../../packages/client/src/client.ts';
import { relayFetch } from '../../../packages/client/src/relay.ts';
import { urqlAuth } from '../../../packages/client/src/urql.ts';
import { type scriptServer, URL_OF_SERVER } from './scripted-server.ts';

type Scripted = ReturnType<typeof scriptServer>;

/** One operation by each client; what it answers, or what it failed with. */
interface Asked {
  // biome-ignore lint/suspicious/noExplicitAny: the answer to any document
  readonly data?: any;
  readonly code?: unknown;
}
type Ask = (document: string, url?: string) => Promise<Asked>;

export const codeIn = (error: unknown): unknown => {
  const { errors, graphQLErrors = errors, code, networkError } = Object(error);
  return graphQLErrors?.[0]?.extensions?.code ?? code ?? networkError?.code ?? error;
};

export const clients: Record<string, (server: Scripted, auth: AuthClient) => Ask> = {
  apollo(server, auth) {
    const link = apolloLink(auth).concat(new HttpLink({ uri: URL_OF_SERVER, fetch: server.fetch }));
    const client = new ApolloClient({ link, cache: new InMemoryCache() });
    return async (document, uri) => {
      const options = { context: uri === undefined ? {} : { uri }, fetchPolicy: 'no-cache' } as const;
      const parsed = gql(document);
      try {
        const { data } = document.startsWith('mutation')
          ? await client.mutate({ mutation: parsed, ...options })
          : await client.query({ query: parsed, ...options });
        return { data };
      } catch (error) {
        return { code: codeIn(error) };
      }
    };
  },

  urql(server, auth) {
    const exchanges = [
      authExchange(urqlAuth(auth)),
      persistedExchange({ enableForMutation: true }),
      fetchExchange,
    ];
    const client = new Client({ url: URL_OF_SERVER, exchanges, fetch: server.fetch, preferGetMethod: false });
    return async (document, url) => {
      const context = { requestPolicy: 'network-only', ...(url && { url }) } as const;
      const { data, error } = document.startsWith('mutation')
        ? await client.mutation(document, {}, context)
        : await client.query(document, {}, context);
      return error ? { code: codeIn(error) } : { data };
    };
  },

  relay(_server, auth) {
    return async (document, url) => {
      const network = relay.Network.create(relayFetch(auth, url));
      const request = {
        id: null,
        text: document,
        name: 'Asked',
        cacheID: 'x',
        metadata: {},
        operationKind: document.startsWith('mutation') ? 'mutation' : 'query',
      };
      try {
        const answer = await network.execute(request as never, {}, {}).toPromise();
        const { data, errors } = answer as unknown as { data: unknown; errors?: unknown[] };
        return errors ? { code: codeIn({ errors }) } : { data };
      } catch (error) {
        return { code: codeIn(error) };
      }
    };
  },
};
