import type { Sql } from '../../database/database.ts';

/** A row of `users`, without the hash of its password; moments are ms since 1970. */
export interface UserRecord {
  readonly id: string;
  /** As it was typed; `email_canonical` is what addresses are compared by. */
  readonly email: string;
  readonly name: string | null;
  /** Counts changes of the password; the proof of a known device names it. */
  readonly passwordVersion: number;
  /**
   * Counts changes of everything that proves who the owner is, of the password too: what was proven against an older
   * version opens and writes nothing.
   */
  readonly credentialVersion: number;
  /** The kinds of second factor that the account has confirmed, space-separated; '' is none. */
  readonly secondFactors: string;
  /** 1 where a password is set, else 0. */
  readonly hasPassword: number;
  readonly disabledAt: number | null;
  /** When the owner proved that the address is theirs. */
  readonly emailVerifiedAt: number | null;
  readonly lastLoginAt: number | null;
  /** A JSON object that operators write. */
  readonly metadata: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The row that something was proven of, as it was then. */
export type AsRead = Pick<UserRecord, 'id' | 'passwordVersion' | 'credentialVersion'>;

/** The columns of a `UserRecord`. @param table whose they are, with a dot, where a statement has several. */
export function userColumns(table: '' | 'users.' = ''): string {
  return `${table}id, ${table}email, ${table}name, ${table}password_version AS "passwordVersion",
    ${table}credential_version AS "credentialVersion", ${table}second_factors AS "secondFactors",
    CASE WHEN ${table}password_hash IS NULL THEN 0 ELSE 1 END AS "hasPassword", ${table}disabled_at AS "disabledAt",
    ${table}email_verified_at AS "emailVerifiedAt", ${table}last_login_at AS "lastLoginAt",
    ${table}metadata,
    ${table}created_at AS "createdAt", ${table}updated_at AS "updatedAt"`;
}

const COLUMNS = userColumns();

/**
 * Still the row that was read, of an account that may be used. Names password_version as well: the version before this
 * one counts a change of the password there alone.
 */
export const IS_AS_READ = `id = :id AND credential_version = :credentialVersion AND password_version = :passwordVersion
  AND disabled_at IS NULL`;

/**
 * Still the password that was compared, of an account that may be used. The factors may have changed since: the row that
 * the statement answers with says what is owed now.
 */
const HAS_SAME_PASSWORD = 'id = :id AND password_version = :passwordVersion AND disabled_at IS NULL';

/** Goes with each change of `password_hash`, but a rehash of the same password. */
export const NEXT_PASSWORD = `password_is_foreign = 0, password_version = password_version + 1,
  credential_version = credential_version + 1`;

export function findUser(sql: Sql, id: string): Promise<UserRecord | undefined> {
  return sql.get(`SELECT ${COLUMNS} FROM users WHERE id = :id`, { id });
}

export function findUserByEmail(sql: Sql, emailCanonical: string): Promise<UserRecord | undefined> {
  return sql.get(`SELECT ${COLUMNS} FROM users WHERE email_canonical = :emailCanonical`, { emailCanonical });
}

/** A user with the roles that they were given, sorted, space-separated. */
export interface UserWithRoles extends UserRecord {
  readonly roles: string;
}

/** What a statement on `users` selects of their roles. */
export const GIVEN_ROLES = `COALESCE(
    (SELECT STRING_AGG(role, ' ' ORDER BY role) FROM user_roles WHERE user_id = users.id), '') AS roles`;

export function listUsers(sql: Sql, page: { afterId: string; limit: number }): Promise<UserWithRoles[]> {
  return sql.all(
    `SELECT ${COLUMNS}, ${GIVEN_ROLES} FROM users WHERE id > :afterId ORDER BY id LIMIT :limit`,
    page,
  );
}

export async function countUsers(sql: Sql): Promise<number> {
  const row = await sql.get<{ count: number }>('SELECT CAST(COUNT(*) AS INTEGER) AS count FROM users');
  return row?.count ?? 0;
}

/** No row when the address is taken: the unique index decides, however many register it at once (LOG-9). */
export function insertUser(
  sql: Sql,
  user: {
    id: string;
    email: string;
    emailCanonical: string;
    name: string | null;
    passwordHash: string | null;
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
    metadata: string;
    emailVerifiedAt: number | null;
    disabledAt: number | null;
    createdAt: number;
    now: number;
  },
): Promise<boolean> {
  const count = await sql.run(
    `INSERT INTO users (id, email, email_canonical, name, password_hash, password_is_foreign, metadata,
       email_verified_at, disabled_at, created_at, updated_at)
     VALUES (:id, :email, :emailCanonical, :name, :passwordHash, 1, :metadata, :emailVerifiedAt, :disabledAt, :createdAt, :now)
     ON CONFLICT DO NOTHING`,
    user,
  );
  return count === 1;
}

/**
 * A first factor was proven, which is a login where no second one is owed. No row when the password changed, or the
 * account was disabled, since the user was read.
 */
export function recordFirstFactor(
  sql: Sql,
  { id, passwordVersion, now }: Pick<UserRecord, 'id' | 'passwordVersion'> & { now: number },
): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET last_login_at = CASE WHEN second_factors = '' THEN :now ELSE last_login_at END
     WHERE ${HAS_SAME_PASSWORD} RETURNING ${COLUMNS}`,
    { id, passwordVersion, now },
  );
}

/** All that was owed was proven. No row when that changed, or the account was disabled, since the user was read. */
export function recordLogin(sql: Sql, login: AsRead & { now: number }): Promise<UserRecord | undefined> {
  return sql.get(`UPDATE users SET last_login_at = :now WHERE ${IS_AS_READ} RETURNING ${COLUMNS}`, {
    ...asRead(login),
    now: login.now,
  });
}

/** After the factors were changed, with the row locked before. What was proven against the version before proves nothing. */
export function changeSecondFactors(
  sql: Sql,
  change: { id: string; secondFactors: string },
): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET second_factors = :secondFactors, credential_version = credential_version + 1
     WHERE id = :id RETURNING ${COLUMNS}`,
    change,
  );
}

