-- name: lock
-- empty: always; waits (up to lock_timeout) until no other program migrates this database
SELECT pg_advisory_lock(hashtextextended('treasury-gateway migration', 0))

-- name: wait_for_tables
-- empty: never
SELECT set_config('lock_timeout', $1, false)

-- name: create_history
-- empty: always
CREATE TABLE IF NOT EXISTS migration (
    name       text COLLATE "C" PRIMARY KEY,
    checksum   bytea NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)

-- name: has_history
-- empty: never
SELECT to_regclass('migration') IS NOT NULL

-- name: history
-- empty: nothing was applied yet
SELECT name, checksum FROM migration ORDER BY name

-- name: remember
-- empty: always
INSERT INTO migration (name, checksum) VALUES ($1, $2)
