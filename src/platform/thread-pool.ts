import { readlink } from 'node:fs/promises';
import { constants, platform, setPriority } from 'node:os';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** Of a Linux thread: it gets a ninth of what one of normal priority gets, as long as both have work. */
const PRIORITY = constants.priority.PRIORITY_BELOW_NORMAL;
/** One thread may answer for another; so many tries that each has answered at least once, all but surely. */
const TRIES = 16;
/** On a busy machine a thread may not run for a while. */
const PAUSE_MS = 10;

/**
 * Makes the threads that hash passwords give way to the one that answers everybody: where they share cores, a login
 * otherwise takes whole slices of the scheduler's time from every other request. Their throughput stays what the cores
 * have left. Linux only, the sole system where threads have a priority that Node can lower; elsewhere nothing is done.
 *
 * @param size how many threads there are.
 * @throws Error where there is no /proc, or the system forbids it: everything works all the same.
 */
export async function lowerPoolPriority(size: number): Promise<void> {
  if (platform() !== 'linux') return;
  const threads = new Set<number>();
  // The link names whoever reads it, and it is a thread of the pool that does.
  for (let left = TRIES; left > 0 && threads.size < size; left -= 1) {
    const links = await Promise.all(Array.from({ length: 4 * size }, () => readlink('/proc/thread-self')));
    for (const link of links) threads.add(Number(basename(link)));
    if (threads.size < size) await pause(PAUSE_MS);
  }
  for (const thread of threads) setPriority(thread, PRIORITY);
}
