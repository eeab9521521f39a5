import type { Sql } from '../../database/database.ts';
import { LARGEST_LEAD_MS } from '../../platform/clock.ts';
import { idList } from '../../platform/id.ts';
import { writeDigest } from '../roles/store.ts';
import { GIVEN_ROLES } from '../users/store.ts';

/*
 * A row of `service_accounts` is a program, and a row of `api_keys` is one of its keys. Moments are ms since 1970.
 *
 *   service_accounts.scope   the most that keys of the account allow, space-separated; null is no limit but their makers'
 *   disabled_at              no key of the account works from then on
 *   secret_hash              SHA-256 of the key's secret, which only the key has
 *   api_keys.scope           what the key was made for, space-separated
 *   created_by               the maker, by whose present rights the key is cut; null once the account is deleted
 *   last_used_at             the last exchange, up to a minute late
 *   revoked_by               who revoked it; null when a restore did
 */

export interface ServiceAccountRecord {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly scope: string | null;
  readonly createdBy: string | null;
  readonly createdAt: number;
  readonly disabledAt: number | null;
}

/** A key, without the hash of its secret. */
export interface ApiKeyRecord {
  readonly id: string;
  readonly serviceAccountId: string;
  readonly name: string | null;
  readonly scope: string;
  readonly createdBy: string | null;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
  readonly revokedAt: number | null;
  readonly revokedBy: string | null;
}

const ACCOUNT_COLUMNS = `id, name, description, scope, created_by AS "createdBy", created_at AS "createdAt",
  disabled_at AS "disabledAt"`;

const KEY_COLUMNS = `id, service_account_id AS "serviceAccountId", name, scope, created_by AS "createdBy",
  created_at AS "createdAt", expires_at AS "expiresAt", last_used_at AS "lastUsedAt", revoked_at AS "revokedAt",
  revoked_by AS "revokedBy"`;

/** No row when the name is taken: the unique index decides. */
export function insertServiceAccount(
  sql: Sql,
  account: Omit<ServiceAccountRecord, 'disabledAt'>,
): Promise<ServiceAccountRecord | undefined> {
  return sql.get(
    `INSERT INTO service_accounts (id, name, description, scope, created_by, created_at)
     VALUES (:id, :name, :description, :scope, :createdBy, :createdAt)
     ON CONFLICT (name) DO NOTHING RETURNING ${ACCOUNT_COLUMNS}`,
    { ...account },
  );
}

/** Locks the row until the end of the transaction; no row when there is none. */
export function lockServiceAccount(sql: Sql, id: string): Promise<ServiceAccountRecord | undefined> {
  return sql.get(`UPDATE service_accounts SET name = name WHERE id = :id RETURNING ${ACCOUNT_COLUMNS}`, {
    id,
  });
}

/** A page in the order of names, after one of them. */
export function listServiceAccounts(
  sql: Sql,
  page: { afterName: string; limit: number },
): Promise<ServiceAccountRecord[]> {
  return sql.all(
    `SELECT ${ACCOUNT_COLUMNS} FROM service_accounts WHERE name > :afterName ORDER BY name LIMIT :limit`,
    page,
  );
}

/** Makes those wait for each other until the end of their transactions who create accounts. */
export function lockAccountCount(sql: Sql): Promise<unknown> {
  return writeDigest(sql, { name: 'service-accounts', digest: '' });
}

export async function countServiceAccounts(sql: Sql): Promise<number> {
  const row = await sql.get<{ count: number }>(
    'SELECT CAST(COUNT(*) AS INTEGER) AS count FROM service_accounts',
  );
  return row?.count ?? 0;
}

export function insertApiKey(
  sql: Sql,
  key: Omit<ApiKeyRecord, 'lastUsedAt' | 'revokedAt' | 'revokedBy'> & { readonly secretHash: string },
): Promise<ApiKeyRecord | undefined> {
  return sql.get(
    `INSERT INTO api_keys (id, service_account_id, name, secret_hash, scope, created_by, created_at, expires_at)
     VALUES (:id, :serviceAccountId, :name, :secretHash, :scope, :createdBy, :createdAt, :expiresAt)
     RETURNING ${KEY_COLUMNS}`,
    { ...key },
  );
}

