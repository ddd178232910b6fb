-- The bureau's registers, each version kept whole as it was received, so that a decision replays.

CREATE TABLE register_snapshot (
    division text COLLATE "C" NOT NULL,
    version  bigint NOT NULL CHECK (version >= 0),
    as_of    timestamptz NOT NULL,
    body     bytea NOT NULL,
    PRIMARY KEY (division, version)
);
