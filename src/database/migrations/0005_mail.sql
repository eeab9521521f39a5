-- Mail that is still to be sent, or could not be; src/core/mail/store.ts explains the columns.
CREATE TABLE mails (
  id TEXT PRIMARY KEY,
  template TEXT NOT NULL,
  -- Whoever deletes an account, the version before too, deletes the mail to it.
  user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
  sealed_content TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  tries BIGINT NOT NULL DEFAULT 0,
  unsettled_tries BIGINT NOT NULL DEFAULT 0,
  next_try_at BIGINT NOT NULL,
  failed_at BIGINT,
  failure TEXT
);
CREATE INDEX mails_by_turn ON mails (next_try_at) WHERE failed_at IS NULL;
CREATE INDEX mails_by_user ON mails (user_id);
