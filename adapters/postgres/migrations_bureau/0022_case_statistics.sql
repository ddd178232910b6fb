-- Cases by stage and origin, counted as they are opened and moved, like interceptions (0019).

CREATE FUNCTION stat_cases() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_delta (division, measure, day, key, outcome, count, amount_fen)
    SELECT n.division, m.measure, case_month(n.opened_at), m.key, '', count(*), sum(n.amount_fen)
    FROM fresh AS n,
        LATERAL (VALUES ('stage', n.stage), ('origin', n.origin)) AS m (measure, key)
    GROUP BY 1, 2, 3, 4;
    RETURN NULL;
END
$$;
CREATE FUNCTION case_month(opened_at timestamptz) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT date_trunc('month', opened_at AT TIME ZONE 'Asia/Shanghai')::date
$$;
CREATE TRIGGER statistics_opened AFTER INSERT ON case_file
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION stat_cases();

CREATE FUNCTION stat_cases_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_delta (division, measure, day, key, outcome, count, amount_fen)
    SELECT c.division, m.measure, case_month(c.opened_at), m.key, '', sum(c.sign),
        sum(c.sign * c.amount_fen)
    FROM (
            SELECT 1 AS sign, division, stage, origin, amount_fen, opened_at FROM fresh
            UNION ALL
            SELECT -1, division, stage, origin, amount_fen, opened_at FROM stale
        ) AS c,
        LATERAL (VALUES ('stage', c.stage), ('origin', c.origin)) AS m (measure, key)
    GROUP BY 1, 2, 3, 4
    HAVING sum(c.sign) <> 0 OR sum(c.sign * c.amount_fen) <> 0;
    RETURN NULL;
END
$$;
CREATE TRIGGER statistics_moved AFTER UPDATE ON case_file
    REFERENCING OLD TABLE AS stale NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION stat_cases_moved();

INSERT INTO stat_cell
SELECT n.division, m.measure, case_month(n.opened_at), m.key, '', count(*), sum(n.amount_fen)
FROM case_file AS n,
    LATERAL (VALUES ('stage', n.stage), ('origin', n.origin)) AS m (measure, key)
GROUP BY 1, 2, 3, 4;

REVOKE ALL ON FUNCTION stat_cases(), stat_cases_moved() FROM PUBLIC;

-- Sums of the largest measure come from the index alone.
CREATE INDEX stat_cell_sums ON stat_cell (division, measure, day)
    INCLUDE (key, outcome, count, amount_fen);
