/**
 * What it costs the event loop to refuse a stranger, before anything is counted: one request past each limit, and the
 * worst of each kind that one request has room for. CPU time of the one thread that answers everybody; nobody else
 * gets an answer meanwhile, so it is also the longest that one request can stop the server.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { median } from './figures.ts';
import { loginWith, print } from './requests.ts';
import { type RunningServer, startLatchkey } from './servers.ts';

const TIMES = 60;
const BODY_LIMIT_BYTES = 64 * 1024;
const HEADER_ROOM = 15_000;
/** The longest texts to normalise for their length. */
const SLOW_MARKS = '\u0f73';

interface Request {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent by POST; without one it is a GET. */
  readonly body?: string;
}

const times = (count: number, write: (index: number) => string, separator = ' ') =>
  Array.from({ length: count }, (_, index) => write(index)).join(separator);

/** A name that no request has had before: what V8 has seen once costs half as much. */
let names = 0;
const newName = () => (names++).toString(36).padStart(5, 'a');

const json = (body: string, headers: Request['headers'] = {}): Request => ({
  headers: { 'content-type': 'application/json', ...headers },
  body,
});
const graphql = (body: object, headers?: Request['headers']) => json(JSON.stringify(body), headers);
const form = (body: string): Request => ({
  path: '/token',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body,
});
const withHeaders = (headers: Record<string, string>) => graphql({ query: '{ me { id } }' }, headers);
const withCookie = (cookie: string) =>
  graphql(
    { query: 'mutation { refreshToken { tokenType } }' },
    { cookie, origin: 'https://auth.example.com' },
  );
const get = (search: string): Request => ({
  path: `/graphql?${search}`,
  headers: { 'apollo-require-preflight': 'yes' },
});

/** A body of just the size that is still read. */
const filled = (write: (text: string) => object, piece: string) => {
  const room = BODY_LIMIT_BYTES - Buffer.byteLength(JSON.stringify(write('')));
  return graphql(
    write(piece.repeat(Math.floor(room / Buffer.byteLength(JSON.stringify(piece).slice(1, -1))))),
  );
};

const mutation = (fields: string) => ({ query: `mutation { ${fields} }` });
const loginAs = (alias: string) =>
  `${alias}: login(input: { email: "ada@example.com", password: "wrong" }) { tokenType }`;
const nested = (depth: number) => `{ ${'a { '.repeat(depth)}b${' }'.repeat(depth)} }`;
const loginInput = (input: object) => ({ ...loginWith('ada@example.com'), variables: { input } });

const DOCUMENTS: Readonly<Record<string, () => Request>> = {
  'two credentials': () => graphql(mutation(`${loginAs('a')} ${loginAs('b')}`)),
  '1,001 tokens': () => graphql({ query: `{ ${'a '.repeat(999)}}` }),
  '9 levels': () => graphql({ query: nested(8) }),
  '300 levels': () => graphql({ query: nested(299) }),
  '11 aliases': () => graphql({ query: `{ ${times(11, (n) => `a${n}: __typename`)} }` }),
  '300 aliases': () => graphql({ query: `{ ${times(300, (n) => `a${n}: __typename`)} }` }),
  '11 root fields': () => graphql({ query: `{ ${times(11, () => '__typename')} }` }),
  '300 root fields': () => graphql({ query: `{ ${times(300, (n) => `a${n}`)} }` }),
  '160 directives': () => graphql({ query: `{ me ${'@skip(if: true) '.repeat(160)}{ id } }` }),
  '100 fragments': () =>
    graphql({ query: `{ ...f0 } ${times(100, (n) => `fragment f${n} on Query { ...f${n + 1} }`)}` }),
  'fragments that multiply': () =>
    graphql({
      query: `{ ...f0 } ${times(60, (n) => `fragment f${n} on Query { ...f${n + 1} ...f${n + 1} }`)}`,
    }),
  'fragments in circles': () =>
    graphql({
      query: `{ me { ${times(20, (n) => `...f${n}`)} } } ${times(
        20,
        (n) => `fragment f${n} on User { ${times(14, (k) => `...f${(n + k + 1) % 20}`)} id }`,
      )}`,
    }),
  '490 unknown fragments': () => graphql({ query: `{ ${times(490, (n) => `...f${n}`)} }` }),
  '240 fields of one name': () => graphql({ query: `{ me { ${times(240, () => 'sessions { id }')} } }` }),
  '20 fields of each of 12 names': () =>
    graphql({
      query: `{ ${times(240, (n) => `... on ${n % 2 ? 'Query' : 'User'} { ${'abcdefghijkl'.charAt(n % 12)} }`).slice(0, 16_000)} }`,
    }),
  '190 variables': () => graphql({ query: `query (${times(190, (n) => `$v${n}: Int`)}) { me { id } }` }),
  '95 variables in a wrong place': () =>
    graphql({
      query: `query (${times(95, (n) => `$v${n}: LoginInput!`)}) { a @include(if: [${times(95, (n) => `$v${n}`)}]) }`,
    }),
  'names that are similar': () =>
    graphql({ query: `mutation { login(${times(190, (n) => `inputs${n}: 1`)}) { tokenTypes } }` }),
  '16 KiB of names': () => graphql({ query: `{ me { ${times(20, (n) => `${n}${'id'.repeat(400)}`)} } }` }),
  '64 KiB of brackets': () => filled((text) => ({ query: text }), '{'),
  '64 KiB of lines in a string': () => filled((text) => ({ query: `{ me(a: """${text}""") }` }), '\n'),
};

