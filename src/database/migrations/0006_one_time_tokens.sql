-- When the owner of the address proved that it is theirs.
ALTER TABLE users ADD COLUMN email_verified_at BIGINT;

-- One row per token that can still be used; src/core/one-time-tokens/store.ts explains the columns.
CREATE TABLE one_time_tokens (
  token_hash TEXT PRIMARY KEY,
  purpose TEXT NOT NULL,
  subject TEXT NOT NULL,
  email TEXT NOT NULL,
  email_canonical TEXT NOT NULL,
  payload TEXT NOT NULL,
  code_hash TEXT,
  tries_left BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
-- A new one takes the place of the one before. Changes of an address can be undone each for itself.
CREATE UNIQUE INDEX one_time_tokens_by_subject ON one_time_tokens (subject, purpose)
  WHERE purpose <> 'undo-email-change';
CREATE INDEX one_time_tokens_by_undo ON one_time_tokens (subject) WHERE purpose = 'undo-email-change';
CREATE INDEX one_time_tokens_by_former_address ON one_time_tokens (email_canonical)
  WHERE purpose = 'undo-email-change';
CREATE INDEX one_time_tokens_by_end ON one_time_tokens (expires_at);
