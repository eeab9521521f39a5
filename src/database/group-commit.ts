import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { assertInTime, type Deadline } from '../platform/deadline.ts';
import { unavailable } from './driver.ts';
import { isBusy, type SqliteConnection } from './sqlite-connection.ts';
import { type Patience, RETRY_EVERY_MS } from './sqlite-patience.ts';

/*
 * An fsync costs a hundred statements, so the jobs that arrive in one turn of the event loop share one:
 *
 *   BEGIN IMMEDIATE    retried without blocking the loop while another process writes
 *     statement        a job: one statement outside of a transaction
 *     SAVEPOINT        a job: one transaction(work)
 *       statement …
 *     RELEASE          or ROLLBACK TO, when work rejects
 *     …
 *   COMMIT             one fsync for all of them
 *
 * What always holds:
 *
 *   1. No job is answered before COMMIT, with a result or with a refusal: a refusal may rest on what a neighbour
 *      wrote, and the neighbour's row is not there yet.
 *   2. A job that fails loses only itself: SQLite undoes the statement, or we go back to the savepoint.
 *   3. Some errors, a full disk above all, make SQLite roll back everything. `inTransaction` tells, and is asked
 *      after every job that fails. Then the whole batch is UNAVAILABLE and nothing more of it runs: outside of a
 *      transaction its statements would commit one by one. (A transaction's own statements end with the first
 *      that fails: driver.ts sees to it.)
 *   4. Only one batch is under way. What arrives meanwhile is the next one.
 *   5. Nothing is acknowledged that went into a file which is no longer in its place: after COMMIT the files are looked
 *      at once more.
 *
 * A transaction is therefore BEGIN IMMEDIATE from its first statement: a deferred one that reads, then writes, can
 * be refused its write after another process wrote.
 */

const GATHER_TURNS = 2;

export interface Limits {
  readonly deadline: Deadline;
  readonly busyTimeoutMs: number;
}

interface Job {
  /** When it is told that the database is busy, in ms of the monotonic clock. */
  readonly givesUpAt: number;
  readonly perform: () => unknown;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommitOptions {
  readonly writer: SqliteConnection;
  readonly patience: Pick<Patience, 'isLate'>;
  /** Called after each COMMIT. @throws Error when what was written may not be there for others. */
  readonly assertInPlace: () => void;
}

/** Performs jobs on the connection that writes, as many to one commit as arrive together. */
export function createGroupCommit({ writer, patience, assertInPlace }: GroupCommitOptions) {
  const queue: Job[] = [];
  let draining: Promise<void> | undefined;

  async function drain(): Promise<void> {
    while (queue.length > 0) {
      await gather();
      await commitBatch();
    }
    draining = undefined;
  }

  /** As long as each turn of the event loop brings more jobs: who comes a moment too late waits for a whole commit. */
  async function gather(): Promise<void> {
    for (let left = GATHER_TURNS, known = 0; left > 0 && queue.length > known; left -= 1) {
      known = queue.length;
      await turn();
    }
  }

  async function commitBatch(): Promise<void> {
    const batch: Job[] = [];
    const answers: (() => void)[] = [];
    try {
      await begin();
      // Taken after the wait, so that what arrived meanwhile shares the commit.
      batch.push(...queue.splice(0));
      for (const job of batch) answers.push(await perform(job));
      writer.control('COMMIT');
      assertInPlace();
    } catch (error) {
      if (writer.inTransaction()) writer.control('ROLLBACK');
      for (const job of batch) job.reject(unavailable(error));
      return;
    }
    for (const answer of answers) answer();
  }

  /** BEGIN IMMEDIATE, tried as long as a job has patience left; each is told of its end by itself. */
  async function begin(): Promise<void> {
    for (;;) {
      try {
        writer.control('BEGIN IMMEDIATE');
        return;
      } catch (error) {
        const canWait = isBusy(error);
        for (const job of queue.splice(0)) {
          if (canWait && !patience.isLate(job.givesUpAt)) queue.push(job);
          else job.reject(unavailable(error));
        }
        if (queue.length === 0) throw error;
      }
      await pause(RETRY_EVERY_MS);
    }
  }

  /**
   * Performs one job and resolves to its answer, to be given after COMMIT.
   *
   * @throws when the transaction of the batch is gone.
   */
  async function perform(job: Job): Promise<() => void> {
    try {
      const result = await job.perform();
      return () => job.resolve(result as never);
    } catch (error) {
      if (!writer.inTransaction()) throw error;
      return () => job.reject(error);
    }
  }

  return {
    /** Performs `work` and resolves to its result once that is on disk. */
    enqueue<Result>(
      { deadline, busyTimeoutMs }: Limits,
      work: () => Result | Promise<Result>,
    ): Promise<Result> {
      function perform() {
        assertInTime(deadline);
        return work();
      }
      return new Promise((resolve, reject) => {
        queue.push({ givesUpAt: performance.now() + busyTimeoutMs, perform, resolve, reject });
        draining ??= drain();
      });
    },

    /** Resolves when nothing is left to do. */
    idle: async (): Promise<void> => draining,
  };
}