const VALUES: Readonly<Record<string, () => Request>> = {
  'a list of 101 items': () => graphql({ query: '{ __typename }', variables: { input: Array(101).fill(0) } }),
  '1,900 unknown input fields': () =>
    graphql(loginInput(Object.fromEntries(Array.from({ length: 1_900 }, () => [newName(), 1])))),
  '990 unknown input fields': () =>
    graphql(loginInput(Object.fromEntries(Array.from({ length: 990 }, (_, n) => [`passwords${n}`, 1])))),
  'an input field of 64 KiB': () => filled((text) => loginInput({ [`p${text}`]: 1 }), 'assword'),
  'fifty faults and 60 KiB to print for each': () =>
    graphql(
      loginInput({
        email: 'x'.repeat(60_000),
        ...Object.fromEntries(Array.from({ length: 50 }, () => [newName(), 1])),
      }),
    ),
  'five faults and 60 KiB to print for each': () =>
    graphql(
      loginInput({
        password: 'é'.repeat(20_000),
        ...Object.fromEntries(Array.from({ length: 4 }, () => [newName(), 1])),
      }),
    ),
  'an object for a password': () =>
    graphql(
      loginInput({
        email: 'ada@example.com',
        password: Object.fromEntries(Array.from({ length: 990 }, () => [newName(), 'x'.repeat(50)])),
      }),
    ),
  'an enum value of 64 KiB': () =>
    filled((text) => loginInput({ email: 'ada@example.com', password: '', delivery: text }), 'COOKIE'),
  'an address of 64 KiB': () => filled((text) => loginInput({ email: text, password: '' }), SLOW_MARKS),
  'a device name of 64 KiB': () =>
    filled((text) => loginInput({ email: 'ada@example.com', password: '', deviceName: text }), SLOW_MARKS),
  'a refresh token of 64 KiB': () =>
    filled(
      (text) => ({
        query: 'mutation R($input: RefreshTokenInput) { refreshToken(input: $input) { tokenType } }',
        variables: { input: { refreshToken: `lkr_${text}` } },
      }),
      'a',
    ),
  'JSON of 6,000 small objects': () =>
    json(`{"query":"{ me { id } }","variables":{"a":[${times(5_000, () => `{"${newName()}":1}`, ',')}]}}`),
  'JSON of 30,000 brackets': () =>
    json(`{"query":"{ me { id } }","variables":{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}}`),
  'JSON of 10,000 escapes': () => json(`{"query":"${'\\u007b'.repeat(10_000)}"}`),
};

/** What a stranger calls a password. */
const PASSWORDS: Readonly<Record<string, () => Request>> = {
  'login, 64 KiB of marks': () => filled((text) => loginWith(`${newName()}@example.com`, text), SLOW_MARKS),
  'login, 512 marks': () => graphql(loginWith(`${newName()}@example.com`, SLOW_MARKS.repeat(512))),
  'login, 4,096 bytes': () => graphql(loginWith(`${newName()}@example.com`, 'x'.repeat(4_096))),
  'POST /token, 7,000 marks': () =>
    form(`username=${newName()}%40example.com&password=${encodeURIComponent(SLOW_MARKS).repeat(7_000)}`),
  'register, 64 KiB of marks': () => filled((text) => register(text), SLOW_MARKS),
  'register, 128 characters and 25 words': () =>
    graphql(
      register(
        '4@$1'.repeat(32),
        times(25, (n) => `w${n}`),
      ),
    ),
};

