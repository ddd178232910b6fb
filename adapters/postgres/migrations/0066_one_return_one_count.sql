-- One return counts once, whichever door it is told through. The bank's own number of it (`serial`) is
-- the same in its voucher, its pacs.004 and its outcome, where each of them has another identity.

ALTER TABLE refund ADD COLUMN serial text COLLATE "C";  -- NULL: from before, and not told anew

-- Of those from before, as their records say; the first of several under one serial.
WITH told AS (
    SELECT r.division, convert_from(r.body, 'UTF8')::jsonb AS body
    FROM log_record AS r WHERE r.kind = 'refund'
    UNION ALL
    SELECT p.division, convert_from(p.body, 'UTF8')::jsonb
    FROM pending_record AS p WHERE p.kind = 'refund'
), named AS (
    SELECT DISTINCT ON (f.division, f.of_year, f.of_type, f.of_no, s.serial)
           f.division, f.fiscal_year, f.voucher_type, f.voucher_no, s.serial
    FROM refund AS f
         JOIN told AS t ON t.division = f.division AND t.body ->> 'refund' = concat_ws(
             '/', f.division, f.fiscal_year, f.voucher_type, f.voucher_no)
         LEFT JOIN settlement AS p
                ON p.division = f.division AND p.fiscal_year = f.of_year
                   AND p.voucher_type = f.of_type AND p.voucher_no = f.of_no
         CROSS JOIN LATERAL (
             SELECT CASE WHEN coalesce(t.body ->> 'reference', '') IN ('', coalesce(p.bank_reference, ''))
                         THEN f.voucher_no ELSE t.body ->> 'reference' END AS serial
         ) AS s
    ORDER BY f.division, f.of_year, f.of_type, f.of_no, s.serial, f.received_at
)
UPDATE refund AS f SET serial = n.serial
FROM named AS n
WHERE n.division = f.division AND n.fiscal_year = f.fiscal_year
      AND n.voucher_type = f.voucher_type AND n.voucher_no = f.voucher_no;

CREATE UNIQUE INDEX refund_serial ON refund (division, of_year, of_type, of_no, serial);

-- As in 0016, and before it: the same money under another number is `repeated` where another door
-- tells the same amount, else a `conflict`; so is one number for another payment or amount, even in
-- the same bytes. `disputed`: the bank has said two things of the payment. A reference that is the
-- payment's own tells no return from another; then the refund's number stands for it.
CREATE FUNCTION refund_payment(
    p_attempt uuid, p_division text, p_year integer, p_type text, p_no text,
    p_of_year integer, p_of_type text, p_of_no text, p_amount bigint, p_at timestamptz,
    p_digest bytea, p_party text, p_raw bytea,
    r_kind text, r_subject text, r_body bytea, n_body bytea, p_signature text, p_reference text,
    OUT result text, OUT refundable bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    paid_under text;
    own        text;
    told       refund;
BEGIN
    -- Refunds of one payment come one after the other.
    SELECT s.bank_reference INTO paid_under FROM settlement AS s
    WHERE s.division = p_division AND s.fiscal_year = p_of_year AND s.voucher_type = p_of_type
          AND s.voucher_no = p_of_no AND s.bank = 'accepted'
    FOR UPDATE;
    IF NOT FOUND THEN
        result := 'unpaid';
        RETURN;
    END IF;
    SELECT r.* INTO told FROM refund AS r
    WHERE r.division = p_division AND r.fiscal_year = p_year AND r.voucher_type = p_type
          AND r.voucher_no = p_no;
    IF FOUND THEN
        result := CASE WHEN told.digest = p_digest AND told.of_year = p_of_year
                            AND told.of_type = p_of_type AND told.of_no = p_of_no
                            AND told.amount_fen = p_amount THEN 'repeated' ELSE 'conflict' END;
        RETURN;
    END IF;
    own := CASE WHEN p_reference IN ('', coalesce(paid_under, '')) THEN p_no ELSE p_reference END;
    SELECT r.* INTO told FROM refund AS r
    WHERE r.division = p_division AND r.of_year = p_of_year AND r.of_type = p_of_type
          AND r.of_no = p_of_no AND r.serial = own;
    IF FOUND THEN
        result := CASE WHEN told.amount_fen = p_amount AND told.voucher_type <> p_type
                       THEN 'repeated' ELSE 'conflict' END;
        RETURN;
    END IF;
    IF EXISTS (
        SELECT FROM log_record AS r
        WHERE r.division = p_division AND r.kind = 'correction'
              AND r.subject = concat_ws('/', p_division, p_of_year, p_of_type, p_of_no)
        UNION ALL
        SELECT FROM pending_record AS p
        WHERE p.division = p_division AND p.kind = 'correction'
              AND p.subject = concat_ws('/', p_division, p_of_year, p_of_type, p_of_no))
    THEN
        result := 'disputed';
        RETURN;
    END IF;
    SELECT f.result, f.refundable INTO refund_payment.result, refund_payment.refundable
    FROM refund_payment(
        p_attempt, p_division, p_year, p_type, p_no, p_of_year, p_of_type, p_of_no, p_amount, p_at,
        p_digest, p_party, p_raw, r_kind, r_subject, r_body, n_body, p_signature) AS f;
    IF refund_payment.result = 'refunded' THEN
        UPDATE refund AS r SET serial = own
        WHERE r.division = p_division AND r.fiscal_year = p_year AND r.voucher_type = p_type
              AND r.voucher_no = p_no AND r.attempt = p_attempt;
    END IF;
END $$;

REVOKE ALL ON FUNCTION refund_payment(
    uuid, text, integer, text, text, integer, text, text, bigint, timestamptz, bytea, text, bytea,
    text, text, bytea, bytea, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refund_payment(
    uuid, text, integer, text, text, integer, text, text, bigint, timestamptz, bytea, text, bytea,
    text, text, bytea, bytea, text, text) TO gateway_runtime;
