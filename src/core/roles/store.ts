import type { Sql } from '../../database/database.ts';

/** The roles that an account was given, sorted, space-separated, as `sessions.roles` repeats them. */
export async function readRoles(sql: Sql, userId: string): Promise<string> {
  const rows = await sql.all<{ role: string }>(
    'SELECT role FROM user_roles WHERE user_id = :userId ORDER BY role',
    { userId },
  );
  return rows.map(({ role }) => role).join(' ');
}

/** 0 when the account has it already. */
export function insertRole(sql: Sql, grant: { userId: string; role: string; now: number }): Promise<number> {
  return sql.run(
    'INSERT INTO user_roles (user_id, role, granted_at) VALUES (:userId, :role, :now) ON CONFLICT DO NOTHING',
    grant,
  );
}

/** 0 when the account does not have it. */
export function deleteRole(sql: Sql, grant: { userId: string; role: string }): Promise<number> {
  return sql.run('DELETE FROM user_roles WHERE user_id = :userId AND role = :role', grant);
}

/** Each role that any account was given, and how many were. */
export function countByRole(sql: Sql): Promise<{ role: string; accounts: number }[]> {
  return sql.all(
    'SELECT role, CAST(COUNT(*) AS INTEGER) AS accounts FROM user_roles GROUP BY role ORDER BY role',
  );
}

/** The first role after `role`, in the order of the index: all of them are found without reading every account. */
export async function nextRole(sql: Sql, role: string): Promise<string | undefined> {
  const row = await sql.get<{ role: string | null }>(
    'SELECT MIN(role) AS role FROM user_roles WHERE role > :role',
    { role },
  );
  return row?.role ?? undefined;
}

/** The digest that a server of this database wrote last under the name. */
export async function readDigest(sql: Sql, name: string): Promise<string | undefined> {
  const row = await sql.get<{ digest: string }>('SELECT digest FROM shared_settings WHERE name = :name', {
    name,
  });
  return row?.digest;
}

export function writeDigest(sql: Sql, setting: { name: string; digest: string }): Promise<number> {
  return sql.run(
    `INSERT INTO shared_settings (name, digest) VALUES (:name, :digest)
     ON CONFLICT (name) DO UPDATE SET digest = excluded.digest`,
    setting,
  );
}
