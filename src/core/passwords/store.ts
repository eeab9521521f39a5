import type { Sql } from '../../database/database.ts';
import {
  type AsRead,
  asRead,
  GIVEN_ROLES,
  IS_AS_READ,
  NEXT_PASSWORD,
  type UserRecord,
  type UserWithRoles,
  userColumns,
} from '../users/store.ts';

/** What a password is compared with. The hash goes to the function that compares it, and is in no view and no cache. */
export interface Credential<User = UserRecord> {
  readonly user: User;
  readonly passwordHash: string | null;
  /** Whether another system made the hash, and nothing has replaced it since. */
  readonly isForeign: boolean;
}

const COLUMNS = userColumns();
const CREDENTIAL_COLUMNS = `${COLUMNS}, password_hash AS "passwordHash", password_is_foreign AS "isForeign"`;

/** Who has the address, and what their password is compared with. */
export async function findCredentialByEmail(
  sql: Sql,
  emailCanonical: string,
): Promise<Credential | undefined> {
  return credentialOf(
    await sql.get(`SELECT ${CREDENTIAL_COLUMNS} FROM users WHERE email_canonical = :emailCanonical`, {
      emailCanonical,
    }),
  );
}

/** What a user's password is compared with. */
export async function findCredential(sql: Sql, id: string): Promise<Credential | undefined> {
  return credentialOf(await sql.get(`SELECT ${CREDENTIAL_COLUMNS} FROM users WHERE id = :id`, { id }));
}

/** Whether an account has a password. */
export async function hasPassword(sql: Sql, id: string): Promise<boolean> {
  const row = await sql.get('SELECT 1 AS found FROM users WHERE id = :id AND password_hash IS NOT NULL', {
    id,
  });
  return row !== undefined;
}

/** A page of all accounts with their hashes, for the operator's export. */
export async function listCredentials(
  sql: Sql,
  page: { afterId: string; limit: number },
): Promise<Credential<UserWithRoles>[]> {
  const rows = await sql.all<CredentialRow<UserWithRoles>>(
    `SELECT ${CREDENTIAL_COLUMNS}, ${GIVEN_ROLES} FROM users WHERE id > :afterId ORDER BY id LIMIT :limit`,
    page,
  );
  return rows.flatMap((row) => credentialOf(row) ?? []);
}

/** Never undoes a change of password: it writes over the very hash that was read. */
export function replacePasswordHash(
  sql: Sql,
  rehash: { id: string; asRead: string; passwordHash: string },
): Promise<number> {
  return sql.run(
    `UPDATE users SET password_hash = :passwordHash, password_is_foreign = 0
     WHERE id = :id AND password_hash = :asRead`,
    rehash,
  );
}

/** No row when another change came first. */
export function changePasswordHash(
  sql: Sql,
  change: AsRead & { passwordHash: string; now: number },
): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET password_hash = :passwordHash, ${NEXT_PASSWORD}, updated_at = :now
     WHERE ${IS_AS_READ}
     RETURNING ${COLUMNS}`,
    { ...asRead(change), passwordHash: change.passwordHash, now: change.now },
  );
}

/** The account goes on without one. No row when it has none, or another change came first. */
export function removePasswordHash(
  sql: Sql,
  change: AsRead & { now: number },
): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET password_hash = NULL, ${NEXT_PASSWORD}, updated_at = :now
     WHERE ${IS_AS_READ} AND password_hash IS NOT NULL
     RETURNING ${COLUMNS}`,
    { ...asRead(change), now: change.now },
  );
}

/** The operator's change, without the password of before. */
export function setPasswordHash(
  sql: Sql,
  change: { id: string; passwordHash: string; now: number },
): Promise<number> {
  return sql.run(
    `UPDATE users SET password_hash = :passwordHash, ${NEXT_PASSWORD}, updated_at = :now WHERE id = :id`,
    change,
  );
}

/** Sets a password without the one before. No row when it is the user's address no more, or they are disabled. */
export function resetPasswordHash(
  sql: Sql,
  reset: { id: string; emailCanonical: string; passwordHash: string; now: number },
): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET password_hash = :passwordHash, ${NEXT_PASSWORD}, updated_at = :now
     WHERE id = :id AND email_canonical = :emailCanonical AND disabled_at IS NULL
     RETURNING ${COLUMNS}`,
    reset,
  );
}

type CredentialRow<User> = User & Pick<Credential, 'passwordHash'> & { readonly isForeign: 0 | 1 };

/** Takes the hash out of the row, so that the user can be shown and kept. */
function credentialOf<User extends UserRecord>(
  row: CredentialRow<User> | undefined,
): Credential<User> | undefined {
  if (row === undefined) return undefined;
  const { passwordHash, isForeign, ...user } = row;
  return { user: user as unknown as User, passwordHash, isForeign: isForeign === 1 };
}
