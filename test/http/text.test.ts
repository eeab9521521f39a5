import { type AddressInfo, connect } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import {
  type GraphQLInputObjectType,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';
import { AuthError } from '../../src/errors.ts';
import { rootFields } from '../../src/graphql/marks.ts';
import type { Caller } from '../../src/platform/caller.ts';
import { LOGIN, login, REGISTER, refresh, register } from '../support/documents.ts';
import { type HttpServer, type HttpServerOptions, useHttpServers } from '../support/http-server.ts';
import { describeApp, PASSWORD, type TestApp } from '../support/start-app.ts';

const serve = useHttpServers();

/** The HTTP door; `asked` holds the secrets that got through it. */
async function start(options: HttpServerOptions = {}) {
  const asked: string[] = [];
  const keep = (secret: string) => {
    asked.push(secret);
    throw new AuthError('INVALID_CREDENTIALS');
  };
  const server = await serve({
    resolvers: {
      Query: { me: () => ({ id: 'ada' }) },
      Mutation: {
        login: (_root: unknown, { input }: { input: { password: string } }) => keep(input.password),
      },
    },
    login: { withPassword: async ({ password }) => keep(password) },
    sessions: { refresh: async (token) => keep(token) },
    ...options,
  });
  return { ...server, asked };
}

/** Sequences of bytes that no text has in UTF-8 (RFC 3629 §3), and one that has a text of its own. */
const NOT_UTF8: [string, number[]][] = [
  ['a byte of ISO-8859-1', [0xe9]],
  ['a byte that UTF-8 never uses', [0xff]],
  ['a continuation byte alone', [0x80]],
  ['a character that breaks off', [0xe2, 0x82]],
  ['an overlong U+0000', [0xc0, 0x80]],
  ['an overlong slash', [0xe0, 0x80, 0xaf]],
  ['half of a surrogate pair', [0xed, 0xa0, 0x80]],
  ['a surrogate pair, each half by itself', [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]],
  ['a code point past the last one', [0xf4, 0x90, 0x80, 0x80]],
];

const percent = (bytes: readonly number[]) =>
  bytes.map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');

const LOGIN_QUERY = 'mutation($i: LoginInput!) { login(input: $i) { accessToken } }';
const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';

/** The bytes of `text`, with `bytes` in the place of each `?`. */
function put(bytes: readonly number[], text: string): Buffer {
  const parts = text.split('?').flatMap((part, index) => (index === 0 ? [part] : [bytes, part]));
  return Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))),
  );
}

const post = (url: string, type: string, payload: Buffer | string) =>
  ({ method: 'POST', url, headers: { 'content-type': type }, payload }) as const;

