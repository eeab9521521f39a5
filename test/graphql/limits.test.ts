import { makeExecutableSchema } from '@graphql-tools/schema';
import { describe, expect, it, jest } from '@jest/globals';
import {
  buildSchema,
  type GraphQLObjectType,
  type GraphQLOutputType,
  getIntrospectionQuery,
  getNamedType,
  isObjectType,
  parse,
  type ValidationContext,
  validate,
} from 'graphql';
import { ERRORS } from '../../src/errors.ts';
import { createFold, sum } from '../../src/graphql/limits/fold.ts';
import { MaxCostRule } from '../../src/graphql/limits/max-cost.ts';
import { operationsOf } from '../../src/graphql/limits/operations.ts';
import { scalars } from '../../src/graphql/scalars.ts';
import { readTypeDefs } from '../../src/graphql/type-defs.ts';
import { type HttpServer, type HttpServerOptions, SECRET, useHttpServers } from '../support/http-server.ts';

const serve = useHttpServers();

/** What the real schema has no use for: a field that nests without end, and lists in arguments. */
const EXTRA = `
  extend type Query { node: Node! @public }
  type Node {
    node: Node! leaf(ids: [[Int]], where: Where): Int
    nodes: [Node!]! @listSize(assumedSize: 50) of40: Int @cost(weight: 40) of49: Int @cost(weight: 49)
  }
  input Where { ids: [Int!] }
`;

/** The server's own schema and those fields; `ran` names every root field that was reached. */
async function start(config: HttpServerOptions = {}) {
  const ran: string[] = [];
  const reach = (name: string) => () => {
    ran.push(name);
    return name === 'logout' ? { revokedSessions: 0 } : {};
  };
  const names = Object.keys(buildSchema(readTypeDefs()).getMutationType()?.getFields() ?? {});
  const schema = makeExecutableSchema({
    typeDefs: [readTypeDefs(), EXTRA],
    resolvers: {
      ...scalars,
      Query: { node: reach('node') },
      Mutation: Object.fromEntries(names.map((name) => [name, reach(name)])),
      Node: { node: () => ({}), leaf: () => 1, nodes: () => [{}], of40: () => 1, of49: () => 1 },
    },
  });
  const server = await serve({ schema, ...config });
  return { ...server, ran };
}

type Request = Parameters<HttpServer['query']>[0];

/** Sends it, and asserts that it is refused as every limit refuses: a small answer, and nothing ran. */
async function expectRefused(request: Request): Promise<void> {
  const { query, ran } = await start();
  const answer = await query(request);
  expect(answer.status).toBe(400);
  expect(answer.json()).toEqual({
    errors: [
      expect.objectContaining({
        message: ERRORS.OPERATION_LIMIT_EXCEEDED,
        extensions: { code: 'OPERATION_LIMIT_EXCEEDED' },
      }),
    ],
  });
  expect(Buffer.byteLength(answer.body)).toBeLessThan(2_048);
  expect(ran).toEqual([]);
}

async function expectAnswered(request: Request): Promise<unknown> {
  const { query } = await start();
  const answer = await query(request);
  expect(answer.json()).not.toHaveProperty('errors');
  expect(answer.status).toBe(200);
  return answer.json().data;
}

const times = (count: number, write: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => write(index)).join(' ');

