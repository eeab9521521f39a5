/** How long it takes to refuse a document, one past each limit and the worst that one request can bring along. */
import { ask, print } from './requests.ts';
import { startLatchkey } from './servers.ts';

const TIMES = 200;
const BODY_LIMIT_BYTES = 64 * 1024;

const times = (count: number, write: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => write(index)).join(' ');
const mutation = (fields: string) => ({ query: `mutation { ${fields} }` });
const login = (alias: string) =>
  `${alias}: login(input: { email: "ada@example.com", password: "wrong" }) { tokenType }`;
const nested = (depth: number) => `{ ${'a { '.repeat(depth)}b${' }'.repeat(depth)} }`;
/** A body of just the size that is still read. */
const filled = (write: (text: string) => object, piece: string) => {
  const room = BODY_LIMIT_BYTES - Buffer.byteLength(JSON.stringify(write('')));
  return write(piece.repeat(Math.floor(room / Buffer.byteLength(JSON.stringify(piece).slice(1, -1)))));
};

const BODIES: Readonly<Record<string, object>> = {
  'two credentials': mutation(`${login('a')} ${login('b')}`),
  '1,001 tokens': { query: `{ ${'a '.repeat(999)}}` },
  '9 levels': { query: nested(8) },
  '300 levels': { query: nested(299) },
  '11 aliases': { query: `{ ${times(11, (n) => `a${n}: __typename`)} }` },
  '300 aliases': { query: `{ ${times(300, (n) => `a${n}: __typename`)} }` },
  '11 root fields': { query: `{ ${times(11, () => '__typename')} }` },
  '300 root fields': { query: `{ ${times(300, (n) => `a${n}`)} }` },
  '160 directives': { query: `{ me ${'@skip(if: true) '.repeat(160)}{ id } }` },
  '100 fragments': {
    query: `{ ...f0 } ${times(100, (n) => `fragment f${n} on Query { ...f${n + 1} }`)}`,
  },
  'fragments that multiply': {
    query: `{ ...f0 } ${times(60, (n) => `fragment f${n} on Query { ...f${n + 1} ...f${n + 1} }`)}`,
  },
  'a variable of 101 items': { query: '{ __typename }', variables: { input: Array(101).fill(0) } },
  '64 KiB of brackets': filled((text) => ({ query: text }), '{'),
  '64 KiB of spaces': filled((text) => ({ query: text }), ' '),
  '64 KiB of one string': filled((text) => ({ query: `{ me(a: "${text}") }` }), 'a'),
  '64 KiB in a variable': filled((text) => ({ query: '{ a }', variables: { text } }), 'é'),
};

export async function refusals(): Promise<void> {
  const server = await startLatchkey();
  const ms = new Map(Object.keys(BODIES).map((name) => [name, [] as number[]]));
  // In turns, so that none of them is measured by a server that has seen nothing else for a while.
  for (let time = 0; time < TIMES; time += 1) {
    for (const [name, body] of Object.entries(BODIES)) {
      const askedAt = performance.now();
      await ask(server, body).then(
        () => Promise.reject(new Error(`${name}: it was not refused`)),
        (refusal: Error) => (refusal.message.includes('"code"') ? undefined : Promise.reject(refusal)),
      );
      ms.get(name)?.push(performance.now() - askedAt);
    }
  }
  await server.stop();
  for (const [name, all] of ms) {
    const sorted = all.sort((a, b) => a - b);
    const at = (share: number) => (sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN).toFixed(1);
    print(`refused: ${name}`, `${at(0.5)} ms, p99 ${at(0.99)} ms`, '< 50 ms');
  }
}
