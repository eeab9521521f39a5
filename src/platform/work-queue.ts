import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { AuthError } from '../errors.ts';
import type { Deadline } from './deadline.ts';

/** Whom the work is for. */
export interface Requester {
  /** As in a network. */
  readonly source: string;
  readonly deadline: Deadline;
  /** What the request came over. */
  readonly connection: object;
}

interface Waiting extends Requester {
  readonly since: number;
  readonly start: () => void;
  readonly refuse: (reason: AuthError) => void;
}

export interface WorkQueueOptions {
  /** How many tasks are begun at once. */
  readonly concurrency: number;
  /** How many threads there are for them; what is begun beyond that waits for one. */
  readonly threads: number;
  /** How many more may wait. */
  readonly capacity: number;
  readonly maxWaitMs: number;
  /** How many of the waiting one source may have, so that it cannot crowd out the others. */
  readonly capacityPerSource: number;
}

const RETRY_AFTER_SECONDS = 2;
/** How many impatient requests are held at once; each takes some memory. */
const MOST_HELD = 1_000;
/** How many results are handed over at once, at most, and how long the first of them waits for the others. */
const GROUP = 4;
const GROUP_MS = 50;

/**
 * Runs costly work a few at a time, in order, and refuses at once what would wait too long: a queue that grows
 * answers nobody (ASVS 15.1.3, 15.2.2). While others wait, results are handed over a few at once.
 *
 * @throws AuthError `OVERLOADED` when the queue or the source's share of it is full, or the wait was too long: for the
 * queue, or for the operation that it belongs to. Nothing of the work was begun.
 */
export function createWorkQueue(options: WorkQueueOptions) {
  const waiting: Waiting[] = [];
  let running = 0;
  /** Until when each connection was told to stay away. */
  const toldUntil = new WeakMap<object, number>();
  let held = 0;
  const finished: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  let refusals: Promise<unknown> = Promise.resolve();

  function next(): void {
    while (running < options.concurrency) {
      const task = waiting.shift();
      if (task === undefined) return;
      if (performance.now() - task.since > options.maxWaitMs || task.deadline.hasPassed()) {
        task.refuse(overloaded(task));
        continue;
      }
      running += 1;
      task.start();
    }
  }

  function turn(requester: Requester): Promise<void> {
    if (requester.deadline.hasPassed()) return Promise.reject(overloaded(requester));
    if (running < options.concurrency) {
      running += 1;
      return Promise.resolve();
    }
    if (!hasRoom(requester)) return Promise.reject(overloaded(requester));
    return new Promise((start, refuse) => {
      waiting.push({ ...requester, since: performance.now(), start, refuse });
    });
  }

  /**
   * Until more have finished than wait for their turn, up to a group of them. A hash leaves the processor's caches with
   * nothing of ours, so what follows it costs half as much right after the same for another one.
   */
  function handedOver(): Promise<void> {
    return new Promise((resolve) => {
      finished.push(resolve);
      const withoutThread = waiting.length + Math.max(0, running - options.threads);
      if (finished.length === GROUP || finished.length > withoutThread) handOverAll();
      else timer ??= setTimeout(handOverAll, GROUP_MS);
    });
  }

  function handOverAll(): void {
    clearTimeout(timer);
    timer = undefined;
    for (const resolve of finished.splice(0)) resolve();
  }

  function hasRoom({ source }: Requester): boolean {
    if (running < options.concurrency) return true;
    const ofSource = waiting.reduce((count, task) => count + (task.source === source ? 1 : 0), 0);
    return waiting.length < options.capacity && ofSource < options.capacityPerSource;
  }

  /**
   * Waits in the place of a connection that was refused and is back before its time. Refusing costs more than asking
   * again, so those who do not wait by themselves would keep the event loop from everybody else.
   */
  async function hold({ connection }: Requester): Promise<void> {
    if (performance.now() >= (toldUntil.get(connection) ?? 0) || held === MOST_HELD) return;
    held += 1;
    // Not all at the same moment: they were refused at the same moment.
    await pause(RETRY_AFTER_SECONDS * 1_000 * (0.5 + Math.random() / 2));
    held -= 1;
  }

  /** One refusal a turn of the event loop: those of a whole flood in one would keep everybody else waiting. */
  function turnToRefuse(): Promise<unknown> {
    refusals = refusals.then(() => nextTurn());
    return refusals;
  }

  function overloaded({ connection }: Requester): AuthError {
    toldUntil.set(connection, performance.now() + RETRY_AFTER_SECONDS * 1_000);
    return new AuthError('OVERLOADED', { retryAfter: RETRY_AFTER_SECONDS });
  }

  return {
    /** Refuses what `run` would refuse now, before anything is spent on it. */
    async assertRoom(requester: Requester): Promise<void> {
      if (hasRoom(requester)) return;
      await hold(requester);
      await turnToRefuse();
      if (!hasRoom(requester)) throw overloaded(requester);
    },
    async run<Result>(requester: Requester, work: () => Promise<Result>): Promise<Result> {
      await turn(requester);
      try {
        return await work();
      } finally {
        running -= 1;
        next();
        await handedOver();
      }
    },
    /** How many tasks wait and run, for the metrics. */
    load: () => ({ waiting: waiting.length, running }),
  };
}
