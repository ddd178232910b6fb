-- Commit 2 as in 0005, and: what a payment that did not take effect had added to windows is taken
-- back, in the transaction that settles it.

CREATE OR REPLACE FUNCTION settle_batch(
    p_attempt uuid,
    s_slot integer[], s_division text[], s_year integer[], s_type text[], s_no text[],
    s_bank text[], s_reference text[], s_reason text[], s_evidence text[],
    s_settled_at timestamptz[],
    r_division text[], r_kind text[], r_subject text[], r_body bytea[], r_disclosures bytea[],
    OUT already integer[]
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    open_tids  tid[];
    open_slots integer[];
    tids       tid[];
    divisions  text[];
    kinds      text[];
    ids        text[];
    totals     bigint[];
    posts      bigint[];
    touched    integer;
    vain       record;
BEGIN
    -- 1. Who is still open, in key order: a row here is the proof that nobody settled it.
    SELECT array_agg(held.tid), array_agg(s.slot) INTO open_tids, open_slots
    FROM unnest(s_slot, s_division, s_year, s_type, s_no) AS s (slot, division, year, type, no)
         CROSS JOIN LATERAL (
             SELECT o.ctid AS tid FROM open_payment AS o
             WHERE o.division = s.division AND o.fiscal_year = s.year
                   AND o.voucher_type = s.type AND o.voucher_no = s.no
             FOR UPDATE
         ) AS held;
    IF cardinality(s_slot) <> coalesce(cardinality(open_slots), 0) THEN
        already := ARRAY(SELECT x FROM unnest(s_slot) AS x WHERE x <> ALL (coalesce(open_slots, '{}')));
        IF open_slots IS NULL THEN
            RETURN;
        END IF;
    END IF;

    -- 2. Close them, write the settlements, and add up what each line gets back.
    WITH closed AS (
        DELETE FROM open_payment AS o USING unnest(open_tids, open_slots) AS x (tid, slot)
        WHERE o.ctid = x.tid
        RETURNING x.slot, o.division, o.limit_kinds, o.limit_ids, o.demand_fen
    ), told AS (
        SELECT s.* FROM unnest(s_slot, s_division, s_year, s_type, s_no, s_bank, s_reference,
                               s_reason, s_evidence, s_settled_at)
                        AS s (slot, division, year, type, no, bank, reference, reason, evidence,
                              settled_at)
    ), written AS (
        INSERT INTO settlement (
            division, fiscal_year, voucher_type, voucher_no, settled_at, attempt, bank,
            bank_reference, bank_reason, evidence)
        SELECT t.division, t.year, t.type, t.no, t.settled_at, p_attempt, t.bank, t.reference,
               t.reason, t.evidence
        FROM told AS t JOIN closed USING (slot)
    ), line AS (
        SELECT c.division, d.kind, d.id, sum(d.fen)::bigint AS total,
               coalesce(sum(d.fen) FILTER (WHERE t.bank = 'accepted'), 0)::bigint AS post
        FROM closed AS c JOIN told AS t USING (slot)
             CROSS JOIN LATERAL unnest(c.limit_kinds, c.limit_ids, c.demand_fen) AS d (kind, id, fen)
        GROUP BY c.division, d.kind, d.id
        HAVING sum(d.fen) > 0
    )
    SELECT array_agg(division), array_agg(kind), array_agg(id), array_agg(total), array_agg(post)
    INTO divisions, kinds, ids, totals, posts
    FROM (SELECT * FROM line
          ORDER BY division COLLATE "C", kind COLLATE "C", id COLLATE "C") AS sorted;

    -- 3. Lock the lines in sorted order, then post or void; a void lowers an overspent ceiling.
    IF ids IS NOT NULL THEN
        SELECT array_agg(held.tid ORDER BY l.n) INTO tids
        FROM unnest(divisions, kinds, ids) WITH ORDINALITY AS l (division, kind, id, n)
             LEFT JOIN LATERAL (
                 SELECT line.ctid AS tid FROM limit_line AS line
                 WHERE line.division = l.division AND line.kind = l.kind AND line.id = l.id
                 FOR UPDATE
             ) AS held ON true;
        UPDATE limit_line AS line
        SET reserved_fen = line.reserved_fen - w.total,
            posted_fen = line.posted_fen + w.post,
            ceiling_fen = greatest(line.granted_fen - line.frozen_fen - line.opening_fen,
                                   line.reserved_fen - w.total + line.posted_fen + w.post)
        FROM unnest(tids, totals, posts) AS w (tid, total, post)
        WHERE line.ctid = w.tid AND line.reserved_fen >= w.total;
        GET DIAGNOSTICS touched = ROW_COUNT;
        IF touched <> cardinality(ids) THEN
            RAISE EXCEPTION 'a reservation is not on its limit line';
        END IF;
    END IF;

    -- 4. Take back from the windows what did not take effect.
    FOR vain IN
        SELECT s.* FROM unnest(s_slot, s_division, s_year, s_type, s_no, s_bank)
                        AS s (slot, division, year, type, no, bank)
        WHERE s.bank <> 'accepted' AND s.slot = ANY (open_slots)
    LOOP
        DELETE FROM window_entry AS e
        WHERE e.division = vain.division AND e.fiscal_year = vain.year
              AND e.voucher_type = vain.type AND e.voucher_no = vain.no;
    END LOOP;

    -- 5. What must be told, in order of arrival.
    INSERT INTO pending_record (division, kind, subject, body, disclosures)
    SELECT r.division, r.kind, r.subject, r.body, r.disclosures
    FROM unnest(r_division, r_kind, r_subject, r_body, r_disclosures) WITH ORDINALITY
         AS r (division, kind, subject, body, disclosures, slot)
    WHERE already IS NULL OR r.slot = ANY (open_slots);
END $$;
