-- What became of each interception, beside what was decided at first: folded from the records that
-- the banks delivered, so that a list, a search and a figure all say the same. Both arrivals derive
-- it anew: the line's own, and that of a record about it.

ALTER TABLE interception ADD COLUMN state text NOT NULL DEFAULT '';

-- One record's word about a hold; NULL if it says nothing of its end.
CREATE FUNCTION state_told(kind text, body bytea) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN kind = 'refund' THEN 'refunded'
        WHEN kind = 'release' THEN CASE WHEN record_field(body, 'what')
            IN ('released', 'refused', 'expired') THEN record_field(body, 'what') END
        WHEN kind IN ('bank_outcome', 'correction') THEN
            CASE coalesce(record_field(body, 'bank_outcome'), record_field(body, 'said'))
                WHEN 'accepted' THEN 'paid'
                WHEN 'rejected' THEN 'returned'
                WHEN 'not_taken' THEN 'returned'
                WHEN 'unknown' THEN 'unknown'
            END
    END
$$;

-- held | released | paid | unknown | returned | refunded | refused | expired; of what was not held
-- the verdict stands: it was never paid.
CREATE FUNCTION present_state(of_division text, of_bank text, of_subject text, verdict text)
RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN verdict <> 'held' THEN verdict ELSE coalesce((
        SELECT state_told(r.kind, r.body)
        FROM log_record AS r
        WHERE r.division = of_division AND r.subject = of_subject AND r.subject <> ''
            AND r.bank = of_bank
            AND r.kind IN ('release', 'bank_outcome', 'correction', 'refund')
            AND state_told(r.kind, r.body) IS NOT NULL
        ORDER BY r.seq DESC
        LIMIT 1
    ), 'held') END
$$;

CREATE FUNCTION derive_state() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    NEW.state := present_state(NEW.division, NEW.bank,
        concat_ws('/', NEW.division, NEW.fiscal_year, NEW.voucher_type, NEW.voucher_no), NEW.outcome);
    RETURN NEW;
END
$$;

UPDATE interception SET state = present_state(division, bank,
    concat_ws('/', division, fiscal_year, voucher_type, voucher_no), outcome);

CREATE TRIGGER interception_state BEFORE INSERT OR UPDATE ON interception
    FOR EACH ROW EXECUTE FUNCTION derive_state();

-- Records about holds that are known: few, while records of payments that passed are many, and end
-- here after one look into the key.
CREATE FUNCTION tell_states() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT DISTINCT i.division, i.fiscal_year, i.voucher_type, i.voucher_no, i.bank
        FROM (
            SELECT r.division, r.bank, string_to_array(r.subject, '/') AS part
            FROM fresh AS r
            WHERE r.kind IN ('release', 'bank_outcome', 'correction', 'refund')
                AND r.subject ~ '^[0-9]{9}/[0-9]{4}/[0-9A-Za-z]{1,8}/[0-9A-Za-z-]{1,42}$'
            OFFSET 0
        ) AS e
        CROSS JOIN LATERAL (
            SELECT h.division, h.fiscal_year, h.voucher_type, h.voucher_no, h.bank
            FROM interception AS h
            WHERE h.division = e.division AND h.fiscal_year = e.part[2]::integer
                AND h.voucher_type = e.part[3] AND h.voucher_no = e.part[4] AND h.bank = e.bank
                AND h.outcome = 'held'
            OFFSET 0
        ) AS i
    LOOP
        UPDATE interception AS i SET state = ''
        WHERE i.division = one.division AND i.fiscal_year = one.fiscal_year
            AND i.voucher_type = one.voucher_type AND i.voucher_no = one.voucher_no
            AND i.bank = one.bank;
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER states_told AFTER INSERT ON log_record
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION tell_states();

CREATE INDEX interception_by_state
    ON interception (division, state, decided_at DESC, voucher_no DESC);

REVOKE ALL ON FUNCTION derive_state(), tell_states() FROM PUBLIC;
