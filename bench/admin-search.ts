/**
 * What a page of the search of accounts takes: `npm run bench -- admin-search` prints it for a million accounts on both
 * engines (`-- admin-search --accounts 100000` for less). Each figure is the median of 15, the first page and one far in.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Database } from '../src/database/database.ts';
import { migrate } from '../src/database/migrate.ts';
import { openDatabase } from '../src/database/open.ts';
import type { Page, Position } from '../src/features/admin/cursors.ts';
import { readKeyset } from '../src/features/admin/keyset.ts';
import { planSearch, type UserFilter, type UserOrder } from '../src/features/admin/search-store.ts';
import { startPostgres } from '../test/support/postgres-server.js';
import { median } from './figures.ts';

const ROUNDS = 15;
const CHUNK = 10_000;
const SIZE = 20;
const NEWEST: UserOrder = { field: 'CREATED', direction: 'DESC' };

const SEARCHES: readonly { name: string; filter: UserFilter; order: UserOrder }[] = [
  { name: 'all, by creation', filter: {}, order: NEWEST },
  { name: 'all, by address', filter: {}, order: { field: 'EMAIL', direction: 'ASC' } },
  { name: 'all, by last login', filter: {}, order: { field: 'LAST_LOGIN', direction: 'ASC' } },
  { name: 'addresses with "user12"', filter: { text: 'user12' }, order: NEWEST },
  { name: 'names with "Name 7"', filter: { text: 'Name 7' }, order: NEWEST },
  { name: 'role of 1,000', filter: { role: 'rare' }, order: NEWEST },
  { name: 'role of 10 %', filter: { role: 'common' }, order: NEWEST },
  { name: 'disabled, 1 %', filter: { state: 'DISABLED' }, order: { field: 'EMAIL', direction: 'ASC' } },
  { name: 'disabled, of 1,000 with a role', filter: { state: 'DISABLED', role: 'rare' }, order: NEWEST },
  { name: 'active, half', filter: { state: 'ACTIVE' }, order: NEWEST },
  {
    name: 'unverified, half, by last login',
    filter: { state: 'UNVERIFIED' },
    order: { field: 'LAST_LOGIN', direction: 'DESC' },
  },
];

export async function adminSearch(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { accounts: { type: 'string', default: '1000000' } } });
  const accounts = Number(values.accounts);
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-search-'));
  const server = await startPostgres();
  try {
    for (const url of [`file:${join(folder, 'search.db')}`, server.url]) {
      const database = await openDatabase(url);
      await fill(database, accounts);
      await measure(database, accounts);
      await database.close();
    }
  } finally {
    await server.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Half are verified, 1 % disabled, a third never logged in; ids and creation have nothing to do with each other. */
async function fill(database: Database, accounts: number): Promise<void> {
  const patient = database.within(600_000);
  await migrate(database);
  const hex = database.dialect === 'sqlite' ? 'hex(randomblob(16))' : 'md5(random()::text || n::text)';
  const uuid = `lower(substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-4' || substr(h, 14, 3) || '-8' || substr(h, 18, 3) || '-' || substr(h, 21, 12))`;
  for (let from = 0; from < accounts; from += CHUNK)
    await patient.run(
      `WITH RECURSIVE numbers(n) AS (SELECT CAST(:from AS INTEGER) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :until),
         hashed AS MATERIALIZED (SELECT n, ${hex} AS h FROM numbers)
       INSERT INTO users (id, email, email_canonical, name, email_verified_at, disabled_at, last_login_at, created_at, updated_at)
       SELECT ${uuid}, 'user' || n || '@example.com', 'user' || n || '@example.com', 'Name ' || n,
         CASE WHEN n % 2 = 0 THEN 1 END, CASE WHEN n % 100 = 7 THEN 1 END,
         CASE WHEN n % 3 > 0 THEN 1700000000000 + n * 7 END, 1600000000000 + n, 1600000000000 + n
       FROM hashed`,
      { from, until: Math.min(accounts, from + CHUNK) },
    );
  for (const [role, every] of [
    ['rare', Math.floor(accounts / 1_000)],
    ['common', 10],
  ] as const)
    await patient.run(
      `INSERT INTO user_roles (user_id, role, granted_at)
       SELECT id, :role, 0 FROM users WHERE (created_at - 1600000000000) % CAST(:every AS BIGINT) = 7`,
      { role, every },
    );
  if (database.dialect === 'postgres')
    for (const table of ['users', 'user_roles']) await patient.run(`ANALYZE ${table}`);
}

async function measure(database: Database, accounts: number): Promise<void> {
  console.log(`\n${database.dialect}, ${accounts} accounts, ms: first page, page at 90 %, count`);
  for (const { name, filter, order } of SEARCHES) {
    const first = { size: SIZE, isBackward: false, after: undefined, before: undefined };
    const search = async (page: Page) =>
      readKeyset(database, (await planSearch(database, filter, order)).parts, page);
    const total = await (await planSearch(database, filter, order)).count();
    const deep = await positionAt(database, {
      filter,
      order,
      offset: Math.floor((total > 10_000 ? accounts : total) * 0.9),
    });
    const figures = [
      await timeOf(() => search(first)),
      deep === undefined ? undefined : await timeOf(() => search({ ...first, after: deep })),
      await timeOf(async () => (await planSearch(database, filter, order)).count()),
    ];
    console.log(
      `${name.padEnd(34)} ${figures.map((ms) => (ms === undefined ? '–' : ms.toFixed(1)).padStart(8)).join('')}  (${total})`,
    );
  }
}

/** Far into a list: where most of it stands before. */
async function positionAt(
  database: Database,
  { filter, order, offset }: { filter: UserFilter; order: UserOrder; offset: number },
): Promise<Position | undefined> {
  const patient = database.within(600_000);
  const { parts } = await planSearch(patient, filter, order);
  for (const [index, part] of parts.entries()) {
    const direction = part.isDescending ? 'DESC' : 'ASC';
    const all = [...part.conditions, ...(part.bounds ? [part.bounds.lowest, part.bounds.highest] : [])];
    const where = all.length > 0 ? `WHERE ${all.join(' AND ')}` : '';
    const select = `${part.withClause ?? ''} SELECT id, ${part.key} AS key FROM ${part.from} ${where}`;
    const matches = await patient.get<{ count: number }>(
      `${part.withClause ?? ''} SELECT CAST(COUNT(*) AS INTEGER) AS count FROM ${part.from} ${where}`,
      part.params,
    );
    if (matches === undefined || matches.count === 0) continue;
    const row = await patient.get<{ id: string; key: string | number }>(
      `${select} ORDER BY ${part.key} ${direction}, id ${direction} LIMIT 1 OFFSET :offset`,
      { ...part.params, offset: Math.min(offset, Math.floor(matches.count * 0.9)) },
    );
    if (row !== undefined) return { part: index, ...row };
  }
  return undefined;
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  await work();
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i += 1) {
    const began = performance.now();
    await work();
    times.push(performance.now() - began);
  }
  return median(times);
}
