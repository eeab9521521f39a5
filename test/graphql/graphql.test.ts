import { describe, expect, it } from '@jest/globals';
import { type GraphQLObjectType, printSchema } from 'graphql';
import { AuthError, ERRORS } from '../../src/errors.ts';
import { publicFields } from '../../src/graphql/rules/public.ts';
import { readTypeDefs } from '../../src/graphql/type-defs.ts';
import { asciiAddress, parseEmailAddress } from '../../src/platform/email-address.ts';
import { type HttpServer, SECRET, testSchema, useHttpServers } from '../support/http-server.ts';

const start = useHttpServers();

const LOGIN = 'mutation Login($input: LoginInput!) { login(input: $input) { accessToken } }';
const ADA = { id: 'ada', email: 'ada@example.com', createdAt: new Date(0), updatedAt: new Date(0) };

describe('the schema', () => {
  it('the schema is read from every SDL file, descriptions of scalars included', () => {
    const printed = printSchema(testSchema());
    expect(readTypeDefs()).toContain('type AuthPayload');
    expect(printed).toContain('"""An integer above zero."""');
    expect(printed).toContain('Spaces around it are dropped');
  });
});

describe('EmailAddress', () => {
  it('an EmailAddress is trimmed, and its letters keep their case (GQL-7)', () => {
    expect(parseEmailAddress('  Ada@Example.com\t')).toBe('Ada@Example.com');
  });

  it('an EmailAddress has at most 254 characters (GQL-7)', () => {
    const domain = `${`${'d'.repeat(61)}.`.repeat(3)}example`;
    const local = 'l'.repeat(254 - 1 - domain.length);
    expect(parseEmailAddress(`${local}@${domain}`)).toHaveLength(254);
    expect(parseEmailAddress(`${local}l@${domain}`)).toBeUndefined();
  });

  it.each([
    ['info@bücher.example', 'info@xn--bcher-kva.example'],
    ['info@BÜCHER.example', 'info@xn--bcher-kva.example'],
    ['info@bu\u0308cher.example', 'info@xn--bcher-kva.example'],
    ['a@例え.テスト', 'a@xn--r8jz45g.xn--zckzah'],
  ])(
    'an EmailAddress may have an internationalised domain, and is shown as it was typed: %s',
    (typed, ascii) => {
      expect(parseEmailAddress(` ${typed} `)).toBe(typed);
      expect(asciiAddress(typed)).toBe(ascii);
    },
  );

  it.each([
    'bücher@example.com',
    'info@bücher..example',
    'info@bü cher.example',
    // Spellings of example.com, and of another host, that look like others.
    'info@ｅxample.com',
    'info@exa\u00admple.com',
    'info@１２７.０.０.１',
    'info@bü%41.example',
    'info@bü\u202e.example',
    'info@a\u200db.example',
    'info@bücher.example@example.com',
    `info@${'ü'.repeat(60)}.example`,
    '',
    'ada',
    'ada@',
    '@example.com',
    'a b@example.com',
    'ａda@example.com',
    'ada@example.com\n.',
    7,
    null,
    {},
  ])('an EmailAddress cannot be %p', (value) => {
    expect(parseEmailAddress(value)).toBeUndefined();
  });
});

