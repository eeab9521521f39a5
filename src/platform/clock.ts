import { HOUR_MS, MINUTE_MS } from './durations.ts';

/** The time, in ms since 1970. Everything that compares two moments takes both from here. */
export interface Clock {
  now(): number;
}

/**
 * A stored moment that is further ahead than this was written by a clock that was wrong; the clocks of servers that
 * share a database differ by less. What began then counts for nothing, or it would last for years (CR-7).
 */
export const LARGEST_LEAD_MS = HOUR_MS;

/** How often, at most, the wall clock is looked at. */
const CHECK_EVERY_MS = 1_000;
/** How far one look may move the time: a wall clock that is an hour off for ten seconds moves it by one. */
const LARGEST_STEP_MS = 100;
/** A wall clock that stays ahead this long is right: the machine slept. */
const ACCEPT_LEAD_AFTER_MS = 10 * MINUTE_MS;

/**
 * A monotonic clock that follows the wall clock slowly and never runs backwards. A jump of the wall clock, by
 * hand or by NTP, must not end sessions, reopen retry windows or lengthen lifetimes, so a difference is taken
 * over in small steps. Only a lead that lasts ten minutes is taken over at once, because the monotonic clock of
 * a suspended machine stood still.
 */
export function createClock(wall = Date.now, monotonic = () => performance.now()): Clock {
  let checkedAt = monotonic();
  let offset = wall() - checkedAt;
  let leadSince: number | undefined;
  let latest = 0;

  function follow(reading: number): void {
    checkedAt = reading;
    const lead = wall() - (reading + offset);
    if (lead <= LARGEST_STEP_MS) leadSince = undefined;
    else leadSince ??= reading;

    if (leadSince !== undefined && reading - leadSince >= ACCEPT_LEAD_AFTER_MS) offset += lead;
    else offset += Math.max(-LARGEST_STEP_MS, Math.min(LARGEST_STEP_MS, lead));
  }

  return {
    now() {
      const reading = monotonic();
      if (reading - checkedAt >= CHECK_EVERY_MS) follow(reading);
      latest = Math.max(latest, Math.floor(reading + offset));
      return latest;
    },
  };
}
