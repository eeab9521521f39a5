/** Run it against a running server: `npx tsx examples/apollo-client/main.ts http://localhost:4000/graphql` */
import { ApolloClient, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { createRefreshLink, type Tokens } from './refresh-link.ts';

const url = process.argv[2] ?? 'http://localhost:4000/graphql';
const auth = createRefreshLink({ url, onSignedOut: () => console.log('signed out by the server') });
const client = new ApolloClient({
  link: auth.link.concat(new HttpLink({ uri: url })),
  cache: new InMemoryCache(),
});

const input = { email: `ada+${crypto.randomUUID()}@example.com`, password: 'correct horse battery staple' };
const registered = await client.mutate<{ register: { auth: Tokens } }>({
  mutation: gql`mutation ($input: RegisterInput!) {
    register(input: $input) { auth { accessToken refreshToken } }
  }`,
  variables: { input },
});
if (registered.data === undefined) throw new Error('No tokens came');
auth.signIn(registered.data.register.auth);
console.log('registered and signed in');
console.log('me:', await askMe());

const ended = await client.mutate<{ logout: { revokedSessions: number } }>({
  mutation: gql`mutation { logout { revokedSessions } }`,
});
auth.signOut();
await client.clearStore();
console.log('signed out, sessions ended:', ended.data?.logout.revokedSessions);
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
