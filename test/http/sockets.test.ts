import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ERRORS } from '../../src/errors.ts';
import { gate } from '../support/gate.ts';
import { useHttpServers } from '../support/http-server.ts';

const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
// Closes its servers after the sockets: hooks run in the order of their definition.
const serve = useHttpServers();

/** A server that listens, and what `me` does there. */
async function listen(me: () => unknown = () => ({ id: 'ada' })) {
  const server = await serve({ resolvers: { Query: { me } } });
  await server.app.listen({ host: '127.0.0.1', port: 0 });
  /** The server's ends of the sockets, in the order of their clients. */
  const accepted: Socket[] = [];
  server.app.server.on('connection', (socket: Socket) => accepted.push(socket));
  const { port } = server.app.server.address() as AddressInfo;

  /** A client, and everything that it received so far. */
  function open() {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    let received = '';
    let count = 0;
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      received += chunk;
      // Each answer of GraphQL ends its line.
      count += chunk.split('}\n').length - 1;
    });
    socket.on('error', () => {});
    const closed = closing(socket).then(() => received);
    /** Resolves when there are so many answers of GraphQL. */
    async function answers(least: number): Promise<string[]> {
      while (count < least) await once(socket, 'data');
      return received.split(/(?=HTTP\/1\.1 )/);
    }
    return { socket, closed, answers };
  }
  return { ...server, open, accepted };
}

function closing(socket: Socket | undefined): Promise<void> {
  return new Promise((resolve) => socket?.once('close', () => resolve()));
}

