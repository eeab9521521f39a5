-- The batch that an event was chained in; none yet for the newest. src/core/audit/chain.ts explains the chain.
ALTER TABLE audit_events ADD COLUMN batch BIGINT;
CREATE INDEX audit_events_by_batch ON audit_events (batch, occurred_at);

CREATE TABLE audit_batches (
  sequence BIGINT PRIMARY KEY,
  chained_until BIGINT NOT NULL,
  event_count BIGINT NOT NULL,
  digest TEXT NOT NULL,
  proof TEXT NOT NULL,
  -- Of the last batch whose events were deleted for their age: the batch that the chain begins after.
  pruned_proof TEXT
);

-- A login asks for its user's failures since a moment.
DROP INDEX audit_events_by_user;
CREATE INDEX audit_events_by_user ON audit_events (user_id, occurred_at);

-- The block that the audit trail knows of, so that each has one event.
ALTER TABLE throttles ADD COLUMN reported_until BIGINT NOT NULL DEFAULT 0;
