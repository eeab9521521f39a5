-- A program that has tokens of its own; src/core/service-accounts/store.ts explains the columns. The version before
-- deletes accounts and knows nothing of these tables.
CREATE TABLE service_accounts (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  description TEXT,
  scope TEXT,
  created_by TEXT REFERENCES users (id) ON DELETE SET NULL,
  created_at BIGINT NOT NULL,
  disabled_at BIGINT
);
CREATE UNIQUE INDEX service_accounts_by_name ON service_accounts (name);
CREATE INDEX service_accounts_by_maker ON service_accounts (created_by) WHERE created_by IS NOT NULL;

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  service_account_id TEXT NOT NULL REFERENCES service_accounts (id) ON DELETE CASCADE,
  name TEXT,
  secret_hash TEXT NOT NULL,
  scope TEXT NOT NULL,
  created_by TEXT REFERENCES users (id) ON DELETE SET NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  last_used_at BIGINT,
  revoked_at BIGINT,
  revoked_by TEXT
);
CREATE INDEX api_keys_by_service_account ON api_keys (service_account_id);
CREATE INDEX api_keys_by_maker ON api_keys (created_by) WHERE created_by IS NOT NULL;
