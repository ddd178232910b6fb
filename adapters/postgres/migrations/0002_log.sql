-- The monitoring log: numbered records, the tree over them, and its signed checkpoints.

CREATE TABLE log_head (
    division          text COLLATE "C" PRIMARY KEY,
    origin            text NOT NULL,
    size              bigint NOT NULL CHECK (size > 0),
    acknowledged_size bigint NOT NULL DEFAULT 0,
    frontier          bytea[] NOT NULL,
    CHECK (acknowledged_size BETWEEN 0 AND size)
) WITH (fillfactor = 50);

CREATE TABLE log_record (
    division    text COLLATE "C" NOT NULL,
    seq         bigint NOT NULL CHECK (seq >= 0),
    kind        text NOT NULL,
    subject     text COLLATE "C" NOT NULL,
    leaf_hash   bytea NOT NULL CHECK (length(leaf_hash) = 32),
    body        bytea NOT NULL,
    disclosures bytea,
    PRIMARY KEY (division, seq)
);
CREATE INDEX log_record_subject ON log_record (division, subject);

CREATE TABLE log_subtree (
    division text COLLATE "C" NOT NULL,
    level    integer NOT NULL CHECK (level > 0 AND level % 8 = 0),
    index    bigint NOT NULL CHECK (index >= 0),
    hash     bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (division, level, index)
);

CREATE TABLE log_checkpoint (
    division    text COLLATE "C" NOT NULL,
    size        bigint NOT NULL CHECK (size > 0),
    sealed_at   timestamptz NOT NULL,
    cosigned_at timestamptz,
    text        text NOT NULL,
    cosigned    text,
    PRIMARY KEY (division, size)
);
