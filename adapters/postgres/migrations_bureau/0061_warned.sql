-- Payments that passed with a warning (红橙黄蓝: 提示): a finding too, though nothing was stopped. They stand apart from interceptions,
-- which a desk's day is made of, and are found, exported and counted by the same means.

CREATE TABLE warned (
    division text NOT NULL,
    fiscal_year integer NOT NULL,
    voucher_type text NOT NULL,
    voucher_no text NOT NULL,
    bank text NOT NULL,
    agency_code text NOT NULL,
    agency_name text NOT NULL,
    payee_name text NOT NULL,
    amount_fen bigint NOT NULL,
    policies text[] NOT NULL,         -- those that warned
    reason_zh text NOT NULL,
    decided_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL, -- when the record came here
    record_seq bigint NOT NULL,
    PRIMARY KEY (division, fiscal_year, voucher_type, voucher_no, bank)
);
CREATE INDEX warned_newest ON warned (division, decided_at DESC, voucher_no DESC);
CREATE INDEX warned_by_agency ON warned (division, agency_code, decided_at DESC, voucher_no DESC);
CREATE INDEX warned_by_department
    ON warned (division, (left(agency_code, 3)), decided_at DESC, voucher_no DESC);
CREATE INDEX warned_by_bank ON warned (division, bank, decided_at DESC, voucher_no DESC);
CREATE INDEX warned_by_policy ON warned USING gin (policies);
CREATE INDEX warned_by_amount ON warned (division, amount_fen);
CREATE INDEX warned_by_voucher ON warned (division, voucher_no);
GRANT SELECT, INSERT ON warned TO bureau_runtime;

-- A warned payment with the columns of an interception: no notice is sent of it.
CREATE VIEW warned_line AS
SELECT w.division, w.fiscal_year, w.voucher_type, w.voucher_no, w.bank, 'warned'::text AS outcome,
    'warned'::text AS state, w.agency_code, w.agency_name, w.payee_name, w.amount_fen, w.policies,
    w.reason_zh, w.decided_at, NULL::bytea AS notice_digest, NULL::timestamptz AS noticed_at,
    w.record_seq, w.recorded_at, NULL::bytea AS told_digest
FROM warned AS w;

-- Any payment with a finding, for who knows which one.
CREATE VIEW found_line AS
SELECT i.division, i.fiscal_year, i.voucher_type, i.voucher_no, i.bank, i.outcome, i.state,
    i.agency_code, i.agency_name, i.payee_name, i.amount_fen, i.policies, i.reason_zh, i.decided_at,
    i.notice_digest, i.noticed_at, i.record_seq, i.recorded_at, i.told_digest
FROM interception AS i
UNION ALL
SELECT * FROM warned_line;
GRANT SELECT ON warned_line, found_line TO bureau_runtime;

-- Figures of their own, so that those of interceptions stay what they are.
CREATE FUNCTION stat_warned() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_delta (division, measure, day, key, outcome, count, amount_fen)
    SELECT n.division, s.measure, stat_month(n.decided_at), s.key, 'warned', count(*),
        sum(n.amount_fen)
    FROM fresh AS n, LATERAL (
        SELECT 'warned_policy' AS measure, p AS key FROM unnest(n.policies) AS p
        UNION ALL
        VALUES ('warned_agency', n.agency_code), ('warned_department', left(n.agency_code, 3)),
            ('warned_bank', n.bank), ('warned', '')
    ) AS s
    GROUP BY 1, 2, 3, 4;
    RETURN NULL;
END
$$;
CREATE TRIGGER warned_told AFTER INSERT ON warned
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION stat_warned();
REVOKE ALL ON FUNCTION stat_warned() FROM PUBLIC;

-- What was delivered before this: as bureau/inbox/glance.py reads a record. Empty where this server
-- cannot read it.
CREATE FUNCTION warned_of(body bytea) RETURNS TABLE (
    fiscal_year integer, voucher_type text, voucher_no text, agency_code text, agency_name text,
    payee_name text, amount_fen bigint, policies text[], reason_zh text, decided_at timestamptz
) LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    told jsonb;
BEGIN
    told := convert_from(body, 'UTF8')::jsonb;
    RETURN QUERY
    SELECT (told ->> 'fiscal_year')::integer, told ->> 'voucher_type', told ->> 'voucher_no',
        coalesce(told #>> '{agency,code}', ''), coalesce(told #>> '{agency,name}', ''),
        coalesce(told #>> '{payee,name}', ''), coalesce((told ->> 'amount_fen')::bigint, 0),
        (SELECT array_agg(p ORDER BY least_n) FROM (
            SELECT f.finding ->> 'policy' AS p, min(f.n) AS least_n
            FROM jsonb_array_elements(told -> 'findings') WITH ORDINALITY AS f (finding, n)
            WHERE f.finding ->> 'action' = 'warn' AND f.finding ->> 'policy' <> ''
            GROUP BY 1
        ) AS each),
        coalesce((
            SELECT left(f.finding ->> 'reason_zh', 200)
            FROM jsonb_array_elements(told -> 'findings') WITH ORDINALITY AS f (finding, n)
            WHERE f.finding ->> 'action' = 'warn' ORDER BY f.n LIMIT 1
        ), ''),
        timestamptz 'epoch' + (told ->> 'recorded_at')::bigint * interval '1 microsecond'
    WHERE told ->> 'outcome' = 'passed' AND told ->> 'voucher_no' <> ''
        AND (told ->> 'fiscal_year')::integer BETWEEN 1 AND 9999
        AND coalesce((told ->> 'amount_fen')::bigint, 0) >= 0;
EXCEPTION WHEN OTHERS THEN
    RETURN;
END
$$;
INSERT INTO warned
SELECT r.division, w.fiscal_year, w.voucher_type, w.voucher_no, r.bank, w.agency_code, w.agency_name,
    w.payee_name, w.amount_fen, w.policies, w.reason_zh, w.decided_at, w.decided_at, r.seq
FROM (
    SELECT division, bank, seq, body FROM log_record
    WHERE kind = 'verdict' AND position('"action":"warn"'::bytea IN body) > 0
    OFFSET 0
) AS r
CROSS JOIN LATERAL warned_of(r.body) AS w
WHERE w.policies IS NOT NULL
ORDER BY r.division, w.fiscal_year, w.voucher_type, w.voucher_no, r.bank
ON CONFLICT DO NOTHING;
DROP FUNCTION warned_of(bytea);
