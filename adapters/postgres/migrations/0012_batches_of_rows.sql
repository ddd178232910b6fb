-- Commits 1 and 2 as in 0008 and 0009, told row by row instead of column by column: a batch is a
-- few arrays of rows, which costs the driver and the server a third of what fifty arrays cost. A
-- claim carries what it demands, so nothing has to be joined together again here.
-- The functions of 0008 and 0009 stay for programs that were started before this migration.

CREATE TYPE batch_claim AS (
    slot         integer,               -- place of arrival in the batch, counted from 1
    division     text,
    fiscal_year  integer,
    voucher_type text,
    voucher_no   text,
    amount_fen   bigint,
    decided_at   timestamptz,
    outcome      text,
    agency_code  text,
    party        text,
    format       text,
    signature    text,
    digest       bytea,
    raw          bytea,
    decision     bytea,
    limit_kinds  text,                  -- of its demands, between unit separators (U+001F): one
    limit_ids    text,                  -- text is cheaper to send than an array in a row
    demand_fen   text
);
CREATE TYPE batch_line AS (division text, kind text, id text, wanted_fen bigint, cap_fen bigint);
CREATE TYPE batch_told AS (division text, kind text, subject text, body bytea, disclosures bytea);
CREATE TYPE batch_notice AS (
    slot integer, division text, subject text, created_at timestamptz, body bytea);
CREATE TYPE batch_window AS (division text, id text, key text, asked boolean);
CREATE TYPE batch_ask AS (
    slot integer, place integer, measure text, since date, believed bigint);
CREATE TYPE batch_share AS (
    slot integer, window_place integer, place integer, day date, value bigint, item text);
CREATE TYPE batch_settlement AS (
    slot integer, division text, fiscal_year integer, voucher_type text, voucher_no text, bank text,
    bank_reference text, bank_reason text, evidence text, settled_at timestamptz);

