-- The roles that operators gave to accounts. Default roles are implied, and never stored. The version before deletes
-- accounts and knows nothing of them.
CREATE TABLE user_roles (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role TEXT NOT NULL,
  granted_at BIGINT NOT NULL,
  PRIMARY KEY (user_id, role)
);
CREATE INDEX user_roles_by_role ON user_roles (role);
-- A JSON object that operators write.
ALTER TABLE users ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
-- The same roles, space-separated, so that a refresh reads no other table. `scope` stays for the version before, and
-- is empty.
ALTER TABLE sessions ADD COLUMN roles TEXT NOT NULL DEFAULT '';
-- What the login asked for, space-separated: NULL is all that the roles allow, '' is nothing.
ALTER TABLE sessions ADD COLUMN narrowed_to TEXT;
-- How strong the authentication was.
ALTER TABLE sessions ADD COLUMN acr TEXT NOT NULL DEFAULT 'aal1';
-- What all processes of one database should have alike, as a digest.
CREATE TABLE shared_settings (
  name TEXT PRIMARY KEY,
  digest TEXT NOT NULL
);
