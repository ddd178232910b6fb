-- A hold ends also when whoever sent it takes it back before anybody released it.

CREATE OR REPLACE FUNCTION hold_ended(of_division text, of_bank text, of_subject text)
RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM log_record AS r
        WHERE r.division = of_division AND r.bank = of_bank AND r.subject = of_subject
            AND r.subject <> '' AND r.kind = 'release'
            AND record_field(r.body, 'what') IN ('released', 'refused', 'expired', 'withdrawn')
    )
$$;

CREATE OR REPLACE FUNCTION end_holds() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM open_hold AS h USING (
        SELECT r.division, r.bank, string_to_array(r.subject, '/') AS part
        FROM fresh AS r
        WHERE r.kind = 'release'
            AND r.subject ~ '^[0-9]{9}/[0-9]{4}/[0-9A-Za-z]{1,8}/[0-9A-Za-z-]{1,42}$'
            AND record_field(r.body, 'what') IN ('released', 'refused', 'expired', 'withdrawn')
    ) AS e
    WHERE h.division = e.division AND h.fiscal_year = e.part[2]::integer
        AND h.voucher_type = e.part[3] AND h.voucher_no = e.part[4] AND h.bank = e.bank;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION end_holds() FROM PUBLIC;
