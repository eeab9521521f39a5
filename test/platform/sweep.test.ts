import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { inSteps, sweep } from '../../src/platform/sweep.ts';

describe('a sweep', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** A step that takes so long, and the moments at which it was begun. */
  function stepsOf(tookMs: number, count: number) {
    const begun: number[] = [];
    const step = async () => {
      begun.push(performance.now());
      await new Promise((resolve) => setTimeout(resolve, tookMs));
      return begun.length < count;
    };
    return { begun, step };
  }

  it('a sweep rests after each step for three times as long as the step took', async () => {
    const { begun, step } = stepsOf(20, 3);
    const [startedAt, done] = [performance.now(), inSteps(step)];
    await jest.advanceTimersByTimeAsync(1_000);
    await done;
    expect(begun.map((at) => at - startedAt)).toEqual([0, 80, 160]);
  });

  it('a sweep rests after each step for a second at most', async () => {
    const { begun, step } = stepsOf(5_000, 2);
    const [startedAt, done] = [performance.now(), inSteps(step)];
    await jest.advanceTimersByTimeAsync(20_000);
    await done;
    expect(begun.map((at) => at - startedAt)).toEqual([0, 6_000]);
  });

  it('a sweep repeats its statement until it finds fewer rows than it may change', async () => {
    let left = 250;
    const limits: number[] = [];
    const done = sweep(async (limit) => {
      limits.push(limit);
      const count = Math.min(left, limit);
      left -= count;
      return count;
    });
    await jest.advanceTimersByTimeAsync(1_000);
    expect([await done, left, limits]).toEqual([250, 0, [100, 100, 100]]);
  });

  it('a sweep ends with the first step that fails', async () => {
    const steps = jest.fn<() => Promise<boolean>>().mockRejectedValue(new Error('away'));
    await expect(inSteps(steps)).rejects.toThrow('away');
    expect(steps).toHaveBeenCalledTimes(1);
  });
});
