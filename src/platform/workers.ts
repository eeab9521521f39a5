import { once } from 'node:events';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from './logger.ts';
import { type Ending, type RunningWorker, startWorker, type WorkerOutput } from './worker.ts';

/*
 * One primary process listens and hands the connections on; the workers, which are this same program started again,
 * serve them. The primary does nothing else, so little could end it; when it ends all the same, so do the workers.
 *
 * They stop in this order, whichever of them gets the signal: the primary hands over who has connected, then tells the
 * workers, which drain. A worker that stopped by itself would send back what is on its way to it, and the others may
 * have stopped by then.
 */

/** The wait before the next one, doubled each time: not for long, so that they are back soon after a database is. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 4_000;

/** A signal to the whole group reaches a worker first, sometimes. */
const OWN_SIGNAL_MS = 500;

/** For connections that wait to be handed over when all is to stop. */
const HAND_OVER_MS = 3_000;
/** An answer that takes longer says that the processes are busy, and others have connected meanwhile. */
const QUICK_MS = 100;

/** No worker could be started, or the first one ended at once, having said why. */
export class NoWorkerError extends Error {}

/**
 * Starts `count` workers on one port and keeps them at that number: one that ends, or takes no connections any more, is
 * replaced, at once or, when it had only just started, after a while. The first one starts alone: what keeps it from
 * listening would keep all.
 *
 * @param port 0 stands for any free one, the same for all of them, for good.
 * @returns where they listen, once all of them do; `close` drains them (CR-3).
 * @throws NoWorkerError when the first one ends before it listens, having said why.
 */
export async function startWorkers({
  count,
  host,
  port,
  logger,
  output,
}: {
  count: number;
  host: string;
  port: number;
  logger: Logger;
  output: WorkerOutput;
}): Promise<{ readonly url: string; close(): Promise<void> }> {
  const workerPort = port === 0 ? await findFreePort(host) : port;
  const running = new Set<RunningWorker>();
  const stopping = new AbortController();

  function start(): RunningWorker {
    const worker = startWorker(workerPort, output);
    running.add(worker);
    void worker.ended.then(() => running.delete(worker));
    void worker.wantsToStop.then(async () => {
      await pause(OWN_SIGNAL_MS);
      if (!stopping.signal.aborted) worker.stop();
    });
    return worker;
  }

  /** Sees to it that there is one worker in this one's place, until all are told to stop. */
  async function keepReplacing(first: RunningWorker): Promise<void> {
    let quickDeaths = 0;
    for (let worker = first; ; ) {
      const end = await Promise.race([worker.ended, worker.stuck]);
      if (stopping.signal.aborted) return;

      logger.warn(whatBecameOf(end));
      quickDeaths = end === 'stuck' || end.wasSteady ? 0 : quickDeaths + 1;
      const wait = quickDeaths === 0 ? 0 : Math.min(FIRST_WAIT_MS * 2 ** (quickDeaths - 1), LONGEST_WAIT_MS);
      await pause(wait, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return;

      const next = start();
      if (end === 'stuck') worker.retire(next.listening);
      worker = next;
    }
  }

  const first = start();
  const url = await first.listening;
  if (url === undefined) {
    const { didStart, how } = await first.ended;
    throw new NoWorkerError(
      didStart
        ? 'A worker ended before it listened: see what it said last'
        : `A worker could not be started: ${how}`,
    );
  }

  const others = Array.from({ length: count - 1 }, start);
  for (const worker of [first, ...others]) void keepReplacing(worker);
  await Promise.all(others.map(({ listening }) => listening));

  return {
    url,

    /** @throws Error when one of them did not end as it should. */
    async close(): Promise<void> {
      stopping.abort();
      await handOverAll(url);
      const last = [...running].filter((worker) => !worker.isRetired());
      for (const worker of running) worker.stop();
      const ends = await Promise.all(last.map(({ ended }) => ended));
      // Of those that were given up before, one may have stopped for good.
      for (const worker of running) worker.kill();
      // One that did not listen yet had nothing to drain.
      const bad = ends.find(({ how, didListen }) => didListen && how !== 0);
      if (bad !== undefined) throw new Error(`A worker ended with ${bad.how}`);
    },
  };
}

function whatBecameOf(end: Ending | 'stuck'): string {
  if (end === 'stuck') return 'A worker takes no connections any more: another one takes its place';
  if (!end.didStart) return `A worker could not be started: ${end.how}. It is tried again`;
  return `A worker ended with ${end.how}: another one takes its place`;
}

/**
 * Resolves when every connection that was made before is at a worker: the queues of the socket and of node:cluster are
 * first in, first out, so those before a connection of our own are gone when that is answered. Never rejects: what is
 * told to stop stops, whatever becomes of this.
 */
async function handOverAll(url: string): Promise<void> {
  const startedAt = performance.now();
  for (let isBusy = true; isBusy; ) {
    const askedAt = performance.now();
    await asksItself(url);
    isBusy = performance.now() - askedAt > QUICK_MS && askedAt - startedAt < HAND_OVER_MS;
  }
}

function asksItself(url: string): Promise<void> {
  return new Promise((resolve) => {
    const asked = get(`${url}/livez`, { agent: false, signal: AbortSignal.timeout(HAND_OVER_MS) });
    asked.on('response', (answer) => answer.on('error', () => {}).resume());
    // As when no descriptor is left.
    asked.on('error', () => resolve());
    asked.on('close', resolve);
  });
}

/** A port that was free a moment ago: workers that all died would get another one for 0 than those before them. */
export async function findFreePort(host: string): Promise<number> {
  const server = createServer();
  server.listen({ host, port: 0 });
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('A socket has no port.');
  return address.port;
}
