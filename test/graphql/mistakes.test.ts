import { makeExecutableSchema } from '@graphql-tools/schema';
import { expect, it } from '@jest/globals';
import { ERRORS } from '../../src/errors.ts';
import { scalars } from '../../src/graphql/scalars.ts';
import { readTypeDefs } from '../../src/graphql/type-defs.ts';
import { type HttpServer, type HttpServerOptions, useHttpServers } from '../support/http-server.ts';
import { describeApp } from '../support/start-app.ts';

const serve = useHttpServers();

/** Kinds of types and arguments that the real schema has no use for. */
const EXTRA = `
  extend type Query {
    node(need: Int!, pick: Pick, ids: [Int!], where: Where, color: Color, when: DateTime): Node @public
    either: Either @public
  }
  type Node { leaf(need: Int!): Int }
  union Either = Node
  enum Color { RED }
  input Pick @oneOf { a: String b: Int }
  input Where { need: Int! in: Where }
`;

async function start(config: HttpServerOptions['config'] = {}) {
  const schema = makeExecutableSchema({
    typeDefs: [readTypeDefs(), EXTRA],
    resolvers: {
      ...scalars,
      Query: { node: () => ({}), either: () => ({ __typename: 'Node' }) },
      Mutation: { logout: () => ({ revokedSessions: 0 }) },
      Node: { leaf: () => 1 },
    },
  });
  return serve({ schema, config });
}

type Body = Parameters<HttpServer['query']>[0];
const NULL = { v: null };

