-- name: salt
-- empty: never, after the migrations.
SELECT salt, names_stretched FROM seal_salt;
