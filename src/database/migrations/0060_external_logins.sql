-- An account at a provider that its owner logs in with; src/core/external-logins/store.ts explains the columns. The version
-- before deletes accounts and knows nothing of these tables.
CREATE TABLE external_logins (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  provider TEXT NOT NULL,
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  email TEXT,
  linked_at BIGINT NOT NULL,
  last_used_at BIGINT
);
CREATE UNIQUE INDEX external_logins_by_identity ON external_logins (issuer, subject);
CREATE INDEX external_logins_by_user ON external_logins (user_id);

-- A login or a link that was begun; src/core/external-logins/start-store.ts explains the columns.
CREATE TABLE external_starts (
  id TEXT PRIMARY KEY,
  state_hash TEXT NOT NULL,
  provider TEXT NOT NULL,
  redirect_to TEXT NOT NULL,
  binding_hash TEXT NOT NULL,
  delivery TEXT NOT NULL,
  user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
  session_id TEXT,
  device_name TEXT,
  scope TEXT,
  called_back_at BIGINT,
  code_hash TEXT,
  registration_hash TEXT,
  issuer TEXT,
  subject TEXT,
  email TEXT,
  email_is_proven BIGINT NOT NULL DEFAULT 0,
  name TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX external_starts_by_state ON external_starts (state_hash);
CREATE UNIQUE INDEX external_starts_by_code ON external_starts (code_hash) WHERE code_hash IS NOT NULL;
CREATE UNIQUE INDEX external_starts_by_registration ON external_starts (registration_hash)
  WHERE registration_hash IS NOT NULL;
CREATE INDEX external_starts_by_user ON external_starts (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX external_starts_by_end ON external_starts (expires_at);
