-- Holds and how they end. A held instruction is a row of `instruction`; what became of it is a row
-- of its own here, and there is never a second one: released, refused or expired, for ever.

CREATE TABLE hold_end (
    division     text COLLATE "C" NOT NULL,
    fiscal_year  integer NOT NULL,
    voucher_type text COLLATE "C" NOT NULL,
    voucher_no   text COLLATE "C" NOT NULL,
    ended_at     timestamptz NOT NULL,
    attempt      uuid NOT NULL,
    how          text NOT NULL CHECK (how IN ('released', 'refused', 'expired')),
    order_digest bytea CHECK (length(order_digest) = 32),
    decision     bytea NOT NULL,        -- from which the answer is given from now on
    limit_kinds  text[],                -- what a release reserved: one element a demand
    limit_ids    text[],
    demand_fen   bigint[],
    PRIMARY KEY (division, fiscal_year, voucher_type, voucher_no),
    CHECK ((how = 'expired') = (order_digest IS NULL))
);
CREATE INDEX instruction_held ON instruction (division, decided_at) WHERE outcome = 'held';

-- Everything held before this moment has ended: what an open hold is looked for after.
CREATE TABLE hold_swept (
    division text COLLATE "C" PRIMARY KEY,
    before   timestamptz NOT NULL
);

-- The bureau's feed of releases, as received and signed; its orders one by one; what came of each.
CREATE TABLE release_feed (
    division    text COLLATE "C" NOT NULL,
    version     bigint NOT NULL CHECK (version > 0),
    digest      bytea NOT NULL CHECK (length(digest) = 32),
    body        bytea NOT NULL,
    signature   text NOT NULL,
    signer      text NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (division, version)
);
CREATE TABLE release_order (
    division    text COLLATE "C" NOT NULL,
    digest      bytea NOT NULL CHECK (length(digest) = 32),
    version     bigint NOT NULL,
    body        bytea NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (division, digest)
);
CREATE TABLE release_result (
    division text COLLATE "C" NOT NULL,
    digest   bytea NOT NULL,
    at       timestamptz NOT NULL,
    result   text NOT NULL CHECK (result IN ('released', 'refused', 'not_carried_out')),
    PRIMARY KEY (division, digest)
);
-- Queue: orders that were not carried out yet.
CREATE TABLE open_release (
    division text COLLATE "C" NOT NULL,
    digest   bytea NOT NULL,
    PRIMARY KEY (division, digest)
);

-- What an agency is told after its answer was given: fetched and acknowledged by it, kept.
CREATE TABLE notification (
    division        text COLLATE "C" NOT NULL,
    id              bigint GENERATED ALWAYS AS IDENTITY,
    created_at      timestamptz NOT NULL,
    acknowledged_at timestamptz,
    agency_code     text NOT NULL,
    subject         text NOT NULL,
    acknowledged_by text,
    body            bytea NOT NULL,
    PRIMARY KEY (division, id)
);
CREATE INDEX notification_waiting ON notification (division, agency_code, id)
    WHERE acknowledged_at IS NULL;

GRANT SELECT ON hold_end, hold_swept, release_feed, release_order, release_result, open_release,
    notification TO gateway_runtime;
GRANT INSERT ON release_feed, release_order, open_release TO gateway_runtime;
GRANT INSERT, UPDATE ON hold_swept TO gateway_runtime;
GRANT UPDATE (acknowledged_at, acknowledged_by) ON notification TO gateway_runtime;

