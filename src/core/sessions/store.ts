import type { Sql } from '../../database/database.ts';
import { LARGEST_LEAD_MS } from '../../platform/clock.ts';
import { type UserRecord, userColumns } from '../users/store.ts';

/** A row of `sessions`; moments are ms since 1970. */
export interface SessionRecord {
  readonly id: string;
  readonly userId: string;
  readonly clientId: string;
  /** The roles that its owner was given, space-separated: what `user_roles` has of them, so that a refresh need not look. */
  readonly roles: string;
  /** The scopes that its login asked for, space-separated; null is all, and '' is nothing. It never changes. */
  readonly narrowedTo: string | null;
  /** Space-separated, RFC 8176 values. */
  readonly amr: string;
  /** How strong the authentication was. */
  readonly acr: string;
  /** SHA-256 of the family secret, which only the tokens hold. */
  readonly secretHash: string;
  /** Of the current refresh token. */
  readonly generation: number;
  /** How many generations the last rotation jumped over: above 0 after a failover that lost writes. */
  readonly skippedGenerations: number;
  readonly rotatedAt: number;
  /** The generation that the latest burst of rotations began with, and when; rotation.ts says what for. */
  readonly burstFrom: number;
  readonly burstAt: number;
  readonly createdAt: number;
  readonly authenticatedAt: number;
  readonly idleExpiresAt: number;
  readonly expiresAt: number;
  readonly revokedAt: number | null;
  readonly userAgent: string | null;
  readonly ip: string | null;
  readonly deviceName: string | null;
  /** Of an impersonation: the operator, and the session of theirs that it ends with. */
  readonly operatorId: string | null;
  readonly operatorSessionId: string | null;
}

export type EndReason =
  | 'logout'
  | 'revoked'
  | 'reuse'
  | 'password'
  | 'email'
  | 'disabled'
  | 'limit'
  | 'reauthenticated'
  | 'factor'
  | 'external-login'
  | 'replaced'
  | 'operator'
  | 'restore';

export const COLUMNS = `id, user_id AS "userId", client_id AS "clientId", roles, narrowed_to AS "narrowedTo",
  amr, acr, secret_hash AS "secretHash",
  generation, skipped_generations AS "skippedGenerations", rotated_at AS "rotatedAt",
  burst_from AS "burstFrom", burst_at AS "burstAt",
  created_at AS "createdAt", authenticated_at AS "authenticatedAt",
  idle_expires_at AS "idleExpiresAt", expires_at AS "expiresAt", revoked_at AS "revokedAt",
  user_agent AS "userAgent", ip, device_name AS "deviceName",
  operator_id AS "operatorId", operator_session_id AS "operatorSessionId"`;

export const IS_LIVE = 'revoked_at IS NULL AND idle_expires_at > :now AND expires_at > :now';

/** Opened by a wrong clock: it can be ended, and counts for nothing else until its time comes. */
export const IS_OF_THE_FUTURE = `(sessions.created_at - ${LARGEST_LEAD_MS} > :now)`;

/** What its owner is shown. An impersonation has ended with the session of its operator, though its row has not. */
export const IS_SHOWN = `${IS_LIVE} AND NOT ${IS_OF_THE_FUTURE} AND (operator_session_id IS NULL
  OR EXISTS (SELECT 1 FROM sessions AS operators WHERE operators.id = sessions.operator_session_id AND ${IS_LIVE}))`;

/** Begins at generation 0, in no burst. */
export async function insertSession(
  sql: Sql,
  session: {
    id: string;
    userId: string;
    clientId: string;
    roles: string;
    narrowedTo: string | null;
    amr: string;
    acr: string;
    secretHash: string;
    now: number;
    authenticatedAt?: number;
    idleExpiresAt: number;
    expiresAt: number;
    userAgent: string | null;
    ip: string;
    deviceName: string | null;
    operatorId?: string | null;
    operatorSessionId?: string | null;
  },
): Promise<SessionRecord> {
  const row = await sql.get<SessionRecord>(
    `INSERT INTO sessions (id, user_id, client_id, scope, roles, narrowed_to, amr, acr, secret_hash,
       generation, skipped_generations, rotated_at, burst_from, burst_at,
       created_at, authenticated_at, idle_expires_at, expires_at, user_agent, ip, device_name,
       operator_id, operator_session_id)
     VALUES (:id, :userId, :clientId, '', :roles, :narrowedTo, :amr, :acr, :secretHash,
       0, 0, :now, 0, 0,
       :now, :authenticatedAt, :idleExpiresAt, :expiresAt, :userAgent, :ip, :deviceName,
       :operatorId, :operatorSessionId)
     RETURNING ${COLUMNS}`,
    { authenticatedAt: session.now, operatorId: null, operatorSessionId: null, ...session },
  );
  if (row === undefined) throw new Error('INSERT … RETURNING answered no row');
  return row;
}

