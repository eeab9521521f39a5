import { canonicalEmail } from '../../core/users/service.ts';
import { GIVEN_ROLES, userColumns } from '../../core/users/store.ts';
import type { Database, Params, Sql } from '../../database/database.ts';
import type { Part } from './keyset.ts';

/*
 * The search of accounts. The migration 0070 has an index of each expression here.
 *
 * A list is in the order of an index, and conditions leave rows out as they come: right where many accounts meet them.
 * Where few do, the ids of those are read first from the index of the condition, and sorted. To find out which it is, the
 * accounts that meet a condition are counted first.
 */

/** How far matches are counted. */
export const MOST_COUNTED = 10_000;
/** So many are sorted for each page; where more meet a condition, few rows are left out between two that do. */
const FEW = 3_000;

/** Higher than every text that begins with what it is put after: the last character that Unicode has. */
const LAST_CHARACTER = '\u{10ffff}';

const STATE = `(CASE WHEN disabled_at IS NOT NULL THEN 2 WHEN email_verified_at IS NULL THEN 1 ELSE 0 END)`;
const STATES = { ACTIVE: 0, UNVERIFIED: 1, DISABLED: 2 } as const;

export type UserState = keyof typeof STATES;

/** A filter, checked. */
export interface UserFilter {
  readonly text?: string | undefined;
  readonly id?: string | undefined;
  /** None for a role that every account has. */
  readonly role?: string | undefined;
  readonly state?: UserState | undefined;
  /** ms since 1970. */
  readonly createdFrom?: number | undefined;
  readonly createdBefore?: number | undefined;
}

export interface UserOrder {
  readonly field: 'CREATED' | 'EMAIL' | 'LAST_LOGIN';
  readonly direction: 'ASC' | 'DESC';
}

/** A condition that an index answers by itself. */
interface Driver {
  /** Selects accounts by the index of the condition. */
  readonly rows: string;
  /** What to count in their place, where that is cheaper. */
  readonly counted?: string;
  /** The same condition of a row of `users`, which no index answers. */
  readonly condition: string;
  readonly params: Params;
}

/** The columns of a list of accounts. */
const COLUMNS = `${userColumns()}, ${GIVEN_ROLES}`;

function driversOf({ id, role, state, createdFrom, createdBefore }: UserFilter): Driver[] {
  const drivers: Driver[] = [];
  if (id !== undefined)
    drivers.push({ rows: 'SELECT * FROM users WHERE id = :id', condition: 'id = :id', params: { id } });
  if (role !== undefined)
    drivers.push({
      rows: `SELECT users.* FROM (SELECT user_id FROM user_roles WHERE role = :role LIMIT ${MOST_COUNTED + 1}) AS chosen
        JOIN users ON users.id = chosen.user_id`,
      counted: 'SELECT 1 FROM user_roles WHERE role = :role',
      condition: 'EXISTS (SELECT 1 FROM user_roles WHERE user_id = users.id AND role = :role)',
      params: { role },
    });
  if (state !== undefined)
    drivers.push({
      rows: `SELECT * FROM users WHERE ${STATE} = ${STATES[state]}`,
      // The sign keeps the engines from answering this with an index, and sorting then.
      condition: `+${STATE} = ${STATES[state]}`,
      params: {},
    });
  if (createdFrom !== undefined || createdBefore !== undefined) {
    const params = { createdFrom: createdFrom ?? 0, createdBefore: createdBefore ?? Number.MAX_SAFE_INTEGER };
    drivers.push({
      rows: 'SELECT * FROM users WHERE created_at >= :createdFrom AND created_at < :createdBefore',
      condition: 'created_at >= :createdFrom AND created_at < :createdBefore',
      params,
    });
  }
  return drivers;
}

/** What a list is ordered by. PostgreSQL compares texts by bytes only where it is told to. */
function keyOf(field: UserOrder['field'], byBytes: string): string {
  if (field === 'EMAIL') return `email_canonical${byBytes}`;
  return field === 'CREATED' ? 'created_at' : 'COALESCE(last_login_at, 0)';
}

/** How a search is carried out. */
export interface Search {
  readonly parts: readonly Part[];
  readonly count: () => Promise<number>;
}

