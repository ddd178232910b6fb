-- Shadow: a candidate book beside the live one, compared after the fact on what the log says was
-- decided. Nothing here is on the way of a payment, and nothing of it is ever enforced.

CREATE TABLE shadow_run (
    division   text COLLATE "C" NOT NULL,
    run        integer NOT NULL CHECK (run > 0),
    candidate  text NOT NULL,
    documents  bytea NOT NULL,
    started_at timestamptz NOT NULL,
    started_by text NOT NULL,
    from_seq   bigint NOT NULL,             -- the log's last record when it began
    read_seq   bigint NOT NULL,             -- read up to and including this record
    compared   bigint NOT NULL DEFAULT 0,
    stopped_at timestamptz,
    trouble    text NOT NULL DEFAULT '',
    PRIMARY KEY (division, run),
    CHECK (read_seq >= from_seq)
);
CREATE UNIQUE INDEX shadow_run_one_at_a_time ON shadow_run (division) WHERE stopped_at IS NULL;

-- append-only: what would have come out otherwise
CREATE TABLE shadow_flip (
    division    text COLLATE "C" NOT NULL,
    run         integer NOT NULL,
    seq         bigint NOT NULL,
    subject     text COLLATE "C" NOT NULL,
    decided_at  timestamptz NOT NULL,
    agency_code text NOT NULL,
    amount_fen  bigint NOT NULL,
    before      text NOT NULL CHECK (before IN ('passed', 'held', 'blocked')),
    after       text NOT NULL CHECK (after IN ('passed', 'held', 'blocked')),
    policies    text[] NOT NULL,
    reason_zh   text NOT NULL,
    PRIMARY KEY (division, run, seq)
);

GRANT SELECT, INSERT ON shadow_run, shadow_flip TO gateway_runtime;
GRANT UPDATE (read_seq, compared, stopped_at, trouble) ON shadow_run TO gateway_runtime;
