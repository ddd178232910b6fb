-- What the bank's books show paid of a payment that was settled as not paid is set aside on its limits
-- until the contradiction ends: by the books, or by officers (decision 0087). Programs from before write
-- the correction alone; the next look of one that knows better sets its amount aside.

-- State: a row stands for one contradiction of one payment, and is ended once. It keeps what was set
-- aside, one element a line, so that the lines can always be counted again from the rows: reserved while
-- it is open, posted where it ended so. A debit that comes after money was given back opens the next turn.
CREATE TABLE set_aside (
    division     text COLLATE "C" NOT NULL,
    fiscal_year  integer NOT NULL,
    voucher_type text COLLATE "C" NOT NULL,
    voucher_no   text COLLATE "C" NOT NULL,
    turn         integer NOT NULL CHECK (turn > 0),
    at           timestamptz NOT NULL,
    limit_kinds  text[] NOT NULL,
    limit_ids    text[] NOT NULL,
    fen          bigint[] NOT NULL,
    ended_at     timestamptz,
    ended_as     text CHECK (ended_as IN ('posted', 'given_back')),
    reference    text,                  -- of the bank's books, where it ended as paid
    PRIMARY KEY (division, fiscal_year, voucher_type, voucher_no, turn),
    CHECK ((ended_at IS NULL) = (ended_as IS NULL))
);
CREATE UNIQUE INDEX set_aside_one ON set_aside (division, fiscal_year, voucher_type, voucher_no)
    WHERE ended_as IS DISTINCT FROM 'given_back';
CREATE INDEX set_aside_open ON set_aside (division) WHERE ended_at IS NULL;
GRANT SELECT ON set_aside TO gateway_runtime;

-- A settlement as it counts now: paid after all where that is how its contradiction ended.
CREATE VIEW settled AS
SELECT s.division, s.fiscal_year, s.voucher_type, s.voucher_no,
       CASE WHEN a.turn IS NULL THEN s.bank ELSE 'accepted' END AS bank,
       CASE WHEN a.turn IS NULL THEN s.bank_reference ELSE a.reference END AS bank_reference,
       CASE WHEN a.turn IS NULL THEN s.bank_reason END AS bank_reason,
       coalesce(a.ended_at, s.settled_at) AS settled_at
FROM settlement AS s
     LEFT JOIN set_aside AS a
            ON a.division = s.division AND a.fiscal_year = s.fiscal_year
               AND a.voucher_type = s.voucher_type AND a.voucher_no = s.voucher_no
               AND a.ended_as = 'posted';
GRANT SELECT ON settled TO gateway_runtime;

-- What the bank's movements leave gone of one payment: nothing, or less, where it took it back.
CREATE FUNCTION booked_net(p_division text, p_year integer, p_type text, p_no text) RETURNS numeric
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT coalesce(sum(CASE b.direction WHEN 'debit' THEN b.amount_fen ELSE -b.amount_fen END), 0)
    FROM bank_entry AS b
    WHERE b.division = p_division AND b.fiscal_year = p_year AND b.voucher_type = p_type
          AND b.voucher_no = p_no
$$;

-- Add to what is reserved and posted, less than nothing to take off: each line locked and changed in the
-- one order, by (division, kind, id). More than the grant leaves is a fact here, as where a grant was
-- lowered: ceiling_fen follows it, and it is noted.
CREATE FUNCTION move_lines(
    l_division text[], l_kind text[], l_id text[], l_reserve bigint[], l_post bigint[]
) RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    l record;
BEGIN
    FOR l IN
        SELECT n.division, n.kind, n.id, sum(n.reserve)::bigint AS reserve, sum(n.post)::bigint AS post
        FROM unnest(l_division, l_kind, l_id, l_reserve, l_post) AS n (division, kind, id, reserve, post)
        GROUP BY n.division, n.kind, n.id
        ORDER BY n.division COLLATE "C", n.kind COLLATE "C", n.id COLLATE "C"
    LOOP
        UPDATE limit_line AS x
        SET reserved_fen = x.reserved_fen + l.reserve,
            posted_fen = x.posted_fen + l.post,
            ceiling_fen = greatest(x.granted_fen - x.frozen_fen - x.opening_fen,
                                   x.reserved_fen + l.reserve + x.posted_fen + l.post)
        WHERE x.division = l.division AND x.kind = l.kind AND x.id = l.id;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'an amount is set aside on a limit line that is not there';
        END IF;
    END LOOP;
    PERFORM note_overdrawn(d.division) FROM (SELECT DISTINCT unnest(l_division) AS division) AS d;
