import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from '@jest/globals';
import tlsOptions from 'smtp-server/lib/tls-options';
import { createMailer, type MailError, type Mailer, type SmtpServer } from '../../src/platform/mailer.ts';
import { type Mood, startSmtpServer, type TestSmtpServer } from '../support/smtp-server.ts';

const LETTER = {
  id: '0b9f7c1e',
  to: 'ada@example.com',
  subject: 'Grüße',
  text: 'https://app.example.com/verify-email#token=abc\n',
  // More than a socket takes at once.
  html: '<p>hello</p>\n'.repeat(30_000),
};
const FROM = { name: 'Example', address: 'accounts@example.com' };
/** As long as a test may take, but where it waits for one of them. */
const PATIENT_MS = { connection: 60_000, silence: 60_000, sending: 60_000 };

const servers: TestSmtpServer[] = [];
const mailers: Mailer[] = [];
afterEach(async () => {
  for (const mailer of mailers.splice(0)) mailer.close();
  for (const server of servers.splice(0)) await server.stop();
});

async function start(mood: Mood = 'accept', options?: Parameters<typeof startSmtpServer>[0]) {
  const server = await startSmtpServer(options);
  servers.push(server);
  server.setMood(mood);
  return server;
}

async function mailerFor(
  port: number,
  { smtp, timeoutsMs }: { smtp?: Partial<SmtpServer>; timeoutsMs?: Partial<typeof PATIENT_MS> } = {},
) {
  const mailer = await createMailer({
    smtp: { host: '127.0.0.1', port, tls: 'off', ...smtp },
    from: FROM,
    timeoutsMs: { ...PATIENT_MS, ...timeoutsMs },
  });
  mailers.push(mailer);
  return mailer;
}

function failureOf(sending: Promise<void>): Promise<Pick<MailError, 'kind' | 'message'>> {
  return sending.then(
    () => {
      throw new Error('the letter was sent');
    },
    ({ kind, message }: MailError) => ({ kind, message }),
  );
}

describe('the mailer', () => {
  it('the mailer sends text and HTML with a stable Message-ID, marked as auto-generated', async () => {
    const server = await start();
    const mailer = await mailerFor(server.port);
    await mailer.send(LETTER);
    const [mail] = server.received;
    expect(mail).toMatchObject({ from: FROM.address, to: LETTER.to });
    for (const header of [
      'From: Example <accounts@example.com>',
      'To: ada@example.com',
      'Message-ID: <0b9f7c1e@example.com>',
      'Auto-Submitted: auto-generated',
      'Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=',
      'Content-Type: text/plain',
      'Content-Type: text/html',
    ])
      expect(mail?.content).toContain(header);
  });

  it.each([
    ['Acme, Inc.', 'From: "Acme, Inc." <accounts@xn--bcher-kva.example>'],
    ['The "best"', 'From: "The \\"best\\"" <accounts@xn--bcher-kva.example>'],
    ['Bücher', 'From: =?UTF-8?Q?B=C3=BCcher?= <accounts@xn--bcher-kva.example>'],
  ])('the mailer spells names and domains as every mail server reads them: %s', async (name, from) => {
    const server = await start();
    const mailer = await createMailer({
      smtp: { host: '127.0.0.1', port: server.port, tls: 'off' },
      from: { name, address: 'accounts@bücher.example' },
    });
    mailers.push(mailer);
    await mailer.send({ ...LETTER, to: 'info@Bücher.example' });
    const [mail] = server.received;
    for (const header of [from, 'To: info@xn--bcher-kva.example', '@xn--bcher-kva.example>'])
      expect(mail?.content).toContain(header);
  });
});

