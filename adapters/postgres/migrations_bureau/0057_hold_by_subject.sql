-- As in 0055, looked up by the subject: the bank is compared in a way that the primary key cannot serve,
-- or a server that knows no figures of the table yet takes (division, bank) for as narrow as (division,
-- subject) and reads the bank's whole log for each hold.
CREATE OR REPLACE FUNCTION hold_ended(of_division text, of_bank text, of_subject text)
RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM log_record AS r
        WHERE r.division = of_division AND r.subject = of_subject AND r.subject <> ''
            AND r.bank || '' = of_bank AND r.kind = 'release'
            AND record_field(r.body, 'what') IN ('released', 'refused', 'expired', 'withdrawn')
    )
$$;
