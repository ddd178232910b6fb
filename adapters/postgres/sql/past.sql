-- name: size
-- empty: never; 0 where nothing was sealed yet
SELECT coalesce(max(size), 0) AS size FROM log_head WHERE division = $1

-- name: sealed_before
-- empty: never; 0 where nothing was sealed before that moment. Halved until it is found: checkpoints were
-- sealed in the order of their sizes, and there are tens of millions of a year
WITH RECURSIVE halving AS (
    SELECT 0::bigint AS before, coalesce(max(size), 0) AS upto FROM log_head WHERE division = $1
    UNION ALL
    SELECT CASE WHEN c.sealed_at < $2 THEN c.size ELSE h.before END,
           CASE WHEN c.sealed_at < $2 THEN h.upto ELSE (h.before + h.upto + 1) / 2 - 1 END
    FROM halving AS h
         LEFT JOIN LATERAL (
             SELECT size, sealed_at FROM log_checkpoint
             WHERE division = $1 AND size >= (h.before + h.upto + 1) / 2 AND size <= h.upto
             ORDER BY size LIMIT 1
         ) AS c ON true
    WHERE h.before < h.upto
)
SELECT max(before) AS size FROM halving

-- name: page
-- empty: no verdict after that number
SELECT r.seq, i.fiscal_year, i.voucher_type, i.voucher_no, i.format, i.raw, i.decided_at,
       i.decision, s.bank
FROM (
    SELECT seq, subject FROM log_record
    WHERE division = $1 AND kind = 'verdict' AND seq > $2 AND seq <= $3
    ORDER BY seq LIMIT $4
) AS r
     CROSS JOIN LATERAL (
         SELECT fiscal_year, voucher_type, voucher_no, format, raw, decided_at, decision
         FROM instruction AS i
         WHERE i.division = $1 AND i.fiscal_year = split_part(r.subject, '/', 2)::integer
               AND i.voucher_type = split_part(r.subject, '/', 3)
               AND i.voucher_no = split_part(r.subject, '/', 4)
         OFFSET 0
     ) AS i
     LEFT JOIN LATERAL (
         SELECT bank FROM settlement AS s
         WHERE s.division = $1 AND s.fiscal_year = i.fiscal_year
               AND s.voucher_type = i.voucher_type AND s.voucher_no = i.voucher_no
         OFFSET 0
     ) AS s ON true
ORDER BY r.seq

-- name: one
-- empty: no such instruction
SELECT -1::bigint AS seq, i.fiscal_year, i.voucher_type, i.voucher_no, i.format, i.raw,
       i.decided_at, i.decision, NULL::text AS bank
FROM instruction AS i
WHERE i.division = $1 AND i.fiscal_year = $2 AND i.voucher_type = $3 AND i.voucher_no = $4

-- name: released
-- empty: no order of the bureau released it
SELECT -1::bigint AS seq, i.fiscal_year, i.voucher_type, i.voucher_no, i.format, i.raw,
       h.ended_at AS decided_at, h.decision, NULL::text AS bank
FROM hold_end AS h
     JOIN instruction AS i USING (division, fiscal_year, voucher_type, voucher_no)
WHERE h.division = $1 AND h.fiscal_year = $2 AND h.voucher_type = $3 AND h.voucher_no = $4
      AND h.how = 'released'

-- name: divisions
-- empty: nothing was sealed yet
SELECT division FROM log_head ORDER BY division

-- name: start_shadow
-- empty: a candidate runs in this division already
INSERT INTO shadow_run (
    division, run, candidate, documents, started_at, started_by, from_seq, read_seq, until_seq)
SELECT $1, coalesce(max(r.run), 0) + 1, $2, $3, $4, $5, $6, $6, $7
FROM shadow_run AS r WHERE r.division = $1
ON CONFLICT DO NOTHING
RETURNING run

-- name: stop_shadow
-- empty: none runs there
UPDATE shadow_run SET stopped_at = $2
WHERE division = $1 AND stopped_at IS NULL AND until_seq IS NULL
RETURNING run

-- name: end_backtest
-- empty: it was ended before
UPDATE shadow_run SET stopped_at = $3, read_seq = until_seq
WHERE division = $1 AND run = $2 AND stopped_at IS NULL AND until_seq IS NOT NULL
RETURNING run