describe('a mail server that does not take a letter', () => {
  it.each<[Mood, MailError['kind'], string | RegExp]>([
    ['refuse', 'refused', '550 5.1.1 to RCPT TO'],
    ['refuse-content', 'refused', '554 5.7.1 to DATA'],
    ['defer', 'deferred', '451 4.7.1 to RCPT TO'],
    ['drop-connection', 'unreachable', /^(ECONNECTION|ECONNRESET|EPIPE)$/],
    ['drop-before-content', 'unreachable', /^(ECONNECTION|ECONNRESET|EPIPE)$/],
    ['drop-in-content', 'unanswered', /^(ECONNECTION|ECONNRESET|EPIPE)$/],
    ['drop-after-content', 'unanswered', /^(ECONNECTION|ECONNRESET|EPIPE)$/],
  ])(
    'a letter to a mail server with the behaviour %s fails as %s, in codes that quote nothing (CR-8, AUD-2)',
    async (mood, kind, message) => {
      const server = await start(mood);
      const mailer = await mailerFor(server.port);
      expect(await failureOf(mailer.send(LETTER))).toEqual({
        kind,
        message: typeof message === 'string' ? message : expect.stringMatching(message),
      });
    },
  );

  it.each<[Mood, keyof typeof PATIENT_MS, MailError['kind']]>([
    ['stall-greeting', 'connection', 'unreachable'],
    ['stall-after-content', 'silence', 'unanswered'],
  ])('a letter to a mail server with the behaviour %s is given up (CR-8)', async (mood, timeout, kind) => {
    const server = await start(mood);
    const mailer = await mailerFor(server.port, { timeoutsMs: { [timeout]: 2_000 } });
    expect(await failureOf(mailer.send(LETTER))).toEqual({ kind, message: 'ETIMEDOUT' });
  });

  it('a mail server that never comes to the end of its greeting is given up (CR-8)', async () => {
    const dripping = createServer((socket) => {
      const timer = setInterval(() => socket.write('220-wait\r\n'), 10);
      socket.on('error', () => {}).on('close', () => clearInterval(timer));
    }).listen(0, '127.0.0.1');
    await once(dripping, 'listening');
    const { port } = dripping.address() as AddressInfo;
    const mailer = await mailerFor(port, { timeoutsMs: { sending: 200 } });
    expect(await failureOf(mailer.send(LETTER))).toMatchObject({ kind: 'unreachable' });
    dripping.close();
  });

  it('a mail server that does not listen is reported as unreachable', async () => {
    const server = await start();
    await server.stop();
    const mailer = await mailerFor(server.port);
    expect(await failureOf(mailer.send(LETTER))).toEqual({ kind: 'unreachable', message: 'ECONNREFUSED' });
  });

  it('a mailer that is closed gives up the letter that a stalled mail server has not answered', async () => {
    const server = await start('stall-after-content');
    const mailer = await mailerFor(server.port);
    const arrived = server.nextArrival();
    const failure = failureOf(mailer.send(LETTER));
    await arrived;
    mailer.close();
    expect(await failure).toMatchObject({ kind: 'unanswered' });
  });
});

describe('TLS to a mail server', () => {
  it('a mailer that requires STARTTLS sends neither letter nor password to a mail server without it', async () => {
    const passwords: unknown[] = [];
    const server = await start('accept', {
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth: ({ password }, _session, callback) => {
        passwords.push(password);
        callback(null, { user: 'latchkey' });
      },
    });
    const login = { user: 'latchkey', pass: 'a password for mail' };
    const withTls = await mailerFor(server.port, { smtp: { tls: 'starttls', login } });
    expect(await failureOf(withTls.send(LETTER))).toMatchObject({ kind: 'unreachable' });
    expect([server.received, passwords]).toEqual([[], []]);

    const without = await mailerFor(server.port, { smtp: { tls: 'off', login } });
    await without.send(LETTER);
    expect([server.received.length, passwords]).toEqual([1, [login.pass]]);
  });

  it('a mailer with TLS from the start refuses a certificate that proves nothing, and sends nothing', async () => {
    let received = '';
    // The mail server's own, whose key is published with it.
    const { key, cert } = tlsOptions();
    const server = createTlsServer({ key, cert }, (socket) => {
      socket.on('data', (chunk) => {
        received += chunk;
      });
      socket.on('error', () => {}).write('220 mail.example.com\r\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const mailer = await mailerFor(port, { smtp: { tls: 'from the start' } });
    expect(await failureOf(mailer.send(LETTER))).toMatchObject({ kind: 'unreachable' });
    expect(received).toBe('');
    server.close();
  });

  it('a wrong password for the mail server makes it unreachable, and is no fault of the letter', async () => {
    const server = await start('accept', {
      allowInsecureAuth: true,
      onAuth: (_auth, _session, callback) => callback(new Error('Wrong')),
    });
    const mailer = await mailerFor(server.port, { smtp: { login: { user: 'latchkey', pass: 'wrong' } } });
    expect(await failureOf(mailer.send(LETTER))).toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/^535( \S+)? to AUTH/),
    });
  });
});
