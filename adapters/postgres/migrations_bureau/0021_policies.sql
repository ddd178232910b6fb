-- Policies on the desk: documents edited by one and agreed to by another, signed books on their way
-- to the gateways. What a gateway applies is told by its log alone (policy_activated).

CREATE TABLE policy_draft (
    division text NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    policy text NOT NULL,
    place text NOT NULL,              -- the document's file name
    document text NOT NULL,
    reason text NOT NULL,
    author text NOT NULL,
    drafted_at timestamptz NOT NULL,
    decided_by text CHECK (decided_by <> author),
    decided_at timestamptz,
    agreed boolean,
    PRIMARY KEY (division, seq),
    CHECK ((decided_by IS NULL) = (decided_at IS NULL) AND (decided_by IS NULL) = (agreed IS NULL))
);

CREATE TABLE policy_feed (
    division text NOT NULL,
    bank text NOT NULL,
    version bigint NOT NULL CHECK (version > 0),    -- the book's revision
    digest text NOT NULL,
    author text NOT NULL,
    approver text NOT NULL CHECK (approver <> author),
    not_before timestamptz NOT NULL,
    signed_at timestamptz NOT NULL,
    acknowledged_at timestamptz,
    last_attempt_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    trouble text,
    signature text NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (division, bank, version)
);
CREATE INDEX policy_feed_waiting ON policy_feed (division, bank, version)
    WHERE acknowledged_at IS NULL;

CREATE INDEX log_record_of_policies ON log_record (division, bank, seq DESC)
    WHERE kind = 'policy_activated';

GRANT SELECT, INSERT ON policy_draft, policy_feed TO bureau_runtime;
GRANT UPDATE (decided_by, decided_at, agreed) ON policy_draft TO bureau_runtime;
GRANT UPDATE (acknowledged_at, last_attempt_at, attempts, trouble) ON policy_feed TO bureau_runtime;