describe('the guard', () => {
  const resolvers = {
    Query: { me: () => ADA },
    Mutation: { updateMe: () => ADA, logout: () => ({ revokedSessions: 0 }) },
  };

  it('the root fields that the SDL marks @public are exactly the ones in this list (GQL-8)', () => {
    expect(publicFields(testSchema())).toEqual([
      'Mutation.completeExternalLogin',
      'Mutation.completeExternalRegistration',
      'Mutation.completeMfaLogin',
      'Mutation.confirmEmailChange',
      'Mutation.login',
      'Mutation.loginWithEmailCode',
      'Mutation.loginWithMagicLink',
      'Mutation.loginWithPasskey',
      'Mutation.logout',
      'Mutation.refreshToken',
      'Mutation.register',
      'Mutation.requestEmailVerification',
      'Mutation.requestExternalRegistration',
      'Mutation.requestFactorReset',
      'Mutation.requestMagicLink',
      'Mutation.requestPasswordReset',
      'Mutation.resetPassword',
      'Mutation.startExternalLogin',
      'Mutation.startPasskeyChallenge',
      'Mutation.startPasskeyLogin',
      'Mutation.undoEmailChange',
      'Mutation.verifyEmail',
      'Query.externalProviders',
    ]);
  });

  it.each(['Query', 'Mutation'])(
    'every field of %s that is not @public is refused without a token, with and without a resolver (GQL-8)',
    async (root) => {
      const { query } = await start({ resolvers });
      const type = testSchema().getType(root) as GraphQLObjectType;
      const open = publicFields(testSchema());
      const closed = Object.values(type.getFields()).filter(({ name }) => !open.includes(`${root}.${name}`));
      expect(closed).not.toHaveLength(0);
      for (const { name, args, type: fieldType } of closed) {
        const input =
          {
            revokeSession: '{ id: "1" }',
            updateMe: '{ name: "A" }',
            deleteMe: '{ password: "p" }',
            reauthenticate: '{ password: "p" }',
            requestEmailChange: '{ newEmail: "a@example.com", password: "p" }',
            startTotpEnrolment: '{ label: "A" }',
            confirmTotpEnrolment: '{ code: "1" }',
            removeFactor: '{ id: "1" }',
            renameFactor: '{ id: "1" }',
            removePassword: '{ password: "p" }',
            startPasskeyRegistration: '{ attachment: PLATFORM }',
            finishPasskeyRegistration: `{ challengeId: "c", response: { id: "i", rawId: "i", type: "t",
            response: { clientDataJSON: "d", attestationObject: "o" } } }`,
            linkExternalLogin: '{ provider: "p", redirectTo: "r" }',
            completeExternalLink: '{ code: "1" }',
            unlinkExternalLogin: '{ id: "1" }',
            adminCreateUser: '{ email: "a@example.com" }',
            adminSetRoles: '{ userId: "1", roles: [] }',
            adminSetMetadata: '{ userId: "1", metadata: {} }',
            adminImpersonate: '{ userId: "1", reason: "r" }',
          }[name] ?? (name.startsWith('admin') ? '{ userId: "1" }' : undefined);
        const argument =
          args.length === 0 ? '' : `(input: ${input ?? '{ currentPassword: "p", newPassword: "n" }'})`;
        const selection = /^\[?User|Session/.test(String(fieldType)) ? '{ id }' : '{ __typename }';
        const answer = await query({ query: `${root.toLowerCase()} { ${name}${argument} ${selection} }` });
        expect(answer.json().errors[0].extensions).toEqual({
          code: 'UNAUTHENTICATED',
          reason: 'TOKEN_MISSING',
        });
      }
    },
  );

  it('a guarded field answers a caller with a good access token and refuses one with a bad token (AT-8)', async () => {
    const { query } = await start({ resolvers });
    const document = { query: '{ me { id } }' };
    expect((await query(document, { authorization: 'Bearer good' })).json()).toEqual({
      data: { me: { id: 'ada' } },
    });
    const refused = await query(document, { authorization: 'Bearer bad' });
    expect(refused.status).toBe(200);
    expect(refused.json().errors[0].extensions).toEqual({ code: 'UNAUTHENTICATED', reason: 'TOKEN_INVALID' });
  });

  it('a public field is open with any Authorization header, a bad one included (AT-8)', async () => {
    const { query } = await start({ resolvers });
    for (const authorization of ['Bearer bad', 'Basic x', '', 'Bearer']) {
      const answer = await query({ query: 'mutation { logout { revokedSessions } }' }, { authorization });
      expect(answer.json().data).toEqual({ logout: { revokedSessions: 0 } });
    }
  });

  it('the guard asks anew for each field of a document, since one may end the session of the next (AT-9)', async () => {
    const { query } = await start({
      resolvers: {
        Mutation: {
          logout: (_root: unknown, _args: unknown, context: { bearer: unknown }) => {
            Object.assign(context, { bearer: new AuthError('UNAUTHENTICATED', { reason: 'TOKEN_INVALID' }) });
            return { revokedSessions: 1 };
          },
          updateMe: () => ADA,
        },
      },
    });
    const answer = await query(
      {
        query:
          'mutation { a: updateMe(input: {}) { id } logout { revokedSessions } b: updateMe(input: {}) { id } }',
      },
      { authorization: 'Bearer good' },
    );
    expect(answer.json().errors).toHaveLength(1);
    expect(answer.json().errors[0].path).toEqual(['b']);
  });
});

describe('bad input', () => {
  const password = SECRET;
  const cases: [
    string,
    Parameters<HttpServer['query']>[0],
    { status: number; code: string; field?: string },
  ][] = [
    [
      'a wrong email in a variable',
      { query: LOGIN, variables: { input: { email: SECRET, password } } },
      { status: 400, code: 'BAD_USER_INPUT', field: 'input.email' },
    ],
    [
      'an object for an email',
      { query: LOGIN, variables: { input: { email: { [SECRET]: SECRET }, password } } },
      { status: 400, code: 'BAD_USER_INPUT', field: 'input.email' },
    ],
    [
      'a number for a password',
      { query: LOGIN, variables: { input: { email: 'a@b.c', password: [SECRET] } } },
      { status: 400, code: 'BAD_USER_INPUT', field: 'input.password' },
    ],
    [
      'a missing field',
      { query: LOGIN, variables: { input: { password } } },
      { status: 400, code: 'BAD_USER_INPUT', field: 'input.email' },
    ],
    [
      'an unknown field',
      { query: LOGIN, variables: { input: { email: 'a@b.c', password, [SECRET]: 1 } } },
      { status: 400, code: 'BAD_USER_INPUT', field: 'input' },
    ],
    [
      'an unknown field that reads like a message',
      {
        query: LOGIN,
        variables: {
          input: { email: 'a@b.c', password, 'evil" of required type "String!" was not provided.': 1 },
        },
      },
      { status: 400, code: 'BAD_USER_INPUT', field: 'input' },
    ],
    ['a missing variable', { query: LOGIN }, { status: 400, code: 'BAD_USER_INPUT', field: 'input' }],
    [
      'a null variable',
      { query: LOGIN, variables: { input: null } },
      { status: 400, code: 'BAD_USER_INPUT', field: 'input' },
    ],
    [
      'a text for an object',
      { query: LOGIN, variables: { input: SECRET } },
      { status: 400, code: 'BAD_USER_INPUT', field: 'input' },
    ],
    [
      'a variable deep in an argument',
      {
        query: 'mutation($e: EmailAddress!) { login(input: { email: $e, password: "p" }) { accessToken } }',
        variables: { e: SECRET },
      },
      { status: 400, code: 'BAD_USER_INPUT', field: 'input.email' },
    ],
    [
      'an unknown enum value in a variable',
      {
        query: 'mutation($i: LogoutInput) { logout(input: $i) { revokedSessions } }',
        variables: { i: { scope: SECRET } },
      },
      { status: 400, code: 'BAD_USER_INPUT', field: 'input.scope' },
    ],
    [
      'a null where a default stands',
      {
        query: `mutation($p: String = "x") { login(input: { email: "a@b.c", password: $p, deviceName: "${SECRET}" }) { accessToken } }`,
        variables: { p: null },
      },
      { status: 200, code: 'BAD_USER_INPUT', field: 'input' },
    ],
    [
      'a null for an argument that has a default',
      {
        query:
          'mutation($i: LoginInput = { email: "a@b.c", password: "p" }) { login(input: $i) { accessToken } }',
        variables: { i: null },
      },
      { status: 200, code: 'BAD_USER_INPUT', field: 'input' },
    ],
    [
      'a null condition',
      {
        query: 'query($c: Boolean = true) { me { id @include(if: $c) } __typename @skip(if: $c) }',
        variables: { c: null },
      },
      { status: 200, code: 'BAD_USER_INPUT', field: 'if' },
    ],
    [
      'a wrong email in the document',
      { query: `mutation { login(input: { email: "${SECRET}", password: "p" }) { accessToken } }` },
      { status: 400, code: 'BAD_USER_INPUT', field: 'input.email' },
    ],
    [
      'a wrong literal',
      { query: `mutation { login(input: { email: "a@b.c", password: ["${SECRET}"] }) { accessToken } }` },
      { status: 400, code: 'BAD_USER_INPUT', field: 'input.password' },
    ],
    [
      'an unquoted password',
      { query: 'mutation { login(input: { email: "a@b.c", password: Hunter2 }) { accessToken } }' },
      { status: 400, code: 'BAD_USER_INPUT', field: 'input.password' },
    ],
    [
      'a missing field in the document',
      { query: `mutation { login(input: { password: "${SECRET}" }) { accessToken } }` },
      { status: 400, code: 'BAD_USER_INPUT', field: 'input.email' },
    ],
    [
      'an unknown field in the document',
      { query: 'mutation { login(input: { email: "a@b.c", password: "p", Hunter2: 1 }) { accessToken } }' },
      { status: 400, code: 'BAD_USER_INPUT', field: 'input' },
    ],
    [
      'an argument of the wrong kind',
      { query: `mutation { login(input: "${SECRET}") { accessToken } }` },
      { status: 400, code: 'BAD_USER_INPUT', field: 'input' },
    ],
    [
      'a document that does not parse',
      { query: `mutation { login(input: "${SECRET}" "${SECRET}` },
      { status: 400, code: 'GRAPHQL_PARSE_FAILED' },
    ],
    [
      'a name where none may stand',
      { query: '{ me ( Hunter2 }' },
      { status: 400, code: 'GRAPHQL_PARSE_FAILED' },
    ],
    [
      'an unknown operation',
      { query: '{ me { id } }', operationName: SECRET },
      { status: 400, code: 'OPERATION_RESOLUTION_FAILURE' },
    ],
    [
      'an operation that is not named',
      { query: 'query A { me { id } } query B { me { id } }' },
      { status: 400, code: 'OPERATION_RESOLUTION_FAILURE' },
    ],
    [
      'a persisted query (GQL-9)',
      { extensions: { persistedQuery: { version: 1, sha256Hash: SECRET } } },
      { status: 200, code: 'PERSISTED_QUERY_NOT_SUPPORTED' },
    ],
    [
      'an answer in parts (GQL-9)',
      { query: '{ me { id ... @defer { email } } }' },
      { status: 400, code: 'GRAPHQL_VALIDATION_FAILED' },
    ],
    ['no document', { variables: { password } }, { status: 400, code: 'BAD_REQUEST' }],
    ['a document that is no text', { query: { [SECRET]: 1 } }, { status: 400, code: 'BAD_REQUEST' }],
    [
      'variables that are a list',
      { query: '{ me { id } }', variables: [SECRET] },
      { status: 400, code: 'BAD_REQUEST' },
    ],
    [
      'variables that are a text',
      { query: '{ me { id } }', variables: SECRET },
      { status: 400, code: 'BAD_REQUEST' },
    ],
    [
      'an operation name that is a number',
      { query: '{ me { id } }', operationName: 7 },
      { status: 400, code: 'BAD_REQUEST' },
    ],
  ];

  it.each(cases)(
    'a refusal of bad input repeats none of its values: %s (GQL-5, AUD-2)',
    async (name, body, expected) => {
      for (const mode of ['development', 'production'] as const) {
        const { query } = await start({ config: { mode } });
        const answer = await query(body);
        const [error] = answer.json().errors;
        const isHidden = mode === 'production' && name.startsWith('a missing field');
        const field = isHidden ? { field: 'input' } : {};
        expect({ status: answer.status, ...error.extensions }).toEqual({ ...expected, ...field });
        expect(answer.body).not.toMatch(/Hunter2|stack|node_modules|evil/);
      }
    },
  );

  it.each<[string, Parameters<HttpServer['query']>[0]]>([
    ['in a variable', { query: LOGIN, variables: { input: { password } } }],
    ['in the document', { query: `mutation { login(input: { password: "${SECRET}" }) { accessToken } }` }],
    ['in an empty object', { query: LOGIN, variables: { input: {} } }],
    [
      'of a variable deep in the document',
      {
        query: 'mutation($i: RevokeSessionInput!) { revokeSession(input: $i) { revokedSessions } }',
        variables: { i: {} },
      },
    ],
  ])('a refusal names a missing field only where introspection is on: %s (GQL-4)', async (_where, body) => {
    const fieldsOf = async (introspection: boolean) => {
      const { query } = await start({ config: { introspection } });
      const { errors } = (await query(body)).json();
      return errors.map((error: { extensions: { field: string } }) => error.extensions.field);
    };
    expect((await fieldsOf(true))[0]).toMatch(/^input\.(email|id)$/);
    expect(new Set(await fieldsOf(false))).toEqual(new Set(['input']));
  });

  it('mistakes in several variables are reported one by one, each with its own field', async () => {
    const { query } = await start();
    const answer = await query({
      query:
        'mutation($a: LoginInput!, $b: LogoutInput) { login(input: $a) { accessToken } logout(input: $b) { revokedSessions } }',
      variables: { a: { email: 'x', password: 7, deviceName: {} }, b: { scope: 'NO', refreshToken: 1 } },
    });
    expect(
      answer.json().errors.map((error: { extensions: { field: string } }) => error.extensions.field),
    ).toEqual(['input.email', 'input.password', 'input.deviceName', 'input.scope', 'input.refreshToken']);
  });

  it('input with more mistakes than graphql-js counts is refused with the code BAD_USER_INPUT', async () => {
    const { query } = await start();
    const unknown = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`${SECRET}${index}`, 1]));
    const answer = await query({
      query: LOGIN,
      variables: { input: { email: 'a@b.c', password, ...unknown } },
    });
    expect(answer.status).toBe(400);
    const codes = answer
      .json()
      .errors.map((error: { extensions: { code: string } }) => error.extensions.code);
    expect(new Set(codes)).toEqual(new Set(['BAD_USER_INPUT']));
  });

  it('the message about an unknown field suggests a known one in development and is generic in production (GQL-4)', async () => {
    const wrong = { query: '{ mee { id } }' };
    const open = await start();
    expect((await open.query(wrong)).json().errors[0].message).toContain('"me"');
    const shut = await start({ config: { mode: 'production' } });
    expect((await shut.query(wrong)).json().errors[0].message).toBe(ERRORS.GRAPHQL_VALIDATION_FAILED);
  });
});

