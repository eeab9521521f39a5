-- One row per throttled thing; src/core/rate-limits/store.ts explains the columns.
CREATE TABLE throttles (
  -- A keyed hash: an address that somebody typed, account or not, is not kept.
  key TEXT PRIMARY KEY,
  count BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  blocked_until BIGINT NOT NULL,
  max BIGINT NOT NULL,
  window_ms BIGINT NOT NULL
);
CREATE INDEX throttles_by_start ON throttles (started_at);