/** The keys of some accounts, ended ones too, the newest first. */
export function listApiKeysOf(sql: Sql, accountIds: readonly string[]): Promise<ApiKeyRecord[]> {
  const { list, params } = idList(accountIds);
  return sql.all(
    `SELECT ${KEY_COLUMNS} FROM api_keys WHERE service_account_id IN (${list}) ORDER BY created_at DESC, id`,
    params,
  );
}

/** A key that works, with all that decides what it allows now. */
export interface LiveApiKey {
  readonly serviceAccountId: string;
  readonly secretHash: string;
  readonly scope: string;
  /** That of the account. */
  readonly ceiling: string | null;
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
  /** The roles that its maker was given. */
  readonly roles: string;
  /** The second factors of its maker. */
  readonly secondFactors: string;
}

/** No row when the key is unknown, revoked or over, or its account or its maker is disabled or gone. */
export function findLiveApiKey(sql: Sql, key: { id: string; now: number }): Promise<LiveApiKey | undefined> {
  return sql.get(
    `SELECT service_account_id AS "serviceAccountId", secret_hash AS "secretHash", api_keys.scope,
       service_accounts.scope AS ceiling, expires_at AS "expiresAt", last_used_at AS "lastUsedAt",
       ${GIVEN_ROLES}, users.second_factors AS "secondFactors"
     FROM api_keys
     JOIN service_accounts ON service_accounts.id = api_keys.service_account_id
     JOIN users ON users.id = api_keys.created_by
     WHERE api_keys.id = :id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now)
       AND service_accounts.disabled_at IS NULL AND users.disabled_at IS NULL`,
    key,
  );
}

/** Writes once in `everyMs`, however many processes ask at once. A moment that a wrong clock wrote counts for nothing. */
export function noteUse(sql: Sql, use: { id: string; now: number; everyMs: number }): Promise<number> {
  return sql.run(
    `UPDATE api_keys SET last_used_at = :now
     WHERE id = :id AND (last_used_at IS NULL OR last_used_at <= :now - CAST(:everyMs AS BIGINT)
       OR last_used_at > :now + ${LARGEST_LEAD_MS})`,
    use,
  );
}

/** No row when there is no such key, or it was revoked before. */
export function revokeApiKey(
  sql: Sql,
  end: { id: string; revokedBy: string; now: number },
): Promise<ApiKeyRecord | undefined> {
  return sql.get(
    `UPDATE api_keys SET revoked_at = :now, revoked_by = :revokedBy WHERE id = :id AND revoked_at IS NULL
     RETURNING ${KEY_COLUMNS}`,
    end,
  );
}

/** No row when there is no such account. */
export function writeDisabledAt(
  sql: Sql,
  change: { id: string; disabledAt: number | null },
): Promise<ServiceAccountRecord | undefined> {
  return sql.get(
    `UPDATE service_accounts SET disabled_at = :disabledAt WHERE id = :id RETURNING ${ACCOUNT_COLUMNS}`,
    change,
  );
}

export function findApiKey(sql: Sql, id: string): Promise<ApiKeyRecord | undefined> {
  return sql.get(`SELECT ${KEY_COLUMNS} FROM api_keys WHERE id = :id`, { id });
}

/** Revokes one bounded batch of all keys. */
export function revokeApiKeys(sql: Sql, batch: { limit: number; now: number }): Promise<number> {
  return sql.run(
    `UPDATE api_keys SET revoked_at = :now
     WHERE id IN (SELECT id FROM api_keys WHERE revoked_at IS NULL LIMIT :limit)`,
    batch,
  );
}

/** One bounded batch of keys that ended before `endedBefore`. */
export function deleteEndedApiKeys(sql: Sql, batch: { endedBefore: number; limit: number }): Promise<number> {
  return sql.run(
    `DELETE FROM api_keys WHERE id IN (
       SELECT id FROM api_keys WHERE expires_at < :endedBefore OR revoked_at < :endedBefore LIMIT :limit)`,
    batch,
  );
}
