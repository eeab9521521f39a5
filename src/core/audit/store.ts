import type { Sql } from '../../database/database.ts';
import type { Caller } from '../../platform/caller.ts';

/** Each event of the audit trail, in the words of the OWASP Logging Vocabulary, with what it says: the manual prints it. */
export const AUDIT_EVENTS = {
  authn_login_success:
    'A session was opened, or `reauthenticate` opened one in the place of another. `details.amr` says by what proof, and `details.provider` by which provider. `details.reason` is `linked` where an account at a provider was linked with it, and `first_proof` where it was the first proof of the address.',
  authn_login_successafterfail:
    'A login worked after failures. `details.failures` counts those since the last one that worked.',
  authn_login_fail:
    'A proof was refused at a login or a re-authentication, or a provider did not let anybody in. `details.reason` says why.',
  authn_login_lock:
    'So many failures in a row that the password is disabled until it is set anew, or that no code of a second factor is compared.',
  authn_password_change:
    'A password was set: changed, reset by a link, or given by the operator. `details.reason` is `removed` where its owner removed it.',
  authn_password_change_fail: 'A change that takes the password was tried with a wrong one.',
  authn_token_created:
    'A link or a code was asked for, or a login waits for a second factor. `details.purpose` says what for. The outcome is `fail` where none was made.',
  authn_token_revoked:
    'Sessions were ended by `logout` or `revokeSession`, by an operator, or one was replaced in a cookie. `details.count` says how many.',
  authn_token_reuse: 'A refresh token was used a second time after its retry window. Its session ended.',
  authn_token_retry:
    'A spent refresh token came again within its retry window, from another network or user agent than the rotation.',
  authn_token_skip:
    'A refresh token came that is newer than the database knew, as after a failover that lost writes.',
  authz_change:
    'An operator gave an account roles, took some away, or changed its metadata. `details` names the roles; of metadata it says no more. Of whatever an operator does by the API, `details.actor` is the account of the operator.',
  authz_fail:
    'A login asked for a scope that the roles of the account do not allow. `details.scope` is the first of them.',
  authz_admin:
    'An operator disabled, enabled or unlocked an account, disabled or enabled a service account, had a link to set its password mailed, looked at it as its owner does (`impersonated`, and `impersonates` in the trail of the operator), or finished a restore. `details.reason` says which.',
  excess_rate_limit_exceeded: 'A throttle began to refuse. One event for each block, at its first refusal.',
  sensitive_create:
    'A signing key was made, and `details.kid` names it; or an operator made what `details.object` says: `service_account` or `api_key`.',
  sensitive_delete:
    'Signing keys were removed, batches of the audit trail are missing, or an operator revoked an API key. `details.object` says which.',
  sensitive_read:
    'The operator exported the accounts. `details.passwordHashes` says whether hashes went along.',
  user_created:
    'An account was made: by a registration, an external login (`details.provider`), the operator or an import.',
  user_updated:
    'An account was changed. `details.fields` names the fields, never their values; of `factors` and `externalLogins`, `details.reason` says what became of them.',
  user_deleted: 'The owner or an operator deleted the account.',
} as const satisfies Readonly<Record<string, string>>;

export type EventName = keyof typeof AUDIT_EVENTS;

export interface AuditEvent {
  /** What happened. */
  readonly name: EventName;
  readonly outcome: 'success' | 'fail';
  /** ms since 1970. */
  readonly at: number;
  readonly userId?: string | undefined;
  readonly sessionId?: string | undefined;
  /** Absent when the server itself or its operator acted. */
  readonly caller?: Caller | undefined;
  /** Plain facts: counts, reasons, ids. Never a secret, a token, an address or anything that came in. */
  readonly details?: Readonly<Record<string, string | number | readonly string[]>>;
}

/** Called with the transaction of the change that the event speaks of, so that neither is there alone (AUD-1). */
export type RecordEvent = (sql: Sql, event: AuditEvent) => Promise<void>;

/** A row of `audit_events`, as it was written. */
export interface EventRecord {
  readonly id: string;
  readonly occurredAt: number;
  readonly name: string;
  readonly outcome: string;
  readonly userId: string | null;
  readonly sessionId: string | null;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
  /** JSON. */
  readonly details: string;
  /** event-proof.ts explains it. */
  readonly ownProof: string | null;
}

export function insertEvent(sql: Sql, event: EventRecord): Promise<number> {
  return sql.run(
    `INSERT INTO audit_events (id, occurred_at, name, outcome, user_id, session_id, ip, user_agent, request_id,
       details, own_proof)
     VALUES (:id, :occurredAt, :name, :outcome, :userId, :sessionId, :ip, :userAgent, :requestId, :details, :ownProof)`,
    { ...event },
  );
}

/** A row of `audit_batches`; chain.ts explains the columns. */
export interface BatchRecord {
  readonly sequence: number;
  readonly chainedUntil: number;
  readonly eventCount: number;
  readonly digest: string;
  readonly proof: string;
  readonly prunedProof: string | null;
}

const EVENT_COLUMNS = `id, occurred_at AS "occurredAt", name, outcome, user_id AS "userId",
  session_id AS "sessionId", ip, user_agent AS "userAgent", request_id AS "requestId", details,
  own_proof AS "ownProof"`;

const BATCH_COLUMNS = `sequence, chained_until AS "chainedUntil", event_count AS "eventCount", digest, proof,
  pruned_proof AS "prunedProof"`;

