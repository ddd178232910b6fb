-- name: backlog
-- empty: never
SELECT (SELECT count(*) FROM open_payment) AS open_payments,
       (SELECT count(*) FROM open_payment WHERE operator_task) AS operator_tasks,
       (SELECT count(*) FROM pending_record) AS records_waiting,
       (SELECT count(*) FROM notice WHERE acknowledged_at IS NULL) AS notices_waiting

-- name: logs
-- empty: nothing was sealed yet
SELECT division, size, acknowledged_size FROM log_head ORDER BY division

-- name: operator_tasks
-- empty: no payment needs a person
SELECT division, fiscal_year, voucher_type, voucher_no, agency_code, amount_fen, opened_at,
       enquiries, operator_task
FROM open_payment ORDER BY opened_at, division, fiscal_year, voucher_type, voucher_no
LIMIT $1
