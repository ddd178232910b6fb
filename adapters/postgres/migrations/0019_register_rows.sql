-- The bureau's registers row by row: each row with the version that put it and the one that ended
-- it, so that every version can be read whole under its number and a delta costs what it changes.
--
-- A snapshot that was loaded before is taken out: it holds people's numbers in clear, and SQL alone
-- cannot seal them. Load the bureau's snapshot once more; until then nothing passes.

DELETE FROM register_snapshot;
ALTER TABLE register_snapshot
    DROP COLUMN body,
    ADD COLUMN kind text NOT NULL CHECK (kind IN ('snapshot', 'delta')),
    ADD COLUMN digest bytea NOT NULL CHECK (length(digest) = 32),
    ADD COLUMN signer text,                     -- NULL: loaded by an operator, from a file
    ADD COLUMN signature text,
    ADD COLUMN rows bigint NOT NULL,            -- that it put or took away
    ADD COLUMN applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN recorded boolean NOT NULL DEFAULT false;     -- in the log (register_applied)

CREATE INDEX register_snapshot_unrecorded ON register_snapshot (division, version)
    WHERE NOT recorded;

CREATE TABLE register_row (
    division text COLLATE "C" NOT NULL,
    register text COLLATE "C" NOT NULL,
    key      text COLLATE "C" NOT NULL,
    since    bigint NOT NULL,
    until    bigint CHECK (until > since),      -- NULL: stands
    body     bytea NOT NULL,                    -- JSON array of the row's fields (docs/registers.md)
    PRIMARY KEY (division, register, key, since)
);
CREATE INDEX register_row_put ON register_row (division, since);
CREATE INDEX register_row_ended ON register_row (division, until) WHERE until IS NOT NULL;
CREATE UNIQUE INDEX register_row_stands ON register_row (division, register, key)
    WHERE until IS NULL;

-- When the bureau last spoke of each register: what its age is counted from.
CREATE TABLE register_age (
    division text COLLATE "C" NOT NULL,
    register text COLLATE "C" NOT NULL,
    as_of    timestamptz NOT NULL,
    version  bigint NOT NULL,
    PRIMARY KEY (division, register)
);

-- Which rows are ended by others is decided here; nobody else may change one.
CREATE FUNCTION end_register_rows(
    p_division text, p_version bigint, p_registers text[], p_keys text[]
) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH ended AS (
        UPDATE register_row AS r SET until = p_version
        FROM unnest(p_registers, p_keys) AS g (register, key)
        WHERE r.division = p_division AND r.register = g.register AND r.key = g.key
              AND r.until IS NULL AND r.since < p_version
        RETURNING 1)
    SELECT count(*) FROM ended
$$;

GRANT SELECT, INSERT ON register_row TO gateway_runtime;
GRANT SELECT, INSERT, UPDATE ON register_age TO gateway_runtime;
GRANT UPDATE (recorded) ON register_snapshot TO gateway_runtime;
REVOKE ALL ON FUNCTION end_register_rows FROM PUBLIC;
GRANT EXECUTE ON FUNCTION end_register_rows TO gateway_runtime;
