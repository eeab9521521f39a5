CREATE TABLE users (
  id TEXT PRIMARY KEY,
  email TEXT NOT NULL,
  -- What addresses are compared by: trimmed, NFKC, lower case.
  email_canonical TEXT NOT NULL UNIQUE,
  name TEXT,
  password_hash TEXT,
  -- Counts changes of the password: whoever verified an older one writes nothing.
  password_version BIGINT NOT NULL DEFAULT 1,
  disabled_at BIGINT,
  last_login_at BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

-- One row per session for its whole life; src/core/sessions/store.ts explains the columns of the rotation.
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id),
  client_id TEXT NOT NULL,
  scope TEXT NOT NULL,
  amr TEXT NOT NULL,
  secret_hash TEXT NOT NULL,
  generation BIGINT NOT NULL,
  skipped_generations BIGINT NOT NULL,
  rotated_at BIGINT NOT NULL,
  burst_from BIGINT NOT NULL,
  burst_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  authenticated_at BIGINT NOT NULL,
  idle_expires_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  revoked_at BIGINT,
  revoked_reason TEXT,
  user_agent TEXT,
  ip TEXT,
  device_name TEXT
);
-- Ended sessions stay for a week: whoever logs in often must not read through them.
CREATE INDEX sessions_by_user ON sessions (user_id, revoked_at);
-- No index on a column that a rotation changes: PostgreSQL then updates the row in place (HOT).
CREATE INDEX sessions_by_end ON sessions (expires_at);
CREATE INDEX sessions_by_revocation ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE signing_keys (
  kid TEXT PRIMARY KEY,
  -- Counts the keys: two processes that add the same one collide here, and one of them wins.
  sequence BIGINT NOT NULL UNIQUE,
  algorithm TEXT NOT NULL,
  public_jwk TEXT NOT NULL,
  sealed_private_key TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  activates_at BIGINT NOT NULL
);

CREATE TABLE audit_events (
  id TEXT PRIMARY KEY,
  occurred_at BIGINT NOT NULL,
  name TEXT NOT NULL,
  outcome TEXT NOT NULL,
  user_id TEXT,
  session_id TEXT,
  ip TEXT,
  user_agent TEXT,
  request_id TEXT,
  -- A JSON object of plain facts; never a secret, a token or an address.
  details TEXT NOT NULL
);
CREATE INDEX audit_events_by_time ON audit_events (occurred_at);
CREATE INDEX audit_events_by_user ON audit_events (user_id);
