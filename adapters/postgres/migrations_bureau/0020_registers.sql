-- The bureau's registers: what stands, what was proposed by one and decided by another, and the
-- signed feeds to the gateways with what each has acknowledged. Rows of people and feeds' bodies
-- stand here sealed under a key that is not in this database.

CREATE TABLE register_version (
    division text NOT NULL PRIMARY KEY,
    version bigint NOT NULL CHECK (version >= 0)
);

CREATE TABLE register_kept (
    division text NOT NULL,
    register text NOT NULL,
    key text NOT NULL,
    agency text NOT NULL,
    version bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (division, register, key)
);
CREATE INDEX register_kept_by_agency ON register_kept (division, register, agency, key);

CREATE TABLE register_change (
    division text NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    register text NOT NULL,           -- `snapshot`: all registers from a file
    op text NOT NULL CHECK (op IN ('put', 'remove', 'snapshot')),
    key text NOT NULL,
    agency text NOT NULL,
    body bytea NOT NULL,              -- sealed
    reason text NOT NULL,
    changed_on date,                  -- when an account really changed (Art. 13(1))
    wish bigint,                      -- the case's measure that it carries out (Art. 21(4))
    proposed_by text NOT NULL,
    proposed_at timestamptz NOT NULL,
    decided_by text CHECK (decided_by <> proposed_by),
    decided_at timestamptz,
    approved boolean,
    said text NOT NULL DEFAULT '',
    version bigint,
    PRIMARY KEY (division, seq),
    CHECK ((decided_by IS NULL) = (decided_at IS NULL) AND (decided_by IS NULL) = (approved IS NULL))
);
CREATE INDEX register_change_waiting ON register_change (division, seq) WHERE decided_by IS NULL;

CREATE TABLE register_feed (
    division text NOT NULL,
    bank text NOT NULL,
    version bigint NOT NULL CHECK (version > 0),
    signed_at timestamptz NOT NULL,
    acknowledged_at timestamptz,
    last_attempt_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    trouble text,
    signature text NOT NULL,
    body bytea NOT NULL,              -- sealed
    PRIMARY KEY (division, bank, version)
);
CREATE INDEX register_feed_waiting ON register_feed (division, bank, version)
    WHERE acknowledged_at IS NULL;

GRANT SELECT, INSERT, UPDATE ON register_version TO bureau_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON register_kept TO bureau_runtime;
GRANT SELECT, INSERT ON register_change, register_feed TO bureau_runtime;
GRANT UPDATE (decided_by, decided_at, approved, said, version) ON register_change TO bureau_runtime;
GRANT UPDATE (acknowledged_at, last_attempt_at, attempts, trouble) ON register_feed
    TO bureau_runtime;
