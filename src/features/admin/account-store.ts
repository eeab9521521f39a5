import { GIVEN_ROLES, type UserWithRoles, userColumns } from '../../core/users/store.ts';
import type { Sql } from '../../database/database.ts';

/** A user by id, with their roles. */
export function findUserWithRoles(sql: Sql, id: string): Promise<UserWithRoles | undefined> {
  return sql.get(`SELECT ${userColumns()}, ${GIVEN_ROLES} FROM users WHERE id = :id`, { id });
}

/** An operator answers for the address, or takes that back. */
export function setEmailVerified(
  sql: Sql,
  change: { id: string; emailVerifiedAt: number | null },
): Promise<number> {
  return sql.run('UPDATE users SET email_verified_at = :emailVerifiedAt WHERE id = :id', change);
}

/** The same address in another spelling. */
export function respellEmail(sql: Sql, change: { id: string; email: string; now: number }): Promise<number> {
  return sql.run('UPDATE users SET email = :email, updated_at = :now WHERE id = :id', change);
}

/** To the address that an operator gives; the unique index decides whose it is. A login that waits for a factor ends. */
export function moveEmail(
  sql: Sql,
  change: {
    id: string;
    email: string;
    emailCanonical: string;
    emailVerifiedAt: number | null;
    now: number;
  },
): Promise<number> {
  return sql.run(
    `UPDATE users SET email = :email, email_canonical = :emailCanonical, email_verified_at = :emailVerifiedAt,
       credential_version = credential_version + 1, updated_at = :now
     WHERE id = :id`,
    change,
  );
}
