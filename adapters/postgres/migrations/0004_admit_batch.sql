-- Commit 1 for all that wait, in one round trip. The caller sends claims (c_) sorted by key, lines
-- (l_) sorted by division, kind and id, and demands (d_), records (r_), notices (n_) in the order of
-- arrival. A slot is a place of arrival, counted from 1. Everything returned is NULL when all were
-- admitted. SECURITY DEFINER: the runtime role may not delete an instruction; only here may the
-- claim of one that turns out short be taken back, in the transaction that made it.

CREATE FUNCTION admit_batch(
    p_attempt uuid, p_instance text,
    c_slot integer[], c_division text[], c_year integer[], c_type text[], c_no text[],
    c_amount bigint[], c_decided_at timestamptz[], c_outcome text[], c_agency text[],
    c_party text[], c_format text[], c_signature text[], c_digest bytea[], c_raw bytea[],
    c_decision bytea[],
    l_division text[], l_kind text[], l_id text[], l_wanted bigint[],
    d_slot integer[], d_line integer[], d_fen bigint[],
    r_division text[], r_kind text[], r_subject text[], r_body bytea[], r_disclosures bytea[],
    n_slot integer[], n_body bytea[],
    OUT existing integer[], OUT short_slot integer[], OUT short_demand integer[],
    OUT short_available bigint[]
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    claimed   integer[];
    is_ours   boolean[];
    tids      tid[];
    available bigint[];
    wanted    bigint[] := l_wanted;
    all_fit   boolean := true;
    d         integer := 1;
    d_next    integer;
    missing   integer;
    touched   integer;
BEGIN
    -- 1. Claim the identities, in key order. One that is not returned was decided before.
    WITH demand AS MATERIALIZED (
        SELECT d.slot, array_agg(l.kind ORDER BY d.n) AS kinds, array_agg(l.id ORDER BY d.n) AS ids,
               array_agg(d.fen ORDER BY d.n) AS fens
        FROM unnest(d_slot, d_line, d_fen) WITH ORDINALITY AS d (slot, line, fen, n)
             JOIN unnest(l_kind, l_id) WITH ORDINALITY AS l (kind, id, line) ON l.line = d.line
        GROUP BY d.slot
    ), claim AS (
        INSERT INTO instruction AS i (
            division, fiscal_year, voucher_type, voucher_no, amount_fen, decided_at, attempt, slot,
            outcome, agency_code, party, format, instance, signature, digest, raw, decision,
            limit_kinds, limit_ids, demand_fen)
        SELECT c.division, c.year, c.type, c.no, c.amount, c.decided_at, p_attempt, c.slot,
               c.outcome, c.agency, c.party, c.format, p_instance, c.signature, c.digest, c.raw,
               c.decision, demand.kinds, demand.ids, demand.fens
        FROM unnest(c_slot, c_division, c_year, c_type, c_no, c_amount, c_decided_at, c_outcome,
                    c_agency, c_party, c_format, c_signature, c_digest, c_raw, c_decision)
             AS c (slot, division, year, type, no, amount, decided_at, outcome, agency, party,
                   format, signature, digest, raw, decision)
             LEFT JOIN demand ON demand.slot = c.slot
        ON CONFLICT DO NOTHING
        RETURNING i.slot, i.division, i.fiscal_year, i.voucher_type, i.voucher_no, i.amount_fen,
                  i.decided_at, i.outcome, i.agency_code, i.limit_kinds, i.limit_ids, i.demand_fen
    ), opened AS (
        INSERT INTO open_payment (
            division, fiscal_year, voucher_type, voucher_no, amount_fen, opened_at, agency_code,
            instance, limit_kinds, limit_ids, demand_fen)
        SELECT division, fiscal_year, voucher_type, voucher_no, amount_fen, decided_at, agency_code,
               p_instance, limit_kinds, limit_ids, demand_fen
        FROM claim WHERE outcome = 'passed'
    )
    SELECT array_agg(slot) INTO claimed FROM claim;

    IF cardinality(c_slot) <> coalesce(cardinality(claimed), 0) THEN
        existing := ARRAY(SELECT s FROM unnest(c_slot) AS s WHERE s <> ALL (coalesce(claimed, '{}')));
    END IF;

    -- 2. Lock the lines in sorted order; an absent line has nothing to give.
    IF cardinality(l_id) > 0 THEN
        SELECT array_agg(held.tid ORDER BY l.n), array_agg(coalesce(held.left_fen, 0) ORDER BY l.n),
               bool_and(l.wanted <= coalesce(held.left_fen, 0))
        INTO tids, available, all_fit
        FROM unnest(l_division, l_kind, l_id, l_wanted) WITH ORDINALITY
             AS l (division, kind, id, wanted, n)
             LEFT JOIN LATERAL (
                 SELECT line.ctid AS tid, line.granted_fen - line.frozen_fen - line.opening_fen
                        - line.reserved_fen - line.posted_fen AS left_fen
                 FROM limit_line AS line
                 WHERE line.division = l.division AND line.kind = l.kind AND line.id = l.id
                 FOR UPDATE
             ) AS held ON true;
    END IF;

    -- 3. Unless all is new and all fits: in order of arrival, all demands of an instruction or none.
    IF existing IS NOT NULL OR NOT all_fit THEN
        is_ours := array_fill(false, ARRAY[cardinality(c_slot)]);
        FOR s IN 1 .. coalesce(cardinality(claimed), 0) LOOP
            is_ours[claimed[s]] := true;
        END LOOP;
        wanted := array_fill(0::bigint, ARRAY[cardinality(l_id)]);
        WHILE d <= cardinality(d_slot) LOOP
            missing := NULL;
            d_next := d;
            WHILE d_next <= cardinality(d_slot) AND d_slot[d_next] = d_slot[d] LOOP
                IF is_ours[d_slot[d]] AND missing IS NULL THEN
                    IF d_fen[d_next] <= available[d_line[d_next]] THEN
                        available[d_line[d_next]] := available[d_line[d_next]] - d_fen[d_next];
                        wanted[d_line[d_next]] := wanted[d_line[d_next]] + d_fen[d_next];
                    ELSE
                        missing := d_next;
                    END IF;
                END IF;
                d_next := d_next + 1;
            END LOOP;
            IF missing IS NOT NULL THEN
                FOR g IN d .. missing - 1 LOOP
                    available[d_line[g]] := available[d_line[g]] + d_fen[g];
                    wanted[d_line[g]] := wanted[d_line[g]] - d_fen[g];
                END LOOP;
                is_ours[d_slot[d]] := false;
                short_slot := short_slot || d_slot[d];
                short_demand := short_demand || (missing - d);
                short_available := short_available || available[d_line[missing]];
            END IF;
            d := d_next;
        END LOOP;
        PERFORM take_back_claims(p_attempt, short_slot, c_slot, c_division, c_year, c_type, c_no);
        claimed := ARRAY(SELECT o.n FROM unnest(is_ours) WITH ORDINALITY AS o (ours, n) WHERE o.ours);
    END IF;

    -- 4. Reserve, guarded a second time by the condition, a third time by the table's CHECK.
    IF cardinality(l_id) > 0 THEN
        UPDATE limit_line AS line
        SET reserved_fen = line.reserved_fen + w.fen
        FROM unnest(tids, wanted) AS w (tid, fen)
        WHERE line.ctid = w.tid AND w.fen > 0
              AND line.granted_fen - line.frozen_fen - line.opening_fen
                  - line.reserved_fen - line.posted_fen >= w.fen;
        GET DIAGNOSTICS touched = ROW_COUNT;
        IF touched <> (SELECT count(*) FROM unnest(wanted) AS w (fen) WHERE w.fen > 0) THEN
            RAISE EXCEPTION 'a locked limit line changed or vanished';
        END IF;
    END IF;

    -- 5. What must be told, in order of arrival.
    INSERT INTO pending_record (division, kind, subject, body, disclosures)
    SELECT r.division, r.kind, r.subject, r.body, r.disclosures
    FROM unnest(r_division, r_kind, r_subject, r_body, r_disclosures) WITH ORDINALITY
         AS r (division, kind, subject, body, disclosures, slot)
    WHERE is_ours IS NULL OR r.slot = ANY (claimed);

    IF cardinality(n_slot) > 0 THEN
        INSERT INTO notice (division, subject, created_at, body)
        SELECT c.division, r.subject, c.decided_at, n.body
        FROM unnest(n_slot, n_body) AS n (slot, body)
             JOIN unnest(c_slot, c_division, c_decided_at) AS c (slot, division, decided_at)
                  ON c.slot = n.slot
             JOIN unnest(r_subject) WITH ORDINALITY AS r (subject, slot) ON r.slot = n.slot
        WHERE is_ours IS NULL OR n.slot = ANY (claimed)
        ORDER BY n.slot;
    END IF;
END $$;

-- Only for claims of the same attempt, so that no decision that stands can be taken back by it.
CREATE FUNCTION take_back_claims(
    p_attempt uuid, p_short integer[],
    c_slot integer[], c_division text[], c_year integer[], c_type text[], c_no text[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    claim record;
BEGIN
    FOR claim IN
        SELECT * FROM unnest(c_slot, c_division, c_year, c_type, c_no)
                      AS c (slot, division, year, type, no)
        WHERE c.slot = ANY (p_short)
    LOOP
        DELETE FROM instruction AS i
        WHERE i.division = claim.division AND i.fiscal_year = claim.year
              AND i.voucher_type = claim.type AND i.voucher_no = claim.no
              AND i.attempt = p_attempt AND i.slot = claim.slot
              AND i.xmin = pg_current_xact_id()::xid;
        DELETE FROM open_payment AS o
        WHERE o.division = claim.division AND o.fiscal_year = claim.year
              AND o.voucher_type = claim.type AND o.voucher_no = claim.no;
    END LOOP;
END $$;
