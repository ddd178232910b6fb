-- The bank's signature beside the bytes of a refund: without it nobody could prove later that the
-- bank had said the money came back. Of refunds from before, none was kept.

ALTER TABLE refund ADD COLUMN signature text;   -- detached JWS over `raw`

CREATE FUNCTION refund_payment(
    p_attempt uuid, p_division text, p_year integer, p_type text, p_no text,
    p_of_year integer, p_of_type text, p_of_no text, p_amount bigint, p_at timestamptz,
    p_digest bytea, p_party text, p_raw bytea,
    r_kind text, r_subject text, r_body bytea, n_body bytea, p_signature text,
    OUT result text, OUT refundable bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    SELECT f.result, f.refundable INTO refund_payment.result, refund_payment.refundable
    FROM refund_payment(
        p_attempt, p_division, p_year, p_type, p_no, p_of_year, p_of_type, p_of_no, p_amount, p_at,
        p_digest, p_party, p_raw, r_kind, r_subject, r_body, n_body) AS f;
    IF refund_payment.result = 'refunded' THEN
        UPDATE refund AS r SET signature = p_signature
        WHERE r.division = p_division AND r.fiscal_year = p_year AND r.voucher_type = p_type
              AND r.voucher_no = p_no AND r.attempt = p_attempt;
    END IF;
END $$;

REVOKE ALL ON FUNCTION refund_payment(
    uuid, text, integer, text, text, integer, text, text, bigint, timestamptz, bytea, text, bytea,
    text, text, bytea, bytea, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refund_payment(
    uuid, text, integer, text, text, integer, text, text, bigint, timestamptz, bytea, text, bytea,
    text, text, bytea, bytea, text) TO gateway_runtime;
