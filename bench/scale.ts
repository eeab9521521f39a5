/**
 * What a larger table costs, and a second process: `npm run bench -- scale` writes bench/RESULTS.md, and with sizes of
 * its own (`-- scale --sizes 1000,2000 --seconds 2 --rounds 2`) prints it. Needs 25 GB of disk and 15 minutes.
 *
 * Figures that are compared are measured in interleaved rounds, each round beginning with another one of them. A ratio
 * is taken within each round, so that what the machine does meanwhile is in both of its terms; the median is kept.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { hash } from '@node-rs/argon2';
import Sqlite from 'better-sqlite3';
import { Client } from 'pg';
import { createApp } from '../src/app.ts';
import { loadConfig } from '../src/config/load.ts';
import type { Database } from '../src/database/database.ts';
import { openDatabase } from '../src/database/open.ts';
import { createClock } from '../src/platform/clock.ts';
import { sqliteFile } from '../src/platform/database-url.ts';
import { createLogger } from '../src/platform/logger.ts';
import { startPostgres } from '../test/support/postgres-server.js';
import { noteStatements, verbAndTable } from '../test/support/statements.ts';
import { median, ratiosWithinRounds, spread } from './figures.ts';
import { chain, type Load, repeat } from './load.ts';
import { ask, login, loginWith, ME, PASSWORD, refreshWith, type Tokens } from './requests.ts';
import { createSeededTokens, emailOf, seed } from './seed.ts';
import { cpuSecondsOf, type RunningServer, startLatchkey } from './servers.ts';
import { measureVerifications } from './verifier.ts';

const SIZES = '10000,100000,1000000,5000000';
const RESULTS = new URL('RESULTS.md', import.meta.url);
const CONNECTIONS = 32;
/** Enough for two processes to be as busy as one is with the others. */
const MANY_CONNECTIONS = 128;
/** The sessions that are refreshed, evenly spread over a table and in no order. */
const SAMPLE = 40_000;
const WARM_UP_SECONDS = 2;
const LOGINS_AT_ONCE = 8;
/** A quarter of the memory, as PostgreSQL's manual advises; initdb's 128 MB are for any machine there is. */
const SHARED_BUFFERS_MB = Math.floor(totalmem() / 2 ** 20 / 4);
const ROTATING_SESSIONS = 100;
const ROTATIONS = 100_000;
const SECRET = randomBytes(32);
const seededToken = createSeededTokens(SECRET);

type Engine = Database['dialect'];

interface Protocol {
  readonly sizes: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  readonly rotations: number;
}

export async function scale(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      sizes: { type: 'string', default: SIZES },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '5' },
      rotations: { type: 'string', default: String(ROTATIONS) },
    },
  });
  const protocol = {
    sizes: values.sizes.split(',').map(Number),
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    rotations: Number(values.rotations),
  };

  const databases = await createDatabases();
  try {
    const sections = [
      await describeMachine(databases.adminUrl, protocol),
      await statementsPerOperation(databases),
      await secondProcess(databases, protocol),
      await growth('sqlite', databases, protocol),
      await growth('postgres', databases, protocol),
      await refreshBySize('sqlite', databases, protocol),
      await refreshBySize('postgres', databases, protocol),
      await verifications(),
    ];
    const text = `# Scale\n\n${sections.join('\n\n')}\n`;
    console.log(text);
    if (values.sizes === SIZES) await writeFile(RESULTS, text);
  } finally {
    await databases.remove();
  }
}

type Databases = Awaited<ReturnType<typeof createDatabases>>;

/**
 * Empty databases of both engines, on a PostgreSQL of its own. Every commit is on disk; its memory, and how much is
 * written before a checkpoint, are set as for a server of this machine's size.
 */
