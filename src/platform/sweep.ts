/*
 * Deleting a million rows takes minutes of work. SQLite works on the event loop, and on PostgreSQL requests share the
 * disk with it. So a sweep goes in small steps, and rests after each one in proportion to what the step took: a slow
 * disk, or many requests at once, slow the sweep down and not the requests.
 */

/** Rows of one step: a few milliseconds of work for SQLite, however large the table. */
const STEP_ROWS = 100;
/** A rest is this many times as long as the step before it. */
const REST = 3;
const LONGEST_REST_MS = 1_000;

/** Repeats a step, of at most `limit` rows, as long as it says that there is more to do. */
export async function inSteps(step: (limit: number) => Promise<boolean>): Promise<void> {
  for (;;) {
    const startedAt = performance.now();
    if (!(await step(STEP_ROWS))) return;
    const restMs = Math.min(REST * (performance.now() - startedAt), LONGEST_REST_MS);
    await new Promise((resolve) => setTimeout(resolve, restMs));
  }
}

/**
 * Repeats a statement that changes at most `limit` rows, until it finds fewer.
 *
 * @returns how many rows it changed in all.
 */
export async function sweep(statement: (limit: number) => Promise<number>): Promise<number> {
  let total = 0;
  await inSteps(async (limit) => {
    const count = await statement(limit);
    total += count;
    return count === limit;
  });
  return total;
}
