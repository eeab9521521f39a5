-- What only a holder of the master secret can write beside an event; none where the version before wrote it.
-- src/core/audit/event-proof.ts explains it.
ALTER TABLE audit_events ADD COLUMN own_proof TEXT;
