/**
 * Whether a stranger can tell two answers apart by their time that must be the same (LOG-2, LOG-8, OTT-3). Each pair
 * is asked for in turns and in random order; the figure is the area under the ROC curve, the chance that an answer of
 * the one kind took longer than one of the other: 0.5 tells nothing, 0 and 1 tell everything. Not part of `npm test`,
 * because time belongs to the machine as well.
 *
 *   npm run test:timing               every pair on SQLite and PostgreSQL
 *   npm run test:timing -- sqlite     on one of them; a second word chooses the pairs that begin with it
 */
import { randomInt } from 'node:crypto';
import { type Engine, engines, freshDatabase } from '../support/databases.ts';
import { startPostgres } from '../support/postgres-server.js';
import { startPairs } from './pairs.ts';

/** By chance alone, so many samples of each kind leave the bounds one time in ten thousand. */
const SAMPLES = 1_000;
const WARM_UP = 50;
const LEAST = 0.45;
const MOST = 0.55;

/** Asks for one of the two answers, with a subject of its own. */
export type Ask = () => Promise<void>;

export interface Pair {
  readonly name: string;
  readonly one: Ask;
  readonly other: Ask;
}

const [only, prefix = ''] = process.argv.slice(2);
const chosen = engines.filter((engine) => only === undefined || engine === only);
if (chosen.length === 0) throw new Error(`There is no engine ${only}.`);
for (const engine of chosen) await measureEngine(engine);

async function measureEngine(engine: Engine): Promise<void> {
  const server = engine === 'postgres' && !process.env.TEST_DATABASE_URL ? await startPostgres() : undefined;
  if (server !== undefined) process.env.TEST_DATABASE_URL = server.url;
  const storage = await freshDatabase(engine);
  const { pairs, stop } = await startPairs(storage, SAMPLES + WARM_UP);
  try {
    for (const pair of pairs.filter(({ name }) => name.startsWith(prefix))) {
      const auc = await measure(pair);
      const isOver = auc < LEAST || auc > MOST;
      if (isOver) process.exitCode = 1;
      console.log(
        `${engine.padEnd(9)}${pair.name.padEnd(46)}AUC ${auc.toFixed(3)}${isOver ? '  TOO FAR' : ''}`,
      );
    }
  } finally {
    await stop();
    await storage.drop();
    await server?.remove();
  }
}

async function measure({ one, other }: Pair): Promise<number> {
  const ofOne: number[] = [];
  const ofOther: number[] = [];
  const take = async (ask: Ask, times: number[]) => {
    const startedAt = performance.now();
    await ask();
    times.push(performance.now() - startedAt);
  };
  for (let i = 0; i < SAMPLES + WARM_UP; i += 1) {
    const turns = [() => take(one, ofOne), () => take(other, ofOther)];
    if (randomInt(2) === 1) turns.reverse();
    for (const turn of turns) await turn();
  }
  return areaUnderCurve(ofOne.slice(WARM_UP), ofOther.slice(WARM_UP));
}

/** The chance that a value of `a` is above one of `b`; equal ones count half (Mann and Whitney's U). */
function areaUnderCurve(a: readonly number[], b: readonly number[]): number {
  let wins = 0;
  for (const x of a) for (const y of b) wins += x > y ? 1 : x === y ? 0.5 : 0;
  return wins / (a.length * b.length);
}
