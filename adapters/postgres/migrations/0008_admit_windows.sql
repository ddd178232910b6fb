-- Commit 1 with windows and caps. As in 0004: claims (c_) come sorted by key, lines (l_) by division,
-- kind and id; demands (d_), asks (a_), shares (s_), records (r_) and notices (n_) in the order of
-- arrival; a slot is a place of arrival, counted from 1; everything returned is NULL when all were
-- admitted. A cap is what opening, reserved and posted of a line may come to. Windows (w_) are those
-- that asks and shares point to. A batch without any leaves them out and pays nothing for them.
-- The function of 0004 stays for programs that were started before this migration.

CREATE FUNCTION admit_batch(
    p_attempt uuid, p_instance text,
    c_slot integer[], c_division text[], c_year integer[], c_type text[], c_no text[],
    c_amount bigint[], c_decided_at timestamptz[], c_outcome text[], c_agency text[],
    c_party text[], c_format text[], c_signature text[], c_digest bytea[], c_raw bytea[],
    c_decision bytea[],
    l_division text[], l_kind text[], l_id text[], l_wanted bigint[], l_cap bigint[],
    d_slot integer[], d_line integer[], d_fen bigint[], d_cap bigint[],
    r_division text[], r_kind text[], r_subject text[], r_body bytea[], r_disclosures bytea[],
    n_slot integer[], n_body bytea[],
    w_division text[] DEFAULT '{}', w_id text[] DEFAULT '{}', w_key text[] DEFAULT '{}',
    w_asked boolean[] DEFAULT '{}',
    a_slot integer[] DEFAULT '{}', a_window integer[] DEFAULT '{}', a_measure text[] DEFAULT '{}',
    a_since date[] DEFAULT '{}', a_believed bigint[] DEFAULT '{}',
    s_slot integer[] DEFAULT '{}', s_window integer[] DEFAULT '{}', s_place integer[] DEFAULT '{}',
    s_day date[] DEFAULT '{}', s_value bigint[] DEFAULT '{}', s_item text[] DEFAULT '{}',
    OUT existing integer[], OUT short_slot integer[], OUT short_demand integer[],
    OUT short_available bigint[], OUT moved_slot integer[], OUT moved_ask integer[],
    OUT moved_value bigint[]
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    claimed   integer[];
    is_ours   boolean[];
    tids      tid[];
    available bigint[];
    spoken    bigint[];
    wanted    bigint[] := l_wanted;
    all_fit   boolean := true;
    believed  boolean := true;
    d         integer := 1;
    d_next    integer;
    a         integer := 1;
    a_first   integer;
    missing   integer;
    left_fen  bigint;
    seen      bigint;
    moved     boolean;
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

    -- 2. Lock the windows, then read them: a statement that begins after the lock is held sees what
    --    whoever held it before has committed. An ask that shares in its batch touch waits for 4.
    IF cardinality(w_id) > 0 THEN
        PERFORM lock_windows(w_division, w_id, w_key, w_asked);
        SELECT coalesce(bool_and(a.believed = window_value(w.division, w.id, w.key, a.measure, a.since)),
                        true)
               AND NOT EXISTS (
                   SELECT FROM unnest(a_slot, a_window) AS asked (slot, place)
                        JOIN unnest(s_slot, s_window) AS shared (slot, place) USING (place)
                   WHERE shared.slot < asked.slot)
        INTO believed
        FROM unnest(a_window, a_measure, a_since, a_believed) AS a (place, measure, since, believed)
             JOIN unnest(w_division, w_id, w_key) WITH ORDINALITY AS w (division, id, key, place)
                  ON w.place = a.place;
    END IF;

    -- 3. Lock the lines in sorted order; an absent line has nothing to give.
    IF cardinality(l_id) > 0 THEN
        SELECT array_agg(held.tid ORDER BY l.n), array_agg(coalesce(held.left_fen, 0) ORDER BY l.n),
               array_agg(coalesce(held.spoken_fen, 0) ORDER BY l.n),
               bool_and(l.wanted <= coalesce(least(held.left_fen, l.cap - held.spoken_fen), 0))
        INTO tids, available, spoken, all_fit
        FROM unnest(l_division, l_kind, l_id, l_wanted, l_cap) WITH ORDINALITY
             AS l (division, kind, id, wanted, cap, n)
             LEFT JOIN LATERAL (
                 SELECT line.ctid AS tid, line.granted_fen - line.frozen_fen - line.opening_fen
                        - line.reserved_fen - line.posted_fen AS left_fen,
                        line.opening_fen + line.reserved_fen + line.posted_fen AS spoken_fen
                 FROM limit_line AS line
                 WHERE line.division = l.division AND line.kind = l.kind AND line.id = l.id
                 FOR UPDATE
             ) AS held ON true;
    END IF;

    -- 4. Unless all is new, fits and is as believed: in order of arrival, each sees the shares of
    --    those before it; then all demands of an instruction or none.
    IF existing IS NOT NULL OR NOT all_fit OR NOT believed THEN
        is_ours := array_fill(false, ARRAY[cardinality(c_slot)]);
        FOR s IN 1 .. coalesce(cardinality(claimed), 0) LOOP
            is_ours[claimed[s]] := true;
        END LOOP;
        wanted := array_fill(0::bigint, ARRAY[cardinality(l_id)]);
        FOR s IN 1 .. cardinality(c_slot) LOOP
            moved := false;
            a_first := a;
            WHILE a <= cardinality(a_slot) AND a_slot[a] = s LOOP
                IF is_ours[s] THEN
                    seen := window_value(w_division[a_window[a]], w_id[a_window[a]],
                                         w_key[a_window[a]], a_measure[a], a_since[a]);
                    IF seen <> a_believed[a] THEN
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
            WHILE d_next <= cardinality(d_slot) AND d_slot[d_next] = s LOOP
                IF is_ours[s] AND missing IS NULL THEN
                    left_fen := least(available[d_line[d_next]],
                                      d_cap[d_next] - spoken[d_line[d_next]]);
                    IF d_fen[d_next] <= left_fen THEN
                        available[d_line[d_next]] := available[d_line[d_next]] - d_fen[d_next];
                        spoken[d_line[d_next]] := spoken[d_line[d_next]] + d_fen[d_next];
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
                    spoken[d_line[g]] := spoken[d_line[g]] - d_fen[g];
                    wanted[d_line[g]] := wanted[d_line[g]] - d_fen[g];
                END LOOP;
                is_ours[s] := false;
                short_slot := short_slot || s;
                short_demand := short_demand || (missing - d);
                short_available := short_available || least(
                    available[d_line[missing]], d_cap[missing] - spoken[d_line[missing]]);
            END IF;
            d := d_next;
            IF is_ours[s] AND s = ANY (s_slot) THEN
                PERFORM add_shares(s, c_slot, c_year, c_type, c_no, w_division, w_id, w_key,
                                   s_slot, s_window, s_place, s_day, s_value, s_item);
            END IF;
        END LOOP;
        PERFORM take_back_claims(p_attempt, short_slot || moved_slot, c_slot, c_division, c_year,
                                 c_type, c_no);
        claimed := ARRAY(SELECT o.n FROM unnest(is_ours) WITH ORDINALITY AS o (ours, n) WHERE o.ours);
    ELSIF cardinality(s_slot) > 0 THEN
        PERFORM add_shares(NULL, c_slot, c_year, c_type, c_no, w_division, w_id, w_key,
                           s_slot, s_window, s_place, s_day, s_value, s_item);
    END IF;

    -- 5. Reserve, guarded a second time by the condition, a third time by the table's CHECK.
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

    -- 6. What must be told, in order of arrival.
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

-- Those who ask exclude everybody, those who only share exclude those who ask. Keys fall into 1024
-- buckets, so that a voucher of many details cannot exhaust the server's table of locks; buckets
-- are locked in rising order, so that two batches never wait for each other in a circle.
CREATE FUNCTION lock_windows(w_division text[], w_id text[], w_key text[], w_asked boolean[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    held record;
BEGIN
    FOR held IN
        SELECT hashtextextended(w.division || E'\n' || w.id || E'\n' || w.key, 0) & 1023 AS bucket,
               bool_or(w.asked) AS asked
        FROM unnest(w_division, w_id, w_key, w_asked) AS w (division, id, key, asked)
        GROUP BY bucket ORDER BY bucket
    LOOP
        IF held.asked THEN
            PERFORM pg_advisory_xact_lock(1464421956, held.bucket::integer);
        ELSE
            PERFORM pg_advisory_xact_lock_shared(1464421956, held.bucket::integer);
        END IF;
    END LOOP;
END $$;

-- The shares of one slot, or of all.
CREATE FUNCTION add_shares(
    p_slot integer, c_slot integer[], c_year integer[], c_type text[], c_no text[],
    w_division text[], w_id text[], w_key text[],
    s_slot integer[], s_window integer[], s_place integer[], s_day date[], s_value bigint[],
    s_item text[]
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO window_entry (
        division, fiscal_year, voucher_type, voucher_no, place, day, value, window_id, window_key,
        item)
    SELECT w.division, c.year, c.type, c.no, s.place, s.day, s.value, w.id, w.key, s.item
    FROM unnest(s_slot, s_window, s_place, s_day, s_value, s_item)
              AS s (slot, win, place, day, value, item)
         JOIN unnest(w_division, w_id, w_key) WITH ORDINALITY AS w (division, id, key, win)
              ON w.win = s.win
         JOIN unnest(c_slot, c_year, c_type, c_no) AS c (slot, year, type, no) ON c.slot = s.slot
    WHERE p_slot IS NULL OR s.slot = p_slot
$$;

REVOKE ALL ON FUNCTION lock_windows, add_shares FROM PUBLIC;
REVOKE ALL ON FUNCTION admit_batch(
    uuid, text, integer[], text[], integer[], text[], text[], bigint[], timestamptz[], text[], text[],
    text[], text[], text[], bytea[], bytea[], bytea[], text[], text[], text[], bigint[], bigint[],
    integer[], integer[], bigint[], bigint[], text[], text[], text[], bytea[], bytea[], integer[],
    bytea[], text[], text[], text[], boolean[], integer[], integer[], text[], date[], bigint[],
    integer[], integer[], integer[], date[], bigint[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION admit_batch(
    uuid, text, integer[], text[], integer[], text[], text[], bigint[], timestamptz[], text[], text[],
    text[], text[], text[], bytea[], bytea[], bytea[], text[], text[], text[], bigint[], bigint[],
    integer[], integer[], bigint[], bigint[], text[], text[], text[], bytea[], bytea[], integer[],
    bytea[], text[], text[], text[], boolean[], integer[], integer[], text[], date[], bigint[],
    integer[], integer[], integer[], date[], bigint[], text[]) TO gateway_runtime;
