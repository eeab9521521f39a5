import type { Sql } from '../../database/database.ts';

/** A row of `users`; moments are ms since 1970. */
export interface UserRecord {
  readonly id: string;
  /** As it was typed; `email_canonical` is what addresses are compared by. */
  readonly email: string;
  readonly name: string | null;
  readonly passwordHash: string | null;
  /** Counts changes of the password: whoever verified an older one writes nothing. */
  readonly passwordVersion: number;
  readonly disabledAt: number | null;
  /** When the owner proved that the address is theirs. */
  readonly emailVerifiedAt: number | null;
  readonly lastLoginAt: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

const COLUMNS = `id, email, name, password_hash AS "passwordHash", password_version AS "passwordVersion",
  disabled_at AS "disabledAt", email_verified_at AS "emailVerifiedAt", last_login_at AS "lastLoginAt",
  created_at AS "createdAt", updated_at AS "updatedAt"`;

export function findUser(sql: Sql, id: string): Promise<UserRecord | undefined> {
  return sql.get(`SELECT ${COLUMNS} FROM users WHERE id = :id`, { id });
}

export function findUserByEmail(sql: Sql, emailCanonical: string): Promise<UserRecord | undefined> {
  return sql.get(`SELECT ${COLUMNS} FROM users WHERE email_canonical = :emailCanonical`, { emailCanonical });
}

export function listUsers(sql: Sql, page: { afterId: string; limit: number }): Promise<UserRecord[]> {
  return sql.all(`SELECT ${COLUMNS} FROM users WHERE id > :afterId ORDER BY id LIMIT :limit`, page);
}

/** No row when the address is taken: the unique index decides, however many register it at once (LOG-9). */
export function insertUser(
  sql: Sql,
  user: {
    id: string;
    email: string;
    emailCanonical: string;
    name: string | null;
    passwordHash: string;
    emailVerifiedAt?: number | null;
    now: number;
  },
): Promise<UserRecord | undefined> {
  return sql.get(
    `INSERT INTO users (id, email, email_canonical, name, password_hash, email_verified_at, created_at, updated_at)
     VALUES (:id, :email, :emailCanonical, :name, :passwordHash, :emailVerifiedAt, :now, :now)
     ON CONFLICT (email_canonical) DO NOTHING
     RETURNING ${COLUMNS}`,
    { emailVerifiedAt: null, ...user },
  );
}

/** An account as another system had it. False when its id or its address is taken. */
export async function insertForeignUser(
  sql: Sql,
  user: {
    id: string;
    email: string;
    emailCanonical: string;
    name: string | null;
    passwordHash: string | null;
    emailVerifiedAt: number | null;
    disabledAt: number | null;
    createdAt: number;
    now: number;
  },
): Promise<boolean> {
  const count = await sql.run(
    `INSERT INTO users (id, email, email_canonical, name, password_hash, email_verified_at, disabled_at,
       created_at, updated_at)
     VALUES (:id, :email, :emailCanonical, :name, :passwordHash, :emailVerifiedAt, :disabledAt, :createdAt, :now)
     ON CONFLICT DO NOTHING`,
    user,
  );
  return count === 1;
}

/** No row when the password changed or the account was disabled since the password was verified. */
export function recordLogin(
  sql: Sql,
  login: { id: string; passwordVersion: number; now: number },
): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET last_login_at = :now
     WHERE id = :id AND password_version = :passwordVersion AND disabled_at IS NULL
     RETURNING ${COLUMNS}`,
    login,
  );
}

/** Locks the row of a user who has proven their password; no row when it changed or the account was disabled since. */
export function holdUser(
  sql: Sql,
  user: { id: string; passwordVersion: number },
): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET password_version = password_version
     WHERE id = :id AND password_version = :passwordVersion AND disabled_at IS NULL
     RETURNING ${COLUMNS}`,
    user,
  );
}