describe('errors', () => {
  const failing = (error: unknown) => ({
    resolvers: {
      Mutation: {
        logout: () => {
          throw error;
        },
      },
    },
  });
  const LOGOUT = { query: 'mutation Bye { logout { revokedSessions } }' };

  it('an error of the table is answered with its code, its details and status 200', async () => {
    const { query } = await start(failing(new AuthError('OVERLOADED', { retryAfter: 2 })));
    const answer = await query(LOGOUT);
    expect(answer.status).toBe(200);
    expect(answer.json().errors[0]).toEqual({
      message: ERRORS.OVERLOADED,
      path: ['logout'],
      locations: [{ line: 1, column: 16 }],
      extensions: { code: 'OVERLOADED', retryAfter: 2 },
    });
  });

  it.each([
    new Error('SELECT secret FROM users'),
    Object.assign(new Error('no'), {
      extensions: { code: 'INVALID_CREDENTIALS', http: { status: 500 }, sql: 'x' },
    }),
    'SELECT',
    undefined,
    new AuthError('INTERNAL_SERVER_ERROR', { cause: new Error('SELECT') }),
  ])(
    'an unexpected error is answered with only a request id, which finds the error in the log (GQL-5): %p',
    async (error) => {
      const { query, lines } = await start(failing(error));
      const answer = await query(LOGOUT);
      expect(answer.body).not.toContain('SELECT');
      const [{ message, extensions }] = answer.json().errors;
      expect(message).toBe(ERRORS.INTERNAL_SERVER_ERROR);
      expect(extensions).toEqual({ code: 'INTERNAL_SERVER_ERROR', requestId: expect.any(String) });
      const logged = lines.filter((line) => line.msg === 'unexpected error');
      expect(logged).toEqual([expect.objectContaining({ requestId: extensions.requestId, level: 50 })]);
    },
  );

  it('an unexpected error is logged with its name, message and stack, and without its other properties (AUD-2)', async () => {
    const { query, lines } = await start(
      failing(Object.assign(new Error('broken'), { parameters: [SECRET] })),
    );
    await query(LOGOUT);
    expect(lines.find((line) => line.msg === 'unexpected error')?.error).toEqual({
      name: 'Error',
      message: 'broken',
      stack: expect.any(String),
    });
  });

  it('the cause of an outage is logged and is not in the answer', async () => {
    const { query, lines } = await start(
      failing(new AuthError('UNAVAILABLE', { cause: new Error('disk full') })),
    );
    const answer = await query(LOGOUT);
    expect(answer.json().errors[0].extensions).toEqual({ code: 'UNAVAILABLE' });
    expect(answer.body).not.toContain('disk full');
    expect(lines.find((line) => line.msg === 'refused')).toMatchObject({
      level: 40,
      cause: { message: 'disk full' },
    });
  });

  it('the reason of an outage is logged where it is a text', async () => {
    const { query, lines } = await start(
      failing(new AuthError('UNAVAILABLE', { cause: 'no key is loaded' })),
    );
    await query(LOGOUT);
    expect(lines.find((line) => line.msg === 'refused')).toMatchObject({
      cause: { message: 'no key is loaded' },
    });
  });

  it('a null where the schema promises a value is answered as a fault of the server', async () => {
    const { query } = await start({ resolvers: { Mutation: { logout: () => null } } });
    expect((await query(LOGOUT)).json().errors[0].extensions.code).toBe('INTERNAL_SERVER_ERROR');
  });
});
