import type { App } from '../app.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import type { Database } from '../database/database.ts';
import { migrate } from '../database/migrate.ts';
import { openDatabase } from '../database/open.ts';
import { followDatabaseTime } from '../database/wall-clock.ts';
import { createClock } from '../platform/clock.ts';
import { createLogger } from '../platform/logger.ts';

/** What a command asks for may take longer than a request's, but says so some time. */
const STATEMENT_MS = 60_000;

/** Runs `work` on the modules of a server that does not listen, its database brought up to date as `serve` does. */
export async function withApp(work: (app: App) => Promise<void>): Promise<void> {
  const config = loadConfig(process.env);
  const database = await openDatabase(config.databaseUrl);
  try {
    await migrate(database);
    await withAppOn({ config, database: database.within(STATEMENT_MS) }, work);
  } finally {
    await database.close();
  }
}

/** Runs `work` on the modules of a server that does not listen. */
export async function withAppOn(
  { config, database }: { config: Config; database: Database },
  work: (app: App) => Promise<void>,
): Promise<void> {
  // Loaded here, so that a question for help does not wait for a server.
  const { createApp } = await import('../app.ts');
  // Standard output belongs to the command.
  const logger = await createLogger({ level: 'warn', fileDescriptor: 2, isForPeople: process.stderr.isTTY });
  process.once('exit', () => logger.flush());
  const time = await followDatabaseTime(database);
  const app = await createApp({ config, database, clock: createClock(time.now), logger });
  try {
    await work(app);
  } finally {
    await app.close();
    time.stop();
  }
}
