/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  globalSetup: '<rootDir>/test/support/global-setup.js',
  globalTeardown: '<rootDir>/test/support/postgres-teardown.js',
  // Where suites that start processes share two cores with the others, a model test takes five times as long.
  testTimeout: 90_000,
  // Much of a test is waiting for a server of its own or for the database.
  maxWorkers: '100%',
};
