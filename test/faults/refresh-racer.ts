import type { Sql } from '../../src/database/database.ts';
import { openDatabase } from '../../src/database/open.ts';
import { judgeSpentToken } from '../../src/modules/sessions/rotation.ts';
import { findSession, rotateGeneration } from '../../src/modules/sessions/store.ts';

/*
 * One of the two processes of refresh-race.test.ts, forked with the URL of the database and the kind of spending.
 * For each lap that it is sent it presents the token of one generation of every session, in order, in waves of
 * uneven size so that the two processes meet in the middle of the list, and answers with what became of them.
 */

export type Spending = 'compare-and-swap' | 'read-then-write';

export interface Lap {
  /** Of every token that is presented. */
  readonly generation: number;
  readonly sessionIds: readonly string[];
  readonly secretHash: string;
  readonly now: number;
  readonly windowMs: number;
}

export interface LapResult {
  /** Indexes into the session ids. */
  readonly won: number[];
  /** Lost, and then judged a retry: its bearer gets the winner's token. */
  readonly retried: number[];
}

const WAVE_MAX = 64;

interface Attempt extends Omit<Lap, 'sessionIds'> {
  readonly id: string;
}

async function runLap(database: Sql, spend: typeof swap, { sessionIds, ...lap }: Lap): Promise<LapResult> {
  const result: LapResult = { won: [], retried: [] };

  async function attempt(id: string, index: number): Promise<void> {
    if (await spend(database, { ...lap, id })) result.won.push(index);
    else if (await isRetry(database, { ...lap, id })) result.retried.push(index);
  }

  for (let begin = 0; begin < sessionIds.length; ) {
    const end = begin + 1 + Math.floor(Math.random() * WAVE_MAX);
    const first = begin;
    await Promise.all(sessionIds.slice(begin, end).map((id, offset) => attempt(id, first + offset)));
    begin = end;
  }
  return result;
}

/** What the server does. */
async function swap(sql: Sql, { windowMs, ...attempt }: Attempt): Promise<boolean> {
  const row = await rotateGeneration(sql, {
    ...attempt,
    burstLimit: attempt.now - windowMs,
    idleExpiresAt: attempt.now + 86_400_000,
    userAgent: null,
    ip: '192.0.2.1',
  });
  return row !== undefined;
}

/** What it must not do: between the two statements another process may have spent the same token. */
async function readThenWrite(sql: Sql, { id, generation }: Attempt): Promise<boolean> {
  const session = await findSession(sql, id);
  if (session?.generation !== generation) return false;
  await sql.run('UPDATE sessions SET generation = :next WHERE id = :id', { id, next: generation + 1 });
  return true;
}

async function isRetry(sql: Sql, { id, generation, secretHash, now, windowMs }: Attempt): Promise<boolean> {
  const token = { sessionId: id, generation, secretHash, familySecret: Buffer.alloc(0) };
  return judgeSpentToken(await findSession(sql, id), token, { now, windowMs }) === 'retry';
}

const [url = '', spending] = process.argv.slice(2);
const database = await openDatabase(url);
process.on('message', async (lap: Lap) => {
  process.send?.(await runLap(database, spending === 'read-then-write' ? readThenWrite : swap, lap));
});
// The parent lets go when the race is over, or when it died.
process.on('disconnect', () => database.close());
process.send?.('ready');
