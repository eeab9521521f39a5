-- Hashes that an earlier version imported, and that nothing has replaced: never used to log in, or not as this server
-- makes them. The others have proven to be of the password in its normal form.
UPDATE users SET password_is_foreign = 1
WHERE EXISTS (SELECT 1 FROM user_imports)
  AND password_version = 1
  AND password_hash IS NOT NULL
  AND (last_login_at IS NULL OR password_hash NOT LIKE '$argon2id$v=19$m=19456,t=2,p=1$%')
  AND EXISTS (
    SELECT 1 FROM audit_events
    WHERE audit_events.user_id = users.id AND name = 'user_created' AND details LIKE '%"reason":"import"%'
  );
