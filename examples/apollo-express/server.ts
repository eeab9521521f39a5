import { ApolloServer } from '@apollo/server';
import { expressMiddleware } from '@as-integrations/express5';
import { createVerifier } from '@latchkey/verify';
import { type AuthContext, latchkeyContext, requireViewer } from '@latchkey/verify/apollo';
import express from 'express';

const latchkey = createVerifier({ issuer: process.argv[2] ?? 'http://localhost:4000' });

const server = new ApolloServer<AuthContext>({
  // Where the code lies is not for clients to know.
  includeStacktraceInErrorResponses: false,
  typeDefs: `type Query {
    "Needs no token."
    greeting: String!
    "Needs an access token."
    viewerId: ID
    "Needs an access token with the scope posts:write."
    drafts: [String!]
    "Needs an access token of a login with a second factor, of the last 10 minutes."
    payouts: [String!]
  }`,
  resolvers: {
    Query: {
      greeting: (_parent, _args, { viewer }) => `Hello, ${viewer?.userId ?? 'stranger'}`,
      viewerId: (_parent, _args, context) => requireViewer(context).userId,
      drafts: (_parent, _args, context) => {
        const { userId } = requireViewer(context, { requireScopes: ['posts:write'] });
        return [`A draft of ${userId}`];
      },
      payouts: (_parent, _args, context) => {
        const { userId } = requireViewer(context, { requireAcr: 'aal2', maxAuthAgeSeconds: 600 });
        return [`A payout to ${userId}`];
      },
    },
  },
});
await server.start();

const app = express();
app.use('/graphql', express.json(), expressMiddleware(server, { context: latchkeyContext(latchkey) }));
const port = Number(process.env.PORT ?? 4001);
app.listen(port, '127.0.0.1', () => console.log(`The API listens on http://localhost:${port}/graphql`));
