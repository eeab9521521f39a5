import { createHash } from 'node:crypto';
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { describe, expect, it } from '@jest/globals';
import { type HttpServer, type HttpServerOptions, useHttpServers } from '../support/http-server.ts';

const serve = useHttpServers();

async function start(options: HttpServerOptions = {}): Promise<HttpServer> {
  return serve({
    resolvers: { Query: { me: () => ({ id: 'ada' }) } },
    ...options,
  });
}

const QUERY = '{ __typename }';

describe('persisted queries', () => {
  it.each([
    ['a hash alone', {}],
    ['a hash and a document', { query: QUERY }],
  ])('a persisted query with %s is answered with PersistedQueryNotSupported', async (_name, document) => {
    for (const mode of ['development', 'production'] as const) {
      const { query } = await start({ config: { mode } });
      const persistedQuery = { version: 1, sha256Hash: 'a'.repeat(64) };
      const answer = await query({ ...document, extensions: { persistedQuery } });
      expect(answer.status).toBe(200);
      expect(answer.json()).toEqual({
        errors: [
          { message: 'PersistedQueryNotSupported', extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } },
        ],
      });
    }
  });

  it.each([false, true])(
    'Apollo Client falls back to the whole document, with its hashes sent by GET: %p',
    async (byGet) => {
      const { app } = await start();
      const url = `${await app.listen({ host: '127.0.0.1', port: 0 })}/graphql`;
      const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
      const client = new ApolloClient({
        cache: new InMemoryCache(),
        link: new PersistedQueryLink({ sha256, useGETForHashedQueries: byGet }).concat(
          new HttpLink({ uri: url, headers: { authorization: 'Bearer good' } }),
        ),
      });
      const { data } = await client.query({ query: gql`query Mine { me { id } }`, fetchPolicy: 'no-cache' });
      expect(data).toMatchObject({ me: { id: 'ada' } });
      client.stop();
    },
  );
});