const register = (password: string, name?: string) => ({
  query: 'mutation R($input: RegisterInput!) { register(input: $input) { verificationRequired } }',
  variables: { input: { email: `${'aa.'.repeat(20)}a@${'aaa.'.repeat(40)}example`, password, name } },
});

const ENVELOPES: Readonly<Record<string, () => Request>> = {
  'a form of 14,000 parameters': () => form(times(12_000, newName, '&').slice(0, 65_000)),
  'a form of bytes that are not UTF-8': () => form('%ff'.repeat(21_000)),
  'a form of 64 KiB of blanks': () => form(`password=x&username=${'+'.repeat(64_000)}`),
  'a query string of 3,000 parameters': () => get(times(2_400, newName, '&')),
  'variables in a query string': () =>
    get(`query={me{id}}&variables={"a":[${times(1_200, () => `{"${newName()}":1}`, ',')}]}`),
  'a Content-Type of blanks': () =>
    withHeaders({ 'content-type': `application/json;${' '.repeat(HEADER_ROOM)}x` }),
  'an Accept of 3,700 types': () => withHeaders({ accept: 'a/b,'.repeat(HEADER_ROOM / 4) }),
  'an Authorization of dots': () => withHeaders({ authorization: `Bearer ${'.'.repeat(HEADER_ROOM)}` }),
  'a token of JSON in JSON': () =>
    withHeaders({
      authorization: `Bearer ${Buffer.from('['.repeat(5_900)).toString('base64url')}.e30.AAAA`,
    }),
  '3,500 cookies': () => withCookie(times(3_000, newName, '=;').slice(0, HEADER_ROOM)),
  'a cookie of blanks': () => withCookie(`a=${' '.repeat(HEADER_ROOM)}b`),
  'an X-Forwarded-For of 1,600 proxies': () =>
    withHeaders({ 'x-forwarded-for': times(1_600, () => '10.0.0.1', ',') }),
  'a User-Agent of tabs': () => withHeaders({ 'user-agent': `a${'\t'.repeat(HEADER_ROOM)}a` }),
  '1,400 headers': () =>
    withHeaders(Object.fromEntries(Array.from({ length: 1_400 }, () => [newName(), '']))),
};

const KINDS = { document: DOCUMENTS, variables: VALUES, password: PASSWORDS, request: ENVELOPES };

export async function refusals(): Promise<void> {
  const server = await startLatchkey({
    env: { LATCHKEY_COOKIES: 'on', LATCHKEY_TRUST_PROXY: '127.0.0.1,10.0.0.0/8' },
  });
  const all = Object.entries(KINDS).flatMap(([kind, requests]) =>
    Object.entries(requests).map(([name, write]) => ({
      name: `${kind}: ${name}`,
      write,
      ms: [] as number[],
    })),
  );
  // In turns, so that none of them is measured by a server that has seen nothing else for a while.
  for (let time = -5; time < TIMES; time += 1) {
    for (const { name, write, ms } of all) {
      const cost = await costOfRefusing(server, write(), name);
      if (time >= 0) ms.push(cost);
    }
  }
  await server.stop();
  const figure = (ms: number) => `${ms.toFixed(1)} ms`;
  for (const { name, ms } of all)
    print(name, `${figure(median(ms))}, at most ${figure(Math.max(...ms))}`, '< 5 ms');
  print('the longest of all', figure(Math.max(...all.flatMap(({ ms }) => ms))), '< 20 ms');
}

async function costOfRefusing(server: RunningServer, request: Request, name: string): Promise<number> {
  const { path = '/graphql', headers = {}, body } = request;
  const before = await server.loopMs();
  const response = await fetch(new URL(path, server.url), {
    headers,
    ...(body !== undefined && { method: 'POST', body }),
  });
  const answer = await response.text();
  if (response.ok && !answer.includes('"errors"')) throw new Error(`${name}: it was not refused`);
  // The line of the log comes after the answer.
  await pause(2);
  return (await server.loopMs()) - before;
}