-- The caller sends claims sorted by key, lines sorted by division, kind and id (with all that is
-- wanted of each, more than nothing); records, notices, asks and shares in the order of arrival;
-- and the demands in that order too, four numbers each (slot, line, fen, cap) with blanks between:
-- they are read only where not all fits. Everything returned is NULL when all were admitted.
CREATE FUNCTION admit_batch(
    p_attempt uuid, p_instance text, p_claims batch_claim[], p_lines batch_line[],
    p_demands text, p_told batch_told[], p_notices batch_notice[] DEFAULT '{}',
    p_windows batch_window[] DEFAULT '{}', p_asks batch_ask[] DEFAULT '{}',
    p_shares batch_share[] DEFAULT '{}',
    OUT existing integer[], OUT short_slot integer[], OUT short_demand integer[],
    OUT short_available bigint[], OUT moved_slot integer[], OUT moved_ask integer[],
    OUT moved_value bigint[]
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    claimed   integer[];
    is_ours   boolean[];
    all_fit   boolean := true;
    believed  boolean := true;
    available bigint[];
    spoken    bigint[];
    wanted    bigint[];
    a         integer := 1;
    a_first   integer;
    ask       batch_ask;
    looked_at batch_window;
    demands   bigint[];
    d         integer := 1;             -- where a demand begins in `demands`
    d_next    integer;
    line_of   integer;
    missing   integer;
    left_fen  bigint;
    seen      bigint;
    moved     boolean;
    touched   integer;
BEGIN
    -- 1. Claim the identities, in key order. One that is not returned was decided before.
    WITH claim AS (
        INSERT INTO instruction AS i (
            division, fiscal_year, voucher_type, voucher_no, amount_fen, decided_at, attempt, slot,
            outcome, agency_code, party, format, instance, signature, digest, raw, decision,
            limit_kinds, limit_ids, demand_fen)
        SELECT c.division, c.fiscal_year, c.voucher_type, c.voucher_no, c.amount_fen, c.decided_at,
               p_attempt, c.slot, c.outcome, c.agency_code, c.party, c.format, p_instance,
               c.signature, c.digest, c.raw, c.decision, string_to_array(c.limit_kinds, E'\x1f'),
               string_to_array(c.limit_ids, E'\x1f'),
               string_to_array(c.demand_fen, E'\x1f')::bigint[]
        FROM unnest(p_claims) AS c
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

    IF cardinality(p_claims) <> coalesce(cardinality(claimed), 0) THEN
        existing := ARRAY(SELECT c.slot FROM unnest(p_claims) AS c
                          WHERE c.slot <> ALL (coalesce(claimed, '{}')));
    END IF;

    -- 2. Lock the windows, then read them: a statement that begins after the lock is held sees what
    --    whoever held it before has committed. An ask that shares in its batch touch waits for 4.
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

    -- 3. Reserve, in sorted order, if all of this batch fits on its lines; the condition is seen
    --    again on a line's latest version, and the table's CHECK guards it once more. If not all
    --    fits, nothing stays reserved and no line locked: step 4 locks them in sorted order itself.
    IF existing IS NULL AND believed AND cardinality(p_lines) > 0 THEN
        BEGIN
            UPDATE limit_line AS line
            SET reserved_fen = line.reserved_fen + w.wanted_fen
            FROM unnest(p_lines) AS w
            WHERE line.division = w.division AND line.kind = w.kind AND line.id = w.id
                  AND line.granted_fen - line.frozen_fen - line.opening_fen
                      - line.reserved_fen - line.posted_fen >= w.wanted_fen
                  AND w.cap_fen - line.opening_fen - line.reserved_fen - line.posted_fen
                      >= w.wanted_fen;
            GET DIAGNOSTICS touched = ROW_COUNT;
            IF touched <> cardinality(p_lines) THEN
                RAISE SQLSTATE 'GW001';
            END IF;
        EXCEPTION WHEN SQLSTATE 'GW001' THEN
            all_fit := false;
        END;
    END IF;

    -- 4. Unless all is new, fits and is as believed: in order of arrival, each sees the shares of
    --    those before it; then all demands of an instruction or none.
    IF existing IS NOT NULL OR NOT believed OR NOT all_fit THEN
        --    Lock the lines in sorted order; an absent line has nothing to give.
        SELECT array_agg(coalesce(held.left_fen, 0) ORDER BY l.n),
               array_agg(coalesce(held.spoken_fen, 0) ORDER BY l.n)
        INTO available, spoken
        FROM unnest(p_lines) WITH ORDINALITY AS l (division, kind, id, wanted_fen, cap_fen, n)
             LEFT JOIN LATERAL (
                 SELECT line.granted_fen - line.frozen_fen - line.opening_fen
                        - line.reserved_fen - line.posted_fen AS left_fen,
                        line.opening_fen + line.reserved_fen + line.posted_fen AS spoken_fen
                 FROM limit_line AS line
                 WHERE line.division = l.division AND line.kind = l.kind AND line.id = l.id
                 FOR UPDATE
             ) AS held ON true;
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

        --    Reserve what is wanted now, again guarded by the condition.
        UPDATE limit_line AS line
        SET reserved_fen = line.reserved_fen + w.fen
        FROM (SELECT l.division, l.kind, l.id, now.fen
              FROM unnest(p_lines) WITH ORDINALITY AS l (division, kind, id, wanted_fen, cap_fen, n)
                   JOIN unnest(wanted) WITH ORDINALITY AS now (fen, n) USING (n)
              WHERE now.fen > 0) AS w
        WHERE line.division = w.division AND line.kind = w.kind AND line.id = w.id
              AND line.granted_fen - line.frozen_fen - line.opening_fen
                  - line.reserved_fen - line.posted_fen >= w.fen;
        GET DIAGNOSTICS touched = ROW_COUNT;
        IF touched <> (SELECT count(*) FROM unnest(wanted) AS w (fen) WHERE w.fen > 0) THEN
            RAISE EXCEPTION 'a locked limit line changed or vanished';
        END IF;
    ELSIF cardinality(p_shares) > 0 THEN
        PERFORM add_shares(NULL, p_claims, p_windows, p_shares);
    END IF;

    -- 5. What must be told, in order of arrival.
    INSERT INTO pending_record (division, kind, subject, body, disclosures)
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

-- Only for claims of the same attempt, so that no decision that stands can be taken back by it.
CREATE FUNCTION take_back_claims(p_attempt uuid, p_slots integer[], p_claims batch_claim[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    claim record;
BEGIN
    FOR claim IN
        SELECT c.slot, c.division, c.fiscal_year, c.voucher_type, c.voucher_no
        FROM unnest(p_claims) AS c WHERE c.slot = ANY (p_slots)
    LOOP
        DELETE FROM instruction AS i
        WHERE i.division = claim.division AND i.fiscal_year = claim.fiscal_year
              AND i.voucher_type = claim.voucher_type AND i.voucher_no = claim.voucher_no
              AND i.attempt = p_attempt AND i.slot = claim.slot
              AND i.xmin = pg_current_xact_id()::xid;
        DELETE FROM open_payment AS o
        WHERE o.division = claim.division AND o.fiscal_year = claim.fiscal_year
              AND o.voucher_type = claim.voucher_type AND o.voucher_no = claim.voucher_no;
    END LOOP;
END $$;

-- The shares of one slot, or of all.
CREATE FUNCTION add_shares(
    p_slot integer, p_claims batch_claim[], p_windows batch_window[], p_shares batch_share[]
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO window_entry (
        division, fiscal_year, voucher_type, voucher_no, place, day, value, window_id, window_key,
        item)
    SELECT w.division, c.fiscal_year, c.voucher_type, c.voucher_no, s.place, s.day, s.value, w.id,
           w.key, s.item
    FROM unnest(p_shares) AS s
         JOIN unnest(p_windows) WITH ORDINALITY AS w (division, id, key, asked, place)
              ON w.place = s.window_place
         JOIN unnest(p_claims) AS c ON c.slot = s.slot
    WHERE p_slot IS NULL OR s.slot = p_slot
$$;

-- Commit 2: settlements come sorted by key, records in order of arrival. Returns the slots that
-- were settled before; NULL if none was. A deleted row of open_payment is the proof that nobody
-- settled it: of two who want to, one waits for the other's commit and then finds no row.
CREATE FUNCTION settle_batch(
    p_attempt uuid, p_settlements batch_settlement[], p_told batch_told[], OUT already integer[]
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    closed_slots integer[];
    in_vain      boolean;
    lines        integer;
    changed      integer;
    vain         record;
BEGIN
    -- 1. Close them in key order, write the settlements, add up what each line gets back; then, in
    --    sorted order, post or void. A void lowers an overspent ceiling.
    WITH closed AS (
        DELETE FROM open_payment AS o USING unnest(p_settlements) AS s
        WHERE o.division = s.division AND o.fiscal_year = s.fiscal_year
              AND o.voucher_type = s.voucher_type AND o.voucher_no = s.voucher_no
        RETURNING s.*, o.limit_kinds, o.limit_ids, o.demand_fen
    ), written AS (
        INSERT INTO settlement (
            division, fiscal_year, voucher_type, voucher_no, settled_at, attempt, bank,
            bank_reference, bank_reason, evidence)
        SELECT c.division, c.fiscal_year, c.voucher_type, c.voucher_no, c.settled_at, p_attempt,
               c.bank, c.bank_reference, c.bank_reason, c.evidence
        FROM closed AS c
    ), line AS (
        SELECT c.division, d.kind, d.id, sum(d.fen)::bigint AS total,
               coalesce(sum(d.fen) FILTER (WHERE c.bank = 'accepted'), 0)::bigint AS post
        FROM closed AS c
             CROSS JOIN LATERAL unnest(c.limit_kinds, c.limit_ids, c.demand_fen) AS d (kind, id, fen)
        GROUP BY c.division, d.kind, d.id
        HAVING sum(d.fen) > 0
        ORDER BY c.division COLLATE "C", d.kind COLLATE "C", d.id COLLATE "C"
    ), posted AS (
        UPDATE limit_line AS l
        SET reserved_fen = l.reserved_fen - w.total,
            posted_fen = l.posted_fen + w.post,
            ceiling_fen = greatest(l.granted_fen - l.frozen_fen - l.opening_fen,
                                   l.reserved_fen - w.total + l.posted_fen + w.post)
        FROM line AS w
        WHERE l.division = w.division AND l.kind = w.kind AND l.id = w.id
              AND l.reserved_fen >= w.total
        RETURNING 1
    )
    SELECT array_agg(c.slot), coalesce(bool_or(c.bank <> 'accepted'), false),
           (SELECT count(*) FROM line), (SELECT count(*) FROM posted)
    INTO closed_slots, in_vain, lines, changed
    FROM closed AS c;
    IF changed <> lines THEN
        RAISE EXCEPTION 'a reservation is not on its limit line';
    END IF;
    IF cardinality(p_settlements) <> coalesce(cardinality(closed_slots), 0) THEN
        already := ARRAY(SELECT s.slot FROM unnest(p_settlements) AS s
                         WHERE s.slot <> ALL (coalesce(closed_slots, '{}')));
    END IF;

    -- 2. Take back from the windows what did not take effect.
    IF in_vain THEN
        FOR vain IN
            SELECT s.* FROM unnest(p_settlements) AS s
            WHERE s.bank <> 'accepted' AND s.slot = ANY (closed_slots)
        LOOP
            DELETE FROM window_entry AS e
            WHERE e.division = vain.division AND e.fiscal_year = vain.fiscal_year
                  AND e.voucher_type = vain.voucher_type AND e.voucher_no = vain.voucher_no;
        END LOOP;
    END IF;

    -- 3. What must be told, in order of arrival.
    INSERT INTO pending_record (division, kind, subject, body, disclosures)
    SELECT r.division, r.kind, r.subject, r.body, r.disclosures
    FROM unnest(p_told) WITH ORDINALITY AS r (division, kind, subject, body, disclosures, slot)
    WHERE already IS NULL OR r.slot = ANY (closed_slots);
END $$;

REVOKE ALL ON FUNCTION
    take_back_claims(uuid, integer[], batch_claim[]),
    add_shares(integer, batch_claim[], batch_window[], batch_share[]),
    admit_batch(uuid, text, batch_claim[], batch_line[], text, batch_told[],
                batch_notice[], batch_window[], batch_ask[], batch_share[]),
    settle_batch(uuid, batch_settlement[], batch_told[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    admit_batch(uuid, text, batch_claim[], batch_line[], text, batch_told[],
                batch_notice[], batch_window[], batch_ask[], batch_share[]),
    settle_batch(uuid, batch_settlement[], batch_told[]) TO gateway_runtime;

-- What a row of two to eight thousand bytes takes is kept as it is: pressing each raw instruction
-- cost a fifth of commit 1. Longer vouchers are still compressed and moved out of line.
DO $$
DECLARE
    part regclass;
BEGIN
    FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'instruction'::regclass LOOP
        EXECUTE format('ALTER TABLE %s SET (toast_tuple_target = 8160)', part);
    END LOOP;
    EXECUTE 'ALTER TABLE pending_record SET (toast_tuple_target = 8160)';
    EXECUTE 'ALTER TABLE log_record SET (toast_tuple_target = 8160)';
END $$;
