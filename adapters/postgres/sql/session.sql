-- name: durability
-- empty: never
SELECT current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('fsync') AS fsync,
       current_setting('transaction_read_only') = 'on' AS read_only

-- name: pin_durability
-- empty: never
SELECT set_config('synchronous_commit', $1, false)
