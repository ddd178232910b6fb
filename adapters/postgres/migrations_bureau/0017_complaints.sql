-- Complaints (Art. 20). Who reported stands here only sealed, under a key that is not in this
-- database; opening it takes two keepers, and every opening is a row that is never taken away.

CREATE TABLE complaint (
    division text NOT NULL,
    year integer NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    way text NOT NULL,
    against text NOT NULL,
    agency_code text NOT NULL,
    agency_name text NOT NULL,
    bank text NOT NULL,
    title text NOT NULL,
    story text NOT NULL,
    stage text NOT NULL,
    due date,
    named boolean NOT NULL,           -- whether the informant said who he is
    seal_name text NOT NULL,          -- random; what the sealed bytes are bound to
    informant bytea,
    taken_by text NOT NULL,
    taken_at timestamptz NOT NULL,
    steps integer NOT NULL DEFAULT 0,
    case_year integer,
    case_number integer,
    PRIMARY KEY (division, year, number),
    CHECK (named = (informant IS NOT NULL))
);
CREATE INDEX complaint_newest ON complaint (division, taken_at DESC, number DESC);

CREATE TABLE complaint_step (
    division text NOT NULL,
    year integer NOT NULL,
    number integer NOT NULL,
    seq integer NOT NULL CHECK (seq > 0),
    step text NOT NULL,
    login text NOT NULL,
    name text NOT NULL,
    at timestamptz NOT NULL,
    words text NOT NULL,
    PRIMARY KEY (division, year, number, seq),
    FOREIGN KEY (division, year, number) REFERENCES complaint (division, year, number)
);

-- One keeper asks with a reason, another one agrees, the first one looks once.
CREATE TABLE complaint_opening (
    division text NOT NULL,
    year integer NOT NULL,
    number integer NOT NULL,
    seq integer NOT NULL CHECK (seq > 0),
    asked_by text NOT NULL,
    reason text NOT NULL CHECK (length(reason) >= 4),
    asked_at timestamptz NOT NULL,
    agreed_by text CHECK (agreed_by <> asked_by),
    agreed_at timestamptz,
    opened_at timestamptz CHECK (opened_at IS NULL OR agreed_at IS NOT NULL),
    PRIMARY KEY (division, year, number, seq),
    FOREIGN KEY (division, year, number) REFERENCES complaint (division, year, number),
    CHECK ((agreed_by IS NULL) = (agreed_at IS NULL))
);

GRANT SELECT, INSERT ON complaint, complaint_step, complaint_opening TO bureau_runtime;
GRANT UPDATE (stage, due, steps, case_year, case_number) ON complaint TO bureau_runtime;
GRANT UPDATE (agreed_by, agreed_at, opened_at) ON complaint_opening TO bureau_runtime;
