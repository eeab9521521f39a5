-- Counts changes of everything that proves who the owner is: the password, later factors and passkeys, and whether the
-- account may be used at all. A login or a pending token that was begun under an older version opens nothing.
-- password_version goes on counting passwords alone: the version before reads it, and device tokens name it.
ALTER TABLE users ADD COLUMN credential_version BIGINT NOT NULL DEFAULT 1;