/**
 * Gives the batch its events: at most `limit` that have none, the oldest first. The outer condition asks again for the
 * row as it is locked: PostgreSQL reads the inner one from a snapshot.
 *
 * However many events wait, only those of the batch are read. The `+` keeps the engines from answering the outer
 * condition with an index. `ORDER BY batch` says to PostgreSQL that the index has the order that is asked for.
 */
export function takeUnchained(sql: Sql, batch: { sequence: number; limit: number }): Promise<EventRecord[]> {
  return sql.all(
    `UPDATE audit_events SET batch = :sequence
     WHERE +batch IS NULL AND id IN (
       SELECT id FROM audit_events WHERE batch IS NULL ORDER BY batch, occurred_at LIMIT :limit)
     RETURNING ${EVENT_COLUMNS}`,
    batch,
  );
}

/** The newest batch. */
export function findHead(sql: Sql): Promise<BatchRecord | undefined> {
  return sql.get(`SELECT ${BATCH_COLUMNS} FROM audit_batches ORDER BY sequence DESC LIMIT 1`);
}

/** Fails when another process has taken the number: the transaction is undone, its events are the other's. */
export function insertBatch(
  sql: Sql,
  batch: { sequence: number; chainedUntil: number; eventCount: number; digest: string; proof: string },
): Promise<number> {
  return sql.run(
    `INSERT INTO audit_batches (sequence, chained_until, event_count, digest, proof)
     VALUES (:sequence, :chainedUntil, :eventCount, :digest, :proof)`,
    batch,
  );
}

/** The oldest batch. When old ones have been deleted, it is the anchor of the rest. */
export function findTail(sql: Sql): Promise<BatchRecord | undefined> {
  return sql.get(`SELECT ${BATCH_COLUMNS} FROM audit_batches ORDER BY sequence LIMIT 1`);
}

export function setPrunedProof(sql: Sql, anchor: { sequence: number; prunedProof: string }): Promise<number> {
  return sql.run('UPDATE audit_batches SET pruned_proof = :prunedProof WHERE sequence = :sequence', anchor);
}

export function setProof(sql: Sql, batch: { sequence: number; proof: string }): Promise<number> {
  return sql.run('UPDATE audit_batches SET proof = :proof WHERE sequence = :sequence', batch);
}

/** A batch, without its events. */
export function findBatch(sql: Sql, sequence: number): Promise<BatchRecord | undefined> {
  return sql.get(`SELECT ${BATCH_COLUMNS} FROM audit_batches WHERE sequence = :sequence`, { sequence });
}

/** Writes over the very proofs that were read. */
export function replaceOwnProofs(
  sql: Sql,
  proofs: readonly { id: string; asRead: string; ownProof: string }[],
): Promise<number> {
  const values = proofs.map((_, i) => `(:id${i}, :asRead${i}, :ownProof${i})`);
  const params = proofs.flatMap(({ id, asRead, ownProof }, i) => [
    [`id${i}`, id] as const,
    [`asRead${i}`, asRead] as const,
    [`ownProof${i}`, ownProof] as const,
  ]);
  return sql.run(
    `UPDATE audit_events SET own_proof = given.column3
     FROM (VALUES ${values.join(', ')}) AS given
     WHERE audit_events.id = given.column1 AND own_proof = given.column2`,
    Object.fromEntries(params),
  );
}

/** Deletes the events of a batch, and the batches before it. */
export async function deleteUpTo(sql: Sql, sequence: number): Promise<void> {
  await sql.run('DELETE FROM audit_events WHERE batch = :sequence', { sequence });
  await sql.run('DELETE FROM audit_batches WHERE sequence < :sequence', { sequence });
}

export interface ChainedBatch {
  readonly batch: BatchRecord;
  readonly events: readonly EventRecord[];
}

/** The next batch and its events, by one statement: a batch that is chained or deleted meanwhile is whole or gone. */
export async function findBatchAfter(sql: Sql, sequence: number): Promise<ChainedBatch | undefined> {
  const rows = await sql.all<BatchRecord & { [Key in keyof EventRecord]: EventRecord[Key] | null }>(
    `SELECT ${BATCH_COLUMNS}, ${EVENT_COLUMNS}
     FROM audit_batches LEFT JOIN audit_events ON batch = sequence
     WHERE sequence = (SELECT MIN(sequence) FROM audit_batches WHERE sequence > :sequence)`,
    { sequence },
  );
  const [batch] = rows;
  // A batch without events has one row, of nulls.
  return batch && { batch, events: rows.filter((row): row is typeof row & EventRecord => row.id !== null) };
}

/** The lowest batch that an event claims, above one and below another, and one of its events. */
export function findStrayEvent(
  sql: Sql,
  between: { above: number; below: number },
): Promise<{ batch: number; eventId: string } | undefined> {
  return sql.get(
    `SELECT batch, id AS "eventId" FROM audit_events WHERE batch > :above AND batch < :below
     ORDER BY batch, id LIMIT 1`,
    between,
  );
}

/** A page of the events that no batch has yet, the oldest first, after a moment and an id. */
export function listUnchained(
  sql: Sql,
  page: { at: number; afterId: string; limit: number },
): Promise<EventRecord[]> {
  return sql.all(
    `SELECT ${EVENT_COLUMNS} FROM audit_events
     WHERE batch IS NULL AND occurred_at >= :at AND (occurred_at > :at OR id > :afterId)
     ORDER BY batch, occurred_at, id LIMIT :limit`,
    page,
  );
}
