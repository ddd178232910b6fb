-- name: patience
-- empty: always
SET LOCAL idle_in_transaction_session_timeout = '5min'

-- name: lines
-- empty: none of these stands in the list
SELECT k.fiscal_year, k.voucher_type, k.voucher_no, i.outcome, i.state, i.agency_code, i.agency_name,
    i.payee_name, i.amount_fen, i.policies, i.reason_zh, i.decided_at, i.told_digest, i.record_seq,
    h.decided_at IS NOT NULL AS waits
FROM unnest($3::integer[], $4::text[], $5::text[]) AS k (fiscal_year, voucher_type, voucher_no)
    JOIN interception AS i
        ON i.division = $1 AND i.fiscal_year = k.fiscal_year AND i.voucher_type = k.voucher_type
            AND i.voucher_no = k.voucher_no AND i.bank = $2
    LEFT JOIN open_hold AS h
        ON h.division = $1 AND h.fiscal_year = k.fiscal_year AND h.voucher_type = k.voucher_type
            AND h.voucher_no = k.voucher_no AND h.bank = $2

-- name: warned
-- empty: none of these stands in the list of warnings
SELECT k.fiscal_year, k.voucher_type, k.voucher_no, w.agency_code, w.agency_name, w.payee_name,
    w.amount_fen, w.policies, w.reason_zh, w.decided_at, w.record_seq
FROM unnest($3::integer[], $4::text[], $5::text[]) AS k (fiscal_year, voucher_type, voucher_no)
    JOIN warned AS w
        ON w.division = $1 AND w.fiscal_year = k.fiscal_year AND w.voucher_type = k.voucher_type
            AND w.voucher_no = k.voucher_no AND w.bank = $2

-- name: told_since
-- empty: nothing was said of any of these after its verdict
SELECT s.subject, r.kind, r.body
FROM unnest($3::text[]) AS s (subject)
    CROSS JOIN LATERAL (
        SELECT r.seq, r.kind, r.body FROM log_record AS r
        WHERE r.division = $1 AND r.subject = s.subject AND r.bank || '' = $2 AND r.seq < $4
            AND r.kind IN ('release', 'bank_outcome', 'correction', 'refund')
        OFFSET 0
    ) AS r
ORDER BY r.seq

-- name: noticed
-- empty: no further line
SELECT i.fiscal_year, i.voucher_type, i.voucher_no, i.outcome, i.agency_code, i.agency_name,
    i.payee_name, i.amount_fen, i.policies, i.reason_zh, i.decided_at, i.record_seq,
    i.notice_digest, n.body, n.signature, n.signer, r.body AS record_body
FROM interception AS i
    LEFT JOIN notice AS n ON n.division = i.division AND n.bank = i.bank AND n.digest = i.notice_digest
    LEFT JOIN log_record AS r ON r.division = i.division AND r.bank = i.bank AND r.seq = i.record_seq
WHERE i.division = $1 AND i.bank = $2
    AND (i.fiscal_year, i.voucher_type, i.voucher_no) > ($3, $4, $5)
ORDER BY i.fiscal_year, i.voucher_type, i.voucher_no
LIMIT $6

-- name: strays
-- empty: every line stands on the verdict that it names, and every open hold on a line
(SELECT 'interception' AS what, i.fiscal_year, i.voucher_type, i.voucher_no FROM interception AS i
 WHERE i.division = $1 AND i.bank = $2 AND i.record_seq IS NOT NULL AND NOT EXISTS (
     SELECT FROM log_record AS r
     WHERE r.division = $1 AND r.bank = $2 AND r.seq = i.record_seq AND r.kind = 'verdict'
         AND r.subject = concat_ws('/', i.division, i.fiscal_year, i.voucher_type, i.voucher_no))
 LIMIT $3)
UNION ALL
(SELECT 'warned', w.fiscal_year, w.voucher_type, w.voucher_no FROM warned AS w
 WHERE w.division = $1 AND w.bank = $2 AND NOT EXISTS (
     SELECT FROM log_record AS r
     WHERE r.division = $1 AND r.bank = $2 AND r.seq = w.record_seq AND r.kind = 'verdict'
         AND r.subject = concat_ws('/', w.division, w.fiscal_year, w.voucher_type, w.voucher_no))
 LIMIT $3)
UNION ALL
(SELECT 'open_hold', h.fiscal_year, h.voucher_type, h.voucher_no FROM open_hold AS h
 WHERE h.division = $1 AND h.bank = $2 AND NOT EXISTS (
     SELECT FROM interception AS i
     WHERE i.division = $1 AND i.bank = $2 AND i.fiscal_year = h.fiscal_year
         AND i.voucher_type = h.voucher_type AND i.voucher_no = h.voucher_no)
 LIMIT $3)

-- name: figures
-- empty: every figure is what the lines come to; of a year as of its months
WITH line AS (
    SELECT s.measure, stat_month(i.decided_at) AS day, s.key, i.outcome, i.amount_fen
    FROM interception AS i
        CROSS JOIN LATERAL stat_counts(
            i.agency_code, i.bank, i.policies, i.amount_fen, i.state) AS s
    WHERE i.division = $1
    UNION ALL
    SELECT s.measure, stat_month(w.decided_at), s.key, 'warned', w.amount_fen
    FROM warned AS w
        CROSS JOIN LATERAL (
            SELECT 'warned_policy' AS measure, p AS key FROM unnest(w.policies) AS p
            UNION ALL
            VALUES ('warned_agency', w.agency_code), ('warned_department', left(w.agency_code, 3)),
                ('warned_bank', w.bank), ('warned', '')) AS s
    WHERE w.division = $1
), wanted AS (
    SELECT measure, day, key, outcome, count(*) AS count, sum(amount_fen) AS fen
    FROM line GROUP BY measure, day, key, outcome
    UNION ALL
    SELECT measure || ' of the year', date_trunc('year', day)::date, key, outcome, count(*),
        sum(amount_fen)
    FROM line GROUP BY 1, 2, key, outcome
), kept AS (
    SELECT measure, day, key, outcome, sum(count) AS count, sum(amount_fen) AS fen
    FROM (
        SELECT measure, day, key, outcome, count, amount_fen FROM stat_cell
        WHERE division = $1 AND outcome IN ('held', 'blocked', 'warned')
        UNION ALL
        SELECT measure || ' of the year', year, key, outcome, count, amount_fen FROM stat_year
        WHERE division = $1 AND outcome IN ('held', 'blocked', 'warned')
        UNION ALL
        SELECT measure, day, key, outcome, count, amount_fen FROM stat_delta
        WHERE division = $1 AND outcome IN ('held', 'blocked', 'warned')
        UNION ALL
        SELECT measure || ' of the year', date_trunc('year', day)::date, key, outcome, count,
            amount_fen
        FROM stat_delta WHERE division = $1 AND outcome IN ('held', 'blocked', 'warned')
    ) AS figure
    GROUP BY measure, day, key, outcome
    HAVING sum(count) <> 0 OR sum(amount_fen) <> 0
)
SELECT measure, day, key, outcome, coalesce(k.count, 0)::bigint AS kept_count,
    coalesce(w.count, 0)::bigint AS wanted_count, coalesce(k.fen, 0)::text AS kept_fen,
    coalesce(w.fen, 0)::text AS wanted_fen
FROM wanted AS w FULL JOIN kept AS k USING (measure, day, key, outcome)
WHERE (w.count, w.fen) IS DISTINCT FROM (k.count, k.fen)
ORDER BY measure, day, key, outcome
LIMIT $2
