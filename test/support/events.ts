import type { TestApp } from './start-app.ts';

export interface StoredEvent {
  readonly name: string;
  readonly outcome: string;
  readonly occurredAt: number;
  readonly userId: string | null;
  readonly sessionId: string | null;
  readonly ip: string | null;
  readonly requestId: string | null;
  readonly details: string;
}

/** The audit trail, in the order it was written as far as time tells, and as its rows lie where it tells nothing. */
export function eventsOf(app: TestApp, name?: string): Promise<StoredEvent[]> {
  const place = app.database.dialect === 'sqlite' ? 'rowid' : 'ctid';
  return app.database.all<StoredEvent>(
    `SELECT name, outcome, occurred_at AS "occurredAt", user_id AS "userId", session_id AS "sessionId", ip,
       request_id AS "requestId", details
     FROM audit_events WHERE name LIKE :name ORDER BY occurred_at, name, ${place}`,
    { name: name ?? '%' },
  );
}