/** Locks the row of a user who has proven who they are; no row when that changed or the account was disabled since. */
export function holdUser(sql: Sql, user: AsRead): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET password_version = password_version WHERE ${IS_AS_READ} RETURNING ${COLUMNS}`,
    asRead(user),
  );
}

/** Locks the row of a user who has given the password, and perhaps a code; no row as in `recordFirstFactor`. */
export function holdPassword(
  sql: Sql,
  { id, passwordVersion }: Pick<UserRecord, 'id' | 'passwordVersion'>,
): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET password_version = password_version WHERE ${HAS_SAME_PASSWORD} RETURNING ${COLUMNS}`,
    { id, passwordVersion },
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

/**
 * The first proof of an address, by its mailbox alone: the password goes, because a stranger may have set it. No row
 * when the address was proven before, is the user's no more, or they are disabled.
 */
export function claimAddress(
  sql: Sql,
  proof: { id: string; emailCanonical: string; now: number },
): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET email_verified_at = :now, password_hash = NULL, ${NEXT_PASSWORD}, updated_at = :now
     WHERE id = :id AND email_canonical = :emailCanonical AND email_verified_at IS NULL AND disabled_at IS NULL
     RETURNING ${COLUMNS}`,
    proof,
  );
}

/** To an address that its owner has proven. No row when what proves the owner changed since they asked. */
export function changeEmail(
  sql: Sql,
  change: AsRead & { email: string; emailCanonical: string; now: number },
): Promise<UserRecord | undefined> {
  const { email, emailCanonical, now } = change;
  return sql.get(
    `UPDATE users SET email = :email, email_canonical = :emailCanonical, email_verified_at = :now, updated_at = :now
     WHERE ${IS_AS_READ}
     RETURNING ${COLUMNS}`,
    { ...asRead(change), email, emailCanonical, now },
  );
}

/** Back to an earlier address, without the password. The password goes. */
export function restoreEmail(
  sql: Sql,
  change: { id: string; email: string; emailCanonical: string; now: number },
): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET email = :email, email_canonical = :emailCanonical, email_verified_at = :now,
       password_hash = NULL, ${NEXT_PASSWORD}, updated_at = :now
     WHERE id = :id
     RETURNING ${COLUMNS}`,
    change,
  );
}

/** Disabled since the first time, if it is already. */
export function disableUser(sql: Sql, change: { id: string; now: number }): Promise<number> {
  return sql.run(
    `UPDATE users SET disabled_at = COALESCE(disabled_at, :now), credential_version = credential_version + 1, updated_at = :now
     WHERE id = :id`,
    change,
  );
}

export function enableUser(sql: Sql, change: { id: string; now: number }): Promise<number> {
  return sql.run('UPDATE users SET disabled_at = NULL, updated_at = :now WHERE id = :id', change);
}

/** No row when it is their name already. */
export function renameUser(
  sql: Sql,
  change: { id: string; name: string | null; now: number },
): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET name = :name, updated_at = :now
     WHERE id = :id AND name IS DISTINCT FROM :name
     RETURNING ${COLUMNS}`,
    change,
  );
}

/** Takes the row out of every login's reach, before its sessions go and then the row itself. */
export function retireUser(sql: Sql, user: AsRead & { now: number }): Promise<number> {
  return sql.run(`UPDATE users SET disabled_at = :now, ${NEXT_PASSWORD} WHERE ${IS_AS_READ}`, {
    ...asRead(user),
    now: user.now,
  });
}

/** Locks the row until the end of the transaction; no row when the user is gone. */
export function lockUser(sql: Sql, id: string): Promise<UserRecord | undefined> {
  return sql.get(`UPDATE users SET metadata = metadata WHERE id = :id RETURNING ${COLUMNS}`, { id });
}

export function writeMetadata(sql: Sql, change: { id: string; metadata: string }): Promise<number> {
  return sql.run('UPDATE users SET metadata = :metadata WHERE id = :id', change);
}

export function deleteUser(sql: Sql, id: string): Promise<number> {
  return sql.run('DELETE FROM users WHERE id = :id', { id });
}

/** The parameters of `IS_AS_READ`. */
export function asRead({ id, passwordVersion, credentialVersion }: AsRead): AsRead {
  return { id, passwordVersion, credentialVersion };
}
