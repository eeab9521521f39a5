import autocannon from 'autocannon';

const CONNECTIONS = 32;

export interface Load {
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
}

export interface LoadOptions {
  readonly url: string;
  readonly seconds: number;
  readonly connections?: number;
  /** The most requests a second; none for as many as it takes. */
  readonly rate?: number;
  readonly token?: string;
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
  let refused = 0;
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
      client.on('body', (body: Buffer) => {
        if (body.includes('"errors"')) refused += 1;
      });
    },
  });
  if (refused + result.errors + result.non2xx > 0) {
    throw new Error(`${refused} refusals, ${result.errors} errors, ${result.non2xx} other statuses`);
  }
  return { requestsPerSecond: result.requests.average, p99Ms: result.latency.p99 };
}
