import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { nextTick } from 'node:process';

interface Line {
  /** Requests of the socket so far. */
  count: number;
  /** Those that wait for the one before them to be answered. */
  waiting: number;
}

/**
 * Calls `begin` for the requests of one socket one after another, and for `most` of them. Node begins all that a client
 * pipelines (RFC 9112 §9.3.2) at once: a write of a thousand requests would keep everybody else waiting until all are
 * answered. Here the next one begins in a turn of the event loop of its own, and meanwhile nothing more of that socket is
 * read.
 */
export function createTurns(most: number) {
  const lines = new WeakMap<Socket, Line>();

  function lineOf(socket: Socket): Line {
    const known = lines.get(socket);
    if (known !== undefined) return known;
    const line = { count: 0, waiting: 0 };
    lines.set(socket, line);
    return line;
  }

  return ({ socket }: IncomingMessage, response: ServerResponse, begin: () => void): void => {
    const line = lineOf(socket);
    line.count += 1;
    // RFC 9112 §9.6: the socket closes after this answer, and what was sent behind it is not looked at.
    if (line.count === most) response.setHeader('connection', 'close');
    // A response has its socket when it is the next one to be written.
    if (response.socket !== null) {
      begin();
      return;
    }
    line.waiting += 1;
    // Behind what the request before it may have scheduled: a `resume` of the same turn would outlast a `pause` now.
    nextTick(() => {
      if (line.waiting > 0) socket.pause();
    });
    response.once('socket', () =>
      setImmediate(() => {
        line.waiting -= 1;
        if (line.waiting === 0) socket.resume();
        begin();
      }),
    );
  };
}
