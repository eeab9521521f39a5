import cluster from 'node:cluster';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { createApp } from './app.ts';
import { type Config, ConfigError } from './config/config.ts';
import { loadConfig } from './config/load.ts';
import type { Database } from './database/database.ts';
import { describeDatabaseFailure } from './database/failure.ts';
import { migrate } from './database/migrate.ts';
import { databaseNotes, durabilityWarnings, fileWarnings, openDatabase } from './database/open.ts';
import { followDatabaseTime } from './database/wall-clock.ts';
import { MAX_CONNECTIONS } from './http/connection-limit.ts';
import { createMetricsServer, type MetricsSource } from './metrics/server.ts';
import { createClock } from './platform/clock.ts';
import { type Log, type Logger, openLog } from './platform/logger.ts';
import { openFilesLimit, roomForConnections } from './platform/open-files.ts';
import { lowerPoolPriority } from './platform/thread-pool.ts';
import { reportListening, reportTaken, toldToStop } from './platform/worker.ts';
import { findFreePort, NoWorkerError, startWorkers } from './platform/workers.ts';

/** For what no request waits for any more: a lease to give back, mail that is being sent. */
const CHORES_MS = 4_000;
/** Workers hear of it within three seconds; requests have 10, the chores theirs, the database two: more never ends. */
const LONGEST_DRAIN_MS = 20_000;

/** A terminal that is closed, Ctrl-\\ and tools for development send the last three. */
const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const;

let logger: Logger | undefined;
/** Until it serves. */
let starting: Config | undefined;
try {
  const openFiles = openFilesLimit(process.report);
  const signalled = stopSignal();
  const stopped = cluster.isPrimary ? signalled : toldToStop(signalled);
  const config = await settlePort(loadConfig(process.env));
  const log = await openLog({
    level: config.logLevel,
    fileDescriptor: 1,
    isTerminal: process.stdout.isTTY,
  });
  logger = log.logger;
  process.on('exit', () => logger?.flush());
  process.on('uncaughtException', die);
  starting = config;

  const database = await openDatabase(config.databaseUrl, { onFault: (problem) => logger?.error(problem) });
  // A worker finds all of it done.
  if (cluster.isPrimary) await prepare({ config, database, logger });
  const start = cluster.isPrimary && config.workers > 1 ? startCluster : startServer;
  const server = await start({ config, database, logger, openFiles, forward: log.forward });
  if (cluster.isPrimary) announce(server.url, { config, logger });
  else reportListening(server.url);
  starting = undefined;

  logger.info(`Stopping after ${await stopped}: requests under way have 10 seconds to finish`);
  setTimeout(() => die(new Error('What was under way did not end')), LONGEST_DRAIN_MS).unref();
  await server.close();
  logger.info('Stopped');
  process.exit(0);
} catch (error) {
  die(error);
}

interface Parts {
  readonly config: Config;
  readonly database: Database;
  readonly logger: Logger;
  /** How many files a process may open at a time. */
  readonly openFiles: number | undefined;
  readonly forward: Log['forward'];
}

interface RunningServer {
  /** Without a path. */
  readonly url: string;
  /** Drains it, and closes what it was given. */
  close(): Promise<void>;
}

/** In development the issuer follows the port, so one that is free is chosen before the issuer is needed. */
async function settlePort(config: Config): Promise<Config> {
  if (config.port !== 0 || config.mode === 'production') return config;
  const port = await findFreePort(config.host);
  return loadConfig({ ...process.env, PORT: String(port) });
}

/** What is done once for a database, before anybody serves from it. */
async function prepare({ config, database, logger }: Omit<Parts, 'openFiles' | 'forward'>): Promise<void> {
  for (const warning of config.warnings) logger.warn(warning);
  for (const name of await migrate(database)) logger.info(`Migrated the database: ${name}`);
  for (const note of await databaseNotes(database)) logger.info(note);
  const warnings = [...fileWarnings(config.databaseUrl), ...(await durabilityWarnings(database))];
  for (const warning of warnings) logger.warn(warning);
}

