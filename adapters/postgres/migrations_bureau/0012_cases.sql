-- Cases: what each is about, every move in order (never changed), documents and files.
-- case_file repeats what its moves made of it, so that lists need not replay them.

CREATE TABLE case_file (
    division text NOT NULL,
    year integer NOT NULL,
    number integer NOT NULL CHECK (number > 0),
    origin text NOT NULL,
    against text NOT NULL,
    agency_code text NOT NULL,
    agency_name text NOT NULL,
    bank text NOT NULL,
    title text NOT NULL,
    reason text NOT NULL,
    amount_fen bigint NOT NULL,
    policies text[] NOT NULL,
    stage text NOT NULL,
    awaits text NOT NULL,
    due date,
    escalation text,
    told boolean NOT NULL,            -- whether the other side has been addressed
    opened_by text NOT NULL,
    opened_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    moves integer NOT NULL DEFAULT 0,
    PRIMARY KEY (division, year, number)
);
CREATE INDEX case_file_newest ON case_file (division, opened_at DESC, number DESC);
CREATE INDEX case_file_by_agency ON case_file (division, agency_code, opened_at DESC, number DESC);
CREATE INDEX case_file_by_stage ON case_file (division, stage, opened_at DESC, number DESC);
CREATE INDEX case_file_waiting ON case_file (division, awaits, due, year, number)
    WHERE awaits <> 'nobody';

CREATE TABLE case_subject (
    division text NOT NULL,
    fiscal_year integer NOT NULL,
    voucher_type text NOT NULL,
    voucher_no text NOT NULL,
    bank text NOT NULL,
    year integer NOT NULL,
    number integer NOT NULL,
    PRIMARY KEY (division, fiscal_year, voucher_type, voucher_no, bank, year, number),
    FOREIGN KEY (division, year, number) REFERENCES case_file (division, year, number)
);
CREATE INDEX case_subject_of ON case_subject (division, year, number);

CREATE TABLE case_move (
    division text NOT NULL,
    year integer NOT NULL,
    number integer NOT NULL,
    seq integer NOT NULL CHECK (seq > 0),
    move text NOT NULL,
    login text NOT NULL,
    name text NOT NULL,
    office text NOT NULL,             -- empty: the program
    at timestamptz NOT NULL,
    day date NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (division, year, number, seq),
    FOREIGN KEY (division, year, number) REFERENCES case_file (division, year, number)
);

-- Numbers without gaps: taken in the transaction that uses them. Series: `case`, `paper`.
CREATE TABLE desk_number (
    division text NOT NULL,
    series text NOT NULL,
    year integer NOT NULL,
    last integer NOT NULL,
    PRIMARY KEY (division, series, year)
);

CREATE TABLE case_paper (
    division text NOT NULL,
    paper_year integer NOT NULL,
    paper_number integer NOT NULL CHECK (paper_number > 0),
    year integer NOT NULL,
    number integer NOT NULL,
    seq integer NOT NULL,             -- the move that issued it
    kind text NOT NULL,
    outside boolean NOT NULL,         -- whether the case's other side may read it
    issued_by text NOT NULL,
    issued_at timestamptz NOT NULL,
    layout bytea NOT NULL,
    pdf bytea NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (division, paper_year, paper_number),
    FOREIGN KEY (division, year, number, seq) REFERENCES case_move (division, year, number, seq)
);
CREATE INDEX case_paper_of ON case_paper (division, year, number);

CREATE TABLE case_upload (
    division text NOT NULL,
    year integer NOT NULL,
    number integer NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    seq integer NOT NULL,
    name text NOT NULL,
    media text NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (division, year, number, digest),
    FOREIGN KEY (division, year, number, seq) REFERENCES case_move (division, year, number, seq)
);

-- What a case asks of the registers (Art. 21(4)): an agency suspended, or active again. Whoever
-- publishes registers takes it from here and says under which version it went out.
CREATE TABLE register_wish (
    division text NOT NULL,
    wish bigint NOT NULL CHECK (wish > 0),
    agency_code text NOT NULL,
    status text NOT NULL,
    basis text NOT NULL,
    year integer NOT NULL,
    number integer NOT NULL,
    wished_at timestamptz NOT NULL,
    published_version bigint,
    published_at timestamptz,
    PRIMARY KEY (division, wish)
);

GRANT SELECT, INSERT ON case_subject, case_move, case_paper, case_upload TO bureau_runtime;
GRANT SELECT, INSERT, UPDATE ON case_file, desk_number TO bureau_runtime;
GRANT SELECT, INSERT ON register_wish TO bureau_runtime;
GRANT UPDATE (published_version, published_at) ON register_wish TO bureau_runtime;