/**
 * What a rotation asks for and writes; moments are ms since 1970. Names must differ from column names, because
 * SWAP_MANY joins both.
 */
export type Rotation = {
  readonly sessionId: string;
  readonly secretHash: string;
  /** The generation of the token that is spent. */
  readonly spent: number;
  readonly now: number;
  readonly burstLimit: number;
  readonly newIdleExpiresAt: number;
  readonly newUserAgent: string | null;
  readonly newIp: string;
};

/**
 * The compare-and-swap that spends a refresh token; no row when the token may not be spent. `<=`, not `=`: after
 * a failover to a replica that lost the last writes, an authentic later token moves the row forward instead of
 * locking its owner out. A session that a wrong clock opened is not renewed. A burst begins with the first rotation
 * that is a window away from the last beginning.
 */
const SWAP = `
  UPDATE sessions SET
    generation = CAST(:spent AS BIGINT) + 1,
    skipped_generations = :spent - generation,
    rotated_at = :now,
    idle_expires_at = CASE WHEN expires_at < :newIdleExpiresAt THEN expires_at ELSE :newIdleExpiresAt END,
    burst_from = CASE WHEN burst_at <= :burstLimit OR generation < :spent THEN :spent ELSE burst_from END,
    burst_at = CASE WHEN burst_at <= :burstLimit OR generation < :spent THEN :now ELSE burst_at END,
    user_agent = :newUserAgent,
    ip = :newIp
  WHERE id = :sessionId
    AND secret_hash = :secretHash
    AND generation <= :spent
    AND revoked_at IS NULL AND idle_expires_at > :now AND expires_at > :now
    AND created_at - ${LARGEST_LEAD_MS} <= :now
  RETURNING ${COLUMNS}`;

/**
 * The same for many sessions; a test holds the two texts together. Waits for no lock: it leaves a row alone that
 * another transaction writes at that moment. So one slow writer holds up no neighbour of that row, and no two of these
 * can each wait for the other. `ctid` is the place where the row was found to be free: it saves a second search in the
 * index.
 */
const SWAP_MANY = `
  UPDATE sessions SET
    generation = CAST(rotation."spent" AS BIGINT) + 1,
    skipped_generations = rotation."spent" - generation,
    rotated_at = rotation."now",
    idle_expires_at = CASE WHEN expires_at < rotation."newIdleExpiresAt" THEN expires_at
      ELSE rotation."newIdleExpiresAt" END,
    burst_from = CASE WHEN burst_at <= rotation."burstLimit" OR generation < rotation."spent"
      THEN rotation."spent" ELSE burst_from END,
    burst_at = CASE WHEN burst_at <= rotation."burstLimit" OR generation < rotation."spent"
      THEN rotation."now" ELSE burst_at END,
    user_agent = rotation."newUserAgent",
    ip = rotation."newIp"
  FROM (
    SELECT given.*, free.ctid AS place
    FROM json_to_recordset(CAST(:rotations AS JSON)) AS given(
      "sessionId" TEXT, "secretHash" TEXT, "spent" BIGINT, "now" BIGINT, "burstLimit" BIGINT,
      "newIdleExpiresAt" BIGINT, "newUserAgent" TEXT, "newIp" TEXT)
    JOIN sessions AS free ON free.id = given."sessionId"
    FOR NO KEY UPDATE OF free SKIP LOCKED
  ) AS rotation
  WHERE sessions.ctid = rotation.place
    AND id = rotation."sessionId"
    AND secret_hash = rotation."secretHash"
    AND generation <= rotation."spent"
    AND revoked_at IS NULL AND idle_expires_at > rotation."now" AND expires_at > rotation."now"
    AND created_at - ${LARGEST_LEAD_MS} <= rotation."now"
  RETURNING ${COLUMNS}`;

/** Spends one token. Waits for the transaction that writes its row, if there is one. */
export function rotateGeneration(sql: Sql, rotation: Rotation): Promise<SessionRecord | undefined> {
  return sql.get(SWAP, rotation);
}

