// Loaded into a server before its own code: when it is told to stop, its event loop is busy for a
// while, and until a file is there.
const { appendFileSync, existsSync } = require('node:fs');

/** Longer than a question that the server asks itself waits for its answer. */
const LEAST_MS = 4_000;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

process.once('SIGTERM', () => {
  setImmediate(() => {
    appendFileSync(`${process.env.BUSY_UNTIL}-busy`, 'B');
    Atomics.wait(sleeper, 0, 0, LEAST_MS);
    while (!existsSync(process.env.BUSY_UNTIL)) Atomics.wait(sleeper, 0, 0, 20);
  });
});
