import type { ChildProcess } from 'node:child_process';

/** How often a worker reports what it took, and the primary process compares. */
export const REPORT_EVERY_MS = 1_000;
/** So many comparisons in a row without any connection taken, though one was handed over: no event loop is that busy. */
const STUCK_AFTER_REPORTS = 5;

/** A connection, as node:cluster sends it. */
interface Handle {
  close(): void;
}

/**
 * The primary process keeps its copy of a connection until the worker says that it took it. From one that dies before
 * no word comes, nor from one that has no descriptor left to take it with. The client would wait for an answer as long
 * as it has patience; node:cluster would never hand over anything to that worker again, and says nothing. So what is
 * sent is counted here, and compared with what the worker reports. The copy is closed when the worker is given up: the
 * client is reset, and asks again.
 */
export function watchHandOver(child: ChildProcess) {
  // One at a time, as node:cluster waits for the word. Closing what was taken, and closed, does nothing.
  let latest: Handle | undefined;
  let handedOver = 0;
  let taken = 0;
  child.send = new Proxy(child.send, {
    apply(send, self, args: [message: unknown, handle?: Handle | null]) {
      if (args[1] != null) {
        latest = args[1];
        handedOver += 1;
      }
      return Reflect.apply(send, self, args);
    },
  });
  const close = () => latest?.close();
  // When its exit and its last word have been heard, in whatever order. With a word that is owed, no `disconnect` comes.
  child.once('close', close);

  let timer: NodeJS.Timeout | undefined;
  const stuck = new Promise<'stuck'>((resolve) => {
    let before = taken;
    let idleReports = 0;
    timer = setInterval(() => {
      idleReports = handedOver > taken && taken === before ? idleReports + 1 : 0;
      before = taken;
      if (idleReports >= STUCK_AFTER_REPORTS) resolve('stuck');
    }, REPORT_EVERY_MS).unref();
  });

  return {
    stuck,
    close,
    taken(count: number): void {
      taken = count;
    },
    stop: () => clearInterval(timer),
  };
}
