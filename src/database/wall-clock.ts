import type { Database } from './database.ts';

/** How often the two clocks are compared: what they drift apart in between is far below a millisecond. */
const COMPARE_EVERY_MS = 10_000;

export interface WallClock {
  /** ms since 1970. */
  now(): number;
  stop(): void;
}

/**
 * The wall clock that all processes of a database share. On PostgreSQL it is the server's, because two machines
 * whose clocks are apart must agree on every retry window and lifetime; the processes of an SQLite file are on one
 * machine and share its own.
 *
 * @throws AuthError `UNAVAILABLE` when the database does not tell its time at the start. Later on the difference
 * last measured stays in force until it answers again.
 */
export async function followDatabaseTime(database: Database, wall = Date.now): Promise<WallClock> {
  if (database.dialect === 'sqlite') return { now: wall, stop: () => {} };
  // Loaded here, so that SQLite does without the driver.
  const { databaseTimeMs } = await import('./postgres.ts');

  async function measure(): Promise<number> {
    const sentAt = wall();
    const databaseTime = await databaseTimeMs(database);
    // It read its clock somewhere between the two: half the round trip is the best guess, and the largest error.
    return Math.round(databaseTime - (sentAt + wall()) / 2);
  }

  let offset = await measure();
  const timer = setInterval(() => {
    measure().then(
      (measured) => {
        offset = measured;
      },
      () => {},
    );
  }, COMPARE_EVERY_MS).unref();

  return { now: () => wall() + offset, stop: () => clearInterval(timer) };
}
