import { createApp } from './app.ts';
import { createClock } from './clock.ts';
import { ConfigError, loadConfig } from './config.ts';
import { migrate } from './database/migrate.ts';
import { durabilityWarnings, openDatabase } from './database/open.ts';
import { createLogger, type Logger } from './logger.ts';

/** The server lets requests finish for 10 seconds; what is not over a while after that never ends. */
const LONGEST_DRAIN_MS = 15_000;

let logger: Logger | undefined;
try {
  const stopped = stopSignal();
  const config = loadConfig(process.env);
  logger = await createLogger({
    level: config.logLevel,
    fileDescriptor: 1,
    isTerminal: process.stdout.isTTY,
  });
  process.on('uncaughtException', die);
  for (const warning of config.warnings) logger.warn(warning);

  const database = await openDatabase(config.databaseUrl);
  for (const name of await migrate(database)) logger.info(`Migrated the database: ${name}`);
  for (const warning of await durabilityWarnings(database)) logger.warn(warning);

  const app = await createApp({ config, database, clock: createClock(), logger });
  const server = await app.createServer();
  const url = await server.listen({ host: config.host, port: config.port });
  if (config.mode === 'development') logger.info(`Sandbox: ${url}/graphql`);
  logger.info(`GraphQL endpoint: ${url}/graphql`);
  logger.info(`JWKS: ${url}/.well-known/jwks.json`);

  logger.info(`Stopping after ${await stopped}: requests under way have 10 seconds to finish`);
  setTimeout(() => die(new Error('What was under way did not end')), LONGEST_DRAIN_MS).unref();
  await server.close();
  await app.close();
  await database.close();
  logger.info('Stopped');
  process.exit(0);
} catch (error) {
  die(error);
}

/**
 * The first request to stop. It takes the later ones too, and drops them: `npm start` in a terminal hands the same
 * Ctrl-C on twice, and that must not cut the draining short. Listens from the beginning, so that a stop during a
 * long migration waits for its end.
 */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.on('SIGTERM', resolve);
    process.on('SIGINT', resolve);
  });
}

/** Nobody catches this any more: what state the process is in is unknown, so it ends, and its supervisor starts another. */
function die(error: unknown): never {
  if (error instanceof ConfigError) process.stderr.write(`${error.message}\n`);
  else if (logger !== undefined) logger.fatal(error, 'The server cannot go on');
  else process.stderr.write(`${String(error)}\n`);
  process.exit(1);
}
