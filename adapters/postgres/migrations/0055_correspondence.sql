-- Letters about payments that were ordered before: enquiries, recalls, returns, later outcomes. Each
-- is kept once under its sender's own number, as it was signed, and so is what was answered.

CREATE TABLE letter (
    division  text COLLATE "C" NOT NULL,
    party     text COLLATE "C" NOT NULL,    -- who signed it
    id        text COLLATE "C" NOT NULL,    -- the sender's number
    name      text NOT NULL,                -- camt.056.001.08, 2204, ...
    digest    bytea NOT NULL CHECK (length(digest) = 32),
    taken_at  timestamptz NOT NULL,
    signature text NOT NULL,
    raw       bytea NOT NULL,               -- sealed, as instructions are
    PRIMARY KEY (division, party, id)
);

-- A letter without an answer was cut off: the same bytes again carry it to its end.
CREATE TABLE letter_answer (
    division    text COLLATE "C" NOT NULL,
    party       text COLLATE "C" NOT NULL,
    id          text COLLATE "C" NOT NULL,
    answered_at timestamptz NOT NULL,
    answer      bytea NOT NULL,
    PRIMARY KEY (division, party, id)
);

-- What was said of a recall, by us or by the bank: each status once, never changed.
CREATE TABLE recall_word (
    division     text COLLATE "C" NOT NULL,
    recall       text COLLATE "C" NOT NULL, -- names it at the bank core
    fiscal_year  integer NOT NULL,
    voucher_type text COLLATE "C" NOT NULL,
    voucher_no   text COLLATE "C" NOT NULL,
    status       text NOT NULL CHECK (status IN ('ACCR', 'RJCR', 'PDCR')),
    said_at      timestamptz NOT NULL,
    said_by      text NOT NULL,
    code         text NOT NULL,
    words        text NOT NULL,
    agency_code  text NOT NULL,
    asker        text NOT NULL,
    PRIMARY KEY (division, recall, fiscal_year, voucher_type, voucher_no, status)
);
CREATE INDEX recall_word_by_recall ON recall_word (recall);

GRANT SELECT, INSERT ON letter, letter_answer, recall_word TO gateway_runtime;
GRANT INSERT ON notification TO gateway_runtime;

-- A hold may also end because whoever sent the instruction takes it back (no order of the bureau).
ALTER TABLE hold_end DROP CONSTRAINT hold_end_how_check, DROP CONSTRAINT hold_end_check;
ALTER TABLE hold_end
    ADD CONSTRAINT hold_end_how_check
        CHECK (how IN ('released', 'refused', 'expired', 'withdrawn')),
    ADD CONSTRAINT hold_end_check
        CHECK ((how IN ('expired', 'withdrawn')) = (order_digest IS NULL));

-- As in 0015, with the fourth end.
CREATE OR REPLACE FUNCTION end_hold(
    p_attempt uuid, p_division text, p_year integer, p_type text, p_no text, p_how text,
    p_at timestamptz, p_order bytea, p_decision bytea,
    r_kind text, r_subject text, r_body bytea, p_notice bytea, n_body bytea
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    held record;
BEGIN
    IF p_how NOT IN ('refused', 'expired', 'withdrawn') THEN
        RAISE EXCEPTION 'only a claim releases';
    END IF;
    SELECT i.agency_code INTO held FROM instruction AS i
    WHERE i.division = p_division AND i.fiscal_year = p_year AND i.voucher_type = p_type
          AND i.voucher_no = p_no AND i.outcome = 'held';
    IF held IS NULL THEN
        RETURN false;
    END IF;
    BEGIN
        IF p_order IS NOT NULL THEN
            DELETE FROM open_release AS o WHERE o.division = p_division AND o.digest = p_order;
            IF NOT FOUND THEN
                RAISE EXCEPTION USING ERRCODE = 'TG001';
            END IF;
            INSERT INTO release_result (division, digest, at, result)
            VALUES (p_division, p_order, p_at, 'refused');
        END IF;
        INSERT INTO hold_end (
            division, fiscal_year, voucher_type, voucher_no, ended_at, attempt, how, order_digest,
            decision)
        VALUES (p_division, p_year, p_type, p_no, p_at, p_attempt, p_how, p_order, p_decision)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'TG001';
        END IF;
        INSERT INTO pending_record (division, kind, subject, body)
        VALUES (p_division, r_kind, r_subject, r_body);
        IF p_notice IS NOT NULL THEN
            INSERT INTO notice (division, subject, created_at, body)
            VALUES (p_division, r_subject, p_at, p_notice);
        END IF;
        INSERT INTO notification (division, created_at, agency_code, subject, body)
        VALUES (p_division, p_at, held.agency_code, r_subject, n_body);
    EXCEPTION WHEN SQLSTATE 'TG001' THEN
        RETURN false;
    END;
    RETURN true;
END $$;
