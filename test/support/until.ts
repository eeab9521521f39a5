import { setTimeout as pause } from 'node:timers/promises';

/**
 * What `look` finds in the end, where nothing tells that it is there.
 *
 * @throws Error after a minute: a loop without an end goes on after its test has failed.
 */
export async function until<Result>(
  look: () => Promise<Result | undefined> | Result | undefined,
  everyMs = 50,
): Promise<Result> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    const found = await look();
    if (found !== undefined) return found;
    await pause(everyMs);
  }
  throw new Error('It did not come about within a minute.');
}
