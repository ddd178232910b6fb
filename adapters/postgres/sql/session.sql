-- name: durability
-- empty: never
SELECT current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('fsync') AS fsync,
       current_setting('transaction_read_only') = 'on' AS read_only,
       current_setting('synchronous_standby_names') AS synchronous,
       (SELECT setting::integer FROM pg_settings WHERE name = 'min_wal_size') AS log_kept_mib,
       (SELECT count(*) FROM pg_stat_replication) AS standbys,
       (SELECT last_failed_wal FROM pg_stat_archiver
        WHERE current_setting('archive_mode') <> 'off'
          AND last_failed_time > coalesce(last_archived_time, '-infinity')) AS unarchived

-- name: pin_durability
-- empty: never
SELECT set_config('synchronous_commit', $1, false)

-- name: spill
-- empty: never; more than 64 kB of a sort go to a temporary file, which needs room on the database's disk
SELECT count(*) FROM (SELECT i FROM generate_series(1, 65536) i ORDER BY i DESC OFFSET 0) s
