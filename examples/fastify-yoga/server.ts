import { createVerifier } from '@latchkey/verify';
import { type AuthContext, latchkeyContext, requireViewer } from '@latchkey/verify/yoga';
import fastify from 'fastify';
import { createSchema, createYoga } from 'graphql-yoga';

const latchkey = createVerifier({ issuer: process.argv[2] ?? 'http://localhost:4000' });

const yoga = createYoga({
  schema: createSchema<AuthContext>({
    typeDefs: `type Query {
      "Needs no token."
      greeting: String!
      "Needs an access token."
      viewerId: ID
      "Needs an access token with the scope posts:write."
      drafts: [String!]
    }`,
    resolvers: {
      Query: {
        greeting: (_parent, _args, { viewer }) => `Hello, ${viewer?.userId ?? 'stranger'}`,
        viewerId: (_parent, _args, context) => requireViewer(context).userId,
        drafts: (_parent, _args, context) => {
          const { userId } = requireViewer(context, { requireScopes: ['posts:write'] });
          return [`A draft of ${userId}`];
        },
      },
    },
  }),
  context: latchkeyContext(latchkey),
});

const app = fastify();
// Yoga reads the body itself.
app.addContentTypeParser('application/json', {}, (_request, _payload, done) => done(null));
app.route({
  url: yoga.graphqlEndpoint,
  method: ['GET', 'POST', 'OPTIONS'],
  handler: (request, reply) => yoga.handleNodeRequestAndResponse(request, reply),
});
const port = Number(process.env.PORT ?? 4001);
await app.listen({ host: '127.0.0.1', port });
console.log(`The API listens on http://localhost:${port}/graphql`);
