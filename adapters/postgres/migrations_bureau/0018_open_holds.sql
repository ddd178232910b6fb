-- Which holds still wait, kept as records arrive, so that the list is as long as it is and not as
-- long as all holds that ever were. The program reads it; only these triggers write it.

CREATE TABLE open_hold (
    division text NOT NULL,
    fiscal_year integer NOT NULL,
    voucher_type text NOT NULL,
    voucher_no text NOT NULL,
    bank text NOT NULL,
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (division, fiscal_year, voucher_type, voucher_no, bank)
);
CREATE INDEX open_hold_oldest ON open_hold (division, decided_at, voucher_no);

-- A record's field; NULL where the bytes are no JSON that this server can read.
CREATE FUNCTION record_field(body bytea, field text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN convert_from(body, 'UTF8')::jsonb ->> field;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END
$$;

CREATE FUNCTION hold_ended(of_division text, of_bank text, of_subject text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM log_record AS r
        WHERE r.division = of_division AND r.bank = of_bank AND r.subject = of_subject
            AND r.subject <> '' AND r.kind = 'release'
            AND record_field(r.body, 'what') IN ('released', 'refused', 'expired')
    )
$$;

CREATE FUNCTION note_holds() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO open_hold
    SELECT n.division, n.fiscal_year, n.voucher_type, n.voucher_no, n.bank, n.decided_at
    FROM fresh AS n
    WHERE n.outcome = 'held' AND NOT hold_ended(
        n.division, n.bank,
        concat_ws('/', n.division, n.fiscal_year, n.voucher_type, n.voucher_no)
    )
    ON CONFLICT DO NOTHING;
    DELETE FROM open_hold AS h USING fresh AS n
    WHERE n.outcome <> 'held' AND (h.division, h.fiscal_year, h.voucher_type, h.voucher_no, h.bank)
        = (n.division, n.fiscal_year, n.voucher_type, n.voucher_no, n.bank);
    RETURN NULL;
END
$$;
CREATE TRIGGER holds_told AFTER INSERT ON interception
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION note_holds();
CREATE TRIGGER holds_retold AFTER UPDATE ON interception
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION note_holds();

CREATE FUNCTION end_holds() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM open_hold AS h USING (
        SELECT r.division, r.bank, string_to_array(r.subject, '/') AS part
        FROM fresh AS r
        WHERE r.kind = 'release'
            AND r.subject ~ '^[0-9]{9}/[0-9]{4}/[0-9A-Za-z]{1,8}/[0-9A-Za-z-]{1,42}$'
            AND record_field(r.body, 'what') IN ('released', 'refused', 'expired')
    ) AS e
    WHERE h.division = e.division AND h.fiscal_year = e.part[2]::integer
        AND h.voucher_type = e.part[3] AND h.voucher_no = e.part[4] AND h.bank = e.bank;
    RETURN NULL;
END
$$;
CREATE TRIGGER holds_ended AFTER INSERT ON log_record
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION end_holds();

INSERT INTO open_hold
SELECT i.division, i.fiscal_year, i.voucher_type, i.voucher_no, i.bank, i.decided_at
FROM interception AS i
WHERE i.outcome = 'held' AND NOT hold_ended(
    i.division, i.bank, concat_ws('/', i.division, i.fiscal_year, i.voucher_type, i.voucher_no)
);

CREATE INDEX release_proposal_newest ON release_proposal (division, proposed_at DESC, digest);

REVOKE ALL ON FUNCTION note_holds(), end_holds() FROM PUBLIC;
GRANT SELECT ON open_hold TO bureau_runtime;
