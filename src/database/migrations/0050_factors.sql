-- The kinds of second factor that an account has confirmed, space-separated: what `factors` has of them, so that a login
-- reads no other table. Written after the row was locked, in the transaction of the factors.
ALTER TABLE users ADD COLUMN second_factors TEXT NOT NULL DEFAULT '';

-- One row per second factor; src/core/factors/store.ts explains the columns. The version before deletes accounts and
-- knows nothing of these tables.
CREATE TABLE factors (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  name TEXT,
  sealed_secret TEXT NOT NULL,
  last_step BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  confirmed_at BIGINT,
  last_used_at BIGINT,
  expires_at BIGINT
);
-- The partial indexes below serve neither a look-up by user nor the deletion of one.
CREATE INDEX factors_of_user ON factors (user_id);
-- An account has one TOTP, and beside it one that waits for its first code.
CREATE UNIQUE INDEX factors_by_user ON factors (user_id, kind) WHERE confirmed_at IS NOT NULL AND kind = 'TOTP';
CREATE UNIQUE INDEX factors_by_enrolment ON factors (user_id, kind) WHERE confirmed_at IS NULL;
CREATE INDEX factors_by_end ON factors (expires_at) WHERE expires_at IS NOT NULL;

-- A row is a code that is not spent yet.
CREATE TABLE recovery_codes (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  code_hash TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, code_hash)
);

-- A login that waits for a second factor; src/core/login/challenge-store.ts explains the columns.
CREATE TABLE mfa_challenges (
  token_hash TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  password_version BIGINT NOT NULL,
  credential_version BIGINT NOT NULL,
  amr TEXT NOT NULL,
  scope TEXT,
  device_name TEXT,
  device_id TEXT,
  tries_left BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX mfa_challenges_by_user ON mfa_challenges (user_id);
CREATE INDEX mfa_challenges_by_end ON mfa_challenges (expires_at);

-- A removal of all factors that was asked for, and waits.
CREATE TABLE factor_resets (
  user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  -- As the owner's row had it at the request. A change of what proves the owner ends the removal.
  credential_version BIGINT NOT NULL,
  -- When the delay began. Moved on, as the other moments are, by as long as no process was there to tell the owner.
  counted_from BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  -- When its owner is told the next time.
  next_notice_at BIGINT NOT NULL
);
CREATE INDEX factor_resets_by_notice ON factor_resets (next_notice_at);
