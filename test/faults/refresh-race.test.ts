import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { insertSession } from '../../src/core/sessions/store.ts';
import { insertUser } from '../../src/core/users/store.ts';
import type { Sql } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import { engines, freshDatabase } from '../support/databases.ts';
import { startRacer } from '../support/racers.ts';
import { useCleanups } from '../support/setup.ts';
import { START } from '../support/start-app.ts';
import type { Lap, LapResult, Spending } from './refresh-racer.ts';

/*
 * Two processes on one database spend the same refresh tokens at the same time. A trial is one token, the pair of
 * a session and a generation, that both present. Lap by lap the parent starts both at once and counts the winners
 * of each token: one, or it was spent twice, or neither could spend it.
 */

const RACER = fileURLToPath(new URL('./refresh-racer.ts', import.meta.url));
const SECRET_HASH = createHash('sha256').update('of every session here').digest('base64url');
const WINDOW_MS = 30_000;
const SESSIONS = 500;
const TRIALS = { sqlite: 100_000, postgres: 20_000 };
/** A store that reads before it writes is found out in far fewer. */
const BROKEN_TRIALS = 5_000;
const TIME_LIMIT_MS = 240_000;

const cleanups = useCleanups();

describe.each(engines)('races of two processes for the same refresh tokens on %s', (engine) => {
  it(
    `two processes at once spend each of ${TRIALS[engine]} refresh tokens once, and the loser is a retry (RT-2, RT-5)`,
    async () => {
      const { twice, never, retried, wins } = await race('compare-and-swap', TRIALS[engine]);
      expect({ twice, never, retried }).toEqual({ twice: 0, never: 0, retried: TRIALS[engine] });
      // Neither ran ahead of the other all the time: there was something to win for both.
      expect(Math.min(...wins)).toBeGreaterThan(TRIALS[engine] / 1_000);
    },
    TIME_LIMIT_MS,
  );

  it(
    'a store that reads before it writes lets two processes spend one refresh token, and the race finds it',
    async () => {
      const { twice } = await race('read-then-write', BROKEN_TRIALS);
      expect(twice).toBeGreaterThan(0);
    },
    TIME_LIMIT_MS,
  );

  async function race(spending: Spending, trials: number) {
    const fresh = await freshDatabase(engine);
    cleanups.push(fresh.drop);
    await migrate(fresh.database);
    const sessionIds = await fresh.database.transaction(openSessions);
    const racers = await Promise.all(
      [1, 2].map(() => startRacer<Lap, LapResult>(RACER, [fresh.url, spending])),
    );
    cleanups.push(...racers.map(({ stop }) => stop));

    const score = { twice: 0, never: 0, retried: 0, wins: racers.map(() => 0) };
    for (let generation = 0; generation < trials / SESSIONS; generation += 1) {
      // Every lap begins a burst of its own.
      const now = START + generation * WINDOW_MS;
      const lap: Lap = { generation, sessionIds, secretHash: SECRET_HASH, now, windowMs: WINDOW_MS };
      count(score, await Promise.all(racers.map(({ run }) => run(lap))));
    }
    return score;
  }
});

function count(
  score: { twice: number; never: number; retried: number; wins: number[] },
  results: readonly LapResult[],
): void {
  const winners = new Array<number>(SESSIONS).fill(0);
  for (const [racer, { won, retried }] of results.entries()) {
    for (const index of won) winners[index] = (winners[index] ?? 0) + 1;
    score.retried += retried.length;
    score.wins[racer] = (score.wins[racer] ?? 0) + won.length;
  }
  score.twice += winners.filter((number) => number > 1).length;
  score.never += winners.filter((number) => number === 0).length;
}

async function openSessions(sql: Sql): Promise<string[]> {
  const user = { id: 'ada', email: 'ada@example.com', emailCanonical: 'ada@example.com', name: null };
  await insertUser(sql, { ...user, passwordHash: '', now: START });
  const ids = Array.from({ length: SESSIONS }, (_, index) => `session-${index}`);
  for (const id of ids) {
    await insertSession(sql, {
      id,
      userId: user.id,
      clientId: 'first-party',
      roles: '',
      narrowedTo: null,
      amr: 'pwd',
      acr: 'aal1',
      secretHash: SECRET_HASH,
      now: START,
      idleExpiresAt: Number.MAX_SAFE_INTEGER,
      expiresAt: Number.MAX_SAFE_INTEGER,
      userAgent: null,
      ip: '192.0.2.1',
      deviceName: null,
    });
  }
  return ids;
}
