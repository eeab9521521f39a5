import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import type { Server } from 'node:net';
import type { Readable } from 'node:stream';
import { REPORT_EVERY_MS, watchHandOver } from './hand-over.ts';

/** Sooner than this after it listened, or before, a worker dies of something that may end the next one too. */
const STEADY_AFTER_MS = 2_000;
/** How long a worker that takes nothing may still serve whom it has. */
const RETIRE_MS = 20_000;

/** From a worker to the primary process. */
interface Report {
  /** Where it listens. */
  readonly listening?: string;
  /** How many connections it has taken so far. */
  readonly taken?: number;
  /** It got a signal of its own. */
  readonly wantsToStop?: true;
}

/** From the primary process to a worker. */
interface Order {
  readonly stop?: true;
}

export interface Ending {
  /** The exit code, the signal that killed it, or why it was never started. */
  readonly how: string | number;
  readonly didStart: boolean;
  readonly didListen: boolean;
  readonly wasSteady: boolean;
}

/** What takes what workers write. */
export interface WorkerOutput {
  readonly log: (lines: Readable) => void;
  readonly errors: (lines: Readable) => void;
}

export interface RunningWorker {
  /** Resolves to the URL, or to nothing when it ends before it listens. */
  readonly listening: Promise<string | undefined>;
  readonly ended: Promise<Ending>;
  /** Resolves when it got a signal of its own. */
  readonly wantsToStop: Promise<void>;
  /** Resolves when a connection was handed over to it and it goes on taking none. */
  readonly stuck: Promise<'stuck'>;
  /** It drains, unless it has not begun to serve. */
  stop(): void;
  /** Closes what it did not take. Once another one is there, it may serve whom it has, for a while. */
  retire(successor: Promise<unknown>): void;
  isRetired(): boolean;
  kill(): void;
}

/** In the primary process: starts one that will listen on `port`. Never throws: see how it ended. */
export function startWorker(port: number, output: WorkerOutput): RunningWorker {
  let worker: Worker;
  try {
    cluster.setupPrimary({ silent: true });
    worker = cluster.fork({ PORT: port });
  } catch (error) {
    return neverStarted(error);
  }
  const { process: child } = worker;
  // The system refused another process: the error is its only event.
  if (child.pid === undefined) {
    delete cluster.workers?.[worker.id];
    return neverStarted(once(worker, 'error').then(([error]) => error));
  }
  if (child.stdout !== null) output.log(child.stdout);
  if (child.stderr !== null) output.errors(child.stderr);
  // Something was sent to one that just died: its end is heard of all the same.
  worker.on('error', () => {});
  const handOver = watchHandOver(child);
  let listeningSince = Number.POSITIVE_INFINITY;
  let isRetired = false;

  const ended = new Promise<Ending>((resolve) => {
    // Not at its exit: its last lines may be on their way.
    child.once('close', (code, signal) =>
      resolve({
        how: signal ?? code ?? 'nothing said',
        didStart: true,
        didListen: Number.isFinite(listeningSince),
        wasSteady: performance.now() - listeningSince >= STEADY_AFTER_MS,
      }),
    );
  });
  void ended.then(handOver.stop);
  const listening = new Promise<string | undefined>((resolve) => {
    worker.on('message', ({ listening }: Report) => {
      if (listening === undefined) return;
      listeningSince = performance.now();
      resolve(listening);
    });
    void ended.then(() => resolve(undefined));
  });
  const wantsToStop = new Promise<void>((resolve) => {
    worker.on('message', ({ wantsToStop }: Report) => {
      if (wantsToStop) resolve();
    });
  });
  worker.on('message', ({ taken }: Report) => {
    if (taken !== undefined) handOver.taken(taken);
  });

  function stop(): void {
    if (Number.isFinite(listeningSince)) worker.send({ stop: true } satisfies Order);
    else kill();
  }

  function kill(): void {
    worker.kill('SIGKILL');
  }

  return {
    listening,
    ended,
    wantsToStop,
    stuck: handOver.stuck,
    stop,
    isRetired: () => isRetired,
    kill,

    retire(successor): void {
      isRetired = true;
      handOver.close();
      // The last one that stops listening would close the port.
      void successor.then(() => {
        stop();
        const patience = setTimeout(kill, RETIRE_MS).unref();
        void ended.then(() => clearTimeout(patience));
      });
    },
  };
}

/** What `startWorker` returns when the system refuses another process. */
function neverStarted(cause: unknown): RunningWorker {
  const ended = Promise.resolve(cause).then((error) => ({
    how: (error as NodeJS.ErrnoException).code ?? String(error),
    didStart: false,
    didListen: false,
    wasSteady: false,
  }));
  return {
    listening: ended.then(() => undefined),
    ended,
    wantsToStop: new Promise(() => {}),
    stuck: new Promise(() => {}),
    stop: () => {},
    retire: () => {},
    isRetired: () => false,
    kill: () => {},
  };
}

/** In a worker, before it listens: tells the primary process from now on how many connections it took. */
export function reportTaken(server: Server): void {
  let taken = 0;
  let reported = 0;
  server.on('connection', () => {
    taken += 1;
  });
  setInterval(() => {
    if (taken !== reported) report({ taken });
    reported = taken;
  }, REPORT_EVERY_MS).unref();
}

/** In a worker: tells the primary process where it listens. */
export function reportListening(url: string): void {
  report({ listening: url });
}

/** In a worker: resolves when the primary process says that it is time to stop, which a signal of its own asks for. */
export function toldToStop(signalled: Promise<unknown>): Promise<void> {
  void signalled.then(() => report({ wantsToStop: true }));
  return new Promise((resolve) => {
    cluster.worker?.on('message', ({ stop }: Order) => {
      if (stop) resolve();
    });
  });
}

function report(news: Report): void {
  cluster.worker?.send(news);
}