-- Commit 1 of a release: claim the hold's end, prove the windows, reserve on every line, record the
-- decision and the intent. All or nothing: where `result` is not 'claimed', nothing was written.
-- Locks in the order of admit_batch: identity, windows, lines (l_, sorted by kind and id).
CREATE FUNCTION claim_release(
    p_attempt uuid, p_instance text, p_division text, p_year integer, p_type text, p_no text,
    p_at timestamptz, p_order bytea, p_decision bytea,
    l_kind text[], l_id text[], d_line integer[], d_fen bigint[], d_cap bigint[],
    w_id text[], w_key text[], w_asked boolean[],
    a_window integer[], a_measure text[], a_since date[], a_believed bigint[],
    s_window integer[], s_day date[], s_value bigint[], s_item text[],
    r_kind text, r_subject text, r_body bytea, r_disclosures bytea, n_body bytea,
    OUT result text, OUT short_demand integer, OUT short_available bigint,
    OUT moved_ask integer[], OUT moved_value bigint[]
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    held   record;
    line   record;
    left_fen bigint;
    seen   bigint;
BEGIN
    BEGIN
        SELECT i.amount_fen, i.agency_code INTO held FROM instruction AS i
        WHERE i.division = p_division AND i.fiscal_year = p_year AND i.voucher_type = p_type
              AND i.voucher_no = p_no AND i.outcome = 'held';
        DELETE FROM open_release AS o WHERE o.division = p_division AND o.digest = p_order;
        IF NOT FOUND OR held IS NULL THEN
            result := 'gone';
            RAISE EXCEPTION USING ERRCODE = 'TG001';
        END IF;
        INSERT INTO hold_end (
            division, fiscal_year, voucher_type, voucher_no, ended_at, attempt, how, order_digest,
            decision, limit_kinds, limit_ids, demand_fen)
        VALUES (
            p_division, p_year, p_type, p_no, p_at, p_attempt, 'released', p_order, p_decision,
            ARRAY(SELECT l_kind[d.line] FROM unnest(d_line) WITH ORDINALITY AS d (line, n) ORDER BY d.n),
            ARRAY(SELECT l_id[d.line] FROM unnest(d_line) WITH ORDINALITY AS d (line, n) ORDER BY d.n),
            d_fen)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            result := 'gone';
            RAISE EXCEPTION USING ERRCODE = 'TG001';
        END IF;

        IF cardinality(w_id) > 0 THEN
            PERFORM lock_windows(array_fill(p_division, ARRAY[cardinality(w_id)]), w_id, w_key, w_asked);
        END IF;
        -- What it added as a held one does not count against itself.
        DELETE FROM window_entry AS e
        WHERE e.division = p_division AND e.fiscal_year = p_year AND e.voucher_type = p_type
              AND e.voucher_no = p_no;
        FOR a IN 1 .. cardinality(a_window) LOOP
            seen := window_value(p_division, w_id[a_window[a]], w_key[a_window[a]], a_measure[a], a_since[a]);
            IF seen <> a_believed[a] THEN
                moved_ask := moved_ask || (a - 1);
                moved_value := moved_value || seen;
            END IF;
        END LOOP;
        IF moved_ask IS NOT NULL THEN
            result := 'moved';
            RAISE EXCEPTION USING ERRCODE = 'TG001';
        END IF;

        FOR l IN 1 .. cardinality(l_id) LOOP
            PERFORM FROM limit_line AS x
            WHERE x.division = p_division AND x.kind = l_kind[l] AND x.id = l_id[l] FOR UPDATE;
        END LOOP;
        FOR d IN 1 .. cardinality(d_line) LOOP
            SELECT x.granted_fen - x.frozen_fen - x.opening_fen - x.reserved_fen - x.posted_fen AS room,
                   x.opening_fen + x.reserved_fen + x.posted_fen AS spoken
            INTO line FROM limit_line AS x
            WHERE x.division = p_division AND x.kind = l_kind[d_line[d]] AND x.id = l_id[d_line[d]];
            left_fen := coalesce(least(line.room, d_cap[d] - line.spoken), 0);
            IF d_fen[d] > left_fen THEN
                short_demand := d - 1;
                -- What is left for the instruction as a whole: its own demands before this one undone.
                SELECT left_fen + coalesce(sum(o.fen), 0) INTO short_available
                FROM unnest(d_line, d_fen) WITH ORDINALITY AS o (line, fen, n)
                WHERE o.n < d AND o.line = d_line[d];
                result := 'short';
                RAISE EXCEPTION USING ERRCODE = 'TG001';
            END IF;
            UPDATE limit_line AS x SET reserved_fen = x.reserved_fen + d_fen[d]
            WHERE x.division = p_division AND x.kind = l_kind[d_line[d]] AND x.id = l_id[d_line[d]]
                  AND d_fen[d] > 0;
        END LOOP;

        INSERT INTO window_entry (
            division, fiscal_year, voucher_type, voucher_no, place, day, value, window_id,
            window_key, item)
        SELECT p_division, p_year, p_type, p_no, s.place, s.day, s.value, w_id[s.win], w_key[s.win],
               s.item
        FROM unnest(s_window, s_day, s_value, s_item) WITH ORDINALITY AS s (win, day, value, item, place);
        INSERT INTO open_payment (
            division, fiscal_year, voucher_type, voucher_no, amount_fen, opened_at, agency_code,
            instance, limit_kinds, limit_ids, demand_fen)
        SELECT p_division, p_year, p_type, p_no, held.amount_fen, p_at, held.agency_code,
               p_instance, h.limit_kinds, h.limit_ids, h.demand_fen
        FROM hold_end AS h
        WHERE h.division = p_division AND h.fiscal_year = p_year AND h.voucher_type = p_type
              AND h.voucher_no = p_no;
        INSERT INTO release_result (division, digest, at, result)
        VALUES (p_division, p_order, p_at, 'released');
        INSERT INTO pending_record (division, kind, subject, body, disclosures)
        VALUES (p_division, r_kind, r_subject, r_body, r_disclosures);
        INSERT INTO notification (division, created_at, agency_code, subject, body)
        VALUES (p_division, p_at, held.agency_code, r_subject, n_body);
        result := 'claimed';
    EXCEPTION WHEN SQLSTATE 'TG001' THEN
        NULL;  -- all of the above is undone; `result` says why
    END;
END $$;

-- The end of a hold without payment: refused by an order, or expired (p_order NULL). False, with
-- nothing written: it had ended before, was never held, or the order is done.
CREATE FUNCTION end_hold(
    p_attempt uuid, p_division text, p_year integer, p_type text, p_no text, p_how text,
    p_at timestamptz, p_order bytea, p_decision bytea,
    r_kind text, r_subject text, r_body bytea, p_notice bytea, n_body bytea
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    held record;
BEGIN
    IF p_how NOT IN ('refused', 'expired') THEN
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

-- An order that is not carried out: the hold stays as it is. False: the order was done before.
CREATE FUNCTION dismiss_release(
    p_division text, p_order bytea, p_at timestamptz, r_kind text, r_subject text, r_body bytea
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM open_release AS o WHERE o.division = p_division AND o.digest = p_order;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO release_result (division, digest, at, result)
    VALUES (p_division, p_order, p_at, 'not_carried_out');
    INSERT INTO pending_record (division, kind, subject, body)
    VALUES (p_division, r_kind, r_subject, r_body);
    RETURN true;
END $$;

REVOKE ALL ON FUNCTION claim_release, end_hold, dismiss_release FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_release, end_hold, dismiss_release TO gateway_runtime;
