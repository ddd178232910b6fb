-- The day's close, and how many verdicts each agency's log holds.

-- Written by whoever holds the office, in the transaction that numbers the records: a roll-back
-- takes the numbers back, so that they never gap (a SEQUENCE would).
CREATE TABLE log_agency (
    division text COLLATE "C" NOT NULL,
    agency   text COLLATE "C" NOT NULL,
    last     bigint NOT NULL CHECK (last > 0),
    PRIMARY KEY (division, agency)
) WITH (fillfactor = 50);

-- A row stands for a legal day whose close is on record; written with the record, never twice.
CREATE TABLE day_close (
    division  text COLLATE "C" NOT NULL,
    day       date NOT NULL,
    closed_at timestamptz NOT NULL,
    PRIMARY KEY (division, day)
);

-- A day's instructions are found by their time of decision. BRIN costs an insert next to nothing.
CREATE INDEX instruction_decided ON instruction USING brin (decided_at) WITH (autosummarize = on);

GRANT SELECT, INSERT, UPDATE ON log_agency TO gateway_runtime;
GRANT SELECT, INSERT ON day_close TO gateway_runtime;
