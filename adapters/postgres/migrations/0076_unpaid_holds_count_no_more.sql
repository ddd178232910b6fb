-- What was held and is never paid counts in no window from its end on (decision 0134): what is sent anew in
-- its place would be held for it. Those that ended before count no more either.
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
        DELETE FROM window_entry AS e
        WHERE e.division = p_division AND e.fiscal_year = p_year AND e.voucher_type = p_type
              AND e.voucher_no = p_no;
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

DELETE FROM window_entry AS e USING hold_end AS h
WHERE h.how <> 'released' AND e.division = h.division AND e.fiscal_year = h.fiscal_year
      AND e.voucher_type = h.voucher_type AND e.voucher_no = h.voucher_no;