describe('limits of a document', () => {
  const nested = (depth: number, spread = '') =>
    `${'node { '.repeat(depth - 1)}${spread || 'leaf'}${' }'.repeat(depth - 1)}`;

  /** Each exactly at its limit when `n` is 0, and one past it when `n` is 1. */
  const limits: [string, (n: 0 | 1) => Request][] = [
    [
      '1,000 tokens',
      (n) => {
        // Twelve tokens around them; each list is two more than its items.
        const lists = [...Array<number>(9).fill(100), 68 + n];
        return {
          query: `{ node { leaf(ids: [${lists.map((items) => `[${times(items, () => '1')}]`).join(' ')}]) } }`,
        };
      },
    ],
    ['8 levels of fields', (n) => ({ query: `{ ${nested(8 + n)} }` })],
    [
      '8 levels of fields through fragments',
      (n) => ({
        query: `{ ... { ...A } } fragment A on Query { ${nested(5, '...B')} }
          fragment B on Node { ... on Node { ${nested(4 + n)} } }`,
      }),
    ],
    ['10 aliases', (n) => ({ query: `{ node { ${times(10 + n, (i) => `a${i}: leaf`)} } }` })],
    [
      '10 aliases of __typename',
      (n) => ({ query: `{ node { ${times(10 + n, (i) => `a${i}: __typename`)} } }` }),
    ],
    [
      '10 aliases through fragments',
      (n) => ({
        query: `{ a: node { ...F } b: node { ...F } ${n ? 'c: __typename' : ''} }
          fragment F on Node { ${times(4, (i) => `a${i}: leaf`)} }`,
      }),
    ],
    [
      '10 aliases over all of its operations',
      (n) => ({
        operationName: 'A',
        query: `query A { ${times(5, (i) => `a${i}: __typename`)} }
          query B { ${times(5 + n, (i) => `b${i}: __typename`)} }`,
      }),
    ],
    ['a cost of 2,100', (n) => ({ query: `{ node { nodes { of40 } of49 ${n ? 'leaf' : ''} } }` })],
    [
      'a cost of 2,100 through fragments, for the operation that costs the most',
      (n) => ({
        operationName: 'A',
        query: `query A { node { leaf } }
          query B { ...F } fragment F on Query { node { ... on Node { ...G } ... { of49 ${n ? '__typename' : ''} } } }
          fragment G on Node { nodes { ...H } } fragment H on Node { of40 }`,
      }),
    ],
    [
      'a cost of 2,100 of what several fragments select, once each',
      (n) => ({
        query: `{ ...F ...G node { ...H } } fragment F on Query { node { nodes { of40 } } }
          fragment G on Query { node { nodes { of40 } of49 } } fragment H on Node { nodes { of40 ...I } of49 }
          fragment I on Node { ${n ? 'leaf' : 'of40'} }`,
      }),
    ],
    [
      'a cost of 2,100 in lists of lists',
      (n) => ({ query: `{ node { node { nodes { ${n ? 'nodes' : 'node'} { __typename } } } } }` }),
    ],
    [
      'a cost of 2,100 in introspections of types',
      (n) => ({ query: `{ ${times(4 + n, (i) => `a${i}: __type(name: "Node") { name }`)} }` }),
    ],
    [
      'one introspection of the schema',
      (n) => ({ query: `{ ${times(1 + n, (i) => `a${i}: __schema { types { name } }`)} }` }),
    ],
    ['10 root fields', (n) => ({ query: `{ ${times(10 + n, () => '__typename')} }` })],
    [
      '10 root fields through fragments',
      (n) => ({
        query: `{ ...F ...F ... { ...F } ${times(1 + n, () => '__typename')} }
          fragment F on Query { __typename ... { __typename __typename } }`,
      }),
    ],
    [
      '5 directives',
      (n) => ({ query: `{ ${times(5 + n, () => '... @include(if: true) { __typename }')} }` }),
    ],
    [
      '20 fragments',
      (n) => ({
        query: `{ ...F0 } ${times(20 + n, (i) => `fragment F${i} on Query { ${i < 19 + n ? `...F${i + 1}` : '__typename'} }`)}`,
      }),
    ],
    ['20 fields of one name', (n) => ({ query: `{ node { ${times(20 + n, () => 'leaf')} } }` })],
    [
      '20 fields of one name in several places',
      (n) => ({
        query: `{ node { node { leaf ...F } ... { leaf } ${times(10, () => 'leaf')} } ... on Query { ...G } }
          fragment F on Node { ${times(7 + n, () => 'leaf')} } fragment G on Query { node { leaf } }`,
      }),
    ],
    [
      '20 fields of one alias and name',
      (n) => ({
        query: `{ node { a: leaf ...F } } fragment F on Node { ${times(19 + n, () => 'leaf')} node { a: leaf leaf } }`,
      }),
    ],
    ['100 fields __typename', (n) => ({ query: `{ node { ${times(100 + n, () => '__typename')} } }` })],
    [
      '20 fields of one name with arguments',
      (n) => ({ query: `{ node { ${times(20 + n, () => 'leaf(where: { ids: [1] })')} } }` }),
    ],
    ['16,384 characters', (n) => ({ query: `{ __typename #${'x'.repeat(16_368 + n)}\n}` })],
    ['100 items in a list', (n) => ({ query: `{ node { leaf(ids: [[${times(100 + n, () => '1')}]]) } }` })],
    [
      '100 items in a list of lists',
      (n) => ({ query: `{ node { leaf(ids: [${times(100 + n, () => '[]')}]) } }` }),
    ],
    [
      '100 items in a default',
      (n) => ({
        query: `query ($where: Where = { ids: [${times(100 + n, () => '1')}] }) { node { leaf(where: $where) } }`,
      }),
    ],
    [
      '100 items in a variable',
      (n) => ({
        query: 'query ($where: Where) { node { leaf(where: $where) } }',
        variables: { where: { ids: Array(100 + n).fill(1) } },
      }),
    ],
    [
      '1,000 values in its variables',
      (n) => ({
        query: '{ __typename }',
        variables: { v: [...Array(9).fill(Array(100).fill('x')), [...Array(89 + n).fill({})]] },
      }),
    ],
  ];

  it.each(limits)('a document may have %s (GQL-2)', async (_limit, write) => {
    await expectAnswered(write(0));
  });

  it.each(limits)('a document with one more than %s is refused (GQL-2)', async (_limit, write) => {
    await expectRefused(write(1));
  });

  it('a refusal lists at most 5 errors in a small answer, however long the names of the document are (GQL-2)', async () => {
    const { query } = await start();
    const wrong = (count: number, name = 'wrong') => ({
      query: `{ node { ${times(count, (i) => name + i)} } }`,
    });
    expect((await query(wrong(4))).json().errors).toHaveLength(4);
    expect((await query(wrong(5))).json().errors).toHaveLength(5);
    const long = 'n'.repeat(10_000);
    for (const hostile of [
      wrong(6),
      wrong(100),
      wrong(6, long),
      { query: `{ node(${long}: $v) { leaf } }` },
      { query: `{ node { ${times(100, () => `${long}(${long}: 1)`).slice(0, 50_000)} } }` },
      // Five conflicts of eighteen fields each.
      { query: `{ node { ${times(10, (i) => `x${i >> 1} { ${times(8, (j) => `y${j}(n: ${i})`)} }`)} } }` },
      {
        query: `query ($w: Where) { node { leaf(where: $w) } }`,
        variables: { w: { ids: Array(100).fill('x') } },
      },
      { query: `query ($w: Where) { node { leaf(where: $w) } }`, variables: { w: { [long]: 1 } } },
    ]) {
      const answer = await query(hostile);
      expect(answer.status).toBe(400);
      expect(answer.json().errors.length).toBeLessThanOrEqual(5);
      expect(Buffer.byteLength(answer.body)).toBeLessThan(2_048);
    }
  });

  it('a request has a body of at most 64 KiB (GQL-2)', async () => {
    const { query } = await start();
    const bare = JSON.stringify({ query: '{__typename}', variables: { v: '' } });
    const padded = (bytes: number) => ({
      query: '{__typename}',
      variables: { v: 'x'.repeat(bytes - bare.length) },
    });
    expect((await query(padded(65_536))).status).toBe(200);
    const refused = await query(padded(65_537));
    expect(refused.status).toBe(413);
    expect(refused.json().errors[0].extensions.code).toBe('BAD_REQUEST');
  });

  it('a document whose fragments double 20 times is answered within the limits and refused beyond them (GQL-2)', async () => {
    const doubling = times(
      20,
      (i) => `fragment F${i} on Node { ${i < 19 ? `...F${i + 1} ...F${i + 1}` : 'leaf'} }`,
    );
    await expectAnswered({ query: `{ node { ...F0 } } ${doubling}` });
    await expectRefused({
      query: `{ ...F0 } ${doubling.replaceAll('Node', 'Query').replace('leaf', '__typename')}`,
    });
  });

  it('each fragment of a document is measured once, however often it is spread (GQL-2)', () => {
    const document = parse(
      `{ ...F0 ...F0 } ${times(20, (i) => `fragment F${i} on Query { __typename ${i < 19 ? `...F${i + 1} ...F${i + 1}` : ''} }`)}`,
    );
    let fields = 0;
    let measured = 0;
    const measure = (context: ValidationContext) => {
      const fold = createFold(context, {
        field: () => {
          fields += 1;
          return 1;
        },
        join: sum,
      });
      measured = operationsOf(document).reduce((total, { selectionSet }) => total + fold(selectionSet), 0);
      return {};
    };
    validate(buildSchema('type Query { a: Int }'), document, [measure]);
    expect({ fields, measured }).toEqual({ fields: 20, measured: 2 * (2 ** 20 - 1) });
  });

  it('a document beyond a limit gets that error alone, since the rules of quadratic cost do not see it', async () => {
    // A single error, though eleven unknown fields stand in it.
    await expectRefused({ query: `{ ${times(11, (i) => `unknown${i}`)} }` });
  });

  it('a document whose fragments spread themselves fails validation', async () => {
    const { query } = await start();
    for (const cycle of [
      '{ node { ...A } } fragment A on Node { ...A }',
      '{ node { ...A } } fragment A on Node { node { ...B } } fragment B on Node { x: node { ...A } ...B }',
      'mutation { ...A } fragment A on Mutation { ...B } fragment B on Mutation { ...A logout { revokedSessions } }',
    ]) {
      const answer = await query({ query: cycle });
      expect(answer.status).toBe(400);
      expect(answer.json().errors[0].extensions.code).toBe('GRAPHQL_VALIDATION_FAILED');
    }
  });

  it('a document spreads at most 20 fragments, whether they are defined or not (GQL-2)', async () => {
    await expectRefused({ query: `{ ${times(21, (i) => `...F${i}`)} }` });
    const { query } = await start();
    const answer = await query({ query: `{ ${times(20, (i) => `...F${i}`)} }` });
    expect(answer.json().errors[0].extensions.code).toBe('GRAPHQL_VALIDATION_FAILED');
  });

  /** A request whose body is this text. */
  async function sendJson(payload: string) {
    const { inject } = await start();
    const headers = { 'content-type': 'application/json' };
    return inject({ method: 'POST', url: '/graphql', headers, payload });
  }

  it('variables may nest 1,000 brackets, which is as many as they may have values', async () => {
    const nested = (depth: number) =>
      sendJson(`{"query":"{__typename}","variables":{"v":${'['.repeat(depth)}${']'.repeat(depth)}}}`);
    expect((await nested(1_000)).json()).toEqual({ data: { __typename: 'Query' } });
    expect((await nested(1_001)).json().errors[0].extensions.code).toBe('OPERATION_LIMIT_EXCEEDED');
    // Deeper than any stack.
    expect((await nested(30_000)).status).toBe(413);
  });

  it('a request has a body of at most 2,000 values; brackets and commas inside strings are not counted (GQL-2)', async () => {
    const parse = jest.spyOn(JSON, 'parse');
    const withItems = (count: number) => `{"query":"{__typename}","more":[${'{},'.repeat(count)}0]}`;
    expect((await sendJson(withItems(998))).status).toBe(200);
    const refused = await sendJson(withItems(999));
    expect(refused.status).toBe(413);
    const read = parse.mock.calls.map(([text]) => text);
    parse.mockRestore();
    expect(read).toContain(withItems(998));
    expect(read).not.toContain(withItems(999));
    expect(refused.json().errors[0].extensions.code).toBe('BAD_REQUEST');
    const text = JSON.stringify('[,{\\"'.repeat(1_000));
    expect((await sendJson(`{"query":"{__typename}","more":${text}}`)).status).toBe(200);
  });

  it('a Content-Type of more than 1,024 characters is refused, and an Accept of more than that is ignored', async () => {
    const { inject } = await start();
    const send = (headers: Record<string, string>) =>
      inject({ method: 'POST', url: '/graphql', headers, payload: '{"query":"{__typename}"}' });
    const type = (length: number) => `application/json;${' '.repeat(length - 18)}x`;
    expect((await send({ 'content-type': type(1_024) })).status).toBe(200);
    expect((await send({ 'content-type': type(1_025) })).status).toBe(400);
    const accept = `text/plain${',text/plain'.repeat(100)}`;
    const json = { 'content-type': 'application/json' };
    expect((await send({ ...json, accept: accept.slice(0, 1_000) })).status).toBe(406);
    expect((await send({ ...json, accept })).status).toBe(200);
  });

  it.each([
    '{ __schema { a: types { name } } }',
    '{ __schema { ...F } } fragment F on __Schema { types { a: fields { name } b: fields { name } } }',
    '{ __type(name: "Node") { ... on __Type { fields { a: description } } } }',
    'query A { __typename } query B { __schema { queryType { a: __typename } } }',
  ])('an alias inside an introspection is refused: %s (GQL-2)', async (query) => {
    await expectRefused({ query, operationName: query.startsWith('query A') ? 'A' : undefined });
  });

  /** Everything below a type, each field once. */
  function everythingOf(type: GraphQLOutputType | undefined): string {
    const named = type && getNamedType(type);
    if (!isObjectType(named)) return '';
    const fields = Object.values(named.getFields());
    return `{ ${fields.map((field) => `${field.name} ${everythingOf(field.type)}`).join(' ')} }`;
  }
  const schema = buildSchema(readTypeDefs());
  const isRefused = (query: string) => validate(schema, parse(query), [MaxCostRule]).length > 0;

  it('a document may ask for every field of the API once, and for a list of many fields twice (GQL-2)', () => {
    const queries = Object.values(schema.getQueryType()?.getFields() ?? {}).filter(
      ({ name }) => name !== 'admin',
    );
    const own = queries.map(({ name, type }) => `${name} ${everythingOf(type)}`).join(' ');
    expect(isRefused(`{ ${own} }`)).toBe(false);
    const account = everythingOf(schema.getType('AdminUser') as GraphQLObjectType);
    expect(isRefused(`{ admin { user(id: "a") ${account} } }`)).toBe(false);
    expect(isRefused(`{ admin { users(first: 10) { edges { cursor node ${account} } } } }`)).toBe(false);
    expect(isRefused(`{ admin { users(first: 100) { edges { cursor node ${account} } } } }`)).toBe(true);
    for (const field of Object.values(schema.getMutationType()?.getFields() ?? {}))
      expect([field.name, isRefused(`mutation { ${field.name} ${everythingOf(field.type)} }`)]).toEqual([
        field.name,
        false,
      ]);
    const session = everythingOf(schema.getType('Session') as GraphQLObjectType);
    expect(isRefused(`{ sessions ${session} me { sessions ${session} } }`)).toBe(false);
    expect(isRefused(`{ sessions ${session} me { a: sessions ${session} b: sessions ${session} } }`)).toBe(
      true,
    );
  });

  it('a document is refused as too dear long before every branch of its fragments is followed (GQL-2)', () => {
    const branches = ['a', 'b', 'c', 'd', 'e', 'f'];
    const tree = buildSchema(`type Query { ${times(6, (i) => `${branches[i]}: Query`)} leaf: Int }`);
    const document = parse(
      `{ ...F0 } ${times(7, (i) => `fragment F${i} on Query { ${branches.map((name) => `${name} { ${i < 6 ? `...F${i + 1}` : 'leaf'} }`).join(' ')} }`)}`,
    );
    let lookUps = 0;
    const errors = validate(tree, document, [
      (context) => {
        const getFragment = context.getFragment.bind(context);
        context.getFragment = (name) => {
          lookUps += 1;
          return getFragment(name);
        };
        return MaxCostRule(context);
      },
    ]);
    expect(errors).toHaveLength(1);
    expect(lookUps).toBeLessThan(2_000);
  });

  it('a document that asks for the list of sessions many times is refused, with aliases on any level or through fragments (GQL-2)', async () => {
    const session = 'id userAgent ip deviceName';
    for (const query of [
      `{ ${times(10, (i) => `a${i}: sessions { ${session} }`)} }`,
      `{ ${times(10, (i) => `a${i}: me { sessions { ${session} } }`)} }`,
      `{ me { ${times(10, (i) => `a${i}: sessions { ${session} }`)} } }`,
      `{ me { ${times(6, (i) => `a${i}: sessions { ...F }`)} } } fragment F on Session { ${session} }`,
      `mutation { login(input: { email: "ada@example.com", password: "p" }) {
        user { ${times(10, (i) => `a${i}: sessions { ${session} }`)} } } }`,
    ])
      await expectRefused({ query });
  });

  it('the whole introspection query is within the limits (GQL-4)', async () => {
    const everything = {
      descriptions: true,
      specifiedByUrl: true,
      directiveIsRepeatable: true,
      schemaDescription: true,
      inputValueDeprecation: true,
      oneOf: true,
    };
    for (const options of [{}, everything]) {
      const data = await expectAnswered({ query: getIntrospectionQuery(options) });
      expect(data).toHaveProperty('__schema.types');
    }
    await expectAnswered({
      query: `{ __type(name: "Node") { fields { type { ${'ofType { '.repeat(9)} name ${'}'.repeat(9)} } } } }`,
    });
  });
});

