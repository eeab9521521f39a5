-- What a factor of the kind PASSKEY has beside its row in `factors`; src/core/passkeys/store.ts explains the columns.
CREATE TABLE passkeys (
  factor_id TEXT PRIMARY KEY REFERENCES factors (id) ON DELETE CASCADE,
  credential_id TEXT NOT NULL UNIQUE,
  public_key TEXT NOT NULL,
  sign_count BIGINT NOT NULL,
  is_backup_eligible INTEGER NOT NULL,
  is_backed_up INTEGER NOT NULL,
  transports TEXT NOT NULL,
  aaguid TEXT NOT NULL
);

-- What authenticators know an account by.
CREATE TABLE passkey_users (
  user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  user_handle TEXT NOT NULL UNIQUE
);

-- A challenge that was answered, until no process takes it for a good one any more.
CREATE TABLE spent_passkey_challenges (
  challenge_hash TEXT PRIMARY KEY,
  expires_at BIGINT NOT NULL
);
CREATE INDEX spent_passkey_challenges_by_end ON spent_passkey_challenges (expires_at);
