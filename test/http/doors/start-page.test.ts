import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { InjectOptions } from 'fastify';
import { parse, validate } from 'graphql';
import type { Config } from '../../../src/config/config.ts';
import { startApp, type TestApp } from '../../support/start-app.ts';

const running: TestApp[] = [];
afterEach(async () => {
  for (const app of running.splice(0)) await app.stop();
});

async function start(config: Partial<Config> = {}): Promise<TestApp> {
  const app = await startApp({ engine: 'sqlite', config });
  running.push(app);
  return app;
}

const dataOf = (body: string): { documents: Record<string, string>; account: { email: string } } =>
  JSON.parse(/<script [^>]*id="page-data">(.*?)<\/script>/.exec(body)?.[1] ?? '');

describe('the start page', () => {
  it('the start page is at / in development, under a policy that lets only its own code run', async () => {
    const app = await start();
    const { statusCode, headers, body } = await app.server.inject('/');
    expect([statusCode, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    const policy = String(headers['content-security-policy']);
    const [, nonce] = /script-src 'nonce-([\w+/=]{22,})'/.exec(policy) ?? [];
    expect(policy).toBe(
      [
        "default-src 'none'",
        `script-src 'nonce-${nonce}'`,
        `style-src 'nonce-${nonce}'`,
        'img-src data:',
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
      ].join('; '),
    );
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
    });
    const again = await app.server.inject('/');
    expect(again.headers['content-security-policy']).not.toBe(policy);
    expect(dataOf(again.body).account.email).not.toBe(dataOf(body).account.email);
    expect(body).not.toMatch(/\{\{\w+\}\}|\bon\w+="|style="/);
  });

  it('the start page links to every endpoint by the host that the browser uses', async () => {
    const app = await start();
    const { body } = await app.server.inject({ url: '/', headers: { host: '127.0.0.1:4123' } });
    for (const path of [
      '/graphql',
      '/graphiql',
      '/dev/mail',
      '/.well-known/jwks.json',
      '/readyz',
      '/livez',
    ]) {
      expect(body).toContain(`<a href="${path}">http://127.0.0.1:4123${path}</a>`);
      expect((await app.server.inject(path)).statusCode).not.toBe(path === '/dev/mail' ? 500 : 404);
    }
    expect(body).toContain('<code>http://localhost:4000</code>');
  });

  it.each<[string, Partial<Config>, string]>([
    [
      'a database file by its whole path',
      { databaseUrl: 'file:data/x.db' },
      `<code>${process.cwd()}/data/x.db</code>`,
    ],
    [
      'a database server without its password',
      { databaseUrl: 'postgres://ada:s3cret@db/x' },
      '<code>postgres://ada:***@db/x</code>',
    ],
    [
      'the mail server in place of the mail page',
      { smtp: { host: 'mail.example', port: 25, tls: 'off' } },
      '<code>mail.example:25</code>',
    ],
  ])('the start page names %s', async (_, config, part) => {
    const app = await start(config);
    const { body } = await app.server.inject('/');
    expect(body).toContain(part);
    expect(body).not.toContain('s3cret');
    expect(body.includes('href="/dev/mail"')).toBe(config.smtp === undefined);
  });

  it('the documents of the start page fit the schema, with one operation each', async () => {
    const app = await start();
    const { documents } = dataOf((await app.server.inject('/')).body);
    expect(Object.keys(documents)).toEqual(['register', 'login', 'me', 'refreshToken', 'logout']);
    for (const document of Object.values(documents)) {
      expect(parse(document).definitions).toHaveLength(1);
      expect(validate(app.schema, parse(document))).toEqual([]);
    }
  });

  it('the start page links to documents that exist', async () => {
    const app = await start();
    const { body } = await app.server.inject('/');
    const paths = [
      ...body.matchAll(
        /href="https:\/\/github\.com\/latchkey-auth\/latchkey\/(?:blob|tree)\/main\/([^"]+)"/g,
      ),
    ];
    expect(paths.length).toBeGreaterThan(2);
    for (const [, path] of paths)
      expect([path, existsSync(fileURLToPath(new URL(`../../../${path}`, import.meta.url)))]).toEqual([
        path,
        true,
      ]);
  });
});

describe('pages of development', () => {
  const PAGES = [
    '/',
    '/graphiql',
    '/graphiql/graphiql.js',
    '/graphiql/react.js',
    '/dev/mail',
    '/dev/mail/events',
  ];

  it('pages of development answer NOT_FOUND in production', async () => {
    const app = await start({ mode: 'production', introspection: false });
    for (const url of PAGES) {
      const { statusCode, body } = await app.server.inject({ url, headers: { accept: 'text/html' } });
      expect([url, statusCode, JSON.parse(body).errors[0].extensions.code]).toEqual([url, 404, 'NOT_FOUND']);
    }
  });

  it.each<[string, InjectOptions]>([
    ['a machine elsewhere', { remoteAddress: '192.0.2.1' }],
    ['a proxy on this machine', { headers: { 'x-forwarded-for': '192.0.2.1' } }],
    ['a website whose name resolves to this machine', { headers: { host: 'evil.example:4000' } }],
    ['a page of another port', { headers: { origin: 'http://localhost:3000' } }],
    ['a host name with a path', { headers: { host: 'localhost/x' } }],
    [
      'a page of another site that wants a picture',
      { headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' } },
    ],
  ])('the start page answers 404 to %s', async (_, request) => {
    const app = await start();
    expect((await app.server.inject({ url: '/', ...request })).statusCode).toBe(404);
  });

  it('the start page opens for a link of another site', async () => {
    const app = await start();
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    expect((await app.server.inject({ url: '/', headers })).statusCode).toBe(200);
  });

  it('GraphiQL is served whole, with the nonce on each script', async () => {
    const app = await start();
    const { headers, body } = await app.server.inject('/graphiql');
    const [, nonce] =
      /script-src 'nonce-([\w+/=]{22,})';/.exec(String(headers['content-security-policy'])) ?? [];
    const files = [...body.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => String(path));
    expect(files).toHaveLength(4);
    for (const url of files) {
      const file = await app.server.inject(url);
      expect([url, file.statusCode]).toEqual([url, 200]);
      expect(file.headers['content-type']).toMatch(/^text\/(css|javascript); charset=utf-8$/);
      expect(file.body.length).toBeGreaterThan(10_000);
    }
    for (const [tag] of body.matchAll(/<(?:script|style|link rel="stylesheet")[^>]*>/g))
      expect(tag).toContain(`nonce="${nonce}"`);
    expect(body).not.toMatch(/(?:src|href)="https?:/);
  });
});