describe('credentials in one document', () => {
  const LOGIN = 'login(input: { email: "ada@example.com", password: "p" }) { expiresIn }';
  const REFRESH = 'refreshToken(input: { refreshToken: "lkr_" }) { expiresIn }';
  const LOGOUT = 'logout { revokedSessions }';
  const twice: [string, string][] = [
    ['aliases', `mutation { a: ${LOGIN} b: ${LOGIN} }`],
    ['one name', `mutation { ${LOGIN} ${LOGIN} }`],
    ['two fields', `mutation { ${LOGIN} ${REFRESH} }`],
    ['a field and its alias, others between', `mutation { ${LOGIN} ${LOGOUT} b: ${LOGIN} }`],
    ['a fragment', `mutation { ...F b: ${LOGIN} } fragment F on Mutation { ${LOGIN} }`],
    [
      'a fragment in a fragment',
      `mutation { ...F b: ${LOGIN} } fragment F on Mutation { ...G } fragment G on Mutation { ${LOGIN} }`,
    ],
    ['a fragment that is spread twice', `mutation { ...F ...F } fragment F on Mutation { ${LOGIN} }`],
    ['an inline fragment', `mutation { ... { a: ${LOGIN} } ... on Mutation { b: ${LOGIN} } }`],
    [
      '@skip',
      `mutation { a: ${LOGIN} b: login(input: { email: "ada@example.com", password: "p" }) @skip(if: true) { expiresIn } }`,
    ],
    ['@include', `mutation ($yes: Boolean = false) { a: ${LOGIN} ... @include(if: $yes) { b: ${LOGIN} } }`],
    ['two operations', `mutation A { ${LOGIN} } mutation B { ${LOGIN} }`],
    [
      'two operations that share a fragment',
      `mutation A { ...F } mutation B { ...F } fragment F on Mutation { ${LOGIN} }`,
    ],
  ];

  it.each(twice)(
    'a document that would check two credentials by %s is refused (GQL-1)',
    async (_how, query) => {
      await expectRefused({ query, operationName: /mutation A/.test(query) ? 'A' : undefined });
    },
  );

  it.each([
    'register(input: { email: "ada@example.com", password: "p" }) { verificationRequired }',
    'login(input: { email: "ada@example.com", password: "p" }) { expiresIn }',
    REFRESH,
    'changePassword(input: { currentPassword: "p", newPassword: "n" }) { expiresIn }',
    'reauthenticate(input: { password: "p" }) { expiresIn }',
    'deleteMe(input: { password: "p" }) { id }',
    'requestEmailVerification(input: { email: "ada@example.com" }) { expiresIn }',
    'verifyEmail(input: { token: "lko_" }) { expiresIn }',
    'requestPasswordReset(input: { email: "ada@example.com" }) { expiresIn }',
    'resetPassword(input: { token: "lko_", newPassword: "n" }) { revokedSessions }',
    'requestEmailChange(input: { newEmail: "ada@example.org", password: "p" }) { expiresIn }',
    'confirmEmailChange(input: { token: "lko_" }) { revokedSessions }',
    'undoEmailChange(input: { token: "lko_" }) { revokedSessions }',
    'requestMagicLink(input: { email: "ada@example.com" }) { expiresIn }',
    'loginWithMagicLink(input: { token: "lko_" }) { expiresIn }',
    'loginWithEmailCode(input: { email: "ada@example.com", code: "12345678" }) { expiresIn }',
  ])(
    'a document may check one credential, and is refused with a login beside it: %s (GQL-1)',
    async (field) => {
      await expectRefused({ query: `mutation { ${field} other: ${LOGIN} }` });
      const { query, ran } = await start();
      await query({ query: `mutation { ${field} }` }, { authorization: 'Bearer good' });
      expect(ran).toHaveLength(1);
    },
  );

  it('a document may log out beside the check of a credential (GQL-1)', async () => {
    const { query, ran } = await start();
    await query({ query: `mutation { a: ${LOGOUT} b: ${LOGOUT} ${LOGIN} }` });
    expect(ran).toEqual(['logout', 'logout', 'login']);
  });

  it('the refusal of two credentials in one document repeats no value of it (GQL-5, AUD-2)', async () => {
    await expectRefused({ query: `mutation { a: ${LOGIN.replace('"p"', `"${SECRET}"`)} b: ${LOGIN} }` });
  });
});
