-- How often the link was mailed; src/core/one-time-tokens/store.ts explains the columns. The version before leaves
-- them as they are, which counts as nothing mailed.
ALTER TABLE one_time_tokens ADD COLUMN mailed TEXT NOT NULL DEFAULT '';
ALTER TABLE one_time_tokens ADD COLUMN mail_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE one_time_tokens ADD COLUMN counted_since BIGINT NOT NULL DEFAULT 0;
