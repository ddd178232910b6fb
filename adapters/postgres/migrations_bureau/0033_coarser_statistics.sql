-- Statistics read what a page shows and no more: sums of whole years beside those of months, each
-- agency's and bank's own sums, and what became of the interceptions. A span of months is whole
-- years, plus or minus the months at its ends, plus what has not been folded yet.

CREATE TABLE stat_year (
    division text NOT NULL,
    measure text NOT NULL,
    year date NOT NULL,               -- its first day, Beijing time
    key text NOT NULL,
    outcome text NOT NULL,
    count bigint NOT NULL,
    amount_fen numeric NOT NULL,
    PRIMARY KEY (division, measure, year, key, outcome)
);
CREATE INDEX stat_year_sums ON stat_year (division, measure, year)
    INCLUDE (key, outcome, count, amount_fen);
GRANT SELECT ON stat_year TO bureau_runtime;

-- The keys of one agency or bank begin with its code; compared byte by byte, not as a language would.
CREATE INDEX stat_cell_of ON stat_cell (division, measure, key COLLATE "C", day);
CREATE INDEX stat_year_of ON stat_year (division, measure, key COLLATE "C", year);
CREATE INDEX stat_delta_key ON stat_delta (division, measure, key COLLATE "C");

CREATE FUNCTION stat_month(moment timestamptz) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT date_trunc('month', moment AT TIME ZONE 'Asia/Shanghai')::date
$$;

-- What one line counts for, all by month: `agency_policy` is "<agency> <policy>".
CREATE FUNCTION stat_counts(
    agency_code text, bank text, policies text[], amount_fen bigint, state text
) RETURNS TABLE (measure text, key text)
LANGUAGE sql STABLE AS $$
    SELECT 'policy', p FROM unnest(policies) AS p
    UNION ALL
    SELECT 'agency_policy', agency_code || ' ' || p FROM unnest(policies) AS p
    UNION ALL
    VALUES ('agency', agency_code), ('agency_verdict', agency_code || ' '),
        ('department', left(agency_code, 3)), ('bank', bank), ('month', ''),
        ('amount', stat_band(amount_fen)), ('state', state)
$$;

CREATE OR REPLACE FUNCTION stat_told() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_delta (division, measure, day, key, outcome, count, amount_fen)
    SELECT n.division, s.measure, stat_month(n.decided_at), s.key, n.outcome, count(*),
        sum(n.amount_fen)
    FROM fresh AS n, LATERAL stat_counts(
        n.agency_code, n.bank, n.policies, n.amount_fen, n.state
    ) AS s
    GROUP BY 1, 2, 3, 4, 5;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION stat_retold() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_delta (division, measure, day, key, outcome, count, amount_fen)
    SELECT c.division, c.measure, c.day, c.key, c.outcome, sum(c.sign), sum(c.sign * c.amount_fen)
    FROM (
            SELECT 1 AS sign, n.division, stat_month(n.decided_at) AS day, n.outcome, n.amount_fen, s.*
            FROM fresh AS n, LATERAL stat_counts(
        n.agency_code, n.bank, n.policies, n.amount_fen, n.state
    ) AS s
            UNION ALL
            SELECT -1, o.division, stat_month(o.decided_at), o.outcome, o.amount_fen, s.*
            FROM stale AS o, LATERAL stat_counts(
        o.agency_code, o.bank, o.policies, o.amount_fen, o.state
    ) AS s
        ) AS c
    GROUP BY 1, 2, 3, 4, 5
    HAVING sum(c.sign) <> 0 OR sum(c.sign * c.amount_fen) <> 0;
    RETURN NULL;
END
$$;

-- What one case counts for.
CREATE FUNCTION stat_case_counts(
    stage text, origin text, against text, agency_code text, bank text
) RETURNS TABLE (measure text, key text)
LANGUAGE sql STABLE AS $$
    VALUES ('stage', stage), ('origin', origin), ('agency_stage', agency_code || ' ' || stage),
        ('bank_stage', CASE WHEN against = 'bank' THEN bank ELSE '' END || ' ' || stage)
$$;

CREATE OR REPLACE FUNCTION stat_cases() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_delta (division, measure, day, key, outcome, count, amount_fen)
    SELECT n.division, s.measure, stat_month(n.opened_at), s.key, '', count(*), sum(n.amount_fen)
    FROM fresh AS n, LATERAL stat_case_counts(
        n.stage, n.origin, n.against, n.agency_code, n.bank
    ) AS s
    GROUP BY 1, 2, 3, 4;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION stat_cases_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_delta (division, measure, day, key, outcome, count, amount_fen)
    SELECT c.division, c.measure, c.day, c.key, '', sum(c.sign), sum(c.sign * c.amount_fen)
    FROM (
            SELECT 1 AS sign, n.division, stat_month(n.opened_at) AS day, n.amount_fen, s.*
            FROM fresh AS n, LATERAL stat_case_counts(
        n.stage, n.origin, n.against, n.agency_code, n.bank
    ) AS s
            UNION ALL
            SELECT -1, o.division, stat_month(o.opened_at), o.amount_fen, s.*
            FROM stale AS o, LATERAL stat_case_counts(
        o.stage, o.origin, o.against, o.agency_code, o.bank
    ) AS s
        ) AS c
    GROUP BY 1, 2, 3, 4
    HAVING sum(c.sign) <> 0 OR sum(c.sign * c.amount_fen) <> 0;
    RETURN NULL;
END
$$;

-- The oldest deltas go into the cells of their month and of their year in one statement, so that
-- no reader ever sees a row in both places or in neither.
CREATE OR REPLACE FUNCTION stat_fold(rows_max integer) RETURNS integer
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
    ), added_up AS (
        INSERT INTO stat_year AS y
        SELECT division, measure, date_trunc('year', day)::date, key, outcome, sum(count),
            sum(amount_fen)
        FROM gone
        GROUP BY 1, 2, 3, 4, 5
        ON CONFLICT (division, measure, year, key, outcome) DO UPDATE
        SET count = y.count + EXCLUDED.count, amount_fen = y.amount_fen + EXCLUDED.amount_fen
    )
    SELECT count(*) INTO done FROM gone;
    RETURN done;
END
$$;

-- What was counted so far is counted anew, but for the banks' conduct, whose cells stand.
DELETE FROM stat_delta WHERE measure <> 'conduct';
DELETE FROM stat_cell WHERE measure <> 'conduct';
INSERT INTO stat_cell
SELECT n.division, s.measure, stat_month(n.decided_at), s.key, n.outcome, count(*), sum(n.amount_fen)
FROM interception AS n, LATERAL stat_counts(
        n.agency_code, n.bank, n.policies, n.amount_fen, n.state
    ) AS s
GROUP BY 1, 2, 3, 4, 5;
INSERT INTO stat_cell
SELECT n.division, s.measure, stat_month(n.opened_at), s.key, '', count(*), sum(n.amount_fen)
FROM case_file AS n, LATERAL stat_case_counts(
        n.stage, n.origin, n.against, n.agency_code, n.bank
    ) AS s
GROUP BY 1, 2, 3, 4;
INSERT INTO stat_year
SELECT division, measure, date_trunc('year', day)::date, key, outcome, sum(count), sum(amount_fen)
FROM stat_cell
GROUP BY 1, 2, 3, 4, 5;

DROP FUNCTION stat_of(timestamptz, text, text, text[], bigint), case_month(timestamptz);

-- Typical cases are the largest of a span: found along the amount, not by sorting every case.
CREATE INDEX case_file_largest ON case_file (division, amount_fen DESC, year, number)
    INCLUDE (stage, opened_at);
