-- What one process alone does for all of them, and which one; src/features/housekeeping/store.ts explains the columns.
CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  expires_at BIGINT NOT NULL
);
