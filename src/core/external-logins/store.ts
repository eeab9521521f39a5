import type { Sql } from '../../database/database.ts';
import { idList } from '../../platform/id.ts';
import { type UserRecord, userColumns } from '../users/store.ts';

/*
 * A row of `external_logins` is an account at a provider, which belongs to one account here. It is known by `issuer` and
 * `subject` together: a subject means something at its issuer alone, and an address can change hands.
 */

/** A row of `external_logins`; moments are ms since 1970. */
export interface ExternalLoginRecord {
  readonly id: string;
  readonly userId: string;
  /** As the file of providers named it when the login was linked or last used. */
  readonly provider: string;
  readonly issuer: string;
  readonly subject: string;
  /** As the provider said it at the last login. It proves nothing. */
  readonly email: string | null;
  readonly linkedAt: number;
  /** When it was last used to log in, whether or not a second factor followed. */
  readonly lastUsedAt: number | null;
}

/** Who somebody is at a provider. */
export type Identity = Pick<ExternalLoginRecord, 'issuer' | 'subject'>;

const COLUMNS = `id, user_id AS "userId", provider, issuer, subject, email, linked_at AS "linkedAt",
  last_used_at AS "lastUsedAt"`;

/** Those of several users, the oldest first. */
export function listExternalLoginsOf(sql: Sql, userIds: readonly string[]): Promise<ExternalLoginRecord[]> {
  const { list, params } = idList(userIds);
  return sql.all(
    `SELECT ${COLUMNS} FROM external_logins WHERE user_id IN (${list}) ORDER BY linked_at, id`,
    params,
  );
}

export function findExternalLogin(sql: Sql, identity: Identity): Promise<ExternalLoginRecord | undefined> {
  return sql.get(
    `SELECT ${COLUMNS} FROM external_logins WHERE issuer = :issuer AND subject = :subject`,
    identityOf(identity),
  );
}

/** No row when the identity is linked already, here or elsewhere: the unique index decides. */
export function insertExternalLogin(
  sql: Sql,
  login: Omit<ExternalLoginRecord, 'linkedAt'> & { readonly now: number },
): Promise<ExternalLoginRecord | undefined> {
  return sql.get(
    `INSERT INTO external_logins (id, user_id, provider, issuer, subject, email, linked_at, last_used_at)
     VALUES (:id, :userId, :provider, :issuer, :subject, :email, :now, :lastUsedAt)
     ON CONFLICT (issuer, subject) DO NOTHING
     RETURNING ${COLUMNS}`,
    { ...login },
  );
}

/** Notes a use. 0 when the login was unlinked meanwhile, or linked to another account. */
export function useExternalLogin(
  sql: Sql,
  use: { id: string; userId: string; provider: string; email: string | null; now: number },
): Promise<number> {
  return sql.run(
    `UPDATE external_logins SET provider = :provider, email = :email, last_used_at = :now
     WHERE id = :id AND user_id = :userId`,
    use,
  );
}

/** The oldest first. */
export function listExternalLogins(sql: Sql, userId: string): Promise<ExternalLoginRecord[]> {
  return sql.all(`SELECT ${COLUMNS} FROM external_logins WHERE user_id = :userId ORDER BY linked_at, id`, {
    userId,
  });
}

export function deleteExternalLogin(
  sql: Sql,
  login: { id: string; userId: string },
): Promise<ExternalLoginRecord | undefined> {
  return sql.get(
    `DELETE FROM external_logins WHERE id = :id AND user_id = :userId RETURNING ${COLUMNS}`,
    login,
  );
}

/** After a login was unlinked, with the user's row locked before. What was proven against the version before proves nothing. */
export function raiseCredentialVersion(sql: Sql, id: string): Promise<UserRecord | undefined> {
  return sql.get(
    `UPDATE users SET credential_version = credential_version + 1 WHERE id = :id RETURNING ${userColumns()}`,
    { id },
  );
}

/** Those that a user linked since a moment. */
export function deleteExternalLoginsSince(
  sql: Sql,
  logins: { userId: string; since: number },
): Promise<number> {
  return sql.run('DELETE FROM external_logins WHERE user_id = :userId AND linked_at >= :since', logins);
}

function identityOf({ issuer, subject }: Identity): { issuer: string; subject: string } {
  return { issuer, subject };
}