describe('bytes of a body', () => {
  const bodies: [string, string][] = [
    ['a password', `{"query":"${LOGIN_QUERY}","variables":{"i":{"email":"a@b.example","password":"p?"}}}`],
    [
      'the document',
      '{"query":"mutation { login(input: { email: \\"a@b.example\\", password: \\"p?\\" }) { accessToken } }"}',
    ],
    ['a comment of the document', '{"query":"{ __typename } # ?"}'],
    ['a name', '{"query":"{ __typename }","?":1}'],
    ['the space around it', '{"query":"{ __typename }"} ?'],
  ];

  it.each(NOT_UTF8)('/graphql refuses a body in which %s stands (RFC 8259 §8.1)', async (_name, bytes) => {
    const { inject, asked } = await start();
    for (const [, body] of bodies) {
      const answer = await inject(post('/graphql', JSON_TYPE, put(bytes, body)));
      expect(answer.status).toBe(400);
      expect(answer.json().errors[0].extensions).toEqual({ code: 'BAD_REQUEST' });
    }
    expect(asked).toEqual([]);
  });

  it('/graphql refuses half of a surrogate pair in a document and in an operation name', async () => {
    const { query } = await start();
    for (const half of ['\ud800', '\udc00\ud800']) {
      for (const document of [
        `mutation { login(input: { email: "a@b.example", password: "${half}" }) { accessToken } }`,
        `mutation { login(input: { email: "a@b.example", password: "\\u${half.charCodeAt(0).toString(16)}" }) { accessToken } }`,
        `{ __typename } # ${half}`,
        `{ ${half}: __typename }`,
      ])
        expect((await query({ query: document })).json().errors[0].extensions.code).toBe(
          'GRAPHQL_PARSE_FAILED',
        );
      const named = await query({ query: 'query A { __typename }', operationName: half });
      expect(named.json().errors[0].extensions.code).toBe('OPERATION_RESOLUTION_FAILURE');
    }
  });

  it.each<[string, BufferEncoding, number[]]>([
    ['UTF-16', 'utf16le', []],
    ['UTF-16 with a byte order mark', 'utf16le', [0xff, 0xfe]],
    ['ISO-8859-1', 'latin1', []],
  ])('/graphql refuses a body in %s', async (_name, encoding, mark) => {
    const { inject } = await start();
    const payload = Buffer.concat([
      Buffer.from(mark),
      Buffer.from('{"query":"{ __typename #é\\n }"}', encoding),
    ]);
    expect((await inject(post('/graphql', JSON_TYPE, payload))).status).toBe(400);
  });

  it('a body may hold every character, U+FFFD too, after one byte order mark (RFC 8259 §8.1)', async () => {
    const { inject, asked } = await start();
    const password = 'é€😀\u0000\u{10ffff}\ufffd';
    const body = JSON.stringify({
      query: LOGIN_QUERY,
      variables: { i: { email: 'a@b.example', password } },
    });
    for (const payload of [body, `\ufeff${body}`]) {
      const answer = await inject(post('/graphql', JSON_TYPE, payload));
      expect(answer.json().errors[0].extensions.code).toBe('INVALID_CREDENTIALS');
    }
    expect(asked).toEqual([password, password]);
    expect((await inject(post('/graphql', JSON_TYPE, `\ufeff\ufeff${body}`))).status).toBe(400);
  });
});

describe('charsets', () => {
  const allowed = [
    '; charset=utf-8',
    ';charset=UTF-8',
    '; charset="UTF-8"',
    '; Charset=utf8',
    ' ; a=b ; charset=utf-8',
    '; profile="x; charset=latin1"',
  ];
  const refused = [
    '; charset=iso-8859-1',
    '; charset="ISO-8859-1"',
    '; charset=utf-16',
    ';CHARSET=UTF-16LE',
    '; charset=us-ascii',
    '; charset=utf-7',
    "; charset='utf-8'",
    '; charset=',
    '; charset=utf-8; charset=utf-16',
    '; a="b" ;charset = latin1',
  ];

  it.each(allowed)('a content type may name UTF-8 in any spelling: %s', async (parameters) => {
    const { inject } = await start();
    const asJson = post('/graphql', JSON_TYPE + parameters, '{"query":"{ __typename }"}');
    expect((await inject(asJson)).json()).toEqual({ data: { __typename: 'Query' } });
    const asForm = post('/token', FORM_TYPE + parameters, 'username=a@b.example&password=p');
    expect((await inject(asForm)).json().error).toBe('invalid_grant');
  });

  it.each(refused)(
    'a content type with a charset other than UTF-8 is refused with 415: %s',
    async (parameters) => {
      const { inject, asked } = await start();
      const asJson = await inject(post('/graphql', JSON_TYPE + parameters, '{"query":"{ __typename }"}'));
      expect(asJson.status).toBe(415);
      expect(asJson.json().errors[0].extensions).toEqual({ code: 'BAD_REQUEST' });
      for (const url of ['/token', '/token/refresh']) {
        const asForm = await inject(post(url, FORM_TYPE + parameters, 'username=a@b.example&password=p'));
        expect(asForm.status).toBe(415);
        expect(asForm.json()).toMatchObject({
          error: 'invalid_request',
          error_description: 'The charset must be UTF-8',
        });
      }
      expect(asked).toEqual([]);
    },
  );
});