END $$;

-- The books contradict these settlements. Under the lock of each settlement, which refunds and ends of
-- contradictions take too: set its demands aside, and tell it (c_), unless the bank has taken the money
-- back, it stands already, or officers have said that it was paid. Returns how many are new. One that a
-- program from before has told is only set aside.
CREATE FUNCTION contradict(
    p_at timestamptz, c_division text[], c_year integer[], c_type text[], c_no text[], c_agency text[],
    c_kind text[], c_subject text[], c_body bytea[], n_body bytea[]
) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    c         record;
    before    set_aside;
    aside     set_aside;
    divisions text[] := '{}';
    kinds     text[] := '{}';
    ids       text[] := '{}';
    fens      bigint[] := '{}';
    found_now integer := 0;
BEGIN
    FOR c IN
        SELECT * FROM unnest(c_division, c_year, c_type, c_no, c_agency, c_kind, c_subject, c_body, n_body)
               AS n (division, year, type, no, agency, kind, subject, body, notification)
        ORDER BY n.division COLLATE "C", n.year, n.type COLLATE "C", n.no COLLATE "C"
    LOOP
        PERFORM FROM settlement AS s
        WHERE s.division = c.division AND s.fiscal_year = c.year AND s.voucher_type = c.type
              AND s.voucher_no = c.no AND s.bank IN ('rejected', 'not_taken')
        FOR UPDATE;
        CONTINUE WHEN NOT FOUND OR booked_net(c.division, c.year, c.type, c.no) <= 0;
        SELECT a.* INTO before FROM set_aside AS a
        WHERE a.division = c.division AND a.fiscal_year = c.year AND a.voucher_type = c.type
              AND a.voucher_no = c.no
        ORDER BY a.turn DESC LIMIT 1;
        CONTINUE WHEN FOUND AND before.ended_as IS DISTINCT FROM 'given_back';

        INSERT INTO set_aside (
            division, fiscal_year, voucher_type, voucher_no, turn, at, limit_kinds, limit_ids, fen)
        SELECT c.division, c.year, c.type, c.no, coalesce(before.turn, 0) + 1, p_at, d.kinds, d.ids, d.fens
        FROM instruction AS i LEFT JOIN hold_end AS h USING (division, fiscal_year, voucher_type, voucher_no)
             CROSS JOIN LATERAL (
                 SELECT coalesce(array_agg(n.kind ORDER BY n.kind COLLATE "C", n.id COLLATE "C"), '{}') AS kinds,
                        coalesce(array_agg(n.id ORDER BY n.kind COLLATE "C", n.id COLLATE "C"), '{}') AS ids,
                        coalesce(array_agg(n.fen ORDER BY n.kind COLLATE "C", n.id COLLATE "C"), '{}') AS fens
                 FROM (
                     SELECT u.kind, u.id, sum(u.fen)::bigint AS fen
                     FROM unnest(coalesce(h.limit_kinds, i.limit_kinds), coalesce(h.limit_ids, i.limit_ids),
                                 coalesce(h.demand_fen, i.demand_fen)) AS u (kind, id, fen)
                     GROUP BY u.kind, u.id
                     HAVING sum(u.fen) > 0
                 ) AS n
             ) AS d
        WHERE i.division = c.division AND i.fiscal_year = c.year AND i.voucher_type = c.type
              AND i.voucher_no = c.no
        RETURNING * INTO STRICT aside;
        divisions := divisions || array_fill(c.division, ARRAY[cardinality(aside.limit_ids)]);
        kinds := kinds || aside.limit_kinds;
        ids := ids || aside.limit_ids;
        fens := fens || aside.fen;
        found_now := found_now + 1;
        CONTINUE WHEN before.turn IS NULL AND EXISTS (
            SELECT FROM sealed_record AS r
            WHERE r.division = c.division AND r.subject = c.subject AND r.kind = c.kind
                  AND position('"how":"books"'::bytea IN r.body) > 0
            UNION ALL
            SELECT FROM pending_record AS p
            WHERE p.division = c.division AND p.subject = c.subject AND p.kind = c.kind
                  AND position('"how":"books"'::bytea IN p.body) > 0);
        INSERT INTO pending_record (division, kind, subject, body)
        VALUES (c.division, c.kind, c.subject, c.body);
        INSERT INTO notification (division, created_at, agency_code, subject, body)
        VALUES (c.division, p_at, c.agency, c.subject, c.notification);
    END LOOP;
    IF found_now > 0 THEN
        PERFORM move_lines(divisions, kinds, ids, fens, array_fill(0::bigint, ARRAY[cardinality(fens)]));
    END IF;
    RETURN found_now;
