/**
 * Tables of any number of live sessions, whose tokens the bench can make: everything of a session is derived from its
 * number. The rows look like those that the server writes.
 */
import { hash } from 'node:crypto';
import Sqlite from 'better-sqlite3';
import { Client } from 'pg';
import { createRefreshTokens } from '../src/core/tokens/refresh-token.ts';
import { createKeyring } from '../src/crypto/keyring.ts';
import { migrate } from '../src/database/migrate.ts';
import { openDatabase } from '../src/database/open.ts';
import { sqliteFile } from '../src/platform/database-url.ts';

const SESSIONS_PER_USER = 5;
const CHUNK = 50_000;
const GENERATION = 17;
const DAY_MS = 86_400_000;
/** Sessions began at any time of this long ago: all of them are live. */
const SPREAD_MS = 12 * DAY_MS;
const USER_AGENT =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36';

export interface Seed {
  readonly databaseUrl: string;
  readonly sessions: number;
  /** PHC string of every user. */
  readonly passwordHash: string;
}

export const emailOf = (session: number) => `user${Math.floor(session / SESSIONS_PER_USER)}@example.com`;

/** The current refresh token of a seeded session that was never refreshed since. */
export function createSeededTokens(secret: Buffer): (session: number) => string {
  const tokens = createRefreshTokens(createKeyring([secret], 'refresh-token'));
  return (session) =>
    tokens.encode({
      sessionId: idOf('session', session),
      generation: GENERATION,
      familySecret: Buffer.from(hash('sha256', `secret ${session}`, 'hex'), 'hex'),
    });
}

/** Fills an empty database; says on standard error how far it is. */
export async function seed(options: Seed): Promise<void> {
  const database = await openDatabase(options.databaseUrl);
  await migrate(database);
  await database.close();
  const file = sqliteFile(options.databaseUrl);
  await (file === undefined ? seedPostgres(options) : seedSqlite(file, options));
}

function seedSqlite(file: string, { sessions, passwordHash }: Seed): void {
  const database = new Sqlite(file);
  const now = Date.now();
  try {
    database.pragma('synchronous = OFF');
    database.pragma('cache_size = -2000000');
    const indexes = database
      .prepare<[], { name: string; sql: string }>(
        `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'sessions' AND sql IS NOT NULL`,
      )
      .all();
    for (const { name } of indexes) database.exec(`DROP INDEX ${name}`);

    const insertUser = database.prepare(
      `INSERT INTO users (id, email, email_canonical, password_hash, created_at, updated_at)
       VALUES (?, ?, ?, ?, ?, ?)`,
    );
    const insertSession = database.prepare(
      `INSERT INTO sessions (id, user_id, client_id, scope, amr, secret_hash, generation, skipped_generations,
         rotated_at, burst_from, burst_at, created_at, authenticated_at, idle_expires_at, expires_at, user_agent, ip)
       VALUES (?, ?, 'first-party', '', 'pwd', ?, ?, 0, ?, 0, 0, ?, ?, ?, ?, ?, ?)`,
    );
    const insertChunk = database.transaction((from: number, to: number) => {
      for (let session = from; session < to; session += 1) {
        const user = Math.floor(session / SESSIONS_PER_USER);
        const userId = idOf('user', user);
        const at = now - Math.floor(((session * 7_919) % 1_000_000) * (SPREAD_MS / 1_000_000));
        if (session % SESSIONS_PER_USER === 0) {
          insertUser.run(userId, emailOf(session), emailOf(session), passwordHash, at, at);
        }
        const secret = Buffer.from(hash('sha256', `secret ${session}`, 'hex'), 'hex');
        insertSession.run(
          idOf('session', session),
          userId,
          hash('sha256', secret, 'base64url'),
          GENERATION,
          at,
          at,
          at,
          at + 14 * DAY_MS,
          at + 30 * DAY_MS,
          USER_AGENT,
          `198.51.${session % 256}.${user % 256}`,
        );
      }
    });
    for (let from = 0; from < sessions; from += CHUNK) {
      insertChunk(from, Math.min(sessions, from + CHUNK));
      showProgress(from + CHUNK, sessions);
    }
    for (const { sql } of indexes) database.exec(sql);
    database.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    database.close();
  }
}

async function seedPostgres({ databaseUrl, sessions, passwordHash }: Seed): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  const now = Date.now();
  try {
    // The rows refer to each other by construction: five million look-ups less.
    await client.query('SET session_replication_role = replica');
    const { rows: indexes } = await client.query<{ name: string; sql: string }>(
      `SELECT indexname AS name, indexdef AS sql FROM pg_indexes
       WHERE schemaname = current_schema() AND tablename = 'sessions' AND indexdef NOT LIKE '%UNIQUE%'`,
    );
    for (const { name } of indexes) await client.query(`DROP INDEX ${name}`);
    const at = `CAST(${now} - floor(((n::bigint * 7919) % 1000000) * ${SPREAD_MS / 1_000_000}) AS BIGINT)`;
    const id = (kind: string, number: string) =>
      `regexp_replace(md5('${kind} ' || ${number}),
         '^(.{8})(.{4}).(.{3}).(.{3})(.{12})$', '\\1-\\2-4\\3-8\\4-\\5')`;
    for (let from = 0; from < sessions; from += CHUNK) {
      const to = Math.min(sessions, from + CHUNK) - 1;
      await client.query(
        `INSERT INTO users (id, email, email_canonical, password_hash, created_at, updated_at)
         SELECT ${id('user', 'u')}, email, email, '${passwordHash}', ${at}, ${at}
         FROM (SELECT n, n / ${SESSIONS_PER_USER} AS u, 'user' || n / ${SESSIONS_PER_USER} || '@example.com' AS email
               FROM generate_series(${from}, ${to}) AS n WHERE n % ${SESSIONS_PER_USER} = 0) AS users`,
      );
      await client.query(
        `INSERT INTO sessions (id, user_id, client_id, scope, amr, secret_hash, generation, skipped_generations,
           rotated_at, burst_from, burst_at, created_at, authenticated_at, idle_expires_at, expires_at, user_agent, ip)
         SELECT ${id('session', 'n')}, ${id('user', `n / ${SESSIONS_PER_USER}`)}, 'first-party', '', 'pwd',
           rtrim(translate(encode(sha256(sha256(convert_to('secret ' || n, 'UTF8'))), 'base64'), '+/', '-_'), '='),
           ${GENERATION}, 0, ${at}, 0, 0, ${at}, ${at}, ${at} + ${14 * DAY_MS}, ${at} + ${30 * DAY_MS},
           '${USER_AGENT}', '198.51.' || n % 256 || '.' || n / ${SESSIONS_PER_USER} % 256
         FROM generate_series(${from}, ${to}) AS n`,
      );
      showProgress(to + 1, sessions);
    }
    for (const { sql } of indexes) await client.query(sql);
    await client.query('VACUUM (ANALYZE) users');
    await client.query('VACUUM (ANALYZE) sessions');
    await client.query('CHECKPOINT');
  } finally {
    await client.end();
  }
}

/** As a UUID, in the shape and the order of random ones. */
function idOf(kind: 'user' | 'session', number: number): string {
  const hex = hash('md5', `${kind} ${number}`, 'hex');
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, '$1-$2-4$3-8$4-$5');
}

function showProgress(done: number, total: number): void {
  const share = Math.min(100, Math.floor((100 * done) / total));
  if (process.stderr.isTTY)
    process.stderr.write(`\r  ${share} % of ${total} sessions${share === 100 ? '\n' : ''}`);
}
