import { startPostgres } from './postgres-server.js';

/*
 * One throw-away PostgreSQL server per run of Jest, unless TEST_DATABASE_URL names one or TEST_POSTGRES is `off`.
 * Jest passes the variable on to its workers. A file of plain JavaScript, as Jest does not compile what it runs here.
 */
export default async function setUpPostgres() {
  if (process.env.TEST_DATABASE_URL || process.env.TEST_POSTGRES === 'off') return;
  try {
    globalThis.testPostgres = await startPostgres();
  } catch (error) {
    throw new Error(
      `${error.message}\nSet TEST_DATABASE_URL to a server, or TEST_POSTGRES=off to do without one.`,
    );
  }
  process.env.TEST_DATABASE_URL = globalThis.testPostgres.url;
}