END $$;

-- How a contradiction ends: as paid (what was set aside is posted) or not (it is given back), told with
-- record and notification. `ended`; `gone`: none stands; `against`: the bank's books, as far as they came,
-- show the contrary. Only where it is `ended` anything was written.
CREATE FUNCTION end_contradiction(
    p_division text, p_year integer, p_type text, p_no text, p_at timestamptz, p_paid boolean,
    p_reference text, p_agency text, r_kind text, r_subject text, r_body bytea, n_body bytea
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    aside set_aside;
BEGIN
    PERFORM FROM settlement AS s
    WHERE s.division = p_division AND s.fiscal_year = p_year AND s.voucher_type = p_type
          AND s.voucher_no = p_no
    FOR UPDATE;
    SELECT a.* INTO aside FROM set_aside AS a
    WHERE a.division = p_division AND a.fiscal_year = p_year AND a.voucher_type = p_type
          AND a.voucher_no = p_no AND a.ended_at IS NULL;
    IF NOT FOUND THEN
        RETURN 'gone';
    END IF;
    IF p_paid <> (booked_net(p_division, p_year, p_type, p_no) > 0) THEN
        RETURN 'against';
    END IF;
    UPDATE set_aside AS a
    SET ended_at = p_at, ended_as = CASE WHEN p_paid THEN 'posted' ELSE 'given_back' END,
        reference = p_reference
    WHERE a.division = p_division AND a.fiscal_year = p_year AND a.voucher_type = p_type
          AND a.voucher_no = p_no AND a.turn = aside.turn;
    PERFORM move_lines(
        array_fill(p_division, ARRAY[cardinality(aside.fen)]), aside.limit_kinds, aside.limit_ids,
        ARRAY(SELECT -u.fen FROM unnest(aside.fen) WITH ORDINALITY AS u (fen, n) ORDER BY u.n),
        ARRAY(SELECT CASE WHEN p_paid THEN u.fen ELSE 0 END
              FROM unnest(aside.fen) WITH ORDINALITY AS u (fen, n) ORDER BY u.n));
    INSERT INTO pending_record (division, kind, subject, body)
    VALUES (p_division, r_kind, r_subject, r_body);
    INSERT INTO notification (division, created_at, agency_code, subject, body)
    VALUES (p_division, p_at, p_agency, r_subject, n_body);
    RETURN 'ended';
END $$;

REVOKE ALL ON FUNCTION booked_net, move_lines, contradict, end_contradiction FROM PUBLIC;
GRANT EXECUTE ON FUNCTION booked_net, contradict, end_contradiction TO gateway_runtime;
