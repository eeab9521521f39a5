/** Run it against a running server: `npx tsx examples/apollo-client/main.ts http://localhost:4000/graphql` */
import { ApolloClient, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { createAuthClient } from '@latchkey/client';
import { apolloLink } from '@latchkey/client/apollo';

const url = process.argv[2] ?? 'http://localhost:4000/graphql';
// A page takes 'cookie' instead.
const auth = createAuthClient({ url, tokens: 'memory' });
const client = new ApolloClient({
  link: apolloLink(auth).concat(new HttpLink({ uri: url })),
  cache: new InMemoryCache(),
});

await auth.register({
  email: `ada+${crypto.randomUUID()}@example.com`,
  password: 'correct horse battery staple',
});
console.log('after the registration:', auth.state.status);
console.log('me:', await askMe());

const { revokedSessions } = await auth.logout();
await client.clearStore();
console.log('signed out, sessions ended:', revokedSessions);
console.log('me after the sign-out:', await askMe());

/** The address of the viewer, or the error code. */
async function askMe(): Promise<unknown> {
  try {
    const { data } = await client.query<{ me: { email: string } }>({ query: gql`{ me { email } }` });
    return data?.me.email;
  } catch (error) {
    if (!CombinedGraphQLErrors.is(error)) throw error;
    return error.errors[0]?.extensions?.code;
  }
}
