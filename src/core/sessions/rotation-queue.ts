import type { Database } from '../../database/database.ts';
import { assertInTime, type Deadline } from '../../platform/deadline.ts';
import { type Rotation, rotateGeneration, rotateGenerations, type SessionRecord } from './store.ts';

/** The row as the rotation left it; none when it was not moved. */
type Rotated = SessionRecord | undefined;

interface Waiting {
  readonly rotation: Rotation;
  readonly deadline: Deadline;
  readonly resolve: (rotated: Rotated) => void;
  readonly reject: (error: unknown) => void;
}

export type RotationQueue = ReturnType<typeof createRotationQueue>;

/**
 * Rotations that arrive in one turn of the event loop share a statement on PostgreSQL, where the way there and back
 * costs more than all the rest of a refresh. SQLite commits them together already.
 */
export function createRotationQueue(database: Database) {
  /** By the id of the session: a statement moves a row once. */
  let waiting = new Map<string, Waiting>();

  /** Waits for another writer of the row: what it says of the token is final. */
  function rotateAlone(rotation: Rotation, deadline: Deadline): Promise<Rotated> {
    return rotateGeneration(database.before(deadline), rotation);
  }

  /** May leave a row alone that another request writes at that moment, even if the token is good. */
  function rotate(rotation: Rotation, deadline: Deadline): Promise<Rotated> {
    if (database.dialect === 'sqlite' || waiting.has(rotation.sessionId)) {
      return rotateAlone(rotation, deadline);
    }
    return new Promise((resolve, reject) => {
      if (waiting.size === 0) setImmediate(rotateWaiting);
      waiting.set(rotation.sessionId, { rotation, deadline, resolve, reject });
    });
  }

  async function rotateWaiting(): Promise<void> {
    const jobs: Waiting[] = [];
    for (const job of waiting.values()) {
      try {
        assertInTime(job.deadline);
        jobs.push(job);
      } catch (error) {
        job.reject(error);
      }
    }
    waiting = new Map();
    if (jobs.length === 0) return;

    // They came together, and so their deadlines do.
    const deadline = { hasPassed: () => jobs.some((job) => job.deadline.hasPassed()) };
    try {
      const rows = await rotateGenerations(
        database.before(deadline),
        jobs.map(({ rotation }) => rotation),
      );
      const rowOf = new Map(rows.map((row) => [row.id, row]));
      for (const { rotation, resolve } of jobs) resolve(rowOf.get(rotation.sessionId));
    } catch (error) {
      for (const { reject } of jobs) reject(error);
    }
  }

  return { rotate, rotateAlone };
}
