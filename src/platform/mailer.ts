import { Readable } from 'node:stream';
import type SMTPConnection from 'nodemailer/lib/smtp-connection';
import { asciiAddress } from './email-address.ts';

/** Where mail is handed in. */
export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  readonly tls: 'from the start' | 'starttls' | 'off';
  readonly login?: { readonly user: string; readonly pass: string } | undefined;
}

/** A mail address and whose it is; the name may be empty. */
export interface Mailbox {
  readonly name: string;
  readonly address: string;
}

export interface Letter {
  /** The same at every delivery, so that a mailbox knows the second one for the first. */
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface Mailer {
  /**
   * Resolves once the mail server has taken the letter over.
   *
   * @throws MailError within 70 seconds, whatever the mail server does.
   */
  send(letter: Letter): Promise<void>;
  /** Breaks off what is under way. */
  close(): void;
}

/**
 * Why a letter was not taken over. The message is made of codes alone, and there is no cause: mail servers quote what
 * they refuse, and a letter may hold a token.
 */
export class MailError extends Error {
  override readonly name = 'MailError';
  /**
   * - `refused`: not now and not later (5xx to the addresses or the letter)
   * - `deferred`: not now (4xx)
   * - `unreachable`: the letter was never handed over
   * - `unanswered`: it was, and nobody knows what became of it
   */
  readonly kind: 'refused' | 'deferred' | 'unreachable' | 'unanswered';

  constructor(kind: MailError['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}

const TIMEOUTS_MS = {
  /** Until there is a connection, and until the mail server says who it is. */
  connection: 10_000,
  /** Between two signs of life. */
  silence: 20_000,
  /** For all of it: a mail server may send a byte now and then. */
  sending: 60_000,
};

export interface MailerOptions {
  readonly smtp: SmtpServer;
  readonly from: Mailbox;
  readonly timeoutsMs?: typeof TIMEOUTS_MS;
}

type Connection = InstanceType<typeof SMTPConnection>;

/** Hands letters in by SMTP (RFC 5321), each over a connection of its own. */
export async function createMailer({ smtp, from, timeoutsMs = TIMEOUTS_MS }: MailerOptions): Promise<Mailer> {
  // Loaded where mail is sent only: it takes 100 ms.
  const { default: MailComposer } = await import('nodemailer/lib/mail-composer');
  const connect = await connector(smtp, timeoutsMs);
  const open = new Set<Connection>();
  const sender = { ...from, address: forMailServers(from.address) };

  function compose({ id, to, subject, text, html }: Letter): Promise<Buffer> {
    const content = { from: sender, to: { name: '', address: to }, subject, text, html };
    return new MailComposer({
      ...content,
      messageId: `<${id}@${sender.address.split('@')[1]}>`,
      // RFC 3834 §5: nobody's automatic reply answers it.
      headers: { 'Auto-Submitted': 'auto-generated' },
      disableFileAccess: true,
      disableUrlAccess: true,
    })
      .compile()
      .build();
  }

  return {
    async send(letter) {
      const to = forMailServers(letter.to);
      const message = await compose({ ...letter, to });
      let isHandedOver = false;
      // Read when the mail server has agreed to the addresses and asks for the letter.
      const content = new Readable({
        read() {
          isHandedOver = true;
          this.push(message);
          this.push(null);
        },
      });
      const connection = connect();
      open.add(connection);
      const deadline = setTimeout(() => connection.close(), timeoutsMs.sending);
      try {
        await converse(connection, smtp, (done) =>
          connection.send({ from: sender.address, to }, content, done),
        );
      } catch (error) {
        throw mailErrorOf(error as SmtpError, isHandedOver);
      } finally {
        clearTimeout(deadline);
        open.delete(connection);
        connection.close();
      }
    },

    close() {
      for (const connection of open) connection.close();
    },
  };
}

/**
 * Connects to a mail server and logs in, as for a letter, and sends none.
 *
 * @throws MailError
 */
export async function checkMailServer(smtp: SmtpServer, timeoutsMs = TIMEOUTS_MS): Promise<void> {
  const connect = await connector(smtp, timeoutsMs);
  const connection = connect();
  const deadline = setTimeout(() => connection.close(), timeoutsMs.sending);
  try {
    await converse(connection, smtp, (done) => done());
  } catch (error) {
    throw mailErrorOf(error as SmtpError, false);
  } finally {
    clearTimeout(deadline);
    connection.close();
  }
}

async function connector(smtp: SmtpServer, timeoutsMs: typeof TIMEOUTS_MS): Promise<() => Connection> {
  const { default: Connection } = await import('nodemailer/lib/smtp-connection');
  return () =>
    new Connection({
      host: smtp.host,
      port: smtp.port,
      secure: smtp.tls === 'from the start',
      requireTLS: smtp.tls === 'starttls',
      ignoreTLS: smtp.tls === 'off',
      connectionTimeout: timeoutsMs.connection,
      dnsTimeout: timeoutsMs.connection,
      greetingTimeout: timeoutsMs.connection,
      socketTimeout: timeoutsMs.silence,
    });
}

/** Connects, logs in where that is configured, and does what is to be done. */
function converse(
  connection: Connection,
  { login }: SmtpServer,
  work: (done: (error?: Error | null) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error?: Error | null) => (error ? reject(error) : resolve());
    connection.on('error', reject);
    // Whoever closed it. What is known of the reason comes in the same turn.
    connection.on('end', () => setImmediate(reject, { code: 'ECONNECTION' }));
    connection.connect((error) => {
      if (error) reject(error);
      else if (login === undefined) work(finish);
      else connection.login({ ...login }, (refused) => (refused ? reject(refused) : work(finish)));
    });
  });
}

/** As they read it without extensions (RFC 6531 is not offered by all of them). */
function forMailServers(address: string): string {
  return asciiAddress(address) ?? address;
}

/** What nodemailer says of a failure. */
interface SmtpError {
  readonly code?: string;
  /** What the system called it. */
  readonly originalCode?: string;
  readonly command?: string;
  readonly response?: string;
  readonly responseCode?: number;
  /** 5xx, as far as it is about the letter. */
  readonly permanent?: boolean;
}

function mailErrorOf(error: SmtpError, isHandedOver: boolean): MailError {
  const { code, originalCode, command, response, responseCode, permanent } = error;
  // RFC 3463: the status that tells more than the reply code, as in 5.1.1 for an address that is none.
  const [, status] = /^\d{3}[ -](\d\.\d{1,3}\.\d{1,3})\b/.exec(response ?? '') ?? [];
  const words = [responseCode ?? originalCode ?? code ?? 'UNKNOWN', status, responseCode && `to ${command}`];
  return new MailError(kindOf(), words.filter(Boolean).join(' '));

  function kindOf(): MailError['kind'] {
    // Without a reply the address is one that cannot be sent.
    if (code === 'EENVELOPE' || code === 'EMESSAGE')
      return permanent || responseCode === undefined ? 'refused' : 'deferred';
    if (!isHandedOver) return 'unreachable';
    return responseCode === undefined ? 'unanswered' : 'deferred';
  }
}
