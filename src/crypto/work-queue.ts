import type { Deadline } from '../deadline.ts';
import { AuthError } from '../errors.ts';

/** Whom the work is for. */
export interface Requester {
  /** As in a network. */
  readonly source: string;
  readonly deadline: Deadline;
}

interface Waiting extends Requester {
  readonly since: number;
  readonly start: () => void;
  readonly refuse: (reason: AuthError) => void;
}

export interface WorkQueueOptions {
  /** How many tasks run at once. */
  readonly concurrency: number;
  /** How many more may wait. */
  readonly capacity: number;
  readonly maxWaitMs: number;
  /** How many of the waiting one source may have, so that it cannot crowd out the others. */
  readonly capacityPerSource: number;
}

/**
 * Runs costly work a few at a time, in order, and refuses at once what would wait too long: a queue that grows
 * answers nobody (ASVS 15.1.3, 15.2.2).
 *
 * @throws AuthError `OVERLOADED` when the queue or the source's share of it is full, or the wait was too long: for the
 * queue, or for the operation that it belongs to. Nothing of the work was begun.
 */
export function createWorkQueue(options: WorkQueueOptions) {
  const waiting: Waiting[] = [];
  let running = 0;

  function next(): void {
    while (running < options.concurrency) {
      const task = waiting.shift();
      if (task === undefined) return;
      if (performance.now() - task.since > options.maxWaitMs || task.deadline.hasPassed()) {
        task.refuse(overloaded());
        continue;
      }
      running += 1;
      task.start();
    }
  }

  function turn({ source, deadline }: Requester): Promise<void> {
    if (deadline.hasPassed()) return Promise.reject(overloaded());
    if (running < options.concurrency) {
      running += 1;
      return Promise.resolve();
    }
    if (!hasRoom(source)) return Promise.reject(overloaded());
    return new Promise((start, refuse) => {
      waiting.push({ source, deadline, since: performance.now(), start, refuse });
    });
  }

  function hasRoom(source: string): boolean {
    if (running < options.concurrency) return true;
    const ofSource = waiting.reduce((count, task) => count + (task.source === source ? 1 : 0), 0);
    return waiting.length < options.capacity && ofSource < options.capacityPerSource;
  }

  return {
    /** Refuses what `run` would refuse now, before anything is spent on it. */
    assertRoom(source: string): void {
      if (!hasRoom(source)) throw overloaded();
    },
    async run<Result>(requester: Requester, work: () => Promise<Result>): Promise<Result> {
      await turn(requester);
      try {
        return await work();
      } finally {
        running -= 1;
        next();
      }
    },
    /** How many tasks wait and run, for the metrics. */
    load: () => ({ waiting: waiting.length, running }),
  };
}

function overloaded(): AuthError {
  return new AuthError('OVERLOADED', { retryAfter: 2 });
}
