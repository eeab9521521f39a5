import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type SilentProxy = Awaited<ReturnType<typeof startSilentProxy>>;

/**
 * A TCP proxy in front of a database server. It can keep the server's answers to itself, as a broken network does: what
 * was asked arrives and is done, and no answer, no reset and no end of the connection comes back.
 */
export async function startSilentProxy(databaseUrl: string) {
  const target = new URL(databaseUrl);
  const links = new Set<{ isSilent: boolean }>();
  const sockets = new Set<Socket>();
  let silencesNew = false;
  let silencedBy: string | undefined;

  const server = createServer({ allowHalfOpen: true }, (client) => {
    const link = { isSilent: silencesNew };
    links.add(link);
    const upstream = connect({ host: target.hostname, port: Number(target.port), allowHalfOpen: true });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // What one side does wrong ends the other one, unless nothing may be heard of it.
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('data', (bytes) => {
      if (silencedBy !== undefined && bytes.includes(silencedBy)) {
        link.isSilent = true;
        silencedBy = undefined;
      }
      upstream.write(bytes);
    });
    client.on('end', () => upstream.end());
    client.on('close', () => {
      links.delete(link);
      upstream.destroy();
    });
    upstream.on('data', (bytes) => {
      if (!link.isSilent) client.write(bytes);
    });
    upstream.on('end', () => {
      if (!link.isSilent) client.end();
    });
    upstream.on('close', () => {
      if (!link.isSilent) client.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const url = new URL(databaseUrl);
  url.port = String((server.address() as AddressInfo).port);

  return {
    /** The same database, through the proxy. */
    url: url.href,
    /** Nothing comes back any more over the next connection that carries this text. */
    silenceNext(text: string): void {
      silencedBy = text;
    },
    /** Nothing comes back any more over the connections that are open, nor over any new one until `allowNew`. */
    silenceAll(): void {
      silencesNew = true;
      for (const link of links) link.isSilent = true;
    },
    allowNew(): void {
      silencesNew = false;
    },
    async close(): Promise<void> {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
