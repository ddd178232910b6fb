-- The bureau's decisions about holds: proposed by one person, approved by another, signed, and sent
-- to the bank's gateway until it has acknowledged them. Nothing here is ever changed but the
-- delivery's own columns.

CREATE TABLE release_proposal (
    division     text NOT NULL,
    digest       bytea NOT NULL CHECK (length(digest) = 32),    -- of the decision's bytes
    bank         text NOT NULL,
    fiscal_year  integer NOT NULL,
    voucher_type text NOT NULL,
    voucher_no   text NOT NULL,
    decision     bytea NOT NULL,
    proposer     text NOT NULL,
    uri          text NOT NULL,
    signature    text NOT NULL,
    proposed_at  timestamptz NOT NULL,
    PRIMARY KEY (division, digest),
    UNIQUE (division, digest, proposer)
);
CREATE INDEX release_proposal_of ON release_proposal (division, fiscal_year, voucher_type, voucher_no);

-- The second person, and never the first under another case or with other spaces.
CREATE TABLE release_approval (
    division    text NOT NULL,
    digest      bytea NOT NULL,
    proposer    text NOT NULL,
    approver    text NOT NULL,
    uri         text NOT NULL,
    signature   text NOT NULL,
    approved_at timestamptz NOT NULL,
    PRIMARY KEY (division, digest),
    FOREIGN KEY (division, digest, proposer) REFERENCES release_proposal (division, digest, proposer),
    CHECK (lower(regexp_replace(approver, '\s', '', 'g'))
           <> lower(regexp_replace(proposer, '\s', '', 'g')))
);

-- What was proposed and will not be: by whoever looked at it and said no.
CREATE TABLE release_rejection (
    division    text NOT NULL,
    digest      bytea NOT NULL,
    person      text NOT NULL,
    reason      text NOT NULL,
    rejected_at timestamptz NOT NULL,
    PRIMARY KEY (division, digest),
    FOREIGN KEY (division, digest) REFERENCES release_proposal (division, digest)
);

CREATE TABLE release_feed (
    division        text NOT NULL,
    bank            text NOT NULL,
    version         bigint NOT NULL CHECK (version > 0),
    digest          bytea NOT NULL,         -- of the decision it carries
    signed_at       timestamptz NOT NULL,
    acknowledged_at timestamptz,
    last_attempt_at timestamptz,
    attempts        integer NOT NULL DEFAULT 0,
    trouble         text,
    signature       text NOT NULL,
    body            bytea NOT NULL,
    PRIMARY KEY (division, bank, version),
    UNIQUE (division, digest),
    FOREIGN KEY (division, digest) REFERENCES release_approval (division, digest)
);
CREATE INDEX release_feed_waiting ON release_feed (division, bank, version)
    WHERE acknowledged_at IS NULL;

GRANT SELECT, INSERT ON release_proposal, release_approval, release_rejection, release_feed
    TO bureau_runtime;
GRANT UPDATE (acknowledged_at, last_attempt_at, attempts, trouble) ON release_feed TO bureau_runtime;
