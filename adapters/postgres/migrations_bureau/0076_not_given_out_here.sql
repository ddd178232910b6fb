-- Records of a bank's log that tell of registers, a book or an order which this bureau did not give (decision 0155):
-- each is found once, held against what was signed by then, and stays until a person says what came of it (0161).

CREATE TABLE not_ours (
    division text NOT NULL,
    bank text NOT NULL,
    what text NOT NULL CHECK (what IN ('registers', 'book', 'releases')),
    seq bigint NOT NULL,                -- of the record
    found_at timestamptz NOT NULL,
    PRIMARY KEY (division, bank, what, seq)
);

-- How far each log was looked through.
CREATE TABLE not_ours_looked (
    division text NOT NULL,
    bank text NOT NULL,
    what text NOT NULL,
    upto bigint NOT NULL,
    PRIMARY KEY (division, bank, what)
);

-- All up to a record were seen, and what came of them.
CREATE TABLE not_ours_seen (
    division text NOT NULL,
    bank text NOT NULL,
    what text NOT NULL,
    upto bigint NOT NULL,
    seen_by text NOT NULL,
    seen_at timestamptz NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    PRIMARY KEY (division, bank, what, upto)
);

GRANT SELECT, INSERT ON not_ours, not_ours_seen TO bureau_runtime;
GRANT SELECT, INSERT ON not_ours_looked TO bureau_runtime;
GRANT UPDATE (upto) ON not_ours_looked TO bureau_runtime;