-- name: fail_backtest
-- empty: it was ended before, or goes on without end
UPDATE shadow_run SET stopped_at = $3, trouble = $4
WHERE division = $1 AND run = $2 AND stopped_at IS NULL AND until_seq IS NOT NULL
RETURNING run

-- name: sealed_then
-- empty: never; NULL where nothing was sealed after that record
SELECT (SELECT sealed_at FROM log_checkpoint WHERE division = $1 AND size > $2
        ORDER BY size LIMIT 1) AS sealed_at

-- name: shadows
-- empty: no candidate ever ran
SELECT division, run, candidate, documents, started_at, started_by, from_seq, read_seq, compared,
       stopped_at, trouble, until_seq
FROM shadow_run
WHERE ($1::text IS NULL OR division = $1) AND ($2::integer IS NULL OR run = $2)
      AND (NOT $3::boolean OR stopped_at IS NULL)
ORDER BY division, run

-- name: shadows_running
-- empty: none runs
(SELECT division FROM shadow_run WHERE stopped_at IS NULL LIMIT 1)
UNION ALL
(SELECT division FROM policy_question
 WHERE subject IS NOT NULL AND answered_at IS NULL LIMIT 1)

-- name: add_question
-- empty: its number was used before
INSERT INTO policy_question (
    division, number, digest, what, by_whom, asked_at, run, subject, documents)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT DO NOTHING
RETURNING number

-- name: question
-- empty: it was never asked
SELECT division, number, digest, what, run, subject, documents, answer
FROM policy_question WHERE division = $1 AND number = $2

-- name: open_questions
-- empty: every one is answered
WITH waiting AS (
    SELECT division, number, row_number() OVER (PARTITION BY division ORDER BY number) AS turn
    FROM policy_question
    WHERE subject IS NOT NULL AND answered_at IS NULL
    ORDER BY turn, division LIMIT 8)
SELECT q.division, q.number, q.digest, q.what, q.run, q.subject, q.documents, q.answer
FROM waiting AS w JOIN policy_question AS q USING (division, number)
ORDER BY w.turn, q.division

-- name: questions_open
-- empty: never
SELECT count(*) AS open FROM policy_question
WHERE division = $1 AND subject IS NOT NULL AND answered_at IS NULL

-- name: answer
-- empty: always
UPDATE policy_question SET answer = $3, answered_at = $4
WHERE division = $1 AND number = $2 AND answered_at IS NULL

-- name: advance_shadow
-- empty: somebody else read those records, or it was stopped: nothing of this page counts
UPDATE shadow_run SET read_seq = $4, compared = compared + $5, trouble = ''
WHERE division = $1 AND run = $2 AND read_seq = $3 AND stopped_at IS NULL
RETURNING run

-- name: shadow_troubles
-- empty: every candidate on trial goes on
SELECT division, run, trouble FROM shadow_run WHERE stopped_at IS NULL AND trouble <> ''

-- name: trouble_shadow
-- empty: always
UPDATE shadow_run SET trouble = $3 WHERE division = $1 AND run = $2

-- name: add_flips
-- empty: always
INSERT INTO shadow_flip (
    division, run, seq, subject, decided_at, agency_code, amount_fen, before, after, policies,
    reason_zh)
SELECT $1, $2, f.seq, f.subject, f.decided_at, f.agency, f.amount, f.before, f.after,
       string_to_array(f.policies, ' '), f.reason
FROM unnest($3::bigint[], $4::text[], $5::timestamptz[], $6::text[], $7::bigint[], $8::text[],
            $9::text[], $10::text[], $11::text[])
     AS f (seq, subject, decided_at, agency, amount, before, after, policies, reason)

-- name: flips
-- empty: the candidate decided everything alike
SELECT seq, subject, decided_at, agency_code, amount_fen, before, after, policies, reason_zh
FROM shadow_flip WHERE division = $1 AND run = $2 AND seq > $3 ORDER BY seq LIMIT $4

-- name: prunable
-- empty: never; whether any entry is as old as that. An index of days says it at once
SELECT EXISTS (SELECT FROM window_entry WHERE day < $1::date - 400) AS found

-- name: prune_windows
-- empty: never; how many entries were taken away
SELECT prune_windows($1, $2) AS taken
