/** What Apollo and Fastify cost by themselves: the same answer as `me`, with nothing behind it. */
import { ApolloServer } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import fastifyApollo, { fastifyApolloDrainPlugin } from '@as-integrations/fastify';
import { fastify } from 'fastify';

const app = fastify();
const me = {
  id: '5f0a5d6e-4a0e-4f3c-9d8e-1f1b6f0a7c21',
  email: 'ada@example.com',
  name: null,
  createdAt: '2027-01-01T00:00:00.000Z',
  updatedAt: '2027-01-01T00:00:00.000Z',
};
const apollo = new ApolloServer({
  typeDefs: `type Query { me: User! }
    type User { id: ID! email: String! name: String createdAt: String! updatedAt: String! }`,
  resolvers: { Query: { me: () => me } },
  nodeEnv: 'production',
  plugins: [
    fastifyApolloDrainPlugin(app),
    ApolloServerPluginCacheControlDisabled(),
    ApolloServerPluginInlineTraceDisabled(),
    ApolloServerPluginLandingPageDisabled(),
    ApolloServerPluginSchemaReportingDisabled(),
    ApolloServerPluginUsageReportingDisabled(),
  ],
});
await apollo.start();
await app.register(fastifyApollo(apollo));
process.stdout.write(`${await app.listen({ host: '127.0.0.1', port: 0 })}/graphql\n`);
process.once('SIGTERM', () => void app.close());