/** Finds out which way is fast. */
export async function planSearch(database: Database, filter: UserFilter, order: UserOrder): Promise<Search> {
  const drivers = driversOf(filter);
  const counted = await Promise.all(
    drivers.map(async (driver) => ({
      driver,
      count: await countUpTo(database, driver.counted ?? driver.rows, driver.params),
    })),
  );
  const params = Object.assign({}, ...drivers.map((driver) => driver.params)) as Params;
  const few = counted.filter(({ count }) => count <= FEW).sort((a, b) => a.count - b.count)[0];
  const byBytes = database.dialect === 'postgres' ? ' COLLATE "C"' : '';
  const lists = listsOf(filter, order, byBytes).map((list) => ({
    ...list,
    params: { ...params, ...list.params },
  }));

  const conditions = drivers.filter((driver) => driver !== few?.driver).map(({ condition }) => condition);
  // PostgreSQL starts no workers for what a limit bounds: they take longer than the rows.
  const source = few && `few AS MATERIALIZED (${few.driver.rows} LIMIT ${MOST_COUNTED + 1})`;
  const parts = lists.map(
    (list): Part => ({
      columns: COLUMNS,
      from: few === undefined ? 'users' : 'few AS users',
      withClause: source && `WITH ${source}`,
      conditions: [...conditions, ...list.conditions],
      bounds: list.bounds,
      params: list.params,
      key: list.key,
      isDescending: list.isDescending,
    }),
  );
  const [only] = counted;
  const isCounted = counted.length === 1 && filter.text === undefined;
  return { parts, count: async () => (isCounted && only ? only.count : countParts(database, parts)) };
}

interface List extends Pick<Part, 'conditions' | 'bounds' | 'params' | 'key' | 'isDescending'> {}

/** What a canonical address begins with where the address begins with the text. A whole domain has its form in Punycode. */
function canonicalPrefix(text: string): string {
  return text.includes('@') ? canonicalEmail(text) : text.normalize('NFKC').toLowerCase();
}

/** The parts of a list: with a text, the addresses that begin with it, and then the names. */
function listsOf({ text }: UserFilter, { field, direction }: UserOrder, byBytes: string): List[] {
  if (text === undefined)
    return [{ conditions: [], params: {}, key: keyOf(field, byBytes), isDescending: direction === 'DESC' }];
  const [address, name] = [`email_canonical${byBytes}`, `lower(name)${byBytes}`];
  const prefix = canonicalPrefix(text);
  const params = { prefix, prefixEnd: prefix + LAST_CHARACTER, text, textEnd: text + LAST_CHARACTER };
  const ofAddress = { lowest: `${address} >= :prefix`, highest: `${address} < :prefixEnd` };
  const ofName = { lowest: `${name} >= lower(:text)`, highest: `${name} < lower(:textEnd)` };
  const isElsewhere = `NOT (${ofAddress.lowest} AND ${ofAddress.highest})`;
  return [
    { conditions: [], bounds: ofAddress, params, key: address, isDescending: false },
    { conditions: ['name IS NOT NULL', isElsewhere], bounds: ofName, params, key: name, isDescending: false },
  ];
}

/** How many rows a statement has, counted no further than one above 10,000. */
async function countUpTo(sql: Sql, select: string, params: Params, withClause = ''): Promise<number> {
  const row = await sql.get<{ count: number }>(
    `${withClause} SELECT CAST(COUNT(*) AS INTEGER) AS count FROM (${select} LIMIT ${MOST_COUNTED + 1}) AS counted`,
    params,
  );
  return row?.count ?? 0;
}

async function countParts(sql: Sql, parts: readonly Part[]): Promise<number> {
  let total = 0;
  for (const { from, withClause, conditions, bounds, params } of parts) {
    const all = [...conditions, ...(bounds ? [bounds.lowest, bounds.highest] : [])];
    const where = all.length > 0 ? `WHERE ${all.join(' AND ')}` : '';
    total += await countUpTo(sql, `SELECT 1 FROM ${from} ${where}`, params, withClause);
    if (total > MOST_COUNTED) break;
  }
  return total;
}
