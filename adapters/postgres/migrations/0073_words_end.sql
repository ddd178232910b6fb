-- What the bank said against a settlement, and its books do not show, ends by two officers too, and is
-- recorded once (decision 0104). Programs from before write such a word as any record: it is found among the
-- records all the same, wherever it counts, and only not listed.

-- State: a row stands for one stretch of time in which the bank's words contradicted one payment; operators
-- are told of what is open. Whether a word stands is said by the records alone.
CREATE TABLE contradicted (
    division     text COLLATE "C" NOT NULL,
    fiscal_year  integer NOT NULL,
    voucher_type text COLLATE "C" NOT NULL,
    voucher_no   text COLLATE "C" NOT NULL,
    turn         integer NOT NULL CHECK (turn > 0),
    at           timestamptz NOT NULL,
    held         text NOT NULL,
    said         text NOT NULL,         -- the first word of this turn
    ended_at     timestamptz,
    ended_as     text,
    PRIMARY KEY (division, fiscal_year, voucher_type, voucher_no, turn),
    CHECK ((ended_at IS NULL) = (ended_as IS NULL))
);
CREATE UNIQUE INDEX contradicted_open ON contradicted (division, fiscal_year, voucher_type, voucher_no)
    WHERE ended_at IS NULL;
CREATE INDEX contradicted_ended ON contradicted (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX set_aside_ended ON set_aside (ended_at) WHERE ended_at IS NOT NULL;
GRANT SELECT ON contradicted TO gateway_runtime;

-- Every word of the bank against one payment, oldest first, without what its books said; `stands`: officers
-- have ended none of it since. In canonical JSON no text can hold these marks: its quotes are escaped.
CREATE FUNCTION words_against(p_division text, p_subject text) RETURNS TABLE (body bytea, stands boolean)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    WITH told AS (
        SELECT c.body, row_number() OVER (ORDER BY c.waits, c.place) AS place,
               position('"what":"ended"'::bytea IN c.body) > 0 AS ended,
               position('"how":"books"'::bytea IN c.body) > 0 AS by_books
        FROM (
            SELECT r.body, false AS waits, r.seq AS place FROM sealed_record AS r
            WHERE r.division = p_division AND r.kind = 'correction' AND r.subject = p_subject
            UNION ALL
            SELECT p.body, true, p.id FROM pending_record AS p
            WHERE p.division = p_division AND p.kind = 'correction' AND p.subject = p_subject
        ) AS c
    )
    SELECT t.body, t.place > coalesce((SELECT max(e.place) FROM told AS e
                                       WHERE e.ended AND NOT e.by_books), 0)
    FROM told AS t
    WHERE NOT t.ended AND NOT t.by_books
    ORDER BY t.place
$$;

-- A record but for its number and its time.
CREATE FUNCTION but_for_time(body bytea) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    SELECT regexp_replace(convert_from(body, 'UTF8'), '"(recorded_at|seq)":([0-9]+|null)', '\1', 'g')
$$;

-- The bank has said p_said of what counts as p_held. Under the lock of the settlement: `recorded`; `stands`:
-- this very word is on record already, and nobody has ended it (whoever wrote it did not hear so);
-- `overruled`: officers have ended this very letter, or this word, and who was asked before says nothing new
-- (decision 0095; another letter that tells it of the bank's own accord is new); `moved`: it counts otherwise by now. Only where it is `recorded`
-- anything was written.
CREATE FUNCTION contradict_by_word(
    p_division text, p_year integer, p_type text, p_no text, p_at timestamptz, p_how text, p_said text,
    p_held text, r_kind text, r_subject text, r_body bytea
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    counts text;
BEGIN
    PERFORM FROM settlement AS s
    WHERE s.division = p_division AND s.fiscal_year = p_year AND s.voucher_type = p_type
          AND s.voucher_no = p_no
    FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a word against a settlement that is not there';
    END IF;
    SELECT s.bank INTO STRICT counts FROM settled AS s
    WHERE s.division = p_division AND s.fiscal_year = p_year AND s.voucher_type = p_type
          AND s.voucher_no = p_no;
    IF counts <> p_held THEN
        RETURN 'moved';
    END IF;
    IF EXISTS (SELECT FROM words_against(p_division, r_subject) AS w
               WHERE w.stands AND but_for_time(w.body) = but_for_time(r_body)) THEN
        RETURN 'stands';
    END IF;
    IF EXISTS (
        SELECT FROM words_against(p_division, r_subject) AS w
        WHERE NOT w.stands AND (
            but_for_time(w.body) = but_for_time(r_body)
            OR p_how <> 'told'
               AND position(convert_to(concat('"said":"', p_said, '"'), 'UTF8') IN w.body) > 0)
    ) THEN
        RETURN 'overruled';
    END IF;
    INSERT INTO pending_record (division, kind, subject, body)
    VALUES (p_division, r_kind, r_subject, r_body);
    INSERT INTO contradicted (division, fiscal_year, voucher_type, voucher_no, turn, at, held, said)
    SELECT p_division, p_year, p_type, p_no, coalesce(max(c.turn), 0) + 1, p_at, p_held, p_said
    FROM contradicted AS c
    WHERE c.division = p_division AND c.fiscal_year = p_year AND c.voucher_type = p_type
          AND c.voucher_no = p_no
    ON CONFLICT DO NOTHING;
    RETURN 'recorded';
END $$;

-- As in 0070; and where the books have set nothing aside, officers (never the books) end what the bank said,
-- with the word that it counts as: nothing moves on its limits. `against`: as paid without any debit in the
-- books (what came back of it is a refund's matter), or as not paid against one.
CREATE OR REPLACE FUNCTION end_contradiction(
    p_division text, p_year integer, p_type text, p_no text, p_at timestamptz, p_paid boolean,
    p_reference text, p_agency text, r_kind text, r_subject text, r_body bytea, n_body bytea
) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    aside    set_aside;
    counts   text;
    by_books boolean := position('"how":"books"'::bytea IN r_body) > 0;
BEGIN
    PERFORM FROM settlement AS s
    WHERE s.division = p_division AND s.fiscal_year = p_year AND s.voucher_type = p_type
          AND s.voucher_no = p_no
    FOR UPDATE;
    SELECT s.bank INTO counts FROM settled AS s
    WHERE s.division = p_division AND s.fiscal_year = p_year AND s.voucher_type = p_type
          AND s.voucher_no = p_no;
    SELECT a.* INTO aside FROM set_aside AS a
    WHERE a.division = p_division AND a.fiscal_year = p_year AND a.voucher_type = p_type
          AND a.voucher_no = p_no AND a.ended_at IS NULL;
    IF FOUND THEN
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
    ELSE
        IF by_books OR position(convert_to(concat('"said":"', counts, '"'), 'UTF8') IN r_body) = 0
           OR NOT EXISTS (SELECT FROM words_against(p_division, r_subject) AS w WHERE w.stands) THEN
            RETURN 'gone';
        END IF;
        IF p_paid <> EXISTS (
            SELECT FROM bank_entry AS b
            WHERE b.division = p_division AND b.fiscal_year = p_year AND b.voucher_type = p_type
                  AND b.voucher_no = p_no AND b.direction = 'debit'
                  AND (p_paid OR booked_net(p_division, p_year, p_type, p_no) > 0))
        THEN
            RETURN 'against';
        END IF;
    END IF;
    IF NOT by_books THEN
        UPDATE contradicted AS c
        SET ended_at = p_at, ended_as = CASE WHEN p_paid THEN 'accepted' ELSE counts END
        WHERE c.division = p_division AND c.fiscal_year = p_year AND c.voucher_type = p_type
              AND c.voucher_no = p_no AND c.ended_at IS NULL;
    END IF;
    INSERT INTO pending_record (division, kind, subject, body)
    VALUES (p_division, r_kind, r_subject, r_body);
    INSERT INTO notification (division, created_at, agency_code, subject, body)
    VALUES (p_division, p_at, p_agency, r_subject, n_body);
    RETURN 'ended';
END $$;

REVOKE ALL ON FUNCTION words_against, but_for_time, contradict_by_word FROM PUBLIC;
GRANT EXECUTE ON FUNCTION contradict_by_word TO gateway_runtime;

-- What earlier releases alerted of, and nobody has ended.
INSERT INTO contradicted (division, fiscal_year, voucher_type, voucher_no, turn, at, held, said)
SELECT a.division, a.part[3]::integer, a.part[4], a.part[5], 1, a.raised_at, s.bank,
       substring(convert_from(w.body, 'UTF8') FROM '"said":"([a-z_]+)"')
FROM (
    SELECT c.division, c.raised_at, string_to_array(c.subject, '/') AS part FROM conduct_alert AS c
    WHERE c.policy = 'JL-101' AND c.subject ~ '^outcome/[0-9]{9}/[0-9]{4}/[^/]+/[^/]+/contradicted$'
) AS a
     JOIN settled AS s ON s.division = a.division AND s.fiscal_year = a.part[3]::integer
          AND s.voucher_type = a.part[4] AND s.voucher_no = a.part[5]
     CROSS JOIN LATERAL (
         SELECT t.body FROM words_against(a.division, concat_ws(
             '/', a.division, a.part[3], a.part[4], a.part[5])) AS t
         WHERE t.stands LIMIT 1
     ) AS w;
