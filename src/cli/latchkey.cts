#!/usr/bin/env node
/*
 * Where the program starts. Not an ES module: loading one begins libuv's pool of threads, and its size is settled then.
 * Of libuv's own accord it is four, however many cores there are.
 */
const { availableParallelism } = process.getBuiltinModule('node:os');

// Node.js opens its debugger to whoever may send this signal, unless somebody listens.
process.on('SIGUSR1', () => {});

// Each core hashes one password. Two at least, as a slow name server may take one of two, but would take all of one.
process.env.UV_THREADPOOL_SIZE ||= String(Math.max(2, availableParallelism()));
import('./program.ts').catch((error: NodeJS.ErrnoException) => {
  if (error.code !== 'EMFILE') throw error;
  process.stderr.write(
    'latchkey: Too few files may be open at a time: set the limit (ulimit -n) to 128 or more.\n',
  );
  process.exitCode = 1;
});
