import { MINUTE_MS } from './durations.ts';

/** Work that one process does from time to time for all that share the database. */
export interface Chore {
  /** In the log. */
  readonly name: string;
  /** 0 for each turn of the process that keeps house. */
  readonly everyMs: number;
  /** The chores of a lane are done one after another. None waits for another lane: a sweep may take minutes. */
  readonly lane: string;
  readonly work: () => Promise<unknown>;
}

const SWEEP_EVERY_MS = 10 * MINUTE_MS;

/** A chore that deletes rows that are of no use any more, after the other sweeps and before the next. */
export function sweepChore(name: string, work: () => Promise<unknown>): Chore {
  return { name, everyMs: SWEEP_EVERY_MS, lane: 'sweeps', work };
}

/** A chore that is done in each turn and waits for no other. */
export function turnChore(name: string, work: () => Promise<unknown>): Chore {
  return { name, everyMs: 0, lane: name, work };
}
