import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';

/**
 * What the mail server does with the next letter:
 *
 * - `accept` it
 * - `refuse` or `defer` its address, `refuse-content` once it has it
 * - `drop` the connection: at once, when it is asked to take the letter, in the middle of it, when it has all of it
 * - `stall`: it says nothing, from the beginning or when it has all of it
 */
export type Mood =
  | 'accept'
  | 'refuse'
  | 'defer'
  | 'refuse-content'
  | 'drop-connection'
  | 'drop-before-content'
  | 'drop-in-content'
  | 'drop-after-content'
  | 'stall-greeting'
  | 'stall-after-content';

export interface ReceivedMail {
  readonly from: string;
  readonly to: string;
  /** Headers and body, as they came. */
  readonly content: string;
}

export type TestSmtpServer = Awaited<ReturnType<typeof startSmtpServer>>;

/** A real SMTP server on this machine, in whatever mood a test wants it. */
export async function startSmtpServer(options: ConstructorParameters<typeof SMTPServer>[0] = {}) {
  const received: ReceivedMail[] = [];
  const sockets = new Set<Socket>();
  const arrivals: (() => void)[] = [];
  let mood: Mood = 'accept';
  let connectionCount = 0;

  const drop = () => {
    for (const socket of sockets) socket.destroy();
  };
  const refusal = (responseCode: number, message: string) =>
    Object.assign(new Error(message), { responseCode });

  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    onConnect(_session, callback) {
      if (mood === 'drop-connection') drop();
      else if (mood !== 'stall-greeting') callback();
    },
    onRcptTo({ address }, _session, callback) {
      if (mood === 'refuse') callback(refusal(550, `5.1.1 <${address}> is nobody here`));
      else if (mood === 'defer') callback(refusal(451, '4.7.1 Greylisted'));
      else callback();
    },
    onData(stream, { envelope }, callback) {
      if (mood === 'drop-before-content') return drop();
      if (mood === 'drop-in-content') return void stream.once('data', drop);
      void text(stream).then((content) => {
        const { mailFrom, rcptTo } = envelope;
        const to = rcptTo.map(({ address }) => address).join();
        // What it quotes is what the letter says.
        if (mood === 'refuse-content') return callback(refusal(554, `5.7.1 Refused: ${content}`));
        received.push({ from: mailFrom === false ? '' : mailFrom.address, to, content });
        for (const arrived of arrivals.splice(0)) arrived();
        if (mood === 'drop-after-content') return drop();
        if (mood !== 'stall-after-content') callback();
      });
    },
    ...options,
  });
  server.on('error', () => {});
  server.server.on('connection', (socket) => {
    connectionCount += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const listener = server.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;

  return {
    port,
    url: `smtp://127.0.0.1:${port}`,
    received,
    connectionCount: () => connectionCount,
    setMood(next: Mood): void {
      mood = next;
    },
    /** Resolves with the next letter that it has whole, whatever it answers then. */
    nextArrival: () => new Promise<void>((resolve) => arrivals.push(resolve)),
    async stop(): Promise<void> {
      drop();
      await new Promise<void>((resolve) => server.close(resolve));
    },
  };
}
