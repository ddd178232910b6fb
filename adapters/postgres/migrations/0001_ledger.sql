-- The ledger: instructions and what became of them, limits, and the queues beside them.
-- Division leads every key; no triggers; identities (with gaps) only in queues. Text keys compare
-- by code point (COLLATE "C"), so that the program and the server sort locks alike.

CREATE TABLE instruction (
    division      text COLLATE "C" NOT NULL,
    fiscal_year   integer NOT NULL,
    voucher_type  text COLLATE "C" NOT NULL,
    voucher_no    text COLLATE "C" NOT NULL,
    amount_fen    bigint NOT NULL CHECK (amount_fen >= 0),
    decided_at    timestamptz NOT NULL,
    attempt       uuid NOT NULL,        -- nonce of the batch that wrote it: whose commit it was
    slot          integer NOT NULL,     -- place of arrival in that batch
    outcome       text NOT NULL CHECK (outcome IN ('passed', 'held', 'blocked')),
    agency_code   text NOT NULL,
    party         text NOT NULL,
    format        text NOT NULL,
    instance      text NOT NULL,
    signature     text NOT NULL,
    digest        bytea NOT NULL CHECK (length(digest) = 32),
    raw           bytea NOT NULL,
    decision      bytea NOT NULL,
    limit_kinds   text[],               -- with limit_ids and demand_fen: one element a demand
    limit_ids     text[],
    demand_fen    bigint[],
    PRIMARY KEY (division, fiscal_year, voucher_type, voucher_no)
) PARTITION BY LIST (fiscal_year);

-- One partition a fiscal year; a year nobody foresaw goes to the default, never to an error.
DO $$
BEGIN
    FOR year IN 2024..2035 LOOP
        EXECUTE format('CREATE TABLE instruction_%s PARTITION OF instruction FOR VALUES IN (%s)',
                       year, year);
    END LOOP;
END $$;
CREATE TABLE instruction_other PARTITION OF instruction DEFAULT;

CREATE TABLE settlement (
    division       text COLLATE "C" NOT NULL,
    fiscal_year    integer NOT NULL,
    voucher_type   text COLLATE "C" NOT NULL,
    voucher_no     text COLLATE "C" NOT NULL,
    settled_at     timestamptz NOT NULL,
    attempt        uuid NOT NULL,
    bank           text NOT NULL CHECK (bank IN ('accepted', 'rejected', 'not_taken')),
    bank_reference text,
    bank_reason    text,
    evidence       text NOT NULL,
    PRIMARY KEY (division, fiscal_year, voucher_type, voucher_no)
);

-- Queue: a row lives only while the bank's outcome is unknown. Carries the demands, so that commit 2
-- never reads the wide row of the instruction.
CREATE TABLE open_payment (
    division           text COLLATE "C" NOT NULL,
    fiscal_year        integer NOT NULL,
    voucher_type       text COLLATE "C" NOT NULL,
    voucher_no         text COLLATE "C" NOT NULL,
    amount_fen         bigint NOT NULL,
    opened_at          timestamptz NOT NULL,
    first_not_found_at timestamptz,
    enquiries          integer NOT NULL DEFAULT 0,
    operator_task      boolean NOT NULL DEFAULT false,
    agency_code        text NOT NULL,
    instance           text NOT NULL,
    limit_kinds        text[],
    limit_ids          text[],
    demand_fen         bigint[],
    PRIMARY KEY (division, fiscal_year, voucher_type, voucher_no)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- ceiling_fen is what the CHECK holds the line to: what the grant leaves, or, where a grant was
-- lowered below what is already spent, exactly what is spent (it sinks with every void).
CREATE TABLE limit_line (
    division     text COLLATE "C" NOT NULL,
    kind         text COLLATE "C" NOT NULL,
    id           text COLLATE "C" NOT NULL,
    granted_fen  bigint NOT NULL CHECK (granted_fen >= 0),
    frozen_fen   bigint NOT NULL CHECK (frozen_fen >= 0),
    opening_fen  bigint NOT NULL CHECK (opening_fen >= 0),
    reserved_fen bigint NOT NULL CHECK (reserved_fen >= 0),
    posted_fen   bigint NOT NULL CHECK (posted_fen >= 0),
    ceiling_fen  bigint NOT NULL,
    PRIMARY KEY (division, kind, id),
    CONSTRAINT limit_line_not_overdrawn CHECK (reserved_fen + posted_fen <= ceiling_fen),
    CONSTRAINT limit_line_ceiling_is_tight CHECK (
        ceiling_fen <= greatest(granted_fen - frozen_fen - opening_fen, reserved_fen + posted_fen))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Queue: committed records that wait for their number.
CREATE TABLE pending_record (
    division    text COLLATE "C" NOT NULL,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    kind        text NOT NULL,
    subject     text NOT NULL,
    body        bytea NOT NULL,
    disclosures bytea,
    PRIMARY KEY (division, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Queue: notices until the bureau acknowledges them; kept afterwards.
CREATE TABLE notice (
    division        text COLLATE "C" NOT NULL,
    id              bigint GENERATED ALWAYS AS IDENTITY,
    created_at      timestamptz NOT NULL,
    last_attempt_at timestamptz,
    acknowledged_at timestamptz,
    attempts        integer NOT NULL DEFAULT 0,
    subject         text NOT NULL,
    body            bytea NOT NULL,
    PRIMARY KEY (division, id)
);
CREATE INDEX notice_waiting ON notice (id) WHERE acknowledged_at IS NULL;