/** Never undoes a change of password: it writes over the very hash that was read. */
export function replacePasswordHash(
  sql: Sql,
  rehash: { id: string; asRead: string; passwordHash: string },
): Promise<number> {
  return sql.run(
    'UPDATE users SET password_hash = :passwordHash WHERE id = :id AND password_hash = :asRead',
    rehash,
  );
}

/** No row when another change came first. */
export function changePasswordHash(
  sql: Sql,
  change: { id: string; passwordVersion: number; passwordHash: string; now: number },
): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET password_hash = :passwordHash, password_version = password_version + 1, updated_at = :now
     WHERE id = :id AND password_version = :passwordVersion AND disabled_at IS NULL
     RETURNING ${COLUMNS}`,
    change,
  );
}

/** The operator's change: whatever the password was. */
export function setPasswordHash(
  sql: Sql,
  change: { id: string; passwordHash: string; now: number },
): Promise<number> {
  return sql.run(
    `UPDATE users SET password_hash = :passwordHash, password_version = password_version + 1, updated_at = :now
     WHERE id = :id`,
    change,
  );
}

/** Whose mail proved the address sets a password. No row when it is the user's address no more, or they are disabled. */
export function resetPasswordHash(
  sql: Sql,
  reset: { id: string; emailCanonical: string; passwordHash: string; now: number },
): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET password_hash = :passwordHash, password_version = password_version + 1,
       email_verified_at = COALESCE(email_verified_at, :now), updated_at = :now
     WHERE id = :id AND email_canonical = :emailCanonical AND disabled_at IS NULL
     RETURNING ${COLUMNS}`,
    reset,
  );
}

/** No row when it is the user's address no more, or they are disabled. */
export function verifyEmail(
  sql: Sql,
  proof: { id: string; emailCanonical: string; now: number },
): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET email_verified_at = COALESCE(email_verified_at, :now)
     WHERE id = :id AND email_canonical = :emailCanonical AND disabled_at IS NULL
     RETURNING ${COLUMNS}`,
    proof,
  );
}

/** To an address that its owner has proven. No row when the password changed since they asked, or they are disabled. */
export function changeEmail(
  sql: Sql,
  change: { id: string; passwordVersion: number; email: string; emailCanonical: string; now: number },
): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET email = :email, email_canonical = :emailCanonical, email_verified_at = :now, updated_at = :now
     WHERE id = :id AND password_version = :passwordVersion AND disabled_at IS NULL
     RETURNING ${COLUMNS}`,
    change,
  );
}

/** Back to an address of before, whatever the password was; that one goes. */
export function restoreEmail(
  sql: Sql,
  change: { id: string; email: string; emailCanonical: string; now: number },
): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET email = :email, email_canonical = :emailCanonical, email_verified_at = :now,
       password_hash = NULL, password_version = password_version + 1, updated_at = :now
     WHERE id = :id
     RETURNING ${COLUMNS}`,
    change,
  );
}

export function setDisabledAt(
  sql: Sql,
  change: { id: string; disabledAt: number | null; now: number },
): Promise<number> {
  return sql.run('UPDATE users SET disabled_at = :disabledAt, updated_at = :now WHERE id = :id', change);
}

export function renameUser(
  sql: Sql,
  change: { id: string; name: string | null; now: number },
): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET name = :name, updated_at = :now WHERE id = :id RETURNING ${COLUMNS}`,
    change,
  );
}

/** Takes the row out of every login's reach, before its sessions go and then the row itself. */
export function retireUser(
  sql: Sql,
  user: { id: string; passwordVersion: number; now: number },
): Promise<number> {
  return sql.run(
    `UPDATE users SET disabled_at = :now, password_version = password_version + 1
     WHERE id = :id AND password_version = :passwordVersion`,
    user,
  );
}

export function deleteUser(sql: Sql, id: string): Promise<number> {
  return sql.run('DELETE FROM users WHERE id = :id', { id });
}