describe('forms', () => {
  const forms: [string, string][] = [
    ['/token', 'username=a@b.example&password=p?'],
    ['/token', 'username=a@b.example?&password=p'],
    ['/token', 'username=a@b.example&password=p&other=?'],
    ['/token', 'username=a@b.example&password=p&?=1'],
    ['/token', 'grant_type=refresh_token&refresh_token=lkr_?'],
    ['/token/refresh', 'refresh_token=lkr_?'],
    ['/token/refresh', 'refresh_token=lkr_&?'],
  ];

  it.each(NOT_UTF8)(
    'the REST door refuses a form in which %s stands, as it is or as %%XX',
    async (_name, bytes) => {
      const { inject, asked } = await start();
      for (const [url, form] of forms) {
        for (const payload of [
          put(bytes, form),
          form.replace('?', percent(bytes)),
          form.replace('?', percent(bytes).toUpperCase()),
        ]) {
          const answer = await inject(post(url, FORM_TYPE, payload));
          expect(answer.status).toBe(400);
          expect(answer.json()).toEqual({
            error: 'invalid_request',
            error_description: 'The form is not UTF-8',
            detail: 'The form is not UTF-8',
          });
        }
      }
      expect(asked).toEqual([]);
    },
  );

  it('a form is refused when a character begins in one value and ends in the next', async () => {
    const { inject, asked } = await start();
    const halves = post('/token', FORM_TYPE, 'username=a@b.example&password=%C3&x=%A9');
    expect((await inject(halves)).status).toBe(400);
    expect(asked).toEqual([]);
  });

  it('a form may hold every character, as it is, as %XX and as both, and a % that escapes nothing', async () => {
    const { inject, asked } = await start();
    for (const password of [
      'é€😀',
      '%C3%A9%E2%82%AC%F0%9F%98%80',
      '%c3%A9€%f0%9F%98%80',
      '\ufffd',
      '%EF%BF%BD',
      '100%',
      '%zz%',
    ])
      await inject(post('/token', FORM_TYPE, `username=a@b.example&password=${password}`));
    expect(asked).toEqual(['é€😀', 'é€😀', 'é€😀', '\ufffd', '\ufffd', '100%', '%zz%']);
  });
});

