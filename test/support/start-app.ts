import { randomBytes } from 'node:crypto';
import { afterEach, describe } from '@jest/globals';
import { pino } from 'pino';
import { type App, createApp, mintFirstAdministrator } from '../../src/app.ts';
import type { Config } from '../../src/config/config.ts';
import type { Argon2Cost } from '../../src/crypto/argon2.ts';
import type { Database } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import type { Metrics } from '../../src/metrics/metrics.ts';
import type { Letter, Mailer } from '../../src/platform/mailer.ts';
import type { PinnedFetch } from '../../src/platform/pinned-fetch.ts';
import { type Engine, engines, migratedDatabase } from './databases.ts';
import { parseWithoutHints } from './hints.ts';

export const PASSWORD = 'correct horse battery staple';
export const START = Date.UTC(2027, 0, 1);

/** A clock that stands still until it is told to move. */
export function createFrozenClock(at = START) {
  let now = at;
  return {
    now: () => now,
    travel(ms: number) {
      now += ms;
    },
  };
}

export const TEST_CONFIG: Config = {
  mode: 'development',
  host: '127.0.0.1',
  port: 0,
  databaseUrl: 'file::memory:',
  logLevel: 'info',
  secrets: [randomBytes(32)],
  issuer: 'http://localhost:4000',
  audience: 'http://localhost:4000',
  accessTokenTtlSeconds: 600,
  sessionIdleTtlSeconds: 14 * 86_400,
  sessionAbsoluteTtlSeconds: 30 * 86_400,
  refreshRetryWindowSeconds: 30,
  claims: [],
  passwordMinLength: 15,
  registration: 'open',
  magicLinks: false,
  mfa: 'optional',
  factorResetSeconds: 0,
  webauthnRpId: 'localhost',
  webauthnOrigins: ['http://localhost:4000'],
  providers: [],
  throttles: true,
  accountFailures: 5,
  accountDisableAfter: 100,
  networkFailures: 10,
  networkChecks: 30,
  networkRegistrations: 10,
  addressMails: 3,
  networkMails: 10,
  refreshFailures: 150,
  corsOrigins: [],
  cookies: false,
  trustProxy: ['127.0.0.1'],
  mailFrom: { name: 'Latchkey', address: 'latchkey@localhost' },
  appUrl: 'http://localhost:3000',
  pages: false,
  redirectOrigins: [],
  appName: 'Latchkey',
  introspection: true,
  workers: 1,
  metrics: false,
  metricsHost: '127.0.0.1',
  metricsPort: 0,
  auditRetentionSeconds: 365 * 86_400,
  tokenEndpoint: true,
  poolThreads: 4,
  hashConcurrency: 2,
  notes: [],
  warnings: [],
};

/** Hashing as the server does it takes half of the time of these tests. */
const CHEAP: Argon2Cost = { memoryCost: 64, timeCost: 1, parallelism: 1 };

export interface Sender {
  /** Goes into the Authorization header as a bearer token. */
  readonly token?: string | undefined;
  readonly ip?: string;
  readonly userAgent?: string;
  readonly headers?: Record<string, string>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: string;
  // biome-ignore lint/suspicious/noExplicitAny: an answer is whatever the document asked for
  readonly data: any;
  readonly errors: { message: string; extensions: Record<string, unknown> & { code: string } }[] | undefined;
  /** The first error's code, or `OK`. */
  readonly code: string;
}

export type TestApp = Awaited<ReturnType<typeof startApp>>;

/** The whole server on a fresh database, with frozen time; reached through its HTTP door without a socket. */
export async function startApp({
  engine,
  config = {},
  database,
  clock = createFrozenClock(),
  metrics,
  mailer,
  hashCost = CHEAP,
  fetchOfProviders,
}: {
  engine: Engine;
  config?: Partial<Config>;
  database?: Database;
  clock?: ReturnType<typeof createFrozenClock>;
  metrics?: Metrics;
  /** Takes the letters instead of the list that `mailed` gives; null for what the configuration says. */
  mailer?: Mailer | null;
  /** Nothing but a few tests is about what a hash costs. */
  hashCost?: Argon2Cost;
  /** What asks the providers of external logins. */
  fetchOfProviders?: PinnedFetch['fetch'];
}) {
  const lines: string[] = [];
  const letters: Letter[] = [];
  const listing = { send: async (letter: Letter) => void letters.push(letter), close: () => {} };
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const own = database === undefined ? await migratedDatabase(engine) : { database, drop: async () => {} };
  if (database !== undefined) await migrate(database);
  const app: App = await createApp({
    config: { ...TEST_CONFIG, ...config },
    database: metrics?.watchDatabase(own.database) ?? own.database,
    clock,
    logger,
    metrics,
    mailer: mailer === undefined ? listing : (mailer ?? undefined),
    hashCost,
    fetchOfProviders,
  });
  const server = await app.createServer();

  async function send(query: string, variables: unknown = {}, sender: Sender = {}): Promise<Answer> {
    const response = await server.inject({
      method: 'POST',
      url: '/graphql',
      headers: {
        'content-type': 'application/json',
        'user-agent': sender.userAgent ?? 'jest',
        ...(sender.ip === undefined ? {} : { 'x-forwarded-for': sender.ip }),
        ...(sender.token === undefined ? {} : { authorization: `Bearer ${sender.token}` }),
        ...sender.headers,
      },
      payload: JSON.stringify({ query, variables }),
    });
    const { data, errors } = parseWithoutHints(response.body) as Pick<Answer, 'data' | 'errors'>;
    const code = errors?.[0]?.extensions.code ?? 'OK';
    return {
      status: response.statusCode,
      headers: response.headers,
      body: response.body,
      data,
      errors,
      code,
    };
  }

  return {
    ...app,
    clock,
    database: own.database,
    server,
    /** The lines of the log. */
    lines,
    mintFirstAdministrator: () =>
      mintFirstAdministrator({
        config: { ...TEST_CONFIG, ...config },
        database: own.database,
        clock,
        logger,
      }),
    send,
    /** Every letter sent so far, once all that is due is sent. */
    async mailed(): Promise<readonly Letter[]> {
      await app.mail.turn();
      return letters;
    },
    async stop() {
      await server.close();
      await app.close();
      await own.drop();
    },
  };
}

/** A suite that runs on every engine; the apps it starts are stopped after each test. */
export function describeApp(
  subject: string,
  suite: (
    start: (options?: Omit<Parameters<typeof startApp>[0], 'engine'>) => Promise<TestApp>,
    engine: Engine,
  ) => void,
): void {
  describe.each(engines)(`${subject} on %s`, (engine) => {
    const running: TestApp[] = [];
    afterEach(async () => {
      for (const app of running.splice(0)) await app.stop();
    });
    suite(async (options = {}) => {
      const app = await startApp({ ...options, engine });
      running.push(app);
      return app;
    }, engine);
  });
}
