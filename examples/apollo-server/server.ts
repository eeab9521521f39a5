/** Run it beside a running server: `PORT=4001 npx tsx examples/apollo-server/server.ts http://localhost:4000` */
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { GraphQLError } from 'graphql';
import { createVerifier } from '../jose/verify.ts';

interface Context {
  /** The id of the account that the access token speaks for. */
  readonly userId?: string | undefined;
}

const issuer = process.argv[2] ?? 'http://localhost:4000';
const verify = createVerifier({ issuer, audience: issuer });

const server = new ApolloServer<Context>({
  // Where the code lies is not for clients to know.
  includeStacktraceInErrorResponses: false,
  typeDefs: `type Query {
    "Needs an access token."
    greeting: String
  }`,
  resolvers: {
    Query: {
      greeting: (_parent: unknown, _args: unknown, context: Context) => `Hello, ${requireUser(context)}`,
    },
  },
});

const { url } = await startStandaloneServer(server, {
  listen: { host: '127.0.0.1', port: Number(process.env.PORT ?? 4001) },
  // It never throws: fields that need no viewer must work with a stale token, too.
  context: async ({ req }) => ({ userId: await findUserId(req.headers.authorization) }),
});
console.log(`The API listens on ${url}`);

async function findUserId(authorization = ''): Promise<string | undefined> {
  const [, token] = /^Bearer ([\w.-]+)$/i.exec(authorization) ?? [];
  if (token === undefined) return undefined;
  try {
    return (await verify(token)).sub;
  } catch {
    return undefined;
  }
}

function requireUser({ userId }: Context): string {
  if (userId !== undefined) return userId;
  throw new GraphQLError('Log in first.', { extensions: { code: 'UNAUTHENTICATED' } });
}
