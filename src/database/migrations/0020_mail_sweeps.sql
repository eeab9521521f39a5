-- What the sweeps look for, among whatever else waits: content of no use any more, decoys, and old dead letters.
CREATE INDEX mails_by_end ON mails (expires_at) WHERE sealed_content IS NOT NULL;
CREATE INDEX mails_by_failure ON mails (failed_at) WHERE failed_at IS NOT NULL;
