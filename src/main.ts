import cluster from 'node:cluster';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { createApp, mintFirstAdministrator } from './app.ts';
import { type Config, ConfigError } from './config/config.ts';
import { loadConfig } from './config/load.ts';
import { countUsers } from './core/users/store.ts';
import type { Database } from './database/database.ts';
import { describeDatabaseFailure } from './database/failure.ts';
import { FIRST_MIGRATION, migrate } from './database/migrate.ts';
import { databaseNotes, durabilityWarnings, fileWarnings, openDatabase } from './database/open.ts';
import { followDatabaseTime } from './database/wall-clock.ts';
import { MAX_CONNECTIONS } from './http/connection-limit.ts';
import { createMetricsServer, type MetricsSource } from './metrics/server.ts';
import { createClock } from './platform/clock.ts';
import { maskDatabaseUrl, sqliteFile } from './platform/database-url.ts';
import { type Log, type Logger, openLog } from './platform/logger.ts';
import { isLoopback } from './platform/loopback.ts';
import { openFilesLimit, roomForConnections } from './platform/open-files.ts';
import { formatStartBlock } from './platform/start-block.ts';
import { describeStartFailure } from './platform/start-failure.ts';
import { lowerPoolPriority } from './platform/thread-pool.ts';
import { version } from './platform/version.ts';
import { reportListening, reportTaken, toldToStop } from './platform/worker.ts';
import { findFreePort, startWorkers } from './platform/workers.ts';

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
  starting = loadConfig(process.env);
  const config = await settlePort(starting);
  const isForPeople = process.stdout.isTTY && config.mode === 'development';
  const log = await openLog({
    level: config.logLevel,
    fileDescriptor: 1,
    isForPeople,
  });
  logger = log.logger;
  process.on('exit', () => logger?.flush());
  process.on('uncaughtException', die);

  const database = await openDatabase(config.databaseUrl, { onFault: (problem) => logger?.error(problem) });
  // A worker finds all of it done.
  const prepared = cluster.isPrimary ? await prepare({ config, database, logger, isForPeople }) : undefined;
  const start = cluster.isPrimary && config.workers > 1 ? startCluster : startServer;
  const server = await start({ config, database, logger, openFiles, forward: log.forward });
  if (prepared === undefined) reportListening(server.url);
  else if (isForPeople) log.print(startBlock(server.url, config, prepared));
  else announce(server.url, { config, logger });
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

/** What the start did to the database, and found in it. */
interface Prepared {
  /** The names of migrations. */
  readonly applied: readonly string[];
  readonly isNew: boolean;
  /** Counted for people only. */
  readonly accounts: number | undefined;
  /** What the link to the first administrator ends with. */
  readonly firstAdministrator: string | undefined;
}

/** What is done once for a database, before any process serves from it. */
async function prepare({
  config,
  database,
  logger,
  isForPeople,
}: Omit<Parts, 'openFiles' | 'forward'> & { readonly isForPeople: boolean }): Promise<Prepared> {
  for (const warning of config.warnings) logger.warn(warning);
  // The start block says the same of the file.
  if (!isForPeople || config.secretFile === undefined) for (const note of config.notes) logger.info(note);
  const applied = await migrate(database);
  if (!isForPeople) for (const name of applied) logger.info(`Migrated the database: ${name}`);
  for (const note of await databaseNotes(database)) logger.info(note);
  const warnings = [...fileWarnings(config.databaseUrl), ...(await durabilityWarnings(database))];
  for (const warning of warnings) logger.warn(warning);
  const accounts = isForPeople ? await countUsers(database) : undefined;
  return {
    applied,
    isNew: applied.includes(FIRST_MIGRATION),
    accounts,
    firstAdministrator:
      accounts === 0 && config.pages ? await firstAdministratorOf({ config, database, logger }) : undefined,
  };
}

/** A secret for the eyes of who develops: the start block has it, and no line of a log. */
async function firstAdministratorOf(
  parts: Pick<Parts, 'config' | 'database' | 'logger'>,
): Promise<string | undefined> {
  const time = await followDatabaseTime(parts.database);
  try {
    return await mintFirstAdministrator({ ...parts, clock: createClock(time.now) });
  } finally {
    time.stop();
  }
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

/** For people who develop with it. */
function startBlock(
  url: string,
  config: Config,
  { applied, isNew, accounts = 0, firstAdministrator }: Prepared,
): string {
  const address = addressOf(url, config.issuer);
  const file = sqliteFile(config.databaseUrl);
  const where = file === undefined ? maskDatabaseUrl(config.databaseUrl) : resolve(file);
  const migrated = isNew ? 'made now' : applied.length > 0 && `${applied.length} migrations applied`;
  const holds = `${accounts} ${accounts === 1 ? 'account' : 'accounts'}`;
  const rows: [string, string | undefined][] = [
    ['Start page', `${address}/`],
    ['Account', config.pages ? `${address}/account` : undefined],
    [
      'First admin',
      firstAdministrator && `${address}/account/first-administrator#token=${firstAdministrator}`,
    ],
    ['GraphQL', `${address}/graphql`],
    ['GraphiQL', `${address}/graphiql`],
    ['Mail', config.smtp === undefined ? `${address}/dev/mail` : `sent by ${config.smtp.host}`],
    ['Key set', `${address}/.well-known/jwks.json`],
    ['Database', `${where} (${[migrated, holds].filter(Boolean).join(', ')})`],
    ['Secret', config.secretFile && resolve(config.secretFile.path)],
    ['Throttles', config.throttles ? 'milder than in production' : 'off'],
  ];
  const next = accounts === 0 ? 'open the start page and register the first account' : 'open the start page';
  return formatStartBlock(
    {
      version,
      mode: config.mode,
      readyMs: performance.now(),
      rows: rows.filter((row): row is [string, string] => row[1] !== undefined),
      next: [`Next: ${next}. Ctrl-C ends the server.`],
    },
    { isColored: process.stdout.hasColors() },
  );
}

/** By the name that the issuer uses, where both lead to the same port of this machine. */
function addressOf(url: string, issuer: string): string {
  const { hostname, port, origin } = new URL(issuer);
  return isLoopback(hostname) && port === new URL(url).port ? origin : url;
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

/** Nothing else catches this: the state of the process is unknown, so it ends, and its supervisor starts another. */
function die(error: unknown): never {
  const sentence =
    error instanceof ConfigError
      ? error.message
      : starting && (describeDatabaseFailure(error, starting.databaseUrl) ?? describeStartFailure(error));
  // Even with a silent log, the operator learns why there is no server.
  if (error instanceof ConfigError || !logger?.isLevelEnabled('fatal'))
    process.stderr.write(`${sentence ?? String(error)}\n`);
  else if (sentence !== undefined) logger.fatal(sentence);
  else logger.fatal(error, 'The server cannot go on');
  process.exit(1);
}
