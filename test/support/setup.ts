import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { type Build, buildServer } from './build.ts';

/** A build of the server for the tests of the block that this is called in. */
export function useBuild(): Omit<Build, 'remove'> {
  let build: Build | undefined;
  beforeAll(async () => {
    build = await buildServer();
  });
  afterAll(() => build?.remove());
  function built(): Build {
    if (build === undefined) throw new Error('The server is built before the first test, not earlier.');
    return build;
  }
  return {
    get cli() {
      return built().cli;
    },
  };
}

/** What is done after each test of the block, the last first. */
export function useCleanups(): (() => unknown)[] {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  return cleanups;
}
