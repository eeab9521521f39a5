import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { Database } from '../../src/database/database.ts';
import { followDatabaseTime } from '../../src/database/wall-clock.ts';
import { createClock } from '../../src/platform/clock.ts';
import { type Engine, engines, freshDatabase } from '../support/databases.ts';
import { useCleanups } from '../support/setup.ts';

const APART_MS = 40_000;
/** Between two readings of one clock, each a round trip to the database off. */
const TOLERANCE_MS = 1_500;

afterEach(() => {
  jest.useRealTimers();
});
const cleanups = useCleanups();

/** Waits for them, and for what waits for them. */
async function settle(answers: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(answers);
  await new Promise((resolve) => setImmediate(resolve));
}

async function openFresh(engine: Engine): Promise<Database> {
  const { database, drop } = await freshDatabase(engine);
  cleanups.push(drop);
  return database;
}

const onPostgres = engines.includes('postgres') ? describe : describe.skip;
onPostgres('the clock on postgres', () => {
  it('two processes on one PostgreSQL database have the same time, though their machines are 40 seconds apart (CR-7)', async () => {
    const database = await openFresh('postgres');
    const times = await Promise.all(
      [-APART_MS / 2, APART_MS / 2].map((off) => followDatabaseTime(database, () => Date.now() + off)),
    );
    cleanups.push(...times.map(({ stop }) => stop));
    const [behind = 0, ahead = 0] = times.map(({ now }) => createClock(now).now());
    expect(Math.abs(ahead - behind)).toBeLessThan(TOLERANCE_MS);
    expect(Math.abs(ahead - Date.now())).toBeLessThan(TOLERANCE_MS);
  });

  it('the clock is compared with PostgreSQL again and again, and keeps its time while the database is away', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'setTimeout'] });
    const database = await openFresh('postgres');
    let wall = 1_000_000;
    let isAway = false;
    const answers: Promise<unknown>[] = [];
    const watched: Database = {
      ...database,
      get: (text, params) => {
        const answer = isAway ? Promise.reject(new Error('away')) : database.get(text, params);
        answers.push(answer);
        return answer as Promise<never>;
      },
    };
    const { now, stop } = await followDatabaseTime(watched, () => wall);
    cleanups.push(stop);
    const atFirst = now();

    wall += 3_600_000;
    isAway = true;
    jest.advanceTimersByTime(10_000);
    await settle(answers);
    expect(now()).toBe(atFirst + 3_600_000);

    isAway = false;
    jest.advanceTimersByTime(10_000);
    await settle(answers);
    expect(answers).toHaveLength(3);
    expect(Math.abs(now() - atFirst)).toBeLessThan(TOLERANCE_MS * 10);
  });
});

describe('the clock on sqlite', () => {
  it('a process on SQLite keeps the time of its machine, where all processes of the file run', async () => {
    const database = await openFresh('sqlite');
    const { now } = await followDatabaseTime(database, () => 42);
    expect(now()).toBe(42);
  });
});
