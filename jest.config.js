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
  globalSetup: '<rootDir>/test/support/postgres-setup.js',
  globalTeardown: '<rootDir>/test/support/postgres-teardown.js',
  testTimeout: 30_000,
  // Much of a test is waiting for a server of its own or for the database.
  maxWorkers: '100%',
};
