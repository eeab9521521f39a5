import { describe, expect, it } from '@jest/globals';
import { createClock } from '../../src/platform/clock.ts';

const HOUR_MS = 3_600_000;

function clockOnHands() {
  const hands = { wall: 1_800_000_000_000, monotonic: 5_000 };
  const clock = createClock(
    () => hands.wall,
    () => hands.monotonic,
  );
  /** Lets time pass on both, with a reading every second. */
  function pass(seconds: number) {
    for (let second = 0; second < seconds; second += 1) {
      hands.wall += 1_000;
      hands.monotonic += 1_000;
      clock.now();
    }
  }
  return { clock, hands, pass };
}

describe('the clock', () => {
  it('the clock keeps the time of the wall clock', () => {
    const { clock, hands, pass } = clockOnHands();
    pass(90);
    expect(clock.now()).toBe(hands.wall);
  });

  it.each([HOUR_MS, -HOUR_MS, 48 * HOUR_MS])(
    'the clock moves by at most a second when the wall clock jumps %d ms for ten seconds (CR-7)',
    (jump) => {
      const { clock, hands, pass } = clockOnHands();
      hands.wall += jump;
      pass(10);
      hands.wall -= jump;
      expect(Math.abs(clock.now() - hands.wall)).toBeLessThanOrEqual(1_000);
    },
  );

  it('the clock never runs backwards', () => {
    const { clock, hands, pass } = clockOnHands();
    pass(1);
    const before = clock.now();
    hands.wall -= HOUR_MS;
    hands.monotonic += 1;
    expect(clock.now()).toBeGreaterThanOrEqual(before);
    hands.monotonic += 1_000;
    expect(clock.now()).toBeGreaterThanOrEqual(before);
  });

  it('the clock catches up with the wall clock after the machine slept', () => {
    const { clock, hands, pass } = clockOnHands();
    hands.wall += 8 * HOUR_MS;
    pass(11 * 60);
    expect(clock.now()).toBe(hands.wall);
  });

  it('the clock does not follow a jump of the wall clock on one reading after a long silence', () => {
    const { clock, hands } = clockOnHands();
    const before = clock.now();
    hands.monotonic += HOUR_MS;
    hands.wall += 2 * HOUR_MS;
    expect(clock.now() - before).toBeLessThanOrEqual(HOUR_MS + 100);
  });
});
