import { judgeSpentToken, type Verdict } from '../../src/core/sessions/rotation.ts';
import { createRotationQueue } from '../../src/core/sessions/rotation-queue.ts';
import { findSession } from '../../src/core/sessions/store.ts';
import type { Sql } from '../../src/database/database.ts';
import { openDatabase } from '../../src/database/open.ts';
import { NO_DEADLINE } from '../../src/platform/deadline.ts';

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
    else if ((await judge(database, { ...lap, id })) === 'retry') result.retried.push(index);
  }

  for (let begin = 0; begin < sessionIds.length; ) {
    const end = begin + 1 + Math.floor(Math.random() * WAVE_MAX);
    const first = begin;
    await Promise.all(sessionIds.slice(begin, end).map((id, offset) => attempt(id, first + offset)));
    begin = end;
  }
  return result;
}

/** What the server does: with others at once, then alone if another process was writing the row. */
async function swap(sql: Sql, attempt: Attempt): Promise<boolean> {
  const rotation = {
    sessionId: attempt.id,
    secretHash: attempt.secretHash,
    spent: attempt.generation,
    now: attempt.now,
    burstLimit: attempt.now - attempt.windowMs,
    newIdleExpiresAt: attempt.now + 86_400_000,
    newUserAgent: null,
    newIp: '192.0.2.1',
  };
  if (await rotations.rotate(rotation, NO_DEADLINE)) return true;
  if ((await judge(sql, attempt)) !== 'moved') return false;
  return (await rotations.rotateAlone(rotation, NO_DEADLINE)) !== undefined;
}

/** What it must not do: between the two statements another process may have spent the same token. */
async function readThenWrite(sql: Sql, { id, generation }: Attempt): Promise<boolean> {
  const session = await findSession(sql, id);
  if (session?.generation !== generation) return false;
  await sql.run('UPDATE sessions SET generation = :next WHERE id = :id', { id, next: generation + 1 });
  return true;
}

async function judge(sql: Sql, { id, generation, secretHash, now, windowMs }: Attempt): Promise<Verdict> {
  const token = { sessionId: id, generation, secretHash, familySecret: Buffer.alloc(0) };
  return judgeSpentToken(await findSession(sql, id), token, { now, windowMs });
}

const [url = '', spending] = process.argv.slice(2);
const database = await openDatabase(url);
const rotations = createRotationQueue(database);
process.on('message', async (lap: Lap) => {
  process.send?.(await runLap(database, spending === 'read-then-write' ? readThenWrite : swap, lap));
});
// The parent lets go when the race is over, or when it died.
process.on('disconnect', () => database.close());
process.send?.('ready');
