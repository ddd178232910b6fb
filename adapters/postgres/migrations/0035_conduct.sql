-- The bank's conduct: what its books say it did, and the alerts that followed. Nothing here is on an
-- instruction's way. Statements, entries, clearing and alerts are append-only.

CREATE TABLE bank_statement (
    division     text COLLATE "C" NOT NULL,
    id           text COLLATE "C" NOT NULL,     -- the bank's own number
    received_at  timestamptz NOT NULL,
    digest       bytea NOT NULL CHECK (length(digest) = 32),
    party        text NOT NULL,
    signature    text NOT NULL,
    raw          bytea NOT NULL,                -- as received and signed
    PRIMARY KEY (division, id)
);

CREATE TABLE bank_entry (
    division        text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,  -- the bank's number of the movement
    booked_at       timestamptz NOT NULL,
    booked_day      date NOT NULL,              -- legal day
    amount_fen      bigint NOT NULL CHECK (amount_fen > 0),
    direction       text NOT NULL CHECK (direction IN ('debit', 'credit')),
    account         text COLLATE "C" NOT NULL,
    fiscal_year     integer,                    -- with the next two: the instruction that it names
    voucher_type    text COLLATE "C",
    voucher_no      text COLLATE "C",
    reference       text NOT NULL,
    counter_account text NOT NULL,
    counter_name    text NOT NULL,
    PRIMARY KEY (division, id)
);
CREATE INDEX bank_entry_by_key
    ON bank_entry (division, fiscal_year, voucher_type, voucher_no) WHERE voucher_no IS NOT NULL;
CREATE INDEX bank_entry_by_day ON bank_entry (division, booked_day, account);

CREATE TABLE clearing_total (
    division   text COLLATE "C" NOT NULL,
    day        date NOT NULL,
    account    text COLLATE "C" NOT NULL,
    voucher_no text COLLATE "C" NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen >= 0),
    PRIMARY KEY (division, day, account, voucher_no)
);

-- State: an account task is opened once and done once.
CREATE TABLE account_task (
    division text COLLATE "C" NOT NULL,
    id       text COLLATE "C" NOT NULL,
    kind     text NOT NULL CHECK (kind IN ('open', 'change', 'close')),
    agency   text NOT NULL,
    account  text NOT NULL,
    asked_on date NOT NULL,
    done_on  date,
    PRIMARY KEY (division, id)
);
CREATE INDEX account_task_undone ON account_task (division, asked_on) WHERE done_on IS NULL;

CREATE TABLE conduct_alert (
    division  text COLLATE "C" NOT NULL,
    policy    text COLLATE "C" NOT NULL,
    subject   text COLLATE "C" NOT NULL,        -- an alert is raised once a subject
    raised_at timestamptz NOT NULL,
    raised_on date NOT NULL,                    -- legal day
    body      bytea NOT NULL,
    PRIMARY KEY (division, policy, subject)
);
CREATE INDEX conduct_alert_by_day ON conduct_alert (division, raised_on);

-- How far the bank's own list of movements was read. State.
CREATE TABLE bank_cursor (
    source text COLLATE "C" PRIMARY KEY,
    after  text NOT NULL
);

-- To find what passed on a day: rows come in order of time, so a block range says enough.
CREATE INDEX instruction_by_time ON instruction USING brin (decided_at) WITH (pages_per_range = 16);

GRANT SELECT ON bank_statement, bank_entry, clearing_total, account_task, conduct_alert, bank_cursor
    TO gateway_runtime;
GRANT INSERT ON bank_statement, bank_entry, clearing_total, account_task, conduct_alert, bank_cursor
    TO gateway_runtime;
GRANT UPDATE (done_on) ON account_task TO gateway_runtime;
GRANT UPDATE (after) ON bank_cursor TO gateway_runtime;
GRANT INSERT ON notice TO gateway_runtime;
