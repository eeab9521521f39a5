import type { Sql } from '../../database/database.ts';
import { writeDigest } from '../roles/store.ts';

/** Makes those wait for each other until the end of their transactions who would leave the administrators. */
export function lockAdministrators(sql: Sql): Promise<unknown> {
  return writeDigest(sql, { name: 'administrators', digest: '' });
}

/**
 * Another account that may be used and has a role of each list; a list that has a default role is every account's, and
 * null.
 */
export function findOtherHolder(
  sql: Sql,
  { userId, roles }: { userId: string; roles: readonly (readonly string[] | null)[] },
): Promise<{ id: string } | undefined> {
  const lists = roles.filter((list) => list !== null);
  const named = lists.map((list, i) => list.map((role, j) => [`role${i}x${j}`, role] as const));
  const conditions = named.map(
    (list) =>
      `AND id IN (SELECT user_id FROM user_roles WHERE role IN (${list.map(([name]) => `:${name}`).join(', ')}))`,
  );
  return sql.get(
    `SELECT id FROM users WHERE id <> :userId AND disabled_at IS NULL ${conditions.join(' ')} LIMIT 1`,
    {
      userId,
      ...Object.fromEntries(named.flat()),
    },
  );
}
