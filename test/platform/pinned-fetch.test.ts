import type { LookupAddress, lookup } from 'node:dns';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createPinnedFetch, isPublic, type PinnedFetchOptions } from '../../src/platform/pinned-fetch.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A server on this machine, and what asks it. */
async function serve(listener: RequestListener, options: PinnedFetchOptions = {}) {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const pinned = createPinnedFetch({ allowedOrigins: new Set([origin]), timeoutMs: 300, ...options });
  closing.push(pinned.close, () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { origin, port, ...pinned };
}

/** Resolves every name to these addresses, and counts. */
function resolvingTo(...addresses: string[]) {
  const asked: string[] = [];
  const resolve = ((name: string, _options: unknown, done: (error: null, found: LookupAddress[]) => void) => {
    asked.push(name);
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  }) as unknown as typeof lookup;
  return { asked, resolve };
}

const why = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'answered',
    (error: Error) => {
      const cause = error.cause as Error | undefined;
      return cause?.name === 'FetchRefused' ? cause.message : `${error.name}: ${error.message}`;
    },
  );

describe('a pinned fetch', () => {
  it('answers with status, headers and body, and remembers the address', async () => {
    const { origin, fetch } = await serve((request, response) => {
      response.writeHead(201, { 'x-method': request.method ?? '' }).end('hello');
    });
    const response = await fetch(`${origin}/a`, { method: 'POST', body: 'x' });
    expect([response.status, response.headers.get('x-method'), response.url]).toEqual([
      201,
      'POST',
      `${origin}/a`,
    ]);
    expect(await response.text()).toBe('hello');
  });

  it.each(['http://example.com/', 'http://93.184.216.34/', 'ftp://example.com/'])(
    'refuses %s, which is no https',
    async (url) => {
      const { fetch } = await serve((_request, response) => void response.end());
      expect(await why(fetch(url))).toBe('FetchRefused: the address is no https URL');
    },
  );

  it.each([
    'https://127.0.0.1/',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://169.254.169.254/latest',
    'https://2130706433/',
    'https://0x7f.1/',
  ])('refuses the literal address %s (EXT-4)', async (url) => {
    const { fetch } = await serve((_request, response) => void response.end());
    expect(await why(fetch(url))).toBe('FetchRefused: the address is not public');
  });

  it.each([
    ['a private one', ['10.0.0.1']],
    ['one that is public and one that is not', ['93.184.216.34', '127.0.0.1']],
    ['none', []],
  ])('refuses a name that leads to %s, and connects to nothing (EXT-4)', async (_name, addresses) => {
    let hits = 0;
    const { resolve, asked } = resolvingTo(...addresses);
    const count = () => {
      hits += 1;
    };
    const { fetch, port } = await serve(count, { resolve });
    expect(await why(fetch(`https://rebinding.example:${port}/`))).toBe(
      'the name leads to an address that is not public',
    );
    expect({ asked, hits }).toEqual({ asked: ['rebinding.example'], hits: 0 });
  });

  it('allows plain HTTP and a private address at an origin of the list, and at no other port', async () => {
    const { origin, port, fetch } = await serve((_request, response) => void response.end('ok'));
    expect(await (await fetch(origin)).text()).toBe('ok');
    expect(await why(fetch(`http://127.0.0.1:${port + 1}/`))).toBe(
      'FetchRefused: the address is no https URL',
    );
  });

  it.each([301, 302, 303, 307, 308])('follows no redirect of status %s (EXT-4)', async (status) => {
    const paths: string[] = [];
    const { origin, fetch } = await serve((request, response) => {
      paths.push(request.url ?? '');
      response.writeHead(status, { location: '/elsewhere' }).end();
    });
    expect(await why(fetch(`${origin}/here`))).toBe('FetchRefused: the answer is a redirect');
    expect(paths).toEqual(['/here']);
  });

  it('ends an answer that does not begin, and one that does not end', async () => {
    const slow = await serve(() => {});
    expect(await why(slow.fetch(slow.origin))).toContain('TimeoutError');
    const endless = await serve((_request, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
    });
    expect(await why(endless.fetch(endless.origin))).toMatch(/TimeoutError/);
  });

  it('refuses an answer that is too large, and one that a compression hides', async () => {
    const options = { mostBytes: 10_000 };
    const large = await serve((_request, response) => void response.end('x'.repeat(20_000)), options);
    expect(await why(large.fetch(large.origin))).not.toBe('answered');
    const bomb = await serve((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(20_000)));
    }, options);
    expect(await why(bomb.fetch(bomb.origin))).toBe('FetchRefused: the answer has more than 10000 bytes');
    const fits = await serve((_request, response) => void response.end('x'.repeat(10_000)), options);
    expect(await why(fits.fetch(fits.origin))).toBe('answered');
  });

  it('ends what is under way when it is closed, once and again', async () => {
    const { origin, fetch, close } = await serve(() => {}, { timeoutMs: 60_000 });
    const waiting = why(fetch(origin));
    await close();
    await close();
    expect(await waiting).not.toBe('answered');
    expect(await why(fetch(origin))).not.toBe('answered');
  });

  it('gives up when who asks does', async () => {
    const { origin, fetch } = await serve(() => {}, { timeoutMs: 60_000 });
    expect(await why(fetch(origin, { signal: AbortSignal.timeout(50) }))).toContain('TimeoutError');
  });
});

describe('public addresses', () => {
  it.each(['8.8.8.8', '93.184.216.34', '2606:4700::1111', '::ffff:8.8.8.8'])('%s is public', (address) => {
    expect(isPublic(address)).toBe(true);
  });

  it.each([
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '169.254.169.254', '172.16.0.1', '192.0.0.1'],
    ...['192.0.2.1', '192.168.1.1', '198.18.0.1', '203.0.113.1', '224.0.0.1', '240.0.0.1', '255.255.255.255'],
    ...[
      '::',
      '::1',
      '::7f00:1',
      '::ffff:127.0.0.1',
      '64:ff9b::7f00:1',
      '100::1',
      '2001:db8::1',
      '2002:7f00:1::',
    ],
    ...['fc00::1', 'fe80::1', 'fec0::1', 'ff02::1', 'localhost', ''],
  ])('%s is not public', (address) => {
    expect(isPublic(address)).toBe(false);
  });
});
