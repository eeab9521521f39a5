#!/usr/bin/env node
/*
 * Where the program starts. Not an ES module: loading one begins libuv's pool of threads, and its size is settled then.
 * Of libuv's own accord it is four, however many cores there are.
 */
/** What `engines` in package.json says. An older one would fail somewhere in the middle. */
const LEAST = [20, 19] as const;
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < LEAST[0] || (major === LEAST[0] && minor < LEAST[1])) {
  process.stderr.write(
    `latchkey: This is Node.js ${process.versions.node}, and ${LEAST.join('.')} or newer is needed: install that.\n`,
  );
  process.exit(1);
}

const { availableParallelism } = process.getBuiltinModule('node:os');

// Node.js opens its debugger to whoever may send this signal, unless somebody listens.
process.on('SIGUSR1', () => {});

// Each core hashes one password. Two at least, as a slow name server may take one of two, but would take all of one.
process.env.UV_THREADPOOL_SIZE ||= String(Math.max(2, availableParallelism()));
import('./program.ts').catch((error: NodeJS.ErrnoException) => {
  if (error.code !== 'EMFILE') throw error;
  process.stderr.write(
    'latchkey: Too few files may be open at a time: set the limit (ulimit -n) to 256 or more.\n',
  );
  process.exitCode = 1;
});
