-- Links are sent before notices: 0 is a link or a code that a person waits for, 1 is a notice. What the version before
-- queues counts as a notice.
ALTER TABLE mails ADD COLUMN rank BIGINT NOT NULL DEFAULT 1;
CREATE INDEX mails_by_rank ON mails (rank, next_try_at) WHERE failed_at IS NULL;