/** `me` under a name, so that its answer can be told from others. */
function ask(alias: string, padding = ''): string {
  const body = JSON.stringify({ query: `{ ${alias}: me { id } }`, extensions: { padding } });
  return `POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

const TYPENAME =
  'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 26\r\n\r\n{"query":"{ __typename }"}';

const aliasesOf = (answers: readonly string[]) =>
  answers.map((answer) => /"data":\{"(\w+)"/.exec(answer)?.[1]);

describe('requests that a client pipelines', () => {
  it('pipelined requests begin one after another, and are answered in their order (RFC 9112 §9.3.2)', async () => {
    let [under, most] = [0, 0];
    const { open } = await listen(async () => {
      under += 1;
      most = Math.max(most, under);
      await new Promise((resolve) => setImmediate(resolve));
      under -= 1;
      return { id: 'ada' };
    });
    const { socket, answers } = open();
    const names = Array.from({ length: 50 }, (_, index) => `a${index}`);
    socket.write(names.map((name) => ask(name)).join(''));
    expect(aliasesOf(await answers(50))).toEqual(names);
    expect(most).toBe(1);
  });

  it('pipelined requests of one client let the requests of another in between', async () => {
    const order: string[] = [];
    const { open } = await listen();
    const [many, other] = [open(), open()];
    many.socket.on('data', () => order.push('many'));
    many.socket.write(Array.from({ length: 300 }, (_, index) => ask(`a${index}`)).join(''));
    for (let index = 1; index <= 5; index += 1) {
      other.socket.write(ask(`b${index}`));
      await other.answers(index);
      order.push('other');
    }
    await many.answers(300);
    expect(order.lastIndexOf('other')).toBeLessThan(order.lastIndexOf('many'));
  });

  it('a pipelined request that takes its time holds up no other client', async () => {
    const [reached, released] = [gate(), gate()];
    let calls = 0;
    const { open } = await listen(async () => {
      calls += 1;
      if (calls > 1) return { id: 'ada' };
      reached.open();
      await released.opened;
      return { id: 'ada' };
    });
    const [many, other] = [open(), open()];
    many.socket.write(ask('a1') + ask('a2') + ask('a3'));
    await reached.opened;
    other.socket.write(ask('b1'));
    await other.answers(1);
    expect(calls).toBe(2);
    released.open();
    expect(aliasesOf(await many.answers(3))).toEqual(['a1', 'a2', 'a3']);
  });

  it('pipelined requests are not read on while one of them waits, and all of them are answered', async () => {
    const [reached, released] = [gate(), gate()];
    let calls = 0;
    const { open, accepted } = await listen(async () => {
      calls += 1;
      if (calls === 2) {
        reached.open();
        await released.opened;
      }
      return { id: 'ada' };
    });
    const { socket, answers } = open();
    const names = Array.from({ length: 300 }, (_, index) => `a${index}`);
    // Nine megabytes, more than the buffers of the kernel hold.
    socket.write(names.map((name) => ask(name, 'x'.repeat(30_000))).join(''));
    await reached.opened;
    // A second client's whole request, so that the first one had every chance to be read.
    const other = open();
    other.socket.write(TYPENAME);
    await other.answers(1);
    expect(accepted[0]?.bytesRead).toBeLessThan(1_000_000);
    released.open();
    expect(aliasesOf(await answers(300))).toEqual(names);
  });

  it('a pipelined request of which only a part has come is read on when its turn comes', async () => {
    const [reached, released] = [gate(), gate()];
    const { open } = await listen(async () => {
      reached.open();
      await released.opened;
      return { id: 'ada' };
    });
    const { socket, answers } = open();
    const [first, second] = [ask('a1'), ask('a2', 'x'.repeat(50_000))];
    socket.write(first + second.slice(0, 20_000));
    await reached.opened;
    released.open();
    await answers(1);
    socket.write(second.slice(20_000) + ask('a3'));
    expect(aliasesOf(await answers(3))).toEqual(['a1', 'a2', 'a3']);
  });

  it('pipelined requests are given up when their client disconnects', async () => {
    const [reached, released] = [gate(), gate()];
    let calls = 0;
    const { open, accepted, app } = await listen(async () => {
      calls += 1;
      reached.open();
      await released.opened;
      return { id: 'ada' };
    });
    const { socket } = open();
    socket.write(Array.from({ length: 100 }, (_, index) => ask(`a${index}`)).join(''));
    await reached.opened;
    const gone = closing(accepted[0]);
    socket.destroy();
    released.open();
    await gone;
    expect((await app.inject({ url: '/livez' })).statusCode).toBe(200);
    expect(calls).toBeLessThan(5);
  });
});

describe('a client that never reads its answers', () => {
  it('a client that never reads its answers is disconnected, and its remaining requests are not run (DOS-3)', async () => {
    let calls = 0;
    const { open, app, accepted } = await listen(() => {
      calls += 1;
      return { id: 'x'.repeat(1_000_000) };
    });
    // The server's is longer than a test may take.
    app.server.timeout = 200;
    const { socket } = open();
    socket.pause();
    socket.write(Array.from({ length: 100 }, (_, index) => ask(`a${index}`)).join(''));
    await once(app.server, 'request');
    await closing(accepted[0]);
    expect(calls).toBeLessThan(100);
  });
});

describe('the Host of a request', () => {
  const refusal = { errors: [{ message: ERRORS.BAD_REQUEST, extensions: { code: 'BAD_REQUEST' } }] };
  const get = (lines: string, version = '1.1') =>
    `GET /livez HTTP/${version}\r\n${lines}Connection: close\r\n\r\n`;

  it.each([
    ['two Hosts', 'Host: a\r\nHost: b\r\n'],
    ['the same Host twice', 'Host: a\r\nhost: a\r\n'],
    ['a Host and an empty one', 'Host: a\r\nHost:\r\n'],
    ['a list of Hosts', 'Host: a, b\r\n'],
    ['no Host', ''],
  ])(
    'a request with %s is refused with 400, in the shape and with the headers of every answer (RFC 9112 §3.2)',
    async (_how, lines) => {
      const { open } = await listen();
      const { socket, closed } = open();
      socket.write(get(lines));
      const [head = '', body = ''] = (await closed).split('\r\n\r\n');
      expect(head).toMatch(/^HTTP\/1\.1 400 /);
      expect(head).toContain('cache-control: no-store');
      expect(JSON.parse(body)).toEqual(refusal);
    },
  );

  it.each([
    ['one Host', 'Host: a\r\n', '1.1'],
    ['a Host with a port', 'Host: a:80\r\n', '1.1'],
    ['an empty Host', 'Host:\r\n', '1.1'],
    ['no Host in HTTP/1.0', '', '1.0'],
  ])('a request with %s is answered', async (_how, lines, version) => {
    const { open } = await listen();
    const { socket, closed } = open();
    socket.write(get(lines, version));
    expect(await closed).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('a header that may be there once', () => {
  it.each([
    ['Content-Type', 'application/json', 'text/plain', 415],
    ['Content-Length', '26', '25', 400],
    ['Content-Encoding', 'identity', 'gzip', 415],
  ])(
    'a request with two lines of %s is refused, not read by the first of them',
    async (name, first, second, status) => {
      const { open } = await listen();
      const { socket, closed } = open();
      const others = { 'Content-Type': 'application/json', 'Content-Length': '26' };
      const lines = Object.entries(others).filter(([other]) => other !== name);
      const head = [...lines, [name, first], [name, second]].map(
        ([field, value]) => `${field}: ${value}\r\n`,
      );
      socket.write(
        `POST /graphql HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${head.join('')}\r\n{"query":"{ __typename }"}`,
      );
      expect(await closed).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    },
  );
});

describe('a request that breaks off', () => {
  const head = (url: string, type: string) =>
    `POST ${url} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: 1000\r\n\r\n`;
  const FORM = 'application/x-www-form-urlencoded';

  it.each([
    ['the body of a query', `${head('/graphql', 'application/json')}{"query":`],
    ['a form', `${head('/token', FORM)}username=`],
    ['a form of a refresh', `${head('/token/refresh', FORM)}refresh`],
    ['a body of another type', `${head('/graphql', 'text/plain')}x`],
    [
      'a body in chunks',
      'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"q',
    ],
    [
      'a malformed chunk',
      'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{"q',
    ],
    ['a body of which no byte came', head('/graphql', 'application/json')],
  ])('a request that breaks off in %s leaves no warning or error in the log', async (_what, bytes) => {
    const { open, accepted, lines, app } = await listen();
    const { socket } = open();
    socket.write(bytes);
    await once(app.server, 'request');
    const gone = closing(accepted[0]);
    socket.destroy();
    await gone;
    expect((await app.inject({ url: '/livez' })).statusCode).toBe(200);
    expect(lines.filter(({ level }) => Number(level) > 30)).toEqual([]);
  });

  it('a client that ends its side of the socket in a body or in the headers leaves no warning or error in the log', async () => {
    const { open, lines } = await listen();
    for (const bytes of [
      `${head('/graphql', 'application/json')}{`,
      `${head('/token', FORM)}a`,
      'POST /gr',
    ]) {
      const { socket, closed } = open();
      socket.end(bytes);
      expect(await closed).toMatch(/^(HTTP\/1\.1 400 |$)/);
    }
    expect(lines.filter(({ level }) => Number(level) > 30)).toEqual([]);
  });
});
