-- commit_batch as in 0046, with the lines weighed by the statement that locks them: element by element
-- in the function it cost a tenth of an admission.

CREATE OR REPLACE FUNCTION commit_batch(
    p_attempt uuid, p_instance text, p_settlements batch_settlement[], p_settled batch_told[],
    p_claims batch_claim[], p_lines batch_line[], p_demands text, p_told batch_told[],
    p_notices batch_notice[] DEFAULT '{}', p_windows batch_window[] DEFAULT '{}',
    p_asks batch_ask[] DEFAULT '{}', p_shares batch_share[] DEFAULT '{}',
    OUT already integer[], OUT existing integer[], OUT short_slot integer[],
    OUT short_demand integer[], OUT short_available bigint[], OUT moved_slot integer[],
    OUT moved_ask integer[], OUT moved_value bigint[]
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    settles    boolean := cardinality(p_settlements) > 0;
    admits     boolean := cardinality(p_claims) > 0;
    open_tids  tid[];
    open_slots integer[];
    in_vain    boolean;
    vain       record;
    claimed    integer[];
    is_ours    boolean[];
    all_fit    boolean := true;
    believed   boolean := true;
    divisions  text[];                  -- the lines of both, sorted; in step with the seven below
    kinds      text[];
    ids        text[];
    totals     bigint[];                -- what settlements take off the reservations
    posts      bigint[];                -- the part of it that is posted
    reserve    bigint[];                -- what admissions reserve
    caps       bigint[];
    places     integer[];               -- which of p_lines it is, counted from 1; 0 if none
    tids       tid[];                   -- of them, or of p_lines where nothing is settled
    available  bigint[];                -- by place in p_lines, as the two below
    spoken     bigint[];
    wanted     bigint[];
    a          integer := 1;
    a_first    integer;
    ask        batch_ask;
    looked_at  batch_window;
    demands    bigint[];
    d          integer := 1;            -- where a demand begins in `demands`
    d_next     integer;
    line_of    integer;
    missing    integer;
    left_fen   bigint;
    seen       bigint;
    moved      boolean;
    changing   integer := 0;
    touched    integer := 0;
BEGIN
    -- 1. Who is still open, in key order: a row here is the proof that nobody settled it.
    IF settles THEN
        SELECT array_agg(held.tid), array_agg(s.slot), bool_or(s.bank <> 'accepted')
        INTO open_tids, open_slots, in_vain
        FROM unnest(p_settlements) AS s
             CROSS JOIN LATERAL (
                 SELECT o.ctid AS tid FROM open_payment AS o
                 WHERE o.division = s.division AND o.fiscal_year = s.fiscal_year
                       AND o.voucher_type = s.voucher_type AND o.voucher_no = s.voucher_no
                 FOR UPDATE
             ) AS held;
        IF cardinality(p_settlements) <> coalesce(cardinality(open_slots), 0) THEN
            already := ARRAY(SELECT s.slot FROM unnest(p_settlements) AS s
                             WHERE s.slot <> ALL (coalesce(open_slots, '{}')));
        END IF;
    END IF;

    -- 2. Claim the identities, in key order. One that is not returned was decided before.
    IF admits THEN
        WITH claim AS (
            INSERT INTO instruction AS i (
                division, fiscal_year, voucher_type, voucher_no, amount_fen, decided_at, attempt,
                slot, outcome, agency_code, party, format, instance, signature, digest, raw,
                decision, limit_kinds, limit_ids, demand_fen)
            SELECT c.division, c.fiscal_year, c.voucher_type, c.voucher_no, c.amount_fen,
                   c.decided_at, p_attempt, c.slot, c.outcome, c.agency_code, c.party, c.format,
                   p_instance, c.signature, c.digest, c.raw, c.decision,
                   string_to_array(c.limit_kinds, E'\x1f'), string_to_array(c.limit_ids, E'\x1f'),
                   string_to_array(c.demand_fen, E'\x1f')::bigint[]
            FROM unnest(p_claims) AS c
            ON CONFLICT DO NOTHING
            RETURNING i.slot, i.division, i.fiscal_year, i.voucher_type, i.voucher_no, i.amount_fen,
                      i.decided_at, i.outcome, i.agency_code, i.limit_kinds, i.limit_ids,
                      i.demand_fen
        ), opened AS (
            INSERT INTO open_payment (
                division, fiscal_year, voucher_type, voucher_no, amount_fen, opened_at, agency_code,
                instance, limit_kinds, limit_ids, demand_fen)
            SELECT division, fiscal_year, voucher_type, voucher_no, amount_fen, decided_at,
                   agency_code, p_instance, limit_kinds, limit_ids, demand_fen
            FROM claim WHERE outcome = 'passed'
        )
        SELECT array_agg(slot) INTO claimed FROM claim;

        IF cardinality(p_claims) <> coalesce(cardinality(claimed), 0) THEN
            existing := ARRAY(SELECT c.slot FROM unnest(p_claims) AS c
                              WHERE c.slot <> ALL (coalesce(claimed, '{}')));
        END IF;
    END IF;

    -- 3. Lock the windows, then read them: a statement that begins after the lock is held sees what
    --    whoever held it before has committed. An ask that shares in its batch touch waits for 6.
    IF cardinality(p_windows) > 0 THEN
        PERFORM lock_windows(array_agg(w.division), array_agg(w.id), array_agg(w.key),
                             array_agg(w.asked))
        FROM unnest(p_windows) AS w;
        SELECT coalesce(bool_and(a.believed = window_value(w.division, w.id, w.key, a.measure, a.since)),
                        true)
               AND NOT EXISTS (
                   SELECT FROM unnest(p_asks) AS asked
                        JOIN unnest(p_shares) AS shared ON shared.window_place = asked.place
                   WHERE shared.slot < asked.slot)
        INTO believed
        FROM unnest(p_asks) AS a
             JOIN unnest(p_windows) WITH ORDINALITY AS w (division, id, key, asked, place)
                  ON w.place = a.place;
    END IF;

    -- 4. Close what was open, write the settlements, add up what each line gets back, and put it in
    --    one order with what is wanted.
    IF open_slots IS NOT NULL THEN
        WITH closed AS (
            DELETE FROM open_payment AS o USING unnest(open_tids, open_slots) AS x (tid, slot)
            WHERE o.ctid = x.tid
            RETURNING x.slot, o.limit_kinds, o.limit_ids, o.demand_fen
        ), told AS (
            SELECT * FROM unnest(p_settlements) AS s JOIN closed USING (slot)
        ), written AS (
            INSERT INTO settlement (
                division, fiscal_year, voucher_type, voucher_no, settled_at, attempt, bank,
                bank_reference, bank_reason, evidence)
            SELECT t.division, t.fiscal_year, t.voucher_type, t.voucher_no, t.settled_at, p_attempt,
                   t.bank, t.bank_reference, t.bank_reason, t.evidence
            FROM told AS t
        ), line AS (
            SELECT f.division, f.kind, f.id, sum(f.fen)::bigint AS total, sum(f.post)::bigint AS post,
                   max(f.want) AS want, max(f.cap) AS cap, max(f.place) AS place
            FROM (SELECT t.division, d.kind, d.id, d.fen,
                         CASE WHEN t.bank = 'accepted' THEN d.fen ELSE 0 END AS post,
                         0::bigint AS want, 0::bigint AS cap, 0 AS place
                  FROM told AS t
                       CROSS JOIN LATERAL unnest(t.limit_kinds, t.limit_ids, t.demand_fen)
                           AS d (kind, id, fen)
                  UNION ALL
                  SELECT l.division, l.kind, l.id, 0, 0, l.wanted_fen, l.cap_fen, l.n::integer
                  FROM unnest(p_lines) WITH ORDINALITY
                      AS l (division, kind, id, wanted_fen, cap_fen, n)) AS f
            GROUP BY f.division, f.kind, f.id
            HAVING sum(f.fen) > 0 OR max(f.place) > 0
        )
        SELECT array_agg(division), array_agg(kind), array_agg(id), array_agg(total),
               array_agg(post), array_agg(want), array_agg(cap), array_agg(place)
        INTO divisions, kinds, ids, totals, posts, reserve, caps, places
        FROM (SELECT * FROM line
              ORDER BY division COLLATE "C", kind COLLATE "C", id COLLATE "C") AS sorted;
    END IF;

    -- 5. Lock the lines in sorted order; an absent line has nothing to give.
    IF cardinality(ids) > 0 THEN
        SELECT array_agg(held.tid ORDER BY l.n),
               array_agg(coalesce(held.left_fen + l.total - l.post, 0) ORDER BY l.n)
                   FILTER (WHERE l.place > 0),
               array_agg(coalesce(held.spoken_fen - l.total + l.post, 0) ORDER BY l.n)
                   FILTER (WHERE l.place > 0),
               array_agg(l.want ORDER BY l.n) FILTER (WHERE l.place > 0),
               coalesce(bool_and(l.want <= coalesce(
                            least(held.left_fen, l.cap - held.spoken_fen) + l.total - l.post, 0))
                        FILTER (WHERE l.place > 0), true),
               count(*) FILTER (WHERE l.total > 0 OR l.want > 0)
        INTO tids, available, spoken, wanted, all_fit, changing
        FROM unnest(divisions, kinds, ids, totals, posts, reserve, caps, places) WITH ORDINALITY
                 AS l (division, kind, id, total, post, want, cap, place, n)
             LEFT JOIN LATERAL (
                 SELECT line.ctid AS tid, line.granted_fen - line.frozen_fen - line.opening_fen
                        - line.reserved_fen - line.posted_fen AS left_fen,
                        line.opening_fen + line.reserved_fen + line.posted_fen AS spoken_fen
                 FROM limit_line AS line
                 WHERE line.division = l.division AND line.kind = l.kind AND line.id = l.id
                 FOR UPDATE
             ) AS held ON true;
    ELSIF cardinality(p_lines) > 0 THEN
        SELECT array_agg(held.tid ORDER BY l.n), array_agg(coalesce(held.left_fen, 0) ORDER BY l.n),
               array_agg(coalesce(held.spoken_fen, 0) ORDER BY l.n),
               array_agg(l.wanted_fen ORDER BY l.n),
               bool_and(l.wanted_fen
                        <= coalesce(least(held.left_fen, l.cap_fen - held.spoken_fen), 0)),
               count(*) FILTER (WHERE l.wanted_fen > 0)
        INTO tids, available, spoken, wanted, all_fit, changing
        FROM unnest(p_lines) WITH ORDINALITY AS l (division, kind, id, wanted_fen, cap_fen, n)
             LEFT JOIN LATERAL (
                 SELECT line.ctid AS tid, line.granted_fen - line.frozen_fen - line.opening_fen
                        - line.reserved_fen - line.posted_fen AS left_fen,
                        line.opening_fen + line.reserved_fen + line.posted_fen AS spoken_fen
                 FROM limit_line AS line
                 WHERE line.division = l.division AND line.kind = l.kind AND line.id = l.id
                 FOR UPDATE
             ) AS held ON true;
    END IF;

    -- 6. Unless all is new, fits and is as believed: in order of arrival, each sees the shares of
    --    those before it; then all demands of an instruction or none.
    IF existing IS NOT NULL OR NOT believed OR NOT all_fit THEN
        demands := string_to_array(p_demands, ' ')::bigint[];
        is_ours := array_fill(false, ARRAY[cardinality(p_claims)]);
        FOR s IN 1 .. coalesce(cardinality(claimed), 0) LOOP
            is_ours[claimed[s]] := true;
        END LOOP;
        wanted := array_fill(0::bigint, ARRAY[cardinality(p_lines)]);
        FOR s IN 1 .. cardinality(p_claims) LOOP
            moved := false;
            a_first := a;
            WHILE a <= cardinality(p_asks) LOOP
                ask := p_asks[a];
                EXIT WHEN ask.slot <> s;
                IF is_ours[s] THEN
                    looked_at := p_windows[ask.place];
                    seen := window_value(looked_at.division, looked_at.id, looked_at.key,
                                         ask.measure, ask.since);
                    IF seen <> ask.believed THEN
                        moved := true;
                        moved_slot := moved_slot || s;
                        moved_ask := moved_ask || (a - a_first);
                        moved_value := moved_value || seen;
                    END IF;
                END IF;
                a := a + 1;
            END LOOP;
            is_ours[s] := is_ours[s] AND NOT moved;
            missing := NULL;
            d_next := d;
            WHILE d_next < cardinality(demands) AND demands[d_next] = s LOOP
                IF is_ours[s] AND missing IS NULL THEN
                    line_of := demands[d_next + 1];
                    left_fen := least(available[line_of], demands[d_next + 3] - spoken[line_of]);
                    IF demands[d_next + 2] <= left_fen THEN
                        available[line_of] := available[line_of] - demands[d_next + 2];
                        spoken[line_of] := spoken[line_of] + demands[d_next + 2];
                        wanted[line_of] := wanted[line_of] + demands[d_next + 2];
                    ELSE
                        missing := d_next;
                    END IF;
                END IF;
                d_next := d_next + 4;
            END LOOP;
            IF missing IS NOT NULL THEN
                FOR g IN d .. missing - 1 BY 4 LOOP
                    line_of := demands[g + 1];
                    available[line_of] := available[line_of] + demands[g + 2];
                    spoken[line_of] := spoken[line_of] - demands[g + 2];
                    wanted[line_of] := wanted[line_of] - demands[g + 2];
                END LOOP;
                line_of := demands[missing + 1];
                is_ours[s] := false;
                short_slot := short_slot || s;
                short_demand := short_demand || (missing - d) / 4;
                short_available := short_available || least(
                    available[line_of], demands[missing + 3] - spoken[line_of]);
            END IF;
            d := d_next;
            IF is_ours[s] AND cardinality(p_shares) > 0 THEN
                PERFORM add_shares(s, p_claims, p_windows, p_shares);
            END IF;
        END LOOP;
        PERFORM take_back_claims(p_attempt, short_slot || moved_slot, p_claims);
        claimed := ARRAY(SELECT o.n FROM unnest(is_ours) WITH ORDINALITY AS o (ours, n) WHERE o.ours);
        changing := cardinality(wanted) - cardinality(array_positions(wanted, 0));
        IF ids IS NOT NULL THEN
            changing := 0;
            FOR n IN 1 .. cardinality(ids) LOOP
                IF places[n] > 0 THEN
                    reserve[n] := wanted[places[n]];
                END IF;
                IF totals[n] > 0 OR reserve[n] > 0 THEN
                    changing := changing + 1;
                END IF;
            END LOOP;
        END IF;
    ELSIF cardinality(p_shares) > 0 THEN
        PERFORM add_shares(NULL, p_claims, p_windows, p_shares);
    END IF;

    -- 7. Post or void, and reserve; guarded a second time by the condition, a third time by the
    --    table's CHECK. A void lowers an overspent ceiling.
    IF cardinality(ids) > 0 THEN
        UPDATE limit_line AS line
        SET reserved_fen = line.reserved_fen - w.total + w.fen,
            posted_fen = line.posted_fen + w.post,
            ceiling_fen = CASE WHEN w.total = 0 THEN line.ceiling_fen ELSE
                greatest(line.granted_fen - line.frozen_fen - line.opening_fen,
                         line.reserved_fen - w.total + line.posted_fen + w.post) END
        FROM unnest(tids, totals, posts, reserve) AS w (tid, total, post, fen)
        WHERE line.ctid = w.tid AND w.total + w.fen > 0
              AND line.reserved_fen >= w.total
              AND (w.fen = 0 OR line.granted_fen - line.frozen_fen - line.opening_fen
                  - line.reserved_fen - line.posted_fen >= w.fen - w.total + w.post);
        GET DIAGNOSTICS touched = ROW_COUNT;
    ELSIF cardinality(tids) > 0 THEN
        UPDATE limit_line AS line
        SET reserved_fen = line.reserved_fen + w.fen
        FROM unnest(tids, wanted) AS w (tid, fen)
        WHERE line.ctid = w.tid AND w.fen > 0
              AND line.granted_fen - line.frozen_fen - line.opening_fen
                  - line.reserved_fen - line.posted_fen >= w.fen;
        GET DIAGNOSTICS touched = ROW_COUNT;
    END IF;
    IF touched <> changing THEN
        RAISE EXCEPTION 'a locked limit line changed, vanished, or lacks a reservation';
    END IF;

    -- 8. Take back from the windows what did not take effect.
    IF in_vain THEN
        FOR vain IN
            SELECT s.* FROM unnest(p_settlements) AS s
            WHERE s.bank <> 'accepted' AND s.slot = ANY (open_slots)
        LOOP
            DELETE FROM window_entry AS e
            WHERE e.division = vain.division AND e.fiscal_year = vain.fiscal_year
                  AND e.voucher_type = vain.voucher_type AND e.voucher_no = vain.voucher_no;
        END LOOP;
    END IF;

    -- 9. What must be told, in order of arrival.
    INSERT INTO pending_record (division, kind, subject, body, disclosures)
    SELECT r.division, r.kind, r.subject, r.body, r.disclosures
    FROM unnest(p_settled) WITH ORDINALITY AS r (division, kind, subject, body, disclosures, slot)
    WHERE already IS NULL OR r.slot = ANY (open_slots)
    UNION ALL
    SELECT r.division, r.kind, r.subject, r.body, r.disclosures
    FROM unnest(p_told) WITH ORDINALITY AS r (division, kind, subject, body, disclosures, slot)
    WHERE is_ours IS NULL OR r.slot = ANY (claimed);

    IF cardinality(p_notices) > 0 THEN
        INSERT INTO notice (division, subject, created_at, body)
        SELECT n.division, n.subject, n.created_at, n.body
        FROM unnest(p_notices) AS n
        WHERE is_ours IS NULL OR n.slot = ANY (claimed);
    END IF;
END $$;