/** The server itself: in this process when there is one, in each worker otherwise. */
async function startServer({ config, database, logger, openFiles }: Parts): Promise<RunningServer> {
  // Loaded on demand, so that they cost nothing where nobody asks for them.
  const metrics = config.metrics ? (await import('./metrics/metrics.ts')).createMetrics() : undefined;
  await lowerPoolPriority(config.poolThreads).catch((error: unknown) =>
    logger.warn({ err: error }, 'Hashing could not be given a lower priority'),
  );
  const time = await followDatabaseTime(database);
  const app = await createApp({
    config,
    database: metrics?.watchDatabase(database) ?? database,
    clock: createClock(time.now),
    logger,
    metrics,
  });
  const room = roomForConnections(openFiles);
  if (room < MAX_CONNECTIONS)
    logger.warn(`The limit of open files (ulimit -n) leaves room for ${room} connections at a time`);
  const server = await app.createServer({ maxConnections: Math.min(room, MAX_CONNECTIONS) });
  if (metrics !== undefined && cluster.isPrimary) await serveMetrics(metrics, { config, logger });
  if (cluster.isWorker) reportTaken(server.server);
  const url = await server.listen({ host: config.host, port: config.port });

  return {
    url,
    async close() {
      await server.close();
      await Promise.race([app.close(), pause(CHORES_MS, undefined, { ref: false })]);
      time.stop();
      await database.close();
    },
  };
}

/** Several processes of this program behind one port. This one needs no database. */
async function startCluster({ config, database, logger, forward }: Parts): Promise<RunningServer> {
  await database.close();
  if (config.metrics) {
    const { createWorkersMetrics } = await import('./metrics/metrics.ts');
    await serveMetrics(createWorkersMetrics(), { config, logger });
  }
  const output = {
    log: forward,
    errors: (lines: Readable) => void lines.pipe(process.stderr, { end: false }),
  };
  return startWorkers({ count: config.workers, host: config.host, port: config.port, logger, output });
}

/** Until the process ends: the last seconds of a server that drains are worth a look. */
async function serveMetrics(
  source: MetricsSource,
  { config, logger }: Pick<Parts, 'config' | 'logger'>,
): Promise<void> {
  const server = createMetricsServer(source, logger).listen(config.metricsPort, config.metricsHost);
  await once(server, 'listening');
  const { address, family, port } = server.address() as AddressInfo;
  logger.info(`Metrics: http://${family === 'IPv6' ? `[${address}]` : address}:${port}/metrics`);
}

function announce(url: string, { config, logger }: Pick<Parts, 'config' | 'logger'>): void {
  if (config.mode === 'development') logger.info(`Sandbox: ${url}/graphql`);
  logger.info(`GraphQL endpoint: ${url}/graphql`);
  logger.info(`JWKS: ${url}/.well-known/jwks.json`);
}

/**
 * The first request to stop. It takes the later ones too, and drops them: `npm start` in a terminal hands the same
 * Ctrl-C on twice, and so do workers that are in its process group, and that must not cut the draining short.
 * Listens from the beginning, so that a stop during a long migration waits for its end.
 */
function stopSignal(): Promise<NodeJS.Signals> {
  // Node.js opens its debugger for the first of these, unless somebody listens.
  process.on('SIGUSR1', () => {});
  return new Promise((resolve) => {
    for (const signal of STOP_SIGNALS) process.on(signal, resolve);
  });
}

/** Nobody catches this any more: what state the process is in is unknown, so it ends, and its supervisor starts another. */
function die(error: unknown): never {
  const sentence =
    error instanceof ConfigError
      ? error.message
      : starting && (describeDatabaseFailure(error, starting.databaseUrl) ?? describeStartFailure(error));
  // A log that is silent keeps nobody from learning why there is no server.
  if (error instanceof ConfigError || !logger?.isLevelEnabled('fatal'))
    process.stderr.write(`${sentence ?? String(error)}\n`);
  else if (sentence !== undefined) logger.fatal(sentence);
  else logger.fatal(error, 'The server cannot go on');
  process.exit(1);
}

/** Why nobody listens, as their operator should read it; nothing for an error of anything else. */
function describeStartFailure(error: unknown): string | undefined {
  if (error instanceof NoWorkerError) return error.message;
  const { syscall, code, address, port, hostname } = error as NodeJS.ErrnoException & {
    readonly address?: string;
    readonly port?: number;
    readonly hostname?: string;
  };
  if (syscall === 'getaddrinfo') return `${hostname} is no name of this machine: correct HOST.`;
  if (syscall !== 'listen' && syscall !== 'bind') return undefined;
  const where = `${address}:${port}`;
  switch (code) {
    case 'EADDRINUSE':
      return `Another program listens at ${where}: end it, or set another PORT (LATCHKEY_METRICS_PORT for the metrics).`;
    case 'EACCES':
      return `This user may not listen at ${where}: set a PORT from 1024 on.`;
    case 'EADDRNOTAVAIL':
      return `${address} is no address of this machine: correct HOST.`;
    default:
      return undefined;
  }
}
