import autocannon from 'autocannon';

const CONNECTIONS = 32;

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
  /** The most requests a second; none for as many as it takes. */
  readonly rate?: number;
  readonly token?: string;
  /** Refusals are part of the measurement. */
  readonly mayRefuse?: boolean;
  /** Each connection says that it comes from a network of its own; the server must trust this machine as a proxy. */
  readonly manyNetworks?: boolean;
}

/** One request body again and again. Throws when anything but data comes back. */
export async function repeat(options: LoadOptions & { body: object }): Promise<Load> {
  return run(options, (client) => client.setBody(JSON.stringify(options.body)));
}

/** A chain of requests per connection: each body is made from the answer to the one before. */
export async function chain(
  options: LoadOptions & { first: readonly object[]; next: (answer: Record<string, unknown>) => object },
): Promise<Load> {
  let index = 0;
  return run({ ...options, connections: options.first.length }, (client) => {
    client.setBody(JSON.stringify(options.first[index++]));
    client.on('body', (body: Buffer) => {
      const { data } = JSON.parse(body.toString()) as { data?: Record<string, unknown> | null };
      if (data) client.setBody(JSON.stringify(options.next(data)));
    });
  });
}

async function run(options: LoadOptions, setup: (client: autocannon.Client) => void): Promise<Load> {
  const { url, seconds, connections = CONNECTIONS, rate, token } = options;
  const codes = new Map<string, number>();
  let networks = 0;
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    ...(rate === undefined ? {} : { overallRate: rate }),
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
      client.on('body', (body: Buffer) => {
        const code = body.includes('"errors"') ? (/"code":"(\w+)"/.exec(body.toString())?.[1] ?? '?') : 'OK';
        codes.set(code, (codes.get(code) ?? 0) + 1);
      });
    },
  });
  const refusals = [...codes].filter(([code]) => code !== 'OK');
  if (!options.mayRefuse && refusals.length + result.errors + result.non2xx > 0) {
    throw new Error(
      `refused: ${refusals.join(' ')}; ${result.errors} errors, ${result.non2xx} other statuses`,
    );
  }
  return {
    requests: result.requests.total,
    requestsPerSecond: result.requests.average,
    p99Ms: result.latency.p99,
    codes,
  };
}
