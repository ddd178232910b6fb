-- name: days_to_close
-- empty: every legal day before $2 is closed, or nothing was ever sealed
SELECT d.day::date AS day
FROM generate_series(
    (SELECT (sealed_at AT TIME ZONE 'Asia/Shanghai')::date
     FROM log_checkpoint WHERE division = $1 ORDER BY size LIMIT 1)::timestamp,
    $2::date - 1, '1 day') AS d (day)
WHERE NOT EXISTS (SELECT FROM day_close AS c WHERE c.division = $1 AND c.day = d.day::date)
ORDER BY d.day
LIMIT $3

-- name: take_day
-- empty: somebody closed this day before
INSERT INTO day_close (division, day, closed_at) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING
RETURNING day

-- name: seal_lag
-- empty: never; how many records of this division wait for their number
SELECT (SELECT count(*) FROM pending_record WHERE division = $1)
       + (SELECT coalesce(sum(records), 0)::bigint FROM told_batch WHERE division = $1) AS count

-- name: stretch
-- empty: never; the numbers between which the verdicts of the times $2 to $3 lie, but for those that
-- were sealed late, or by a clock that was behind. Looked for from the end, and from there on: over
-- all checkpoints of years it would take minutes
SELECT b.size AS first_seq,
       coalesce((SELECT c.size FROM log_checkpoint AS c
                 WHERE c.division = $1 AND c.size > b.size
                       AND c.sealed_at >= $3::timestamptz + interval '1 minute'
                 ORDER BY c.size LIMIT 1),
                (SELECT size FROM log_head WHERE division = $1), 0) AS end_seq
FROM (SELECT coalesce((SELECT size FROM log_checkpoint WHERE division = $1 AND sealed_at < $2
                       ORDER BY size DESC LIMIT 1), 0) AS size) AS b

-- name: totals
-- empty: nothing was decided in that time. account is null where no record of the verdict is found
WITH told AS MATERIALIZED (
    SELECT DISTINCT ON (r.subject)
           r.subject, r.seq, b.said -> 'payer' ->> 'account' AS account,
           (b.said ->> 'agency_no')::bigint AS agency_no
    FROM sealed_record AS r
         CROSS JOIN LATERAL (SELECT convert_from(r.body, 'UTF8')::json AS said OFFSET 0) AS b
    WHERE r.division = $1 AND r.seq >= $4 AND r.seq < $5 AND r.kind = 'verdict'
    ORDER BY r.subject, r.seq
), decided AS MATERIALIZED (
    SELECT concat_ws('/', i.division, i.fiscal_year, i.voucher_type, i.voucher_no) AS subject,
           i.agency_code, i.amount_fen, i.outcome, s.bank
    FROM instruction AS i
         LEFT JOIN settled AS s USING (division, fiscal_year, voucher_type, voucher_no)
    WHERE i.division = $1 AND i.decided_at >= $2 AND i.decided_at < $3
), elsewhere AS MATERIALIZED (  -- a look-up for each of the few that the stretch does not hold
    SELECT d.subject, r.seq, b.said -> 'payer' ->> 'account' AS account,
           (b.said ->> 'agency_no')::bigint AS agency_no
    FROM decided AS d LEFT JOIN told AS t USING (subject)
         CROSS JOIN LATERAL (
             SELECT r.seq, r.body FROM sealed_record AS r
             WHERE r.division = $1 AND r.subject = d.subject AND r.kind = 'verdict'
             ORDER BY r.seq LIMIT 1
         ) AS r
         CROSS JOIN LATERAL (SELECT convert_from(r.body, 'UTF8')::json AS said OFFSET 0) AS b
    WHERE t.subject IS NULL
), found AS (
    SELECT * FROM told UNION ALL SELECT * FROM elsewhere
)
SELECT d.agency_code AS agency, t.account,
       count(*) AS verdicts, sum(d.amount_fen)::bigint AS amount_fen,
       count(*) FILTER (WHERE d.outcome = 'passed') AS passed,
       coalesce(sum(d.amount_fen) FILTER (WHERE d.outcome = 'passed'), 0)::bigint AS passed_fen,
       count(*) FILTER (WHERE d.outcome = 'held') AS held,
       count(*) FILTER (WHERE d.outcome = 'blocked') AS blocked,
       count(*) FILTER (WHERE d.bank = 'accepted') AS accepted,
       coalesce(sum(d.amount_fen) FILTER (WHERE d.bank = 'accepted'), 0)::bigint AS accepted_fen,
       count(*) FILTER (WHERE d.bank IN ('rejected', 'not_taken')) AS rejected,
       count(*) FILTER (WHERE d.outcome = 'passed' AND d.bank IS NULL) AS unknown,
       min(t.seq) AS first_seq, max(t.seq) AS last_seq,
       min(t.agency_no) AS first_no, max(t.agency_no) AS last_no, count(t.agency_no) AS numbered,
       (array_agg(d.subject ORDER BY d.subject) FILTER (WHERE t.subject IS NULL))[:$6::integer]
           AS unrecorded
FROM decided AS d LEFT JOIN found AS t USING (subject)
GROUP BY d.agency_code, t.account
ORDER BY d.agency_code, t.account

-- name: closes
-- empty: no close of this day is sealed yet
SELECT body FROM sealed_record
WHERE division = $1 AND subject = $2 AND kind = 'day_close'
ORDER BY seq

-- name: write
-- empty: always
INSERT INTO pending_record (division, kind, subject, body)
SELECT $1, 'day_close', r.subject, r.body
FROM unnest($2::text[], $3::bytea[]) WITH ORDINALITY AS r (subject, body, place)
ORDER BY r.place
