import type { ChildProcess } from 'node:child_process';
import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from './logger.ts';

/*
 * One primary process listens and hands the connections on; the workers, which are this same program started again,
 * serve them. The primary does nothing else, so little could end it; when it ends all the same, so do the workers.
 */

/** Sooner than this after it listened, or before, a worker dies of something that may end the next one too. */
const STEADY_AFTER_MS = 2_000;
/** The wait before the next one, doubled each time: not for long, so that they are back soon after a database is. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 4_000;

/** A connection, as node:cluster sends it. */
interface Handle {
  close(): void;
}

interface Ending {
  /** The exit code, or the signal that killed it. */
  readonly how: string | number;
  readonly didListen: boolean;
  readonly wasSteady: boolean;
}

type RunningWorker = ReturnType<typeof startWorker>;

/**
 * Starts `count` workers on one port and keeps them at that number: one that ends is replaced, at once or, when it
 * had only just started, after a while. The first one starts alone: what keeps it from listening would keep all.
 *
 * @param port 0 stands for any free one, the same for all of them, for good.
 * @returns where they listen, once all of them do; `close` drains them (CR-3).
 * @throws Error when the first one ends before it listens, having said why.
 */
export async function startWorkers({
  count,
  host,
  port,
  logger,
}: {
  count: number;
  host: string;
  port: number;
  logger: Logger;
}): Promise<{ readonly url: string; close(): Promise<void> }> {
  const workerPort = port === 0 ? await findFreePort(host) : port;
  const running = new Set<RunningWorker>();
  const stopping = new AbortController();

  function start(): RunningWorker {
    const worker = startWorker(workerPort);
    running.add(worker);
    worker.ended.then(() => running.delete(worker));
    return worker;
  }

  /** Sees to it that there is one worker in this one's place, until all are told to stop. */
  async function replaceWhenEnded(first: RunningWorker): Promise<void> {
    let worker = first;
    for (let quickDeaths = 0; ; worker = start()) {
      const { how, wasSteady } = await worker.ended;
      if (stopping.signal.aborted) return;

      logger.warn(`A worker ended with ${how}: another one takes its place`);
      quickDeaths = wasSteady ? 0 : quickDeaths + 1;
      const wait = wasSteady ? 0 : Math.min(FIRST_WAIT_MS * 2 ** (quickDeaths - 1), LONGEST_WAIT_MS);
      await pause(wait, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return;
    }
  }

  const first = start();
  const url = await first.listening;
  if (url === undefined) throw new Error('A worker ended before it listened: see what it said last');

  const others = Array.from({ length: count - 1 }, start);
  for (const worker of [first, ...others]) replaceWhenEnded(worker);
  await Promise.all(others.map(({ listening }) => listening));

  return {
    url,

    /** @throws Error when one of them did not end as it should. */
    async close(): Promise<void> {
      stopping.abort();
      const last = [...running];
      for (const worker of last) worker.stop();
      const ends = await Promise.all(last.map(({ ended }) => ended));
      // One that could not listen to signals yet had nothing to drain.
      const bad = ends.find(({ how, didListen }) => didListen && how !== 0);
      if (bad !== undefined) throw new Error(`A worker ended with ${bad.how}`);
    },
  };
}

/** In a worker: tells the primary process where it listens. */
export function reportListening(url: string): void {
  cluster.worker?.send({ url });
}

function startWorker(port: number) {
  const worker = cluster.fork({ PORT: port });
  const { process: child } = worker;
  closeUntaken(child);
  worker.on('error', (error) => {
    // Something was sent to one that just died: its end is heard of all the same. One that never began has none.
    if (child.pid === undefined) throw error;
  });
  let listeningSince = Number.POSITIVE_INFINITY;

  const ended = new Promise<Ending>((resolve) => {
    worker.once('exit', (code, signal) =>
      resolve({
        how: signal ?? code,
        didListen: Number.isFinite(listeningSince),
        wasSteady: performance.now() - listeningSince >= STEADY_AFTER_MS,
      }),
    );
  });
  /** Resolves to the URL, or to nothing when it ends before it listens. */
  const listening = new Promise<string | undefined>((resolve) => {
    worker.on('message', ({ url }: { readonly url?: string }) => {
      // Other messages are of the metrics.
      if (url === undefined) return;
      listeningSince = performance.now();
      resolve(url);
    });
    ended.then(() => resolve(undefined));
  });

  return {
    listening,
    ended,
    /** It drains, and drops this signal when it has had one already. */
    stop: () => worker.kill('SIGTERM'),
  };
}

/**
 * The primary process keeps its copy of a connection until the worker says that it took it. From one that dies before
 * no word comes, and the client would wait for an answer as long as it has patience: now it is reset, and asks again.
 */
function closeUntaken(child: ChildProcess): void {
  // One at a time, as node:cluster waits for the word. Closing what was taken, and closed, does nothing.
  let handedOver: Handle | undefined;
  child.send = new Proxy(child.send, {
    apply(send, self, args: [message: unknown, handle?: Handle]) {
      handedOver = args[1] ?? handedOver;
      return Reflect.apply(send, self, args);
    },
  });
  // When its exit and its last word have been heard, in whatever order. With a word that is owed, no `disconnect` comes.
  child.once('close', () => handedOver?.close());
}

/** Workers that all died would get another port for 0 than those before them, so it is chosen here, once. */
async function findFreePort(host: string): Promise<number> {
  const server = createServer();
  server.listen({ host, port: 0 });
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('A socket has no port.');
  return address.port;
}
