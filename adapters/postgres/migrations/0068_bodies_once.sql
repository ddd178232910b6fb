-- A record of the line is written once (decision 0067): commits 1 and 2 put its body where it stays, and
-- sealing adds what it knows beside it: number, agency's number, leaf hash. Records of other doors are few and
-- go through pending_record as before; what was sealed before stays as it is, its body beside its number.

-- Append-only: a record as it was told, before its number. `batch` counts with pending_record.id.
CREATE TABLE told_record (
    division    text COLLATE "C" NOT NULL,
    batch       bigint NOT NULL,
    place       integer NOT NULL CHECK (place > 0),
    kind        text NOT NULL,
    subject     text COLLATE "C" NOT NULL,
    body        bytea NOT NULL,
    disclosures bytea,
    PRIMARY KEY (division, batch, place)
) WITH (toast_tuple_target = 8160);

-- Queue: what one commit told of one division, places 1 to `records`, until it is sealed as a whole.
CREATE TABLE told_batch (
    division text COLLATE "C" NOT NULL,
    batch    bigint NOT NULL,
    records  integer NOT NULL CHECK (records > 0),
    PRIMARY KEY (division, batch)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

ALTER TABLE log_record
    ADD batch bigint, ADD place integer, ADD agency_no bigint, ALTER body DROP NOT NULL,
    ADD CONSTRAINT log_record_has_a_body CHECK (
        (body IS NULL) = (batch IS NOT NULL) AND (batch IS NULL) = (place IS NULL)) NOT VALID;

-- As gateway.domain.records.numbered fills them in: neither mark can stand in a JSON string, and sorted keys put
-- the agency's number before `seq`. Plain enough to be put into a statement in place of a call.
CREATE FUNCTION numbered(body bytea, seq bigint, agency_no bigint) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN agency_no IS NULL THEN
        overlay(body PLACING seq::text::bytea FROM position('"seq":null'::bytea IN body) + 6 FOR 4)
    ELSE
        overlay(
            overlay(body PLACING seq::text::bytea FROM position('"seq":null'::bytea IN body) + 6 FOR 4)
            PLACING agency_no::text::bytea FROM position('"agency_no":null'::bytea IN body) + 12 FOR 4)
    END
$$;

-- The log with every body whole, wherever it is kept.
CREATE VIEW sealed_record AS
SELECT r.division, r.seq, r.kind, r.subject, r.leaf_hash,
       coalesce(r.body, numbered(t.body, r.seq, r.agency_no)) AS body,
       coalesce(r.disclosures, t.disclosures) AS disclosures
FROM log_record AS r
     LEFT JOIN LATERAL (
         SELECT b.body, b.disclosures FROM told_record AS b
         WHERE b.division = r.division AND b.batch = r.batch AND b.place = r.place
         OFFSET 0
     ) AS t ON true;

-- commit_batch (0047), and the records of what took effect written once, one batch for each division.
CREATE FUNCTION commit_told(
    p_divisions text[], p_attempt uuid, p_instance text, p_settlements batch_settlement[], p_settled batch_told[],
    p_claims batch_claim[], p_lines batch_line[], p_demands text, p_told batch_told[],
    p_notices batch_notice[] DEFAULT '{}', p_windows batch_window[] DEFAULT '{}',
    p_asks batch_ask[] DEFAULT '{}', p_shares batch_share[] DEFAULT '{}',
    OUT already integer[], OUT existing integer[], OUT short_slot integer[],
    OUT short_demand integer[], OUT short_available bigint[], OUT moved_slot integer[],
    OUT moved_ask integer[], OUT moved_value bigint[]
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    number  bigint := nextval('pending_record_id_seq');
    settled integer := cardinality(p_settled);
    void    integer[];
    of      text;
    written integer;
BEGIN
    SELECT c.already, c.existing, c.short_slot, c.short_demand, c.short_available, c.moved_slot,
           c.moved_ask, c.moved_value
    INTO already, existing, short_slot, short_demand, short_available, moved_slot, moved_ask,
         moved_value
    FROM commit_batch(p_attempt, p_instance, p_settlements, '{}', p_claims, p_lines, p_demands, '{}',
                      p_notices, p_windows, p_asks, p_shares) AS c;
    void := existing || short_slot || moved_slot;
    IF already IS NULL AND void IS NULL AND cardinality(p_divisions) = 1 THEN
        INSERT INTO told_record (division, batch, place, kind, subject, body, disclosures)
        SELECT r.division, number, r.slot, r.kind, r.subject, r.body, r.disclosures
        FROM unnest(p_settled) WITH ORDINALITY AS r (division, kind, subject, body, disclosures, slot)
        UNION ALL
        SELECT r.division, number, settled + r.slot, r.kind, r.subject, r.body, r.disclosures
        FROM unnest(p_told) WITH ORDINALITY AS r (division, kind, subject, body, disclosures, slot);
        GET DIAGNOSTICS written = ROW_COUNT;
        INSERT INTO told_batch (division, batch, records) VALUES (p_divisions[1], number, written);
        RETURN;
    END IF;
    FOREACH of IN ARRAY p_divisions LOOP
        INSERT INTO told_record (division, batch, place, kind, subject, body, disclosures)
        SELECT of, number, row_number() OVER (), r.kind, r.subject, r.body, r.disclosures
        FROM (
            SELECT s.* FROM unnest(p_settled) WITH ORDINALITY
                AS s (division, kind, subject, body, disclosures, slot)
            WHERE already IS NULL OR s.slot <> ALL (already)
            UNION ALL
            SELECT t.* FROM unnest(p_told) WITH ORDINALITY
                AS t (division, kind, subject, body, disclosures, slot)
            WHERE void IS NULL OR t.slot <> ALL (void)
        ) AS r
        WHERE r.division = of;
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written > 0 THEN
            INSERT INTO told_batch (division, batch, records) VALUES (of, number, written);
        END IF;
    END LOOP;
END $$;

-- Where a log stands, under its lock, which is held until the transaction ends; `locked` is false where another
-- sequencer has it. The head is read after the lock is held: nobody moves it any more.
CREATE FUNCTION lock_log(
    p_division text, OUT locked boolean, OUT origin text, OUT size bigint, OUT frontier bytea[]
) LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    locked := pg_try_advisory_xact_lock(hashtextextended('treasury-gateway log ' || p_division, 0));
    IF locked THEN
        SELECT h.origin, h.size, h.frontier INTO origin, size, frontier
        FROM log_head AS h WHERE h.division = p_division;
    END IF;
END $$;

-- What the sequencer writes. `moved` is false, and nothing is written, where the head is no longer
-- what was read (`p_old`: NULL for a log that begins). Of batches the number of place 1 is told; leaf
-- hashes and agency's numbers (0: it wants none) of all in the order of the log.
CREATE FUNCTION store_sealed(
    p_division text, p_old bigint, p_origin text, p_size bigint, p_frontier bytea[],
    p_batches bigint[], p_firsts bigint[], p_leaves bytea, p_agency_nos bigint[],
    p_singles bigint[], p_records batch_record[], p_agencies text[], p_lasts bigint[],
    p_levels integer[], p_indexes bigint[], p_hashes bytea[], p_sealed_at timestamptz,
    p_checkpoint text, OUT moved boolean
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    start   bigint := coalesce(p_old, 0);
    written bigint := 0;
    gone    bigint;
BEGIN
    IF p_old IS NULL THEN
        INSERT INTO log_head (division, origin, size, frontier)
        VALUES (p_division, p_origin, p_size, p_frontier)
        ON CONFLICT DO NOTHING;
    ELSE
        UPDATE log_head AS h SET size = p_size, frontier = p_frontier
        WHERE h.division = p_division AND h.origin = p_origin AND h.size = p_old;
    END IF;
    moved := FOUND;
    IF NOT moved THEN
        RETURN;
    END IF;
    IF cardinality(p_batches) > 0 THEN
        INSERT INTO log_record (division, seq, kind, subject, leaf_hash, batch, place, agency_no)
        SELECT p_division, n.seq, t.kind, t.subject,
               substr(p_leaves, (n.seq - start)::integer * 32 + 1, 32), b.batch, t.place,
               nullif(p_agency_nos[n.seq - start + 1], 0)
        FROM unnest(p_batches, p_firsts) AS b (batch, first)
             CROSS JOIN LATERAL (
                 SELECT r.place, r.kind, r.subject FROM told_record AS r
                 WHERE r.division = p_division AND r.batch = b.batch
                 OFFSET 0
             ) AS t
             CROSS JOIN LATERAL (SELECT b.first + t.place - 1 AS seq) AS n;
        GET DIAGNOSTICS written = ROW_COUNT;
        DELETE FROM told_batch AS b WHERE b.division = p_division AND b.batch = ANY (p_batches);
        GET DIAGNOSTICS gone = ROW_COUNT;
        IF gone <> cardinality(p_batches) THEN
            RAISE EXCEPTION 'a batch that is sealed was sealed before';
        END IF;
    END IF;
    IF cardinality(p_singles) > 0 THEN
        INSERT INTO log_record (division, seq, kind, subject, leaf_hash, body, disclosures)
        SELECT p_division, r.seq, r.kind, r.subject, r.leaf_hash, r.body, r.disclosures
        FROM unnest(p_records) AS r;
        DELETE FROM pending_record AS p WHERE p.division = p_division AND p.id = ANY (p_singles);
        GET DIAGNOSTICS gone = ROW_COUNT;
        IF gone <> cardinality(p_singles) THEN
            RAISE EXCEPTION 'a record that is sealed was sealed before';
        END IF;
        written := written + gone;
    END IF;
    IF written <> p_size - start THEN
        RAISE EXCEPTION 'sealed % records as %', written, p_size - start;
    END IF;
    INSERT INTO log_agency (division, agency, last)
    SELECT p_division, n.agency, n.last FROM unnest(p_agencies, p_lasts) AS n (agency, last)
    ON CONFLICT (division, agency) DO UPDATE SET last = EXCLUDED.last;
    INSERT INTO log_subtree (division, level, index, hash)
    SELECT p_division, s.level, s.index, s.hash
    FROM unnest(p_levels, p_indexes, p_hashes) AS s (level, index, hash);
    INSERT INTO log_checkpoint (division, size, sealed_at, text)
    VALUES (p_division, p_size, p_sealed_at, p_checkpoint);
END $$;

REVOKE ALL ON FUNCTION numbered, commit_told, lock_log, store_sealed FROM PUBLIC;
GRANT EXECUTE ON FUNCTION numbered, commit_told, lock_log, store_sealed TO gateway_runtime;
GRANT SELECT ON told_record, told_batch, sealed_record TO gateway_runtime;
