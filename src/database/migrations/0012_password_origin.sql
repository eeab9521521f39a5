-- 1 for a hash that another system made: its text alone does not tell, and it may be of the password as it was typed
-- there.
ALTER TABLE users ADD COLUMN password_is_foreign BIGINT NOT NULL DEFAULT 0;
