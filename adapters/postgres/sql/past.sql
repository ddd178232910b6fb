-- name: size
-- empty: never; 0 where nothing was sealed yet
SELECT coalesce(max(size), 0) AS size FROM log_head WHERE division = $1

-- name: sealed_before
-- empty: never; 0 where nothing was sealed before that moment
SELECT coalesce(max(size), 0) AS size FROM log_checkpoint WHERE division = $1 AND sealed_at < $2

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
    division, run, candidate, documents, started_at, started_by, from_seq, read_seq)
SELECT $1, coalesce(max(r.run), 0) + 1, $2, $3, $4, $5, $6, $6
FROM shadow_run AS r WHERE r.division = $1
ON CONFLICT DO NOTHING
RETURNING run

-- name: stop_shadow
-- empty: none runs there
UPDATE shadow_run SET stopped_at = $2 WHERE division = $1 AND stopped_at IS NULL RETURNING run

-- name: shadows
-- empty: no candidate ever ran
SELECT division, run, candidate, documents, started_at, started_by, from_seq, read_seq, compared,
       stopped_at, trouble
FROM shadow_run
WHERE ($1::text IS NULL OR division = $1) AND ($2::integer IS NULL OR run = $2)
      AND (NOT $3::boolean OR stopped_at IS NULL)
ORDER BY division, run

-- name: shadows_running
-- empty: none runs
SELECT division FROM shadow_run WHERE stopped_at IS NULL LIMIT 1

-- name: advance_shadow
-- empty: somebody else read those records, or it was stopped: nothing of this page counts
UPDATE shadow_run SET read_seq = $4, compared = compared + $5, trouble = ''
WHERE division = $1 AND run = $2 AND read_seq = $3 AND stopped_at IS NULL
RETURNING run

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

-- name: prune_windows
-- empty: never; how many entries were taken away
SELECT prune_windows($1, $2) AS taken
