import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import autocannon from 'autocannon';

const CONNECTIONS = 32;
/** As often as the server says `Connection: close`, which autocannon does not heed. */
const REQUESTS_PER_CONNECTION = 1_000;

export interface Load {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
  /** How many answers had each code; refusals are only counted where they are expected. */
  readonly codes: ReadonlyMap<string, number>;
}

export interface LoadOptions {
  readonly url: string;
  readonly seconds: number;
  readonly connections?: number;
  /** Requests a second, sent at their time however long the others take; none for as many as it takes. */
  readonly rate?: number;
  readonly token?: string;
  /** Refusals are part of the measurement. */
  readonly mayRefuse?: boolean;
  /** Each connection says that it comes from a network of its own; the server must trust this machine as a proxy. */
  readonly manyNetworks?: boolean;
}

type Answer = Record<string, unknown>;

/** One request body again and again. Throws when anything but data comes back. */
export async function repeat(options: LoadOptions & { body: object }): Promise<Load> {
  const { rate, connections = CONNECTIONS } = options;
  if (rate !== undefined) return pace({ ...options, rate, first: Array(connections).fill(options.body) });
  return run(options, (client) => client.setBody(JSON.stringify(options.body)));
}

/** A chain of requests per connection: each body is made from the answer to the one before. */
export async function chain(
  options: LoadOptions & { first: readonly object[]; next: (answer: Answer) => object },
): Promise<Load> {
  const { rate } = options;
  if (rate !== undefined) return pace({ ...options, rate });
  let index = 0;
  return run({ ...options, connections: options.first.length }, (client) => {
    client.setBody(JSON.stringify(options.first[index++]));
    client.on('body', (body: Buffer) => {
      const { data } = JSON.parse(body.toString()) as { data?: Answer | null };
      if (data) client.setBody(JSON.stringify(options.next(data)));
    });
  });
}

async function run(options: LoadOptions, setup: (client: autocannon.Client) => void): Promise<Load> {
  const { url, seconds, connections = CONNECTIONS, token } = options;
  const codes = new Map<string, number>();
  let networks = 0;
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    reconnectRate: REQUESTS_PER_CONNECTION,
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    setupClient: (client) => {
      setup(client);
      if (options.manyNetworks) {
        networks += 1;
        client.setHeaders({
          'content-type': 'application/json',
          'x-forwarded-for': `198.18.${networks >> 8}.${networks & 255}`,
        });
      }
      client.on('body', (body: Buffer) => count(codes, body.toString()));
    },
  });
  const refusals = [...codes].filter(([code]) => code !== 'OK');
  if (!options.mayRefuse && refusals.length + result.errors + result.non2xx > 0) {
    throw new Error(
      `refused: ${refusals.join(' ')}; ${result.errors} errors, statuses ${JSON.stringify(result.statusCodeStats)}`,
    );
  }
  return {
    requests: result.requests.total,
    requestsPerSecond: result.requests.average,
    p99Ms: result.latency.p99,
    codes,
  };
}

/**
 * Requests at fixed moments, over one connection for each of `first`. A latency counts from the moment at which its
 * request was due, so that one that is late makes the next ones late as well, and none is left out.
 */
async function pace({
  url,
  seconds,
  rate,
  token,
  first,
  next,
}: LoadOptions & {
  rate: number;
  first: readonly object[];
  next?: (answer: Answer) => object;
}): Promise<Load> {
  const everyMs = (1_000 * first.length) / rate;
  const codes = new Map<string, number>();
  const latencies: number[] = [];
  const headers = {
    'content-type': 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };

  async function follow(body: object, index: number): Promise<void> {
    const agent = new Agent({ keepAlive: true });
    const startsAt = performance.now() + (everyMs * index) / first.length;
    for (let n = 0; n * everyMs < seconds * 1_000; n += 1) {
      const dueAt = startsAt + n * everyMs;
      await pause(Math.max(0, dueAt - performance.now()));
      const text = await post(url, { agent, headers, body: JSON.stringify(body) });
      latencies.push(performance.now() - dueAt);
      count(codes, text);
      const { data } = JSON.parse(text) as { data?: Answer | null };
      if (data && next) body = next(data);
    }
    agent.destroy();
  }

  await Promise.all(first.map(follow));
  const refusals = [...codes].filter(([code]) => code !== 'OK');
  if (refusals.length > 0) throw new Error(`refused: ${refusals.join(' ')}`);
  latencies.sort((a, b) => a - b);
  return {
    requests: latencies.length,
    requestsPerSecond: latencies.length / seconds,
    p99Ms: Math.round(latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN),
    codes,
  };
}

function post(
  url: string,
  { agent, headers, body }: { agent: Agent; headers: Record<string, string>; body: string },
): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text)).on('error', reject);
    });
    sent.on('error', reject).end(body);
  });
}

function count(codes: Map<string, number>, answer: string): void {
  const code = answer.includes('"errors"') ? (/"code":"(\w+)"/.exec(answer)?.[1] ?? '?') : 'OK';
  codes.set(code, (codes.get(code) ?? 0) + 1);
}
