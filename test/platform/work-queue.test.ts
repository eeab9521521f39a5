import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { NO_DEADLINE } from '../../src/platform/deadline.ts';
import { createWorkQueue, type Requester } from '../../src/platform/work-queue.ts';

const OVERLOADED = { code: 'OVERLOADED', extensions: { code: 'OVERLOADED', retryAfter: 2 } };

const ONE_AT_A_TIME = { concurrency: 1, threads: 1, maxWaitMs: 60_000 };

/** A request over a connection of its own. */
const ask = (source = '192.0.2.1'): Requester => ({ source, deadline: NO_DEADLINE, connection: {} });

describe('a work queue that is full', () => {
  let queue: ReturnType<typeof createWorkQueue>;
  let finish: () => void;
  beforeEach(async () => {
    queue = createWorkQueue({ ...ONE_AT_A_TIME, capacity: 3, capacityPerSource: 2 });
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    for (const source of ['a', 'a', 'a', 'b']) void queue.run(ask(source), () => finished);
  });

  it('a full work queue refuses at once, without queueing, and says when to come again (DOS-1)', async () => {
    const refused = queue.assertRoom(ask()).catch((error: unknown) => error);
    const soon = turn().then(() => turn('not within a turn of the event loop'));
    expect(await Promise.race([refused, soon])).toMatchObject(OVERLOADED);
    await expect(queue.run(ask(), async () => {})).rejects.toMatchObject(OVERLOADED);
    expect(queue.load()).toEqual({ running: 1, waiting: 3 });
    finish();
  });

  it('a work queue in which one source has used up its share has room for other sources (DOS-1)', async () => {
    const roomy = createWorkQueue({ ...ONE_AT_A_TIME, capacity: 9, capacityPerSource: 1 });
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    for (let n = 0; n < 2; n += 1) void roomy.run(ask('a'), () => finished);
    await expect(roomy.assertRoom(ask('a'))).rejects.toMatchObject(OVERLOADED);
    await roomy.assertRoom(ask('b'));
    finish();
  });

  it('a full work queue refuses a flood one by one, so that others are served in between (DOS-1)', async () => {
    let refused = 0;
    const flood = Array.from({ length: 5 }, () => queue.assertRoom(ask()).catch(() => (refused += 1)));
    for (let turns = 1; refused < flood.length; turns += 1) {
      await turn();
      expect(refused).toBeLessThanOrEqual(turns);
    }
    finish();
  });

  it('a full work queue lets a connection that asks again too soon wait, and no other connection (DOS-2)', async () => {
    const impatient = ask();
    await expect(queue.assertRoom(impatient)).rejects.toMatchObject(OVERLOADED);
    const answers: string[] = [];
    const again = queue.assertRoom(impatient).then(() => answers.push('again'));
    await queue.assertRoom(ask()).catch(() => answers.push('another connection'));
    finish();
    await again;
    expect(answers).toEqual(['another connection', 'again']);
  });

  it('a full work queue refuses a connection that has waited, too, when there is still no room (DOS-1)', async () => {
    const impatient = ask();
    await expect(queue.assertRoom(impatient)).rejects.toMatchObject(OVERLOADED);
    await expect(queue.assertRoom(impatient)).rejects.toMatchObject(OVERLOADED);
    finish();
  });
});

describe('a work queue with work waiting', () => {
  /** Starts works that each finish when told; `answered` lists those whose callers have their results. */
  function start(count: number, concurrency = 1) {
    const queue = createWorkQueue({ ...ONE_AT_A_TIME, concurrency, capacity: 20, capacityPerSource: 20 });
    const finishes: (() => void)[] = [];
    const answered: number[] = [];
    const answers = Array.from({ length: count }, async (_, n) => {
      await queue.run(ask(), () => new Promise<void>((resolve) => finishes.push(resolve)));
      answered.push(n);
    });
    return {
      answers,
      answered,
      async finishNext(): Promise<void> {
        // It has begun by now: the one before made room for it.
        await turn();
        finishes.shift()?.();
        await turn();
      },
    };
  }

  it.each([
    ['with a thread for all work that has begun', 1, [0, 0, 0, 4, 4, 4, 4, 8, 8, 10, 11, 12]],
    ['with one work that has begun and waits for a thread', 2, [0, 0, 0, 4, 4, 4, 4, 8, 8, 10, 11]],
  ])(
    'a work queue hands results over four at once, and the last ones as soon as fewer wait, %s',
    async (_, concurrency, expected) => {
      const { answered, finishNext } = start(expected.length, concurrency);
      const counts: number[] = [];
      for (let n = 0; n < expected.length; n += 1) {
        await finishNext();
        counts.push(answered.length);
      }
      expect(counts).toEqual(expected);
    },
  );

  it('a work queue hands a result over at once when no other work waits', async () => {
    const { answered, finishNext } = start(1);
    await finishNext();
    expect(answered).toEqual([0]);
  });

  it('a work queue holds no result back for work that takes long', async () => {
    const { answers, answered, finishNext } = start(8);
    await finishNext();
    await answers[0];
    expect(answered).toEqual([0]);
  });
});
