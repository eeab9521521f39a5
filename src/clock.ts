/** The time, in ms since 1970. Everything that compares two moments takes both from here. */
export interface Clock {
  now(): number;
}

/** How often the wall clock is looked at. */
const CHECK_EVERY_MS = 1_000;
/** At most this share of the time that passed is corrected, so a jump of an hour moves ten seconds by one. */
const SLEW = 0.1;
/** A clock that stays ahead this long is right: the machine slept. */
const ACCEPT_AHEAD_AFTER_MS = 10 * 60_000;

/**
 * A monotonic clock that follows the wall clock slowly. A jump of the wall clock, by hand or by NTP, must not
 * end sessions, reopen retry windows or lengthen lifetimes, so the difference is only slewed away: never
 * backwards, never by more than a tenth of the time that passed. Only a lead that lasts ten minutes is taken
 * over at once, because a suspended machine's monotonic clock stood still.
 */
export function createClock(wall = Date.now, monotonic = () => performance.now()): Clock {
  let checkedAt = monotonic();
  let nowAtCheck = wall();
  let rate = 1;
  let aheadSince: number | undefined;

  function adjust(reading: number): void {
    nowAtCheck += (reading - checkedAt) * rate;
    checkedAt = reading;
    const lead = wall() - nowAtCheck;
    if (lead < CHECK_EVERY_MS) aheadSince = undefined;
    else if (aheadSince === undefined) aheadSince = reading;
    else if (reading - aheadSince >= ACCEPT_AHEAD_AFTER_MS) {
      nowAtCheck += lead;
      aheadSince = undefined;
      rate = 1;
      return;
    }
    rate = 1 + Math.max(-SLEW, Math.min(SLEW, lead / CHECK_EVERY_MS));
  }

  return {
    now() {
      const reading = monotonic();
      if (reading - checkedAt >= CHECK_EVERY_MS) adjust(reading);
      return Math.floor(nowAtCheck + (reading - checkedAt) * rate);
    },
  };
}
