-- An impersonation: the operator who sees the account, and the session that it ends with. The version before lists such a
-- session among its owner's, and takes its token for one of theirs that allows nothing.
ALTER TABLE sessions ADD COLUMN operator_id TEXT;
ALTER TABLE sessions ADD COLUMN operator_session_id TEXT;

-- What operators search accounts by; src/features/admin/search-store.ts has the same expressions.
CREATE INDEX users_by_creation ON users (created_at, id);
CREATE INDEX users_by_last_login ON users (COALESCE(last_login_at, 0), id);
CREATE INDEX users_by_state ON users (
  (CASE WHEN disabled_at IS NOT NULL THEN 2 WHEN email_verified_at IS NULL THEN 1 ELSE 0 END));
-- The unique index of email_canonical has the order of addresses.
CREATE INDEX users_by_name ON users (lower(name), id) WHERE name IS NOT NULL;

-- With the accounts in it, so that those of a role are found without the table.
DROP INDEX user_roles_by_role;
CREATE INDEX user_roles_by_role ON user_roles (role, user_id);

-- What operators read of the trail, the newest first, and count by the hour.
CREATE INDEX audit_events_by_time ON audit_events (occurred_at, id);
CREATE INDEX audit_events_by_name ON audit_events (name, occurred_at, id);
