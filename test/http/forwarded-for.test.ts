import { type AddressInfo, connect } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { AuthError } from '../../src/errors.ts';
import { createForwardedFor, readEntry } from '../../src/http/forwarded-for.ts';
import type { Caller } from '../../src/platform/caller.ts';
import { LOGIN, register } from '../support/documents.ts';
import { type HttpServer, useHttpServers } from '../support/http-server.ts';
import { describeApp, PASSWORD } from '../support/start-app.ts';

const serve = useHttpServers();

describe('readEntry', () => {
  it.each([
    ['203.0.113.9', '203.0.113.9'],
    [' 203.0.113.9\t', '203.0.113.9'],
    ['203.0.113.9:5678', '203.0.113.9'],
    ['203.0.113.9:0', '203.0.113.9'],
    ['"203.0.113.9"', '203.0.113.9'],
    ['"203.0.113.9:5678"', '203.0.113.9'],
    [' "203.0.113.9" ', '203.0.113.9'],
    ['[203.0.113.9]:80', '203.0.113.9'],
    ['2001:db8::1', '2001:db8::1'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['"[2001:db8::1]"', '2001:db8::1'],
    ['"[2001:db8::1]:443"', '2001:db8::1'],
    ['"2001:db8::1"', '2001:db8::1'],
    ['2001:db8:0:0:0:0:0:1:443', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%eth0]:443', 'fe80::1'],
    ['[fe80::1%25eth0]', 'fe80::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['::ffff:cb00:7109', '203.0.113.9'],
    ['[::ffff:203.0.113.9]:443', '203.0.113.9'],
    ['::1', '::1'],
  ])('readEntry reads the address in %j', (entry, address) => {
    expect(readEntry(entry)).toBe(address);
  });

  it.each([
    '',
    ' ',
    'unknown',
    '"unknown"',
    '_hidden',
    '_SEVKISEK',
    'unix:',
    '-',
    'null',
    'localhost',
    'proxy.example.com',
    'for=203.0.113.9',
    '203.0.113',
    '203.0.113.256',
    '203.0.113.009',
    '0xcb.0.113.9',
    '3405803785',
    '127.1',
    '203.0.113.9/32',
    '203.0.113.9:port',
    '203.0.113.9:123456',
    '203.0.113.9 10.0.0.1',
    '203.0.113.9;10.0.0.1',
    '"203.0.113.9',
    '203.0.113.9"',
    "'203.0.113.9'",
    '[2001:db8::1',
    '2001:db8::1]',
    '[]',
    '[]:80',
    ':80',
    '2001:db8::1::2',
    '2001:db8:0:0:0:0:0:0:1:443',
    'http://203.0.113.9',
    '203.0.113.9\u0000',
  ])('readEntry finds no address in %j', (entry) => {
    expect(readEntry(entry)).toBeUndefined();
  });
});

describe('createForwardedFor', () => {
  const { clientIn, isTrusted } = createForwardedFor([
    '127.0.0.1',
    '10.0.0.0/8',
    '::ffff:192.168.0.0/112',
    'fd00::/8',
    '2001:db8:ffff::1',
  ]);

  it.each([
    '127.0.0.1',
    '::ffff:127.0.0.1',
    '10.255.255.255',
    '::ffff:10.0.0.1',
    '192.168.1.1',
    'fd12::1',
    'fd12::1%eth0',
    '2001:db8:ffff::1',
  ])('isTrusted trusts %s as a configured proxy', (address) => {
    expect(isTrusted(address)).toBe(true);
  });

  it.each([
    '127.0.0.2',
    '11.0.0.1',
    '::1',
    '2001:db8:ffff::2',
    'fe80::1%eth0',
    '::ffff:11.0.0.1',
    '',
    'nonsense',
  ])('isTrusted does not trust %j', (address) => {
    expect(isTrusted(address)).toBe(false);
  });

  it.each<[string, string, string | undefined]>([
    ['one client', '203.0.113.9:1', '203.0.113.9'],
    ['an address that a client prepended', '1.1.1.1, 203.0.113.9:1', '203.0.113.9'],
    ['a trusted address that a client prepended', '10.0.0.1, 203.0.113.9', '203.0.113.9'],
    ['malformed entries that a client prepended', 'unknown, _x, , ", 203.0.113.9', '203.0.113.9'],
    ['several proxies', '203.0.113.9:1, [fd12::1]:443, "10.1.1.1:8080"', '203.0.113.9'],
    [
      'several proxies behind an address that a client prepended',
      '1.1.1.1, 203.0.113.9, 10.1.1.1:80,192.168.0.7',
      '203.0.113.9',
    ],
    ['trusted addresses alone', '10.1.1.1:80, 10.2.2.2', '10.1.1.1'],
    ['empty entries', ' ,203.0.113.9:1, ,, 10.1.1.1,', '203.0.113.9'],
    ['a proxy that hides its client', '203.0.113.9, unknown', undefined],
    ['a proxy that hides its client behind another one', '203.0.113.9, _hidden, 10.1.1.1', undefined],
    ['a proxy that hides its client behind a prepended one', '203.0.113.9, 203.0.113.256', undefined],
    ['no entry', '', undefined],
    ['nothing but commas', ' , ,', undefined],
  ])('clientIn finds the client, if there is one, in a list with %s', (_name, list, client) => {
    expect(clientIn(list)).toBe(client);
  });

  it('clientIn reads the last 50 entries, and takes the farthest one for the client when all are proxies', () => {
    const behind = (proxies: number) => `203.0.113.9${', 10.1.1.1'.repeat(proxies)}`;
    expect(clientIn(behind(49))).toBe('203.0.113.9');
    expect(clientIn(behind(50))).toBe('10.1.1.1');
    expect(clientIn(`203.0.113.9${', , 10.1.1.1'.repeat(49)}`)).toBe('203.0.113.9');
  });

  it('clientIn reads headers of the greatest length that repeat one entry or sign', () => {
    for (const list of [
      ','.repeat(16_384),
      '10.0.0.1,'.repeat(1_800),
      '"'.repeat(16_384),
      '['.repeat(16_384),
      '1:'.repeat(8_000),
    ])
      expect([undefined, '10.0.0.1']).toContain(clientIn(list));
  });
});

describe('the address of a request', () => {
  async function start(trustProxy: string[]) {
    const seen: string[] = [];
    const server = await serve({
      config: { trustProxy },
      createContext: ({ caller }: { caller: Caller }) => {
        seen.push(caller.ip);
        return { bearer: new AuthError('UNAUTHENTICATED'), caller };
      },
      login: {
        withPassword: async (_credentials, { ip }) => {
          seen.push(ip);
          throw new AuthError('INVALID_CREDENTIALS');
        },
      },
    });
    const ask = (headers: Record<string, string>, remoteAddress = '127.0.0.1') =>
      server.inject({
        method: 'POST',
        url: '/graphql',
        headers: { 'content-type': 'application/json', ...headers },
        remoteAddress,
        payload: '{"query":"{ __typename }"}',
      });
    const warnings = () => server.lines.filter(({ level }) => level === 40);
    return { ...server, seen, ask, warnings };
  }

  it('the address of a request is the one that a trusted proxy forwards, with a port or without, at every door (LOG-4)', async () => {
    const { inject, ask, seen, warnings } = await start(['127.0.0.1']);
    await ask({ 'x-forwarded-for': '203.0.113.9:5678' });
    await ask({ 'x-forwarded-for': '1.1.1.1, "[2001:db8::1]:443"' });
    await inject({
      method: 'POST',
      url: '/token',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-forwarded-for': '203.0.113.9:5678' },
      payload: 'username=a@b.example&password=p',
    });
    expect(seen).toEqual(['203.0.113.9', '2001:db8::1', '203.0.113.9']);
    expect(warnings()).toEqual([]);
  });

  it('the address of a request is its peer when the peer is not a trusted proxy', async () => {
    const { ask, seen, warnings } = await start(['10.0.0.0/8']);
    await ask({ 'x-forwarded-for': '203.0.113.9' }, '1.2.3.4');
    await ask({ 'x-forwarded-for': '10.0.0.1' }, '::ffff:1.2.3.4');
    await ask({ 'x-forwarded-for': 'unknown', forwarded: 'for=1.1.1.1', 'x-real-ip': '1.1.1.1' }, '2a00::9');
    expect(seen).toEqual(['1.2.3.4', '1.2.3.4', '2a00::9']);
    expect(warnings()).toEqual([]);
  });

  it.each(['x-forwarded-for', 'forwarded', 'x-real-ip'])(
    'a server without trusted proxies takes the peer for the client, and warns once of %s, without its value',
    async (header) => {
      const { ask, seen, warnings } = await start([]);
      await ask({});
      expect(warnings()).toEqual([]);
      for (const peer of ['172.18.0.2', '1.2.3.4']) await ask({ [header]: '203.0.113.9' }, peer);
      expect(seen).toEqual(['127.0.0.1', '172.18.0.2', '1.2.3.4']);
      expect(warnings()).toEqual([
        expect.objectContaining({ msg: expect.stringContaining('LATCHKEY_TRUST_PROXY'), peer: '172.18.0.2' }),
      ]);
      expect(JSON.stringify(warnings())).not.toContain('203.0');
    },
  );

  it('an untrusted peer is the client, and the log warns once when its private address may be that of a proxy', async () => {
    const { ask, seen, warnings } = await start(['10.0.0.0/8']);
    for (const peer of ['1.2.3.4', '::ffff:192.168.1.2', 'fd00::1', 'fe80::1%eth0'])
      await ask({ 'x-forwarded-for': '203.0.113.9' }, peer);
    expect(seen).toEqual(['1.2.3.4', '192.168.1.2', 'fd00::1', 'fe80::1%eth0']);
    expect(warnings()).toEqual([expect.objectContaining({ peer: '::ffff:192.168.1.2' })]);
  });

  it('a trusted proxy is the client when it forwards addresses only in headers that are not read, and the log says so', async () => {
    const { ask, seen, warnings } = await start(['10.0.0.0/8']);
    await ask({ forwarded: 'for=203.0.113.9' }, '10.0.0.1');
    await ask({ 'x-real-ip': '203.0.113.9' }, '10.0.0.1');
    await ask({ 'x-real-ip': '203.0.113.9', 'x-forwarded-for': '203.0.113.9' }, '10.0.0.1');
    expect(seen).toEqual(['10.0.0.1', '10.0.0.1', '203.0.113.9']);
    expect(warnings()).toHaveLength(1);
  });

  it('a trusted proxy is the client when its X-Forwarded-For cannot be read, and the log says so once, without the value', async () => {
    const { ask, seen, warnings } = await start(['10.0.0.0/8']);
    for (const list of ['unknown', '203.0.113.9, planted', ''])
      await ask({ 'x-forwarded-for': list }, '::ffff:10.0.0.1');
    await ask({ 'x-forwarded-for': '203.0.113.9' }, '10.0.0.1');
    expect(seen).toEqual(['10.0.0.1', '10.0.0.1', '10.0.0.1', '203.0.113.9']);
    expect(warnings()).toEqual([
      expect.objectContaining({ msg: expect.stringContaining('X-Forwarded-For'), peer: '::ffff:10.0.0.1' }),
    ]);
    expect(JSON.stringify(warnings())).not.toMatch(/planted|203\.0/);
  });

  it('X-Forwarded-For is read over all of its lines, the last line last (RFC 9110 §5.3)', async () => {
    const { app, seen } = await start(['127.0.0.1', '10.0.0.0/8']);
    await app.listen({ host: '127.0.0.1', port: 0 });
    for (const lines of [
      ['1.1.1.1', '203.0.113.9:80'],
      ['1.1.1.1, 203.0.113.9', '10.0.0.1:443', '10.0.0.2'],
      ['203.0.113.9', '', ' '],
    ])
      await raw(app, lines);
    expect(seen).toEqual(['203.0.113.9', '203.0.113.9', '203.0.113.9']);
  });
});

describeApp('a proxy that adds ports', (start) => {
  it('clients behind a proxy that adds ports stay apart: failures of one slow down no other (LOG-4, LOG-6)', async () => {
    const app = await start({ config: { networkFailures: 2 } });
    await register(app);
    const attempt = (email: string, password: string, ip: string) =>
      app.send(LOGIN, { input: { email, password } }, { ip });
    for (const port of [1, 2, 3, 4]) await attempt(`x${port}@example.com`, 'guess', `198.51.100.7:${port}`);
    const slowed = await attempt('ada@example.com', PASSWORD, '198.51.100.7:5');
    expect(slowed.code).toBe('TOO_MANY_REQUESTS');
    for (const ip of ['198.51.100.8:5', '[2001:db8::1]:443', '"[2001:db8:0:1::1]"'])
      expect((await attempt('ada@example.com', PASSWORD, ip)).code).toBe('OK');
    const { data } = await app
      .send(LOGIN, { input: { email: 'ada@example.com', password: PASSWORD } }, { ip: '203.0.113.9:1' })
      .then((answer) => app.send('{ sessions { ip } }', {}, { token: answer.data.login.accessToken }));
    expect(data.sessions.map(({ ip }: { ip: string }) => ip)).toEqual(
      expect.arrayContaining(['198.51.100.8', '2001:db8::1', '2001:db8:0:1::1', '203.0.113.9']),
    );
  });
});

/** Sends a query with a line of X-Forwarded-For for each of these. */
async function raw(app: HttpServer['app'], lines: readonly string[]): Promise<void> {
  const body = '{"query":"{ __typename }"}';
  const head = [
    'POST /graphql HTTP/1.1',
    'Host: x',
    'Connection: close',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    ...lines.map((line) => `X-Forwarded-For: ${line}`),
  ];
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`).resume();
  await new Promise((resolve) => socket.on('close', resolve));
}
