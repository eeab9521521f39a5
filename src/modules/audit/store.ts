import { randomUUID } from 'node:crypto';
import type { Client } from '../../client.ts';
import type { Sql } from '../../database/database.ts';

/** What happened, in the words of the OWASP Logging Vocabulary. */
export type EventName =
  | 'authn_login_success'
  | 'authn_login_fail'
  | 'authn_password_change'
  | 'authn_password_change_fail'
  | 'authn_token_revoked'
  | 'authn_token_reuse'
  | 'authn_token_retry'
  | 'authn_token_skip'
  | 'authz_admin'
  | 'sensitive_create'
  | 'sensitive_delete'
  | 'user_created'
  | 'user_updated'
  | 'user_deleted';

export interface AuditEvent {
  readonly name: EventName;
  readonly outcome: 'success' | 'fail';
  /** ms since 1970. */
  readonly at: number;
  readonly userId?: string | undefined;
  readonly sessionId?: string | undefined;
  /** Absent when the server itself or its operator acted. */
  readonly client?: Client | undefined;
  /** Plain facts: counts, reasons, ids. Never a secret, a token, an address or anything that came in. */
  readonly details?: Readonly<Record<string, string | number | readonly string[]>>;
}

/** Called with the transaction of the change that the event speaks of, so that neither is there alone (AUD-1). */
export async function recordEvent(sql: Sql, event: AuditEvent): Promise<void> {
  await sql.run(
    `INSERT INTO audit_events (id, occurred_at, name, outcome, user_id, session_id, ip, user_agent, request_id, details)
     VALUES (:id, :at, :name, :outcome, :userId, :sessionId, :ip, :userAgent, :requestId, :details)`,
    {
      id: randomUUID(),
      at: event.at,
      name: event.name,
      outcome: event.outcome,
      userId: event.userId ?? null,
      sessionId: event.sessionId ?? null,
      ip: event.client?.ip ?? null,
      userAgent: event.client?.userAgent ?? null,
      requestId: event.client?.requestId ?? null,
      details: JSON.stringify(event.details ?? {}),
    },
  );
}
