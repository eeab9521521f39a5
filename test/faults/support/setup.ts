import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { type Build, buildServer } from './build.ts';

/** A build of the server for the tests of the block that this is called in. */
export function useBuild(): Pick<Build, 'main'> {
  let build: Build | undefined;
  beforeAll(async () => {
    build = await buildServer();
  });
  afterAll(() => build?.remove());
  return {
    get main() {
      if (build === undefined) throw new Error('The server is built before the first test, not earlier.');
      return build.main;
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
