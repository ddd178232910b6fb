-- Windows: what admitted instructions add up to over days. State, like limit_line: a row stands as
-- long as its instruction counts. It is written by commit 1 with the instruction and deleted by
-- commit 2 when the payment did not take effect (what happened stays in instruction and settlement,
-- which are append-only). Deleted and not negated: a maximum and a count of different payees cannot
-- be negated.

CREATE TABLE window_entry (
    division     text COLLATE "C" NOT NULL,
    fiscal_year  integer NOT NULL,
    voucher_type text COLLATE "C" NOT NULL,
    voucher_no   text COLLATE "C" NOT NULL,
    place        integer NOT NULL,              -- an instruction's shares are counted from 1
    day          date NOT NULL,
    value        bigint NOT NULL,
    window_id    text COLLATE "C" NOT NULL,     -- policy and name: JL-044.cash
    window_key   text COLLATE "C" NOT NULL,
    item         text COLLATE "C" NOT NULL,     -- what a DISTINCT window counts
    PRIMARY KEY (division, fiscal_year, voucher_type, voucher_no, place)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE INDEX window_entry_by_day ON window_entry (division, window_id, window_key, day);

GRANT SELECT ON window_entry TO gateway_runtime;

-- The value of one window. A day later than today's counts too: gateways' clocks may differ.
CREATE FUNCTION window_value(
    p_division text, p_window text, p_key text, p_measure text, p_since date
) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    found bigint;
BEGIN
    IF p_measure = 'sum' THEN
        SELECT sum(e.value) INTO found FROM window_entry AS e
        WHERE e.division = p_division AND e.window_id = p_window AND e.window_key = p_key
              AND e.day >= p_since;
    ELSIF p_measure = 'count' THEN
        SELECT count(*) INTO found FROM window_entry AS e
        WHERE e.division = p_division AND e.window_id = p_window AND e.window_key = p_key
              AND e.day >= p_since;
    ELSIF p_measure = 'max' THEN
        SELECT max(e.value) INTO found FROM window_entry AS e
        WHERE e.division = p_division AND e.window_id = p_window AND e.window_key = p_key
              AND e.day >= p_since;
    ELSIF p_measure = 'distinct' THEN
        SELECT count(DISTINCT e.item) INTO found FROM window_entry AS e
        WHERE e.division = p_division AND e.window_id = p_window AND e.window_key = p_key
              AND e.day >= p_since;
    ELSE
        RAISE EXCEPTION 'no such measure';
    END IF;
    RETURN coalesce(found, 0);
END $$;
REVOKE ALL ON FUNCTION window_value FROM PUBLIC;
