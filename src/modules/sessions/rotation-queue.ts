import type { Database } from '../../database/database.ts';
import { assertInTime, type Deadline } from '../../deadline.ts';
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

  /** Waits for whoever else writes the row: what it says of the token is final. */
  function rotateAlone(rotation: Rotation, deadline: Deadline): Promise<Rotated> {
    return rotateGeneration(database.before(deadline), rotation);
  }

  /** May leave a row alone that somebody else writes at that moment, even if the token is good. */
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
    const batch = waiting;
    waiting = new Map();
    for (const [sessionId, { deadline, reject }] of batch) {
      try {
        assertInTime(deadline);
      } catch (error) {
        reject(error);
        batch.delete(sessionId);
      }
    }
    if (batch.size === 0) return;

    const jobs = [...batch.values()];
    // They came together, and so their deadlines do.
    const deadline = { hasPassed: () => jobs.some((job) => job.deadline.hasPassed()) };
    try {
      const rows = await rotateGenerations(
        database.before(deadline),
        jobs.map(({ rotation }) => rotation),
      );
      for (const row of rows) {
        batch.get(row.id)?.resolve(row);
        batch.delete(row.id);
      }
      for (const { resolve } of batch.values()) resolve(undefined);
    } catch (error) {
      for (const { reject } of jobs) reject(error);
    }
  }

  return { rotate, rotateAlone };
}
