-- Statistics (Art. 11(4)-(5)) counted as things arrive. Each arrival only adds rows to stat_delta,
-- which takes no lock that anybody waits for; `stat_fold` adds them up. Readers sum both, so a
-- figure never lags and never disagrees with what was received.

CREATE TABLE stat_cell (
    division text NOT NULL,
    measure text NOT NULL,            -- policy, agency, department, bank, day, amount, conduct
    day date NOT NULL,                -- the month's first, but for the measure `day`; Beijing time
    key text NOT NULL,
    outcome text NOT NULL,
    count bigint NOT NULL,
    amount_fen numeric NOT NULL,
    PRIMARY KEY (division, measure, day, key, outcome)
);

CREATE TABLE stat_delta (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    division text NOT NULL,
    measure text NOT NULL,
    day date NOT NULL,
    key text NOT NULL,
    outcome text NOT NULL,
    count bigint NOT NULL,
    amount_fen numeric NOT NULL
);
CREATE INDEX stat_delta_of ON stat_delta (division, measure, day);

CREATE FUNCTION stat_band(amount_fen bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN amount_fen < 1000000 THEN '1' WHEN amount_fen < 10000000 THEN '2'
        WHEN amount_fen < 100000000 THEN '3' WHEN amount_fen < 1000000000 THEN '4' ELSE '5'
    END
$$;

-- What one line counts for: one row a measure and policy.
CREATE FUNCTION stat_of(
    decided_at timestamptz, agency_code text, bank text, policies text[], amount_fen bigint
) RETURNS TABLE (measure text, day date, key text) LANGUAGE sql STABLE AS $$
    SELECT m.measure, CASE WHEN m.measure = 'day' THEN t.day ELSE date_trunc('month', t.day)::date END,
        m.key
    FROM (SELECT (decided_at AT TIME ZONE 'Asia/Shanghai')::date AS day) AS t,
        LATERAL (
            SELECT 'policy' AS measure, p AS key FROM unnest(policies) AS p
            UNION ALL
            VALUES ('agency', agency_code), ('department', left(agency_code, 3)), ('bank', bank),
                ('day', ''), ('amount', stat_band(amount_fen))
        ) AS m
$$;

CREATE FUNCTION stat_told() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_delta (division, measure, day, key, outcome, count, amount_fen)
    SELECT n.division, s.measure, s.day, s.key, n.outcome, count(*), sum(n.amount_fen)
    FROM fresh AS n,
        LATERAL stat_of(n.decided_at, n.agency_code, n.bank, n.policies, n.amount_fen) AS s
    GROUP BY 1, 2, 3, 4, 5;
    RETURN NULL;
END
$$;
CREATE TRIGGER statistics_told AFTER INSERT ON interception
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION stat_told();

CREATE FUNCTION stat_retold() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_delta (division, measure, day, key, outcome, count, amount_fen)
    SELECT c.division, s.measure, s.day, s.key, c.outcome, sum(c.sign), sum(c.sign * c.amount_fen)
    FROM (
            SELECT 1 AS sign, division, decided_at, agency_code, bank, policies, amount_fen, outcome
            FROM fresh
            UNION ALL
            SELECT -1, division, decided_at, agency_code, bank, policies, amount_fen, outcome
            FROM stale
        ) AS c,
        LATERAL stat_of(c.decided_at, c.agency_code, c.bank, c.policies, c.amount_fen) AS s
    GROUP BY 1, 2, 3, 4, 5
    HAVING sum(c.sign) <> 0 OR sum(c.sign * c.amount_fen) <> 0;
    RETURN NULL;
END
$$;
CREATE TRIGGER statistics_retold AFTER UPDATE ON interception
    REFERENCING OLD TABLE AS stale NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION stat_retold();

-- The banks' own conduct: records of kind conduct_alert, by bank and policy.
CREATE FUNCTION stat_conduct() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_delta (division, measure, day, key, outcome, count, amount_fen)
    SELECT r.division, 'conduct', conduct_month(r.body),
        r.bank || ' ' || coalesce(record_field(r.body, 'policy'), ''), 'alert', count(*), 0
    FROM fresh AS r
    WHERE r.kind = 'conduct_alert'
    GROUP BY 1, 3, 4;
    RETURN NULL;
END
$$;
CREATE FUNCTION conduct_month(body bytea) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT date_trunc('month', coalesce(
        to_timestamp(substring(record_field(body, 'recorded_at') FROM '^[0-9]{1,16}$')::bigint / 1000000.0),
        'epoch'::timestamptz
    ) AT TIME ZONE 'Asia/Shanghai')::date
$$;
CREATE TRIGGER statistics_conduct AFTER INSERT ON log_record
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION stat_conduct();

-- Adds up the oldest deltas; nobody else does at the same time. How many were there.
CREATE FUNCTION stat_fold(rows_max integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    done integer;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('bureau stat_fold', 0)) THEN
        RETURN 0;
    END IF;
    WITH gone AS (
        DELETE FROM stat_delta
        WHERE id IN (SELECT id FROM stat_delta ORDER BY id LIMIT rows_max)
        RETURNING *
    ), added AS (
        INSERT INTO stat_cell AS c
        SELECT division, measure, day, key, outcome, sum(count), sum(amount_fen)
        FROM gone
        GROUP BY 1, 2, 3, 4, 5
        ON CONFLICT (division, measure, day, key, outcome) DO UPDATE
        SET count = c.count + EXCLUDED.count, amount_fen = c.amount_fen + EXCLUDED.amount_fen
    )
    SELECT count(*) INTO done FROM gone;
    RETURN done;
END
$$;

INSERT INTO stat_cell
SELECT n.division, s.measure, s.day, s.key, n.outcome, count(*), sum(n.amount_fen)
FROM interception AS n,
    LATERAL stat_of(n.decided_at, n.agency_code, n.bank, n.policies, n.amount_fen) AS s
GROUP BY 1, 2, 3, 4, 5;
INSERT INTO stat_cell
SELECT r.division, 'conduct', conduct_month(r.body),
    r.bank || ' ' || coalesce(record_field(r.body, 'policy'), ''), 'alert', count(*), 0
FROM log_record AS r
WHERE r.kind = 'conduct_alert'
GROUP BY 1, 3, 4;

REVOKE ALL ON FUNCTION stat_told(), stat_retold(), stat_conduct(), stat_fold(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION stat_fold(integer) TO bureau_runtime;
GRANT SELECT ON stat_cell, stat_delta TO bureau_runtime;
