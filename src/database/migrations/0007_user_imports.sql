-- How far each file of accounts has been imported: a row changes in the transaction of the accounts it counts, so
-- that an import which was interrupted goes on exactly where it stopped.
CREATE TABLE user_imports (
  file_digest TEXT PRIMARY KEY,
  -- The last line that is done.
  line BIGINT NOT NULL,
  created BIGINT NOT NULL,
  skipped BIGINT NOT NULL,
  refused BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
