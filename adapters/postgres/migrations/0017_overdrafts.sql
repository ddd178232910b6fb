-- Lines on which more is spoken for than the grant leaves: noted in the transaction that changed the
-- grant, made a record by a worker, and gone from here when it is so no more.

CREATE TABLE overdraft (
    division     text COLLATE "C" NOT NULL,
    kind         text COLLATE "C" NOT NULL,
    id           text COLLATE "C" NOT NULL,
    granted_fen  bigint NOT NULL,
    frozen_fen   bigint NOT NULL,
    opening_fen  bigint NOT NULL,
    reserved_fen bigint NOT NULL,
    posted_fen   bigint NOT NULL,
    noted_at     timestamptz NOT NULL,
    told         boolean NOT NULL DEFAULT false,
    PRIMARY KEY (division, kind, id)
);

-- More than was ever granted, or something reserved on what is frozen now. What was spent before a
-- freeze is no overdraft. Returns how many stand now.
CREATE FUNCTION note_overdrawn(p_division text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    standing bigint;
BEGIN
    DELETE FROM overdraft AS o USING limit_line AS x
    WHERE o.division = p_division AND x.division = o.division AND x.kind = o.kind AND x.id = o.id
          AND NOT is_overdrawn(x);
    INSERT INTO overdraft AS o (
        division, kind, id, granted_fen, frozen_fen, opening_fen, reserved_fen, posted_fen, noted_at)
    SELECT x.division, x.kind, x.id, x.granted_fen, x.frozen_fen, x.opening_fen, x.reserved_fen,
           x.posted_fen, clock_timestamp()
    FROM limit_line AS x WHERE x.division = p_division AND is_overdrawn(x)
    ON CONFLICT (division, kind, id) DO UPDATE
    SET granted_fen = excluded.granted_fen, frozen_fen = excluded.frozen_fen,
        reserved_fen = excluded.reserved_fen, posted_fen = excluded.posted_fen,
        noted_at = excluded.noted_at, told = false
    WHERE (o.granted_fen, o.frozen_fen) <> (excluded.granted_fen, excluded.frozen_fen);
    SELECT count(*) INTO standing FROM overdraft AS o WHERE o.division = p_division;
    RETURN standing;
END $$;

CREATE FUNCTION is_overdrawn(x limit_line) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT x.granted_fen - x.opening_fen - x.reserved_fen - x.posted_fen < 0
           OR (x.reserved_fen > 0
               AND x.granted_fen - x.frozen_fen - x.opening_fen - x.reserved_fen - x.posted_fen < 0)
$$;

GRANT SELECT ON overdraft TO gateway_runtime;
GRANT UPDATE (told) ON overdraft TO gateway_runtime;
REVOKE ALL ON FUNCTION note_overdrawn, is_overdrawn FROM PUBLIC;
GRANT EXECUTE ON FUNCTION note_overdrawn, is_overdrawn TO gateway_runtime;
