-- Money that came back: one row a refund, by its own identity. What it gives back to each line is
-- written with it, so that the lines can always be counted again from the rows.

CREATE TABLE refund (
    division     text COLLATE "C" NOT NULL,
    fiscal_year  integer NOT NULL,
    voucher_type text COLLATE "C" NOT NULL,
    voucher_no   text COLLATE "C" NOT NULL,
    of_year      integer NOT NULL,      -- the payment it belongs to, of the same division
    of_type      text COLLATE "C" NOT NULL,
    of_no        text COLLATE "C" NOT NULL,
    amount_fen   bigint NOT NULL CHECK (amount_fen > 0),
    received_at  timestamptz NOT NULL,
    attempt      uuid NOT NULL,
    digest       bytea NOT NULL CHECK (length(digest) = 32),
    party        text NOT NULL,
    raw          bytea NOT NULL,
    limit_kinds  text[] NOT NULL,
    limit_ids    text[] NOT NULL,
    back_fen     bigint[] NOT NULL,
    PRIMARY KEY (division, fiscal_year, voucher_type, voucher_no)
);
CREATE INDEX refund_of ON refund (division, of_year, of_type, of_no);
GRANT SELECT ON refund TO gateway_runtime;

-- result: refunded | repeated (the same refund, written before) | conflict (its identity, other
-- content) | unpaid (no such payment, or the bank has not accepted it) | exceeds. `refundable` is
-- what was left of the payment before. A line that carried less than the whole payment (one detail's
-- approval) gets its share, rounded down, and all of it with the last fen.
CREATE FUNCTION refund_payment(
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
          AND s.voucher_no = p_of_no AND s.bank = 'accepted'
    FOR UPDATE;
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

REVOKE ALL ON FUNCTION refund_payment FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refund_payment TO gateway_runtime;
