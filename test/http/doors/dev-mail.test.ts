import { afterEach, describe, expect, it } from '@jest/globals';
import type { InjectOptions } from 'fastify';
import type { Config } from '../../../src/config/config.ts';
import { RESET_PASSWORD } from '../../../src/core/passwords/mails.ts';
import { START, startApp, type TestApp } from '../../support/start-app.ts';

const TOKEN = 'a-token-that-nobody-may-see';

const running: TestApp[] = [];
afterEach(async () => {
  for (const app of running.splice(0)) await app.stop();
});

/** A server that has a mail to send, with a mail server or without. */
async function start(config: Partial<Config> = {}): Promise<TestApp> {
  const app = await startApp({ engine: 'sqlite', config, mailer: null });
  running.push(app);
  const message = {
    to: `"<script>alert('x')</script>"@example.com`,
    template: RESET_PASSWORD.template,
    path: `/reset-password#token=${TOKEN}&next=/`,
    expiresAt: START + 60_000,
  } as const;
  await app.database.transaction((sql) => app.mail.enqueue(sql, message));
  await app.mail.turn();
  return app;
}

describe('/dev/mail', () => {
  it('/dev/mail shows the mail that development does not send, with a link to click on', async () => {
    const app = await start();
    const { statusCode, headers, body } = await app.server.inject('/dev/mail');
    expect([statusCode, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'content-security-policy': expect.stringMatching(/^default-src 'none';.*frame-ancestors 'none'/),
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
    });
    const policy = String(headers['content-security-policy']);
    const [, nonce] = /script-src 'nonce-([\w+/=]{22,})'(;|$)/.exec(policy) ?? [];
    const url = `http://localhost:3000/reset-password#token=${TOKEN}&#38;next=/`;
    expect(body).toContain(`<a href="${url}">${url}</a>`);
    expect(body).toContain('To &#34;&#60;script&#62;');
    // Nothing of a mail is a script: each script is the page's own.
    const scripts = [...body.matchAll(/<script[^>]*>/g)].map(([tag]) => tag);
    expect(scripts).toHaveLength(2);
    for (const tag of scripts) expect(tag).toContain(`nonce="${nonce}"`);
    const list = await app.server.inject('/dev/mail/list');
    expect(list.body).toContain(`<a href="${url}">${url}</a>`);
    expect(list.body).not.toContain('<script');

    const [, page = ''] = /<a href="(\/dev\/mail\/[\w-]+)">/.exec(body) ?? [];
    const html = await app.server.inject(page);
    expect(html.body).toContain(`<a href="${url}">Choose a new password</a>`);
    const letterPolicy = html.headers['content-security-policy'];
    expect(letterPolicy).toMatch(/^default-src 'none';.*frame-ancestors 'none'$/);
    expect(letterPolicy).not.toContain('script-src');
    expect((await app.server.inject('/dev/mail/0')).statusCode).toBe(404);
  });

  it('a mail that is not sent has one line in the log, without its token (AUD-2)', async () => {
    const app = await start();
    expect(app.lines.filter((line) => line.includes('/dev/mail: Reset your password'))).toHaveLength(1);
    expect(app.lines.join()).not.toContain(TOKEN);
  });

  it.each<[string, Partial<Config>]>([
    ['in production', { mode: 'production', introspection: false }],
    ['when there is a mail server', { smtp: { host: '127.0.0.1', port: 9, tls: 'off' } }],
  ])('/dev/mail answers NOT_FOUND %s', async (_, config) => {
    const app = await start(config);
    for (const url of ['/dev/mail', '/dev/mail/list', '/dev/mail/events'])
      expect((await app.server.inject(url)).json()).toMatchObject({
        errors: [{ extensions: { code: 'NOT_FOUND' } }],
      });
  });

  it.each<[string, InjectOptions]>([
    ['a machine elsewhere', { remoteAddress: '192.0.2.1' }],
    ['a proxy on this machine', { headers: { 'x-forwarded-for': '192.0.2.1' } }],
    ['a proxy on this machine that sends Forwarded', { headers: { forwarded: 'for=192.0.2.1' } }],
    ['a proxy on this machine that sends X-Real-IP', { headers: { 'x-real-ip': '192.0.2.1' } }],
    ['a website whose name resolves to this machine', { headers: { host: 'evil.example:4000' } }],
    ['a page of an allowed origin', { headers: { origin: 'https://studio.apollographql.com' } }],
  ])('/dev/mail answers 404 to %s', async (_, request) => {
    const app = await start();
    const [, letter = ''] =
      /<a href="(\/dev\/mail\/[\w-]+)">/.exec((await app.server.inject('/dev/mail')).body) ?? [];
    for (const url of ['/dev/mail', '/dev/mail/list', '/dev/mail/events', letter]) {
      const { statusCode, body } = await app.server.inject({ url, ...request });
      expect([url, statusCode]).toEqual([url, 404]);
      expect(body).not.toContain(TOKEN);
    }
  });

  it.each<[string, InjectOptions]>([
    ['127.0.0.1', { headers: { host: '127.0.0.1:4000' } }],
    ['[::1]', { headers: { host: '[::1]:4000' }, remoteAddress: '::1' }],
    ['localhost over IPv6', { headers: { host: 'localhost:4000' }, remoteAddress: '::ffff:127.0.0.1' }],
  ])('/dev/mail answers at %s', async (_, request) => {
    const app = await start();
    expect((await app.server.inject({ url: '/dev/mail', ...request })).statusCode).toBe(200);
  });

  it('/dev/mail/events streams that there is new mail, and does not hold up the end of the server', async () => {
    const app = await start();
    const origin = await app.server.listen({ host: '127.0.0.1', port: 0 });
    const response = await fetch(`${origin}/dev/mail/events`);
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const words = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const first = (await words?.read())?.value;
    expect(first).toMatch(/^data: [\w-]{8,}\n\n$/);

    const message = {
      to: 'ada@example.com',
      template: RESET_PASSWORD.template,
      path: '/reset-password#token=x',
      expiresAt: START + 60_000,
    } as const;
    await app.database.transaction((sql) => app.mail.enqueue(sql, message));
    await app.mail.turn();
    const second = (await words?.read())?.value;
    expect(second).toMatch(/^data: [\w-]{8,}\n\n$/);
    expect(second).not.toBe(first);

    const begun = performance.now();
    const closed = app.server.close();
    expect((await words?.read())?.done).toBe(true);
    await closed;
    // Requests under way have ten seconds.
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});