/** Spends one token each of many sessions. PostgreSQL only. */
export function rotateGenerations(sql: Sql, rotations: readonly Rotation[]): Promise<SessionRecord[]> {
  return sql.all(SWAP_MANY, { rotations: JSON.stringify(rotations) });
}

export function findSession(sql: Sql, id: string): Promise<SessionRecord | undefined> {
  return sql.get(`SELECT ${COLUMNS} FROM sessions WHERE id = :id`, { id });
}

/** The owner of a session, with what it allows. */
export interface SessionOwner
  extends UserRecord,
    Pick<
      SessionRecord,
      'clientId' | 'roles' | 'narrowedTo' | 'amr' | 'acr' | 'operatorId' | 'operatorSessionId'
    > {}

/** The owner of a live session: one read answers whether it lives, who asks, and what for. */
export function findLiveSessionOwner(
  sql: Sql,
  session: { id: string; now: number },
): Promise<SessionOwner | undefined> {
  return sql.get(
    `SELECT ${userColumns('users.')}, client_id AS "clientId", roles, narrowed_to AS "narrowedTo", amr, acr,
       operator_id AS "operatorId", operator_session_id AS "operatorSessionId"
     FROM sessions JOIN users ON users.id = sessions.user_id
     WHERE sessions.id = :id AND ${IS_LIVE} AND NOT ${IS_OF_THE_FUTURE}`,
    session,
  );
}

export function listLiveSessions(sql: Sql, owner: { userId: string; now: number }): Promise<SessionRecord[]> {
  return sql.all(
    `SELECT ${COLUMNS} FROM sessions WHERE user_id = :userId AND ${IS_SHOWN} ORDER BY rotated_at DESC, id`,
    owner,
  );
}

/** The end of one session; no row when it had ended before. */
export function endSession(
  sql: Sql,
  end: { id: string; now: number; reason: EndReason },
): Promise<SessionRecord | undefined> {
  return sql.get(
    `UPDATE sessions SET revoked_at = :now, revoked_reason = :reason WHERE id = :id AND ${IS_LIVE}
     RETURNING ${COLUMNS}`,
    end,
  );
}

/** The end of all live sessions of a user but one; `exceptId` is '' for all. */
export function endSessionsOf(
  sql: Sql,
  end: { userId: string; exceptId: string; now: number; reason: EndReason },
): Promise<{ id: string }[]> {
  return sql.all(
    `UPDATE sessions SET revoked_at = :now, revoked_reason = :reason
     WHERE user_id = :userId AND id <> :exceptId AND ${IS_LIVE} RETURNING id`,
    end,
  );
}

/**
 * Ends what is over the limit: sessions that a wrong clock opened first, then never-refreshed ones, then the least
 * recently refreshed. Impersonations take no place of the owner's.
 */
export function endExcessSessions(
  sql: Sql,
  excess: { userId: string; newId: string; keep: number; now: number },
): Promise<{ id: string }[]> {
  return sql.all(
    `UPDATE sessions SET revoked_at = :now, revoked_reason = 'limit'
     WHERE id IN (
       SELECT id FROM sessions WHERE user_id = :userId AND id <> :newId AND operator_id IS NULL AND ${IS_LIVE}
       ORDER BY CASE WHEN ${IS_OF_THE_FUTURE} THEN 2 WHEN generation = 0 THEN 1 ELSE 0 END, rotated_at DESC, id
       LIMIT 1000000 OFFSET :keep)
     RETURNING id`,
    excess,
  );
}

/** Ends one bounded batch of all that was not revoked, in the order of ids. Expired ones too: a clock may be wrong. */
export function endSessionsAfter(
  sql: Sql,
  batch: { afterId: string; limit: number; now: number; reason: EndReason },
): Promise<{ id: string }[]> {
  return sql.all(
    `UPDATE sessions SET revoked_at = :now, revoked_reason = :reason
     WHERE id IN (
       SELECT id FROM sessions WHERE id > :afterId AND revoked_at IS NULL ORDER BY id LIMIT :limit)
     RETURNING id`,
    batch,
  );
}

/** Repeats the roles of a user in their sessions, after the user's row and `user_roles` were written. */
export function writeRolesOf(sql: Sql, owner: { userId: string; roles: string }): Promise<number> {
  return sql.run('UPDATE sessions SET roles = :roles WHERE user_id = :userId AND revoked_at IS NULL', owner);
}

export function deleteSessionsOf(sql: Sql, userId: string): Promise<{ id: string }[]> {
  return sql.all('DELETE FROM sessions WHERE user_id = :userId RETURNING id', { userId });
}
