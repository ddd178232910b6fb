-- Refunds of a payment that officers found to be paid after all (0070) are refunds of a paid payment. Both
-- functions as in 0016 and 0066, but for what they ask: how it is settled now, under the lock of its settlement,
-- and whether the newest correction is one that ended a contradiction; only then none stands.

CREATE OR REPLACE FUNCTION refund_payment(
    p_attempt uuid, p_division text, p_year integer, p_type text, p_no text,
    p_of_year integer, p_of_type text, p_of_no text, p_amount bigint, p_at timestamptz,
    p_digest bytea, p_party text, p_raw bytea,
    r_kind text, r_subject text, r_body bytea, n_body bytea,
    OUT result text, OUT refundable bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    paid    record;
    told    bytea;
    before  bigint;
    kinds   text[];
    ids     text[];
    backs   bigint[];
    touched integer;
BEGIN
    -- Refunds of one payment come one after the other.
    PERFORM FROM settlement AS s
    WHERE s.division = p_division AND s.fiscal_year = p_of_year AND s.voucher_type = p_of_type
          AND s.voucher_no = p_of_no
    FOR UPDATE;
    PERFORM FROM settled AS s
    WHERE s.division = p_division AND s.fiscal_year = p_of_year AND s.voucher_type = p_of_type
          AND s.voucher_no = p_of_no AND s.bank = 'accepted';
    IF NOT FOUND THEN
        result := 'unpaid';
        RETURN;
    END IF;
    SELECT r.digest INTO told FROM refund AS r
    WHERE r.division = p_division AND r.fiscal_year = p_year AND r.voucher_type = p_type
          AND r.voucher_no = p_no;
    IF FOUND THEN
        result := CASE WHEN told = p_digest THEN 'repeated' ELSE 'conflict' END;
        RETURN;
    END IF;
    SELECT i.amount_fen, i.agency_code, coalesce(h.limit_kinds, i.limit_kinds, '{}') AS kinds,
           coalesce(h.limit_ids, i.limit_ids, '{}') AS ids,
           coalesce(h.demand_fen, i.demand_fen, '{}') AS fens
    INTO STRICT paid
    FROM instruction AS i LEFT JOIN hold_end AS h USING (division, fiscal_year, voucher_type, voucher_no)
    WHERE i.division = p_division AND i.fiscal_year = p_of_year AND i.voucher_type = p_of_type
          AND i.voucher_no = p_of_no;
    SELECT coalesce(sum(r.amount_fen), 0) INTO before FROM refund AS r
    WHERE r.division = p_division AND r.of_year = p_of_year AND r.of_type = p_of_type
          AND r.of_no = p_of_no;
    refundable := paid.amount_fen - before;
    IF p_amount > refundable THEN
        result := 'exceeds';
        RETURN;
    END IF;

    SELECT coalesce(array_agg(b.kind ORDER BY b.kind COLLATE "C", b.id COLLATE "C"), '{}'),
           coalesce(array_agg(b.id ORDER BY b.kind COLLATE "C", b.id COLLATE "C"), '{}'),
           coalesce(array_agg(b.back ORDER BY b.kind COLLATE "C", b.id COLLATE "C"), '{}')
    INTO kinds, ids, backs
    FROM (
        SELECT d.kind, d.id,
               (div(sum(d.fen)::numeric * (before + p_amount), paid.amount_fen)
                - div(sum(d.fen)::numeric * before, paid.amount_fen))::bigint AS back
        FROM unnest(paid.kinds, paid.ids, paid.fens) AS d (kind, id, fen)
        GROUP BY d.kind, d.id
    ) AS b
    WHERE b.back > 0;
    INSERT INTO refund (
        division, fiscal_year, voucher_type, voucher_no, of_year, of_type, of_no, amount_fen,
        received_at, attempt, digest, party, raw, limit_kinds, limit_ids, back_fen)
    VALUES (
        p_division, p_year, p_type, p_no, p_of_year, p_of_type, p_of_no, p_amount, p_at, p_attempt,
        p_digest, p_party, p_raw, kinds, ids, backs)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN  -- the same number for another payment, at this very moment
        result := 'conflict';
        RETURN;
    END IF;
    FOR l IN 1 .. cardinality(ids) LOOP
        PERFORM FROM limit_line AS x
        WHERE x.division = p_division AND x.kind = kinds[l] AND x.id = ids[l] FOR UPDATE;
    END LOOP;
    UPDATE limit_line AS x
    SET posted_fen = x.posted_fen - b.back,
        ceiling_fen = greatest(x.granted_fen - x.frozen_fen - x.opening_fen,
                               x.reserved_fen + x.posted_fen - b.back)
    FROM unnest(kinds, ids, backs) AS b (kind, id, back)
    WHERE x.division = p_division AND x.kind = b.kind AND x.id = b.id AND x.posted_fen >= b.back;
    GET DIAGNOSTICS touched = ROW_COUNT;
    IF touched <> cardinality(ids) THEN
        RAISE EXCEPTION 'more would come back to a line than was posted on it';
    END IF;
    INSERT INTO pending_record (division, kind, subject, body)
    VALUES (p_division, r_kind, r_subject, r_body);
    INSERT INTO notification (division, created_at, agency_code, subject, body)
    VALUES (p_division, p_at, paid.agency_code, r_subject, n_body);
    result := 'refunded';
END $$;

CREATE OR REPLACE FUNCTION refund_payment(
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
    PERFORM FROM settlement AS s
    WHERE s.division = p_division AND s.fiscal_year = p_of_year AND s.voucher_type = p_of_type
          AND s.voucher_no = p_of_no
    FOR UPDATE;
    SELECT s.bank_reference INTO paid_under FROM settled AS s
    WHERE s.division = p_division AND s.fiscal_year = p_of_year AND s.voucher_type = p_of_type
          AND s.voucher_no = p_of_no AND s.bank = 'accepted';
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
    IF (SELECT position('"what":"ended"'::bytea IN c.body) = 0 FROM (
            SELECT r.body, false AS waits, r.seq AS place FROM sealed_record AS r
            WHERE r.division = p_division AND r.kind = 'correction'
                  AND r.subject = concat_ws('/', p_division, p_of_year, p_of_type, p_of_no)
            UNION ALL
            SELECT p.body, true, p.id FROM pending_record AS p
            WHERE p.division = p_division AND p.kind = 'correction'
                  AND p.subject = concat_ws('/', p_division, p_of_year, p_of_type, p_of_no)
        ) AS c ORDER BY c.waits DESC, c.place DESC LIMIT 1)
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
