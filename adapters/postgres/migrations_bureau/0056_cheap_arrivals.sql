-- What happens beside every record and notice that arrives costs in proportion to what it is about: most
-- records are of payments that passed, and most lines are written twice with the same values.
-- Measured before: 70 us of each passed payment, and for each hold a walk through the whole log.

-- The lines of holds by the subject that records name them with.
CREATE INDEX interception_held_subject ON interception (
    division, bank,
    (division || '/' || fiscal_year::text || '/' || voucher_type || '/' || voucher_no)
) WHERE outcome = 'held';

-- As in 0032. All that is told of this subject is found by the subject, then the last of it taken: asked
-- for the last one at once, the planner walks the log backwards until it meets it, or to the end. (The
-- bank is compared in a way that the primary key cannot serve.)
CREATE OR REPLACE FUNCTION present_state(
    of_division text, of_bank text, of_subject text, verdict text
) RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT CASE WHEN verdict <> 'held' THEN verdict ELSE coalesce((
        SELECT told.state
        FROM (
            SELECT r.seq, state_told(r.kind, r.body) AS state
            FROM log_record AS r
            WHERE r.division = of_division AND r.subject = of_subject AND r.subject <> ''
                AND r.bank || '' = of_bank
                AND r.kind IN ('release', 'bank_outcome', 'correction', 'refund')
            OFFSET 0
        ) AS told
        WHERE told.state IS NOT NULL
        ORDER BY told.seq DESC
        LIMIT 1
    ), 'held') END
$$;

CREATE OR REPLACE FUNCTION derive_state() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NEW.outcome <> 'held' THEN
        NEW.state := NEW.outcome;
    ELSE
        NEW.state := present_state(NEW.division, NEW.bank,
            concat_ws('/', NEW.division, NEW.fiscal_year, NEW.voucher_type, NEW.voucher_no),
            NEW.outcome);
    END IF;
    RETURN NEW;
END
$$;

-- Records about holds that are known; one look into the index above for each of the many others.
-- Lines are touched in the order of their key, as everywhere.
CREATE OR REPLACE FUNCTION tell_states() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT DISTINCT i.division, i.fiscal_year, i.voucher_type, i.voucher_no, i.bank
        FROM (
            SELECT r.division, r.bank, r.subject
            FROM fresh AS r
            WHERE r.kind IN ('release', 'bank_outcome', 'correction', 'refund')
            OFFSET 0
        ) AS e
        CROSS JOIN LATERAL (
            SELECT h.division, h.fiscal_year, h.voucher_type, h.voucher_no, h.bank
            FROM interception AS h
            WHERE h.division = e.division AND h.bank = e.bank AND h.outcome = 'held'
                AND h.division || '/' || h.fiscal_year::text || '/' || h.voucher_type || '/'
                    || h.voucher_no = e.subject
            OFFSET 0
        ) AS i
        ORDER BY i.division, i.fiscal_year, i.voucher_type, i.voucher_no, i.bank
    LOOP
        UPDATE interception AS i SET state = ''
        WHERE i.division = one.division AND i.fiscal_year = one.fiscal_year
            AND i.voucher_type = one.voucher_type AND i.voucher_no = one.voucher_no
            AND i.bank = one.bank;
    END LOOP;
    RETURN NULL;
END
$$;

-- As in 0055; most deliveries hold no end of a hold, and planning the look for it costs a millisecond.
CREATE OR REPLACE FUNCTION end_holds() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM fresh AS r WHERE r.kind = 'release') THEN
        RETURN NULL;
    END IF;
    DELETE FROM open_hold AS h USING (
        SELECT r.division, r.bank, string_to_array(r.subject, '/') AS part
        FROM fresh AS r
        WHERE r.kind = 'release'
            AND r.subject ~ '^[0-9]{9}/[0-9]{4}/[0-9A-Za-z]{1,8}/[0-9A-Za-z-]{1,42}$'
            AND record_field(r.body, 'what') IN ('released', 'refused', 'expired', 'withdrawn')
    ) AS e
    WHERE h.division = e.division AND h.fiscal_year = e.part[2]::integer
        AND h.voucher_type = e.part[3] AND h.voucher_no = e.part[4] AND h.bank = e.bank;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION stat_conduct() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM fresh AS r WHERE r.kind = 'conduct_alert') THEN
        RETURN NULL;
    END IF;
    INSERT INTO stat_delta (division, measure, day, key, outcome, count, amount_fen)
    SELECT r.division, 'conduct', conduct_month(r.body),
        r.bank || ' ' || coalesce(record_field(r.body, 'policy'), ''), 'alert', count(*), 0
    FROM fresh AS r
    WHERE r.kind = 'conduct_alert'
    GROUP BY 1, 3, 4;
    RETURN NULL;
END
$$;

-- As in 0033; a line told again with the same values counts for the same.
CREATE OR REPLACE FUNCTION stat_retold() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT division, agency_code, bank, policies, amount_fen, state, outcome, decided_at
        FROM fresh
        EXCEPT ALL
        SELECT division, agency_code, bank, policies, amount_fen, state, outcome, decided_at
        FROM stale
    ) THEN
        RETURN NULL;
    END IF;
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

REVOKE ALL ON FUNCTION derive_state(), tell_states(), end_holds(), stat_conduct(), stat_retold()
    FROM PUBLIC;
