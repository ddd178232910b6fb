-- name: backlog
-- empty: never
SELECT (SELECT count(*) FROM open_payment) AS open_payments,
       (SELECT count(*) FROM open_payment WHERE operator_task) AS operator_tasks,
       (SELECT count(*) FROM pending_record)
           + (SELECT coalesce(sum(records), 0)::bigint FROM told_batch) AS records_waiting,
       (SELECT count(*) FROM notice WHERE acknowledged_at IS NULL) AS notices_waiting,
       (SELECT count(*) FROM instruction AS i LEFT JOIN hold_swept AS s USING (division)
        WHERE i.outcome = 'held'
              AND i.decided_at >= coalesce(s.before, '-infinity'::timestamptz)
              AND NOT EXISTS (
                  SELECT FROM hold_end AS h
                  WHERE h.division = i.division AND h.fiscal_year = i.fiscal_year
                        AND h.voucher_type = i.voucher_type AND h.voucher_no = i.voucher_no)
       ) AS holds_open,
       (SELECT count(*) FROM open_release) AS releases_open,
       (SELECT count(*) FROM overdraft) AS limits_overdrawn,
       (SELECT count(*) FROM set_aside WHERE ended_at IS NULL) AS contradictions,
       (SELECT count(*) FROM notification WHERE acknowledged_at IS NULL) AS notifications_waiting,
       (SELECT count(*) FROM recall_word AS w
        WHERE w.status = 'PDCR'
              AND NOT EXISTS (
                  SELECT FROM recall_word AS f
                  WHERE f.division = w.division AND f.recall = w.recall
                        AND f.fiscal_year = w.fiscal_year AND f.voucher_type = w.voucher_type
                        AND f.voucher_no = w.voucher_no AND f.status <> 'PDCR')
       ) AS recalls_waiting,
       (SELECT count(*) FROM log_head AS h JOIN conduct_alert AS a USING (division)
        WHERE a.raised_on = (now() AT TIME ZONE 'Asia/Shanghai')::date) AS conduct_alerts_today

-- name: logs
-- empty: nothing was sealed yet
SELECT division, size, acknowledged_size FROM log_head ORDER BY division

-- name: untold
-- empty: every bureau has acknowledged all. Each look takes one row of an index a division.
SELECT division, what, greatest(0, extract(epoch FROM now() - since))::float8 AS age_s
FROM (
    SELECT h.division, 'records' AS what, c.sealed_at AS since
    FROM log_head AS h
    CROSS JOIN LATERAL (
        SELECT sealed_at FROM log_checkpoint
        WHERE division = h.division AND size > h.acknowledged_size ORDER BY size LIMIT 1
    ) AS c
    UNION ALL
    SELECT h.division, 'notices', n.created_at
    FROM log_head AS h
    CROSS JOIN LATERAL (
        SELECT created_at FROM notice
        WHERE division = h.division AND acknowledged_at IS NULL ORDER BY id LIMIT 1
    ) AS n
) AS waiting
ORDER BY division, what

-- name: unknowns
-- empty: the bank's answer to every payment is known, and its books contradict none
SELECT division, fiscal_year, voucher_type, voucher_no, agency_code, amount_fen, opened_at,
       instance, enquiries, first_not_found_at, operator_task, false AS contradicted
FROM open_payment
UNION ALL
SELECT a.division, a.fiscal_year, a.voucher_type, a.voucher_no, i.agency_code, i.amount_fen, a.at,
       i.instance, 0, NULL, true, true
FROM set_aside AS a JOIN instruction AS i USING (division, fiscal_year, voucher_type, voucher_no)
WHERE a.ended_at IS NULL
ORDER BY operator_task DESC, opened_at, division, fiscal_year, voucher_type, voucher_no
LIMIT $1

-- name: unknown
-- empty: there is no such payment, or it is settled
SELECT division, fiscal_year, voucher_type, voucher_no, agency_code, amount_fen, opened_at,
       instance, enquiries, first_not_found_at, operator_task
FROM open_payment
WHERE division = $1 AND fiscal_year = $2 AND voucher_type = $3 AND voucher_no = $4