/** What graphql-js finds wrong itself, before it runs a document and while it does. */
const MISTAKES: [string, Body, number, string][] = [
  ['a subscription', { query: 'subscription { x }' }, 400, 'GRAPHQL_VALIDATION_FAILED'],
  [
    'a subscription of introspection',
    { query: 'subscription { __typename }' },
    400,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  [
    'a subscription beside a query',
    { query: 'query Q { __typename } subscription S { x }', operationName: 'S' },
    400,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  [
    'a subscription through a fragment',
    { query: 'subscription { ...F } fragment F on Query { __typename }' },
    400,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  ['no operation', { query: 'fragment F on Query { __typename }' }, 400, 'GRAPHQL_VALIDATION_FAILED'],
  ['nothing but a comment', { query: '# nothing' }, 400, 'GRAPHQL_PARSE_FAILED'],
  ['an operation of no kind', { query: 'watch { x }' }, 400, 'GRAPHQL_PARSE_FAILED'],
  ['a definition of a type', { query: '{ __typename } type A { a: Int }' }, 400, 'GRAPHQL_VALIDATION_FAILED'],
  [
    'two operations of one name',
    { query: 'query A { __typename } query A { __typename }', operationName: 'A' },
    400,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  [
    'an operation by a name that every JavaScript object has',
    { query: 'query A { __typename }', operationName: '__proto__' },
    400,
    'OPERATION_RESOLUTION_FAILURE',
  ],
  [
    'a field by a name that every JavaScript object has',
    { query: '{ constructor }' },
    400,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  ['@skip without its argument', { query: '{ __typename @skip }' }, 400, 'GRAPHQL_VALIDATION_FAILED'],
  [
    '@skip with a null that a default stands for',
    { query: 'query($v: Boolean = true) { __typename @skip(if: $v) }', variables: NULL },
    200,
    'BAD_USER_INPUT',
  ],
  [
    '@include on a fragment with a null that a default stands for',
    {
      query: 'query($v: Boolean = true) { ...F @include(if: $v) } fragment F on Query { __typename }',
      variables: NULL,
    },
    200,
    'BAD_USER_INPUT',
  ],
  [
    '@include below a field with a null that a default stands for',
    {
      query: 'query($v: Boolean = true) { node(need: 1) { leaf(need: 1) @include(if: $v) } }',
      variables: NULL,
    },
    200,
    'BAD_USER_INPUT',
  ],
  [
    '@skip without the variable that it needs',
    { query: 'query($v: Boolean!) { __typename @skip(if: $v) }' },
    400,
    'BAD_USER_INPUT',
  ],
  [
    'an argument without its variable',
    { query: 'query($v: Int!) { node(need: $v) { leaf(need: 1) } }' },
    400,
    'BAD_USER_INPUT',
  ],
  [
    'a null for an argument deep in the document',
    { query: 'query($v: Int = 1) { node(need: 1) { leaf(need: $v) } }', variables: NULL },
    200,
    'BAD_USER_INPUT',
  ],
  [
    'a null in a list',
    { query: 'query($v: Int = 1) { node(need: 1, ids: [$v]) { leaf(need: 1) } }', variables: NULL },
    200,
    'BAD_USER_INPUT',
  ],
  [
    'a null in an input',
    { query: 'query($v: Int = 1) { node(need: 1, where: { need: $v }) { leaf(need: 1) } }', variables: NULL },
    200,
    'BAD_USER_INPUT',
  ],
  [
    'a @oneOf input with no field',
    { query: 'query($v: Pick) { node(need: 1, pick: $v) { leaf(need: 1) } }', variables: { v: {} } },
    400,
    'BAD_USER_INPUT',
  ],
  [
    'a @oneOf input with both fields',
    {
      query: 'query($v: Pick) { node(need: 1, pick: $v) { leaf(need: 1) } }',
      variables: { v: { a: 'a', b: 1 } },
    },
    400,
    'BAD_USER_INPUT',
  ],
  [
    'a @oneOf literal without its variable',
    { query: 'query($v: String!) { node(need: 1, pick: { a: $v }) { leaf(need: 1) } }' },
    400,
    'BAD_USER_INPUT',
  ],
  [
    'a @oneOf literal that may be null',
    { query: 'query($v: String) { node(need: 1, pick: { a: $v }) { leaf(need: 1) } }' },
    400,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  [
    'a value that its enum does not have',
    {
      query: 'query($v: Color) { node(need: 1, color: $v) { leaf(need: 1) } }',
      variables: { v: 'constructor' },
    },
    400,
    'BAD_USER_INPUT',
  ],
  [
    'an object for a scalar',
    { query: 'query($v: DateTime) { node(need: 1, when: $v) { leaf(need: 1) } }', variables: { v: {} } },
    400,
    'BAD_USER_INPUT',
  ],
  [
    'a variable of a type that is no input',
    { query: 'query($v: Node) { node(need: $v) { leaf(need: 1) } }' },
    400,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  ['a field of the union itself', { query: '{ either { leaf } }' }, 400, 'GRAPHQL_VALIDATION_FAILED'],
  [
    'introspection of a type whose name is null',
    { query: 'query($v: String = "Query") { __type(name: $v) { name } }', variables: NULL },
    200,
    'BAD_USER_INPUT',
  ],
  [
    'a persisted query of another protocol',
    { query: '{ __typename }', extensions: { persistedQuery: { version: 2 } } },
    200,
    'PERSISTED_QUERY_NOT_SUPPORTED',
  ],
  [
    'a persisted query that is a text',
    { query: '{ __typename }', extensions: { persistedQuery: 'x' } },
    200,
    'PERSISTED_QUERY_NOT_SUPPORTED',
  ],
];

it.each(MISTAKES)(
  'a mistake of the client is answered with a code for clients and logs no warning: %s (GQL-5)',
  async (_mistake, body, status, code) => {
    for (const mode of ['development', 'production'] as const) {
      const { query, lines } = await start({ mode, introspection: true });
      const answer = await query(body);
      expect({ status: answer.status, code: answer.json().errors[0].extensions.code }).toEqual({
        status,
        code,
      });
      expect(lines.filter(({ level }) => Number(level) > 30)).toEqual([]);
    }
  },
);

it('the refusal of a subscription says what is wrong in development and is generic in production (GQL-4)', async () => {
  const subscription = { query: 'subscription Secret { secret }' };
  const open = await start();
  expect((await open.query(subscription)).json().errors[0].message).toBe(
    'The schema has no operations of the kind "subscription".',
  );
  const shut = await start({ mode: 'production' });
  expect((await shut.query(subscription)).json().errors[0].message).toBe(ERRORS.GRAPHQL_VALIDATION_FAILED);
});

it.each<[string, { url: string; headers?: Record<string, string> }, number]>([
  ['a subscription by GET', { url: '/graphql?query=subscription{x}' }, 400],
  ['a mutation by GET', { url: '/graphql?query=mutation{logout{revokedSessions}}' }, 405],
  ['variables that are no JSON', { url: '/graphql?query={__typename}&variables=x' }, 400],
  ['variables that are a list', { url: '/graphql?query={__typename}&variables=[]' }, 400],
  ['two documents', { url: '/graphql?query={__typename}&query={__typename}' }, 400],
  ['no document', { url: '/graphql?variables={}' }, 400],
  ['an Accept that cannot be read', { url: '/graphql?query={__typename}', headers: { accept: ';;;' } }, 406],
])(
  'a mistake in a GET is answered with a code for clients and logs no warning: %s (GQL-5)',
  async (_mistake, { url, headers }, status) => {
    const { inject, lines } = await start();
    const answer = await inject({ url, headers: { 'apollo-require-preflight': '1', ...headers } });
    expect(answer.status).toBe(status);
    expect(['BAD_REQUEST', 'GRAPHQL_VALIDATION_FAILED']).toContain(answer.json().errors[0].extensions.code);
    expect(lines.filter(({ level }) => Number(level) > 30)).toEqual([]);
  },
);

describeApp('subscriptions by POST', (start) => {
  it('a subscription by POST fails validation, with a token and without one, and logs no warning', async () => {
    const app = await start();
    for (const token of [undefined, 'x.y.z']) {
      const answer = await app.send('subscription { x }', {}, { token });
      expect([answer.status, answer.code]).toEqual([400, 'GRAPHQL_VALIDATION_FAILED']);
    }
    expect(app.lines.filter((line) => JSON.parse(line).level > 30)).toEqual([]);
  });
});
