-- The program works as bureau_runtime, which can add to what was received but never change it.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bureau_runtime') THEN
        CREATE ROLE bureau_runtime NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;

-- A role belongs to the whole server, so another database's migration may be granting it now.
SELECT pg_advisory_xact_lock(hashtext('bureau_runtime'));

DO $$
BEGIN
    EXECUTE format('GRANT bureau_runtime TO %I', current_user);
END
$$;

GRANT USAGE ON SCHEMA public TO bureau_runtime;
GRANT SELECT, INSERT ON log_record, log_subtree, log_checkpoint, notice TO bureau_runtime;
GRANT SELECT, INSERT, UPDATE ON log, log_tally, misbehaviour, interception TO bureau_runtime;
GRANT SELECT, INSERT, DELETE ON desk_link, desk_session TO bureau_runtime;
