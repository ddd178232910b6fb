-- The bureau's copy of each bank's monitoring log: proven before it is stored, never edited.
-- One log per (division, bank); division leads every key.

CREATE TABLE log (
    division text NOT NULL,
    bank text NOT NULL,
    origin text NOT NULL,
    size bigint NOT NULL CHECK (size >= 0),
    frontier bytea[] NOT NULL,
    checkpoint text,
    cosigned text,
    cosigned_at timestamptz,
    PRIMARY KEY (division, bank),
    CHECK ((size = 0) = (cosigned IS NULL))
);

CREATE TABLE log_record (
    division text NOT NULL,
    bank text NOT NULL,
    seq bigint NOT NULL CHECK (seq >= 0),
    kind text NOT NULL,
    subject text NOT NULL,
    body bytea NOT NULL,
    leaf_hash bytea NOT NULL CHECK (length(leaf_hash) = 32),
    disclosures bytea,
    PRIMARY KEY (division, bank, seq)
);

CREATE INDEX log_record_by_subject ON log_record (division, subject) WHERE subject <> '';

CREATE TABLE log_subtree (
    division text NOT NULL,
    bank text NOT NULL,
    level smallint NOT NULL,
    index bigint NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (division, bank, level, index)
);

CREATE TABLE log_checkpoint (
    division text NOT NULL,
    bank text NOT NULL,
    size bigint NOT NULL,
    checkpoint text NOT NULL,
    cosigned text NOT NULL,
    cosigned_at timestamptz NOT NULL,
    PRIMARY KEY (division, bank, size)
);

-- How many records of which kind, outcome, bank outcome and policy: counted in the transaction
-- that stores them, so a count never disagrees with the log.
CREATE TABLE log_tally (
    division text NOT NULL,
    bank text NOT NULL,
    measure text NOT NULL,
    value text NOT NULL,
    count bigint NOT NULL CHECK (count > 0),
    PRIMARY KEY (division, bank, measure, value)
);

-- Deliveries that were refused, with what proves it (Art. 22(2), 28(4)).
CREATE TABLE misbehaviour (
    division text NOT NULL,
    bank text NOT NULL,
    digest bytea NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    party text NOT NULL,
    held_size bigint NOT NULL,
    held_checkpoint text,
    shown_checkpoint text NOT NULL,
    delivery bytea,
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    seen bigint NOT NULL CHECK (seen > 0),
    PRIMARY KEY (division, bank, digest)
);
