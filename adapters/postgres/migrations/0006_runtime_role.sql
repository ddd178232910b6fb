-- The role the gateway runs as: it may read all and feed the queues, but changes nothing that is
-- append-only. Give a login to it: CREATE ROLE gateway_service LOGIN IN ROLE gateway_runtime.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gateway_runtime') THEN
        CREATE ROLE gateway_runtime NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- another database of this server was migrated at the same moment
END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, gateway_runtime;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO gateway_runtime;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO gateway_runtime;

-- append-only: instruction and settlement are written by the two functions alone
GRANT EXECUTE ON FUNCTION admit_batch, settle_batch TO gateway_runtime;
GRANT INSERT ON log_record, log_subtree, log_checkpoint, register_snapshot TO gateway_runtime;

-- queues and states
GRANT UPDATE (enquiries, first_not_found_at, operator_task) ON open_payment TO gateway_runtime;
GRANT INSERT, UPDATE, DELETE ON pending_record TO gateway_runtime;
GRANT UPDATE (attempts, last_attempt_at, acknowledged_at) ON notice TO gateway_runtime;
GRANT INSERT, UPDATE ON log_head, limit_line TO gateway_runtime;
GRANT UPDATE (cosigned, cosigned_at) ON log_checkpoint TO gateway_runtime;