describe('query strings of GET /graphql', () => {
  const headers = { 'apollo-require-preflight': '1' };

  it.each(NOT_UTF8)('a query string is refused when %%XX in it stands for %s', async (_name, bytes) => {
    const { inject } = await start();
    for (const search of [
      `query={__typename}%23${percent(bytes)}`,
      `query={__typename}&variables={"a":"${percent(bytes)}"}`,
      `query={__typename}&${percent(bytes)}=1`,
    ]) {
      const answer = await inject({ url: `/graphql?${search}`, headers });
      expect(answer.status).toBe(400);
      expect(answer.json().errors[0].extensions).toEqual({ code: 'BAD_REQUEST' });
    }
  });

  it('a query string may hold every character as %XX', async () => {
    const { inject } = await start();
    const url = `/graphql?query=${encodeURIComponent('{ __typename } # é€😀\ufffd')}`;
    expect((await inject({ url, headers })).json()).toEqual({ data: { __typename: 'Query' } });
  });

  it('a query string is refused with a byte that no URL may hold (RFC 3986 §2)', async () => {
    const { app } = await start();
    const request =
      'GET /graphql?query={__typename}%23é HTTP/1.1\r\nHost: x\r\napollo-require-preflight: 1\r\n\r\n';
    expect(await raw(app, Buffer.from(request))).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('the User-Agent header', () => {
  async function userAgentOf(header: Buffer): Promise<string | undefined> {
    let seen: Caller | undefined;
    const { app } = await start({
      createContext: ({ caller }) => {
        seen = caller;
        return { bearer: new AuthError('UNAUTHENTICATED'), caller };
      },
    });
    const head = 'GET /graphql?query={__typename} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';
    await raw(
      app,
      Buffer.concat([
        Buffer.from(`${head}apollo-require-preflight: 1\r\nUser-Agent: `),
        header,
        Buffer.from('\r\n\r\n'),
      ]),
    );
    return seen?.userAgent;
  }

  it('the User-Agent header is read byte by byte, so that no header becomes the text of another one or malformed (RFC 9110 §5.5)', async () => {
    expect(await userAgentOf(Buffer.from([0x61, 0xe9, 0xff]))).toBe('a\u00e9\u00ff');
    expect(await userAgentOf(Buffer.from('aé'))).toBe('a\u00c3\u00a9');
    expect(await userAgentOf(Buffer.from([0x61, 0x9b, 0x09]))).toBe('a\\x9b');
    const long = await userAgentOf(Buffer.from('😀'.repeat(200)));
    expect(long?.length).toBe(256);
    expect(long?.isWellFormed()).toBe(true);
  });
});

describeApp('text of inputs', (start) => {
  it('a password with U+FFFD does not let in one with bytes that could be read as U+FFFD', async () => {
    const app = await start({ config: { throttles: false } });
    const email = 'ada@example.com';
    const password = `${PASSWORD}\ufffd`;
    await app.send(REGISTER, { input: { email, password } });
    await login(app, { password });

    const raw = await app.server.inject({
      method: 'POST',
      url: '/graphql',
      headers: { 'content-type': JSON_TYPE },
      payload: put(
        [0xff],
        JSON.stringify({ query: LOGIN, variables: { input: { email, password: `${PASSWORD}?` } } }),
      ),
    });
    expect(raw.statusCode).toBe(400);
    const form = `username=${email}&password=${encodeURIComponent(PASSWORD)}`;
    expect((await app.server.inject(post('/token', FORM_TYPE, `${form}%EF%BF%BD`))).statusCode).toBe(200);
    expect((await app.server.inject(post('/token', FORM_TYPE, `${form}%FF`))).statusCode).toBe(400);
    for (const half of ['\ud800', '\udc00', '\udc00\ud800']) {
      const answer = await app.send(LOGIN, { input: { email, password: PASSWORD + half } });
      expect(answer.errors?.[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', field: 'input.password' });
    }
  });

  it('half of a surrogate pair is BAD_USER_INPUT in every text field that is not an id', async () => {
    const app = await start({ config: { throttles: false, magicLinks: true } });
    const token = (await register(app)).accessToken;
    for (const { path, document, input, type } of textFields(app)) {
      if (type === 'ID') continue;
      for (const text of ['\ud800', 'a\udfff', `${PASSWORD}\udc00\ud800`]) {
        const answer = await app.send(document, { input: input(text) }, { token });
        expect([path, answer.code, answer.errors?.[0]?.extensions.field]).toEqual([
          path,
          'BAD_USER_INPUT',
          path.replace(/^\w+/, 'input'),
        ]);
      }
    }
    expect(errorsOf(app)).toEqual([]);
  });

  it('unusual text is not a fault of the server in any field', async () => {
    const app = await start({ config: { throttles: false, magicLinks: true } });
    const token = (await register(app)).accessToken;
    const odd = [
      'a\u0000b',
      '\u0000',
      '\ud800',
      '\ufffd',
      'x'.repeat(10_000),
      '',
      ' ',
      "'; --",
      '\u202e',
      '%00',
    ];
    for (const { path, document, input } of textFields(app)) {
      for (const text of odd) {
        const answer = await app.send(document, { input: input(text) }, { token });
        expect([path, text, answer.code]).not.toEqual([path, text, 'INTERNAL_SERVER_ERROR']);
        expect(answer.status).toBeLessThan(500);
      }
    }
    expect(errorsOf(app)).toEqual([]);
  });

  it('a name is kept as it came, signs and surrogate pairs too', async () => {
    const app = await start();
    const name = 'Ada 😀 Ļōvelace \ufffd';
    const { accessToken } = await register(app);
    const update = 'mutation ($input: UpdateMeInput!) { updateMe(input: $input) { name } }';
    const answer = await app.send(update, { input: { name } }, { token: accessToken });
    expect(answer.data).toEqual({ updateMe: { name } });
    expect((await app.send('{ me { name } }', {}, { token: accessToken })).data.me.name).toBe(name);
  });

  it('a User-Agent may have bytes from 0x80, at a login and at refreshes that share a statement', async () => {
    const app = await start();
    const sender = { userAgent: Buffer.from('😀'.repeat(80)).toString('latin1') };
    await register(app);
    const auths = [await login(app, {}, sender), await login(app, {}, sender)];
    const answers = await Promise.all(auths.map(({ refreshToken }) => refresh(app, refreshToken, sender)));
    expect(answers.map(({ code }) => code)).toEqual(['OK', 'OK']);
  });
});

interface TextField {
  /** As in `login.password`. */
  readonly path: string;
  /** The name of its type. */
  readonly type: string;
  readonly document: string;
  /** An input in which the field has this text, and every other field that must be there has one that fits. */
  readonly input: (text: string) => Record<string, unknown>;
}

const FITTING: Readonly<Record<string, string>> = {
  EmailAddress: 'ada@example.com',
  String: 'velvet otter shoe corner',
  ID: '00000000-0000-4000-8000-000000000000',
};

/** Every text that a root field takes, those of nested inputs too. */
function textFields({ schema }: TestApp): TextField[] {
  return rootFields(schema).flatMap(({ path, field }) =>
    field.args.flatMap((argument) => {
      const type = getNamedType(argument.type);
      if (!isInputObjectType(type)) throw new Error(`${path} takes what is no input.`);
      const document = `mutation ($input: ${argument.type}) { ${field.name}(input: $input) { __typename } }`;
      return textsIn(type).map((text) => ({ ...text, path: `${field.name}.${text.path}`, document }));
    }),
  );
}

function textsIn(type: GraphQLInputObjectType): Omit<TextField, 'document'>[] {
  const others = fitting(type);
  return Object.values(type.getFields()).flatMap((field) => {
    const { name } = field;
    const own = getNamedType(field.type);
    if (isInputObjectType(own))
      return textsIn(own).map((nested) => ({
        ...nested,
        path: `${name}.${nested.path}`,
        input: (text: string) => ({ ...others, [name]: nested.input(text) }),
      }));
    if (!(own.name in FITTING)) return [];
    // GraphQL takes one text for a list of one.
    const path = `${name}${isListType(getNullableType(field.type)) ? '.0' : ''}`;
    return [{ path, type: own.name, input: (text: string) => ({ ...others, [name]: text }) }];
  });
}

/** The fields that must be there, each with a value that fits. */
function fitting(type: GraphQLInputObjectType): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const field of Object.values(type.getFields()).filter((one) => isNonNullType(one.type))) {
    const own = getNamedType(field.type);
    if (isInputObjectType(own)) values[field.name] = fitting(own);
    else if (own.name in FITTING) values[field.name] = FITTING[own.name];
  }
  return values;
}

function errorsOf({ lines }: TestApp): string[] {
  return lines.filter((line) => JSON.parse(line).level >= 50);
}

/** Sends bytes and resolves with everything that comes back until the server closes the socket. */
async function raw(app: HttpServer['app'], bytes: Buffer): Promise<string> {
  if (!app.server.listening) await app.listen({ host: '127.0.0.1', port: 0 });
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1', () =>
      socket.write(bytes),
    );
    socket.setEncoding('utf8').on('data', (chunk) => {
      received += chunk;
    });
    socket.on('error', reject).on('close', () => resolve(received));
  });
}