async function createDatabases() {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-scale-'));
  const postgres = await startPostgres();
  await query(postgres.url, `ALTER SYSTEM SET shared_buffers = '${SHARED_BUFFERS_MB}MB'`);
  await query(postgres.url, "ALTER SYSTEM SET max_wal_size = '16GB'");
  await postgres.stop('fast');
  await postgres.start();
  let count = 0;
  return {
    adminUrl: postgres.url,

    async create(engine: Engine): Promise<string> {
      const name = `scale_${count++}`;
      if (engine === 'sqlite') return `file:${join(folder, name, 'latchkey.db')}`;
      await query(postgres.url, `CREATE DATABASE ${name}`);
      const url = new URL(postgres.url);
      url.pathname = name;
      return url.href;
    },

    async remove(): Promise<void> {
      await postgres.remove();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function seeded(databases: Databases, engine: Engine, sessions: number): Promise<string> {
  say(`seeding ${sessions} sessions on ${engine}`);
  const databaseUrl = await databases.create(engine);
  await seed({ databaseUrl, sessions, passwordHash: await passwordHash });
  return databaseUrl;
}

const passwordHash = hash(PASSWORD, { memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32 });

function start(
  databaseUrl: string,
  { core, workers = 1 }: { core?: number; workers?: number } = {},
): Promise<RunningServer> {
  return startLatchkey({
    databaseUrl,
    ...(core === undefined ? {} : { core }),
    env: { LATCHKEY_SECRET: SECRET.toString('hex'), LATCHKEY_WORKERS: String(workers) },
  });
}

// --- refresh by the size of the table ---

async function refreshBySize(engine: Engine, databases: Databases, protocol: Protocol): Promise<string> {
  const targets = [];
  for (const sessions of protocol.sizes) {
    const databaseUrl = await seeded(databases, engine, sessions);
    targets.push({
      sessions,
      bytes: await sessionBytes(databaseUrl),
      server: await start(databaseUrl, { core: 0 }),
      pool: createPool(sessions),
      rates: [] as number[],
      p99s: [] as number[],
    });
  }
  // The next one is 5 minutes away: after it each page goes into the log whole once, a fiftieth of what is written in 5
  // minutes, but all of a round.
  if (engine === 'postgres') await query(databases.adminUrl, 'CHECKPOINT');
  // Warm code and a warm table: a server that runs for a while has read what is in use.
  for (const { server, pool } of targets) {
    while (!pool.isTouched()) await refresh(server, pool, WARM_UP_SECONDS);
  }
  for (let round = 0; round < protocol.rounds; round += 1) {
    for (const target of rotate(targets, round)) {
      const { requestsPerSecond, p99Ms } = await refresh(target.server, target.pool, protocol.seconds);
      target.rates.push(requestsPerSecond);
      target.p99s.push(p99Ms);
      say(`${engine}, ${target.sessions} sessions: ${requestsPerSecond.toFixed(0)} refreshes/s`);
    }
  }
  for (const { server } of targets) await server.stop();

  const base = targets[0]?.rates ?? [];
  const rows = targets.map(({ sessions, bytes, pool, rates, p99s }) => {
    const ratios = ratiosWithinRounds(rates, base);
    return [
      sessions.toLocaleString('en'),
      megabytes(bytes),
      pool.count.toLocaleString('en'),
      median(rates).toFixed(0),
      `${median(p99s).toFixed(0)} ms`,
      spread(ratios),
      '█'.repeat(Math.round(Math.min(median(ratios), 1.5) * 20)),
    ];
  });
  return [
    `## Refresh by the number of sessions, ${nameOf(engine)}`,
    '',
    `One server process on one core, ${CONNECTIONS} connections, the load${engine === 'postgres' ? ' and the database' : ''} on the other core. Goal: ≥ 0.90 at the largest.`,
    '',
    table(
      [
        'sessions',
        'table and indexes',
        'sessions refreshed',
        'refreshes/s',
        'p99',
        `of the figure at ${rows[0]?.[0]}`,
        'curve',
      ],
      rows,
    ),
  ].join('\n');
}

/** Sessions to be refreshed, each with its current token, the least recently used first. */
function createPool(sessions: number, size = SAMPLE) {
  const count = Math.min(sessions, size);
  const tokens = Array.from({ length: count }, (_, i) => seededToken(Math.floor((i * sessions) / count)));
  for (let i = count - 1; i > 0; i -= 1) {
    const other = Math.floor(Math.random() * (i + 1));
    [tokens[i], tokens[other]] = [tokens[other] ?? '', tokens[i] ?? ''];
  }
  let taken = 0;
  return {
    take(): string {
      const token = tokens[taken];
      if (token === undefined) throw new Error('No session is left');
      taken += 1;
      return token;
    },
    give(token: string): void {
      tokens.push(token);
    },
    /** Each of them was taken at least once. */
    isTouched: () => taken >= count,
    count,
  };
}

/** As many refreshes as there is time for. Answers that come after it are lost, and with them their sessions. */
function refresh(
  { url }: RunningServer,
  pool: ReturnType<typeof createPool>,
  seconds: number,
  connections = CONNECTIONS,
): Promise<Load> {
  return chain({
    url,
    seconds,
    first: Array.from({ length: connections }, () => refreshWith(pool.take())),
    next: (data) => {
      pool.give((data.refreshToken as Tokens).refreshToken);
      return refreshWith(pool.take());
    },
  });
}

// --- one process and two ---

async function secondProcess(databases: Databases, { rounds, seconds, sizes }: Protocol): Promise<string> {
  const sessions = Math.min(100_000, Math.max(...sizes));
  const databaseUrl = await seeded(databases, 'postgres', sessions);
  const one = await start(databaseUrl);
  const two = await start(databaseUrl, { workers: 2 });
  const pool = createPool(sessions);
  const { accessToken } = await login(one, emailOf(0));
  const operations: Record<string, (server: RunningServer) => Promise<Load>> = {
    [`refreshToken, ${CONNECTIONS} connections`]: (server) => refresh(server, pool, seconds),
    [`refreshToken, ${CONNECTIONS} connections for each process`]: (server) =>
      refresh(server, pool, seconds, server === two ? 2 * CONNECTIONS : CONNECTIONS),
    [`refreshToken, ${MANY_CONNECTIONS} connections`]: (server) =>
      refresh(server, pool, seconds, MANY_CONNECTIONS),
    me: ({ url }) => repeat({ url, seconds, body: ME, token: accessToken, connections: CONNECTIONS }),
    login: ({ url }) => {
      const next = () => loginWith(emailOf(Math.floor(Math.random() * sessions)));
      return chain({ url, seconds, first: Array.from({ length: LOGINS_AT_ONCE }, next), next });
    },
  };

  const rows: string[][] = [];
  for (const [operation, run] of Object.entries(operations)) {
    const arms = [one, two].map((server) => ({
      server,
      serverMicros: [] as number[],
      databaseMicros: [] as number[],
      rates: [] as number[],
    }));
    for (const { server } of arms) await run(server);
    for (let round = 0; round < rounds; round += 1) {
      for (const arm of rotate(arms, round)) {
        const before = await cpuOf(arm.server, databaseUrl);
        const { requests, requestsPerSecond } = await run(arm.server);
        const after = await cpuOf(arm.server, databaseUrl);
        arm.serverMicros.push((1e6 * (after.server - before.server)) / requests);
        arm.databaseMicros.push((1e6 * (after.database - before.database)) / requests);
        arm.rates.push(requestsPerSecond);
        say(`${operation}, processes: ${arm.server === one ? 1 : 2}, ${requestsPerSecond.toFixed(0)}/s`);
      }
    }
    const ratioOf = (of: (arm: (typeof arms)[number]) => number[]) => {
      const [ofOne = [], ofTwo = []] = arms.map(of);
      return median(ratiosWithinRounds(ofTwo, ofOne)).toFixed(2);
    };
    rows.push([
      operation,
      ...arms.map(({ serverMicros }) => `${median(serverMicros).toFixed(0)} µs`),
      ratioOf(({ serverMicros }) => serverMicros),
      ...arms.map(({ databaseMicros }) => `${median(databaseMicros).toFixed(0)} µs`),
      `${arms.map(({ rates }) => median(rates).toFixed(0)).join(' → ')} (${ratioOf(({ rates }) => rates)})`,
    ]);
  }
  for (const server of [one, two]) await server.stop();
  return [
    '## One process and two, PostgreSQL',
    '',
    `CPU time of one operation on ${sessions.toLocaleString('en')} sessions, with \`LATCHKEY_WORKERS\` 1 and 2, the process that shares the port out among them included. A process that waits for work between its requests pays more for each: it has to be woken, and others have used its caches. Goal: two processes ≤ 1.15 of one. Load, database and servers share the cores of this machine, so the rates say nothing about two machines.`,
    '',
    table(
      ['operation', 'server, 1', 'server, 2', 'ratio', 'database, 1', 'database, 2', 'operations/s, 1 → 2'],
      rows,
    ),
  ].join('\n');
}

/** CPU time of the server, and of all the processes of the database. */
async function cpuOf(server: RunningServer, databaseUrl: string) {
  const [postmaster] = await query<{ pid: number }>(
    databaseUrl,
    `SELECT CAST(split_part(pg_read_file('postmaster.pid'), chr(10), 1) AS INTEGER) AS pid`,
  );
  return {
    server: await server.cpuSeconds(),
    database: await cpuSecondsOf(postmaster?.pid, { family: true }),
  };
}

// --- what an operation asks of the database ---

async function statementsPerOperation(databases: Databases): Promise<string> {
  const databaseUrl = await databases.create('postgres');
  await seed({ databaseUrl, sessions: 1, passwordHash: await passwordHash });
  const config = loadConfig({
    NODE_ENV: 'production',
    DATABASE_URL: databaseUrl,
    LATCHKEY_SECRET: SECRET.toString('hex'),
    LATCHKEY_ISSUER: 'https://auth.example.com',
  });
  const inner = await openDatabase(databaseUrl);
  const counted = noteStatements(inner, verbAndTable);
  const logger = await createLogger({ level: 'silent', fileDescriptor: 2, isForPeople: false });
  const app = await createApp({ config, database: counted.database, clock: createClock(), logger });
  const server = await app.createServer();

  async function send(body: object, token = ''): Promise<{ said: string[]; data: Record<string, Tokens> }> {
    counted.statements.length = 0;
    const response = await server.inject({
      method: 'POST',
      url: '/graphql',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      payload: JSON.stringify(body),
    });
    const { data, errors } = response.json();
    if (errors !== undefined) throw new Error(response.body);
    return { said: [...counted.statements], data };
  }

  try {
    const loggedIn = await send(loginWith(emailOf(0)));
    const { accessToken, refreshToken } = loggedIn.data.login ?? { accessToken: '', refreshToken: '' };
    const me = await send(ME, accessToken);
    const meAgain = await send(ME, accessToken);
    const refreshed = await send(refreshWith(refreshToken));
    const rows = [
      ['login', loggedIn.said.join(', '), '1 read, 1 throttle statement, 1 transaction'],
      ['refreshToken', refreshed.said.join(', '), '1 statement'],
      ['me', me.said.join(', '), '≤ 1 read'],
      ['me again, within a second', meAgain.said.join(', '), '≤ 1 read'],
    ];
    return [
      '## Statements per operation',
      '',
      'As they are sent, the same on both engines; those of a transaction in brackets.',
      '',
      table(['operation', 'statements', 'goal'], rows),
    ].join('\n');
  } finally {
    await server.close();
    await app.close();
    await inner.close();
  }
}

// --- what rotation does to the size of a table ---

async function growth(engine: Engine, databases: Databases, { rotations }: Protocol): Promise<string> {
  const databaseUrl = await seeded(databases, engine, ROTATING_SESSIONS);
  await vacuum(databaseUrl);
  const before = await sessionBytes(databaseUrl);
  const server = await start(databaseUrl, { core: 0 });
  let left = rotations;
  const clients = Array.from({ length: ROTATING_SESSIONS }, async (_, session) => {
    let token = seededToken(session);
    while (left > 0) {
      left -= 1;
      const { refreshToken } = await ask<{ refreshToken: Tokens }>(server, refreshWith(token));
      token = refreshToken.refreshToken;
    }
  });
  await Promise.all(clients);
  await server.stop();
  const after = await sessionBytes(databaseUrl);
  const rows = await countSessions(databaseUrl);
  await vacuum(databaseUrl);
  const packed = await sessionBytes(databaseUrl);
  return [
    `## Size of the table after ${rotations.toLocaleString('en')} rotations, ${nameOf(engine)}`,
    '',
    table(
      ['', 'rows', 'table and indexes'],
      [
        ['before', String(ROTATING_SESSIONS), kilobytes(before)],
        ['after', String(rows), kilobytes(after)],
        ['after, without dead space (VACUUM FULL)', String(rows), kilobytes(packed)],
      ],
    ),
  ].join('\n');
}

async function sessionBytes(databaseUrl: string): Promise<number> {
  const file = sqliteFile(databaseUrl);
  if (file === undefined) {
    const sql = `SELECT CAST(pg_total_relation_size('sessions') AS FLOAT) AS bytes`;
    return (await query<{ bytes: number }>(databaseUrl, sql))[0]?.bytes ?? Number.NaN;
  }
  return onSqlite(file, (database) => {
    const sql = `SELECT sum(pgsize) AS bytes FROM dbstat WHERE aggregate = TRUE AND name IN
      (SELECT name FROM sqlite_schema WHERE tbl_name = 'sessions')`;
    return database.prepare<[], { bytes: number }>(sql).get()?.bytes ?? Number.NaN;
  });
}

async function countSessions(databaseUrl: string): Promise<number> {
  const file = sqliteFile(databaseUrl);
  const sql = 'SELECT CAST(count(*) AS INTEGER) AS count FROM sessions';
  if (file === undefined) return (await query<{ count: number }>(databaseUrl, sql))[0]?.count ?? 0;
  return onSqlite(file, (database) => database.prepare<[], { count: number }>(sql).get()?.count ?? 0);
}

async function vacuum(databaseUrl: string): Promise<void> {
  const file = sqliteFile(databaseUrl);
  if (file === undefined) await query(databaseUrl, 'VACUUM FULL sessions');
  else onSqlite(file, (database) => database.exec('VACUUM'));
}

// --- where and how ---

async function verifications(): Promise<string> {
  const { cached, uncached, bare } = await measureVerifications();
  const row = (what: string, rates: readonly number[]) => [
    what,
    spread(rates),
    spread(ratiosWithinRounds(rates, bare)),
  ];
  const rows = [
    row('verified before', cached),
    row('not verified before', uncached),
    row('`jwtVerify` of jose', bare),
  ];
  return [
    '## Access tokens verified by `@latchkey/verify`',
    `One process on one core, 1,000 tokens, 32 at once; medians of 7 interleaved rounds of a second, \`npm run bench -- verifier\`, ${new Date().toISOString().slice(0, 10)}. Goal: ≥ 100,000 a second of those that it has verified before.`,
    table(['token', 'verifications/s', 'of `jwtVerify`'], rows),
  ].join('\n\n');
}

async function describeMachine(adminUrl: string, { rounds, seconds }: Protocol): Promise<string> {
  const settings = await query<{ name: string; setting: string; unit: string | null }>(
    adminUrl,
    `SELECT name, setting, unit FROM pg_settings WHERE name IN ('server_version', 'shared_buffers', 'fsync',
       'synchronous_commit', 'full_page_writes', 'max_wal_size', 'checkpoint_timeout') ORDER BY name`,
  );
  const sqlite = onSqlite(':memory:', (database) =>
    database.prepare('SELECT sqlite_version()').pluck().get(),
  );
  const distribution = /PRETTY_NAME="(.+)"/.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  const facts = [
    `${availableParallelism()} cores of ${cpus()[0]?.model}, ${(totalmem() / 2 ** 30).toFixed(0)} GB, ${distribution}, Linux ${release()}, load ${(await readFile('/proc/loadavg', 'utf8')).slice(0, 4)} at the start.`,
    `Node.js ${process.version}; SQLite ${sqlite}, synchronous FULL; PostgreSQL: ${settings.map(({ name, setting, unit }) => `${name} ${setting}${unit === null ? '' : ` × ${unit}`}`).join(', ')}.`,
    `Medians of ${rounds} interleaved rounds of ${seconds} seconds, ratios within each round (lowest … highest). \`npm run bench -- scale\`, ${new Date().toISOString().slice(0, 10)}.`,
  ];
  return facts.map((fact) => `- ${fact}`).join('\n');
}

async function query<Row extends object>(url: string, sql: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

function onSqlite<Result>(file: string, use: (database: Sqlite.Database) => Result): Result {
  const database = new Sqlite(file);
  try {
    return use(database);
  } finally {
    database.close();
  }
}

function rotate<Item>(items: readonly Item[], by: number): Item[] {
  const at = by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const nameOf = (engine: Engine) => (engine === 'sqlite' ? 'SQLite' : 'PostgreSQL');
const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MB`;
const kilobytes = (bytes: number) => `${(bytes / 2 ** 10).toFixed(0)} kB`;

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
