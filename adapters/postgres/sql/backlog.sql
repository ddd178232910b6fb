-- name: backlog
-- empty: never
SELECT (SELECT count(*) FROM open_payment) AS open_payments,
       (SELECT count(*) FROM open_payment WHERE operator_task) AS operator_tasks,
       (SELECT count(*) FROM open_payment
        WHERE operator_task AND ask_after < now() - interval '1 hour') AS tasks_overdue,
       (SELECT count(*) FROM open_payment
        WHERE NOT operator_task AND opened_at < now() - interval '1 hour') AS payments_unanswered,
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
       (SELECT count(*) FROM (
            SELECT division, fiscal_year, voucher_type, voucher_no FROM set_aside
            WHERE ended_at IS NULL
            UNION
            SELECT division, fiscal_year, voucher_type, voucher_no FROM contradicted
            WHERE ended_at IS NULL) AS payments) AS contradictions,
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
-- empty: the bank's answer to every payment is known, and its books and its word contradict none;
-- of these divisions, or of all if none is named
SELECT division, fiscal_year, voucher_type, voucher_no, agency_code, amount_fen, opened_at,
       instance, enquiries, first_not_found_at, operator_task, asked_at, ask_after, contradicted,
       held, said
FROM (
    SELECT division, fiscal_year, voucher_type, voucher_no, agency_code, amount_fen, opened_at,
           instance, enquiries, first_not_found_at, operator_task, asked_at, ask_after,
           false AS contradicted, NULL AS held, NULL AS said
    FROM open_payment
    UNION ALL
    SELECT a.division, a.fiscal_year, a.voucher_type, a.voucher_no, i.agency_code, i.amount_fen, a.at,
           i.instance, 0, NULL, true, NULL, NULL, true, s.bank, 'accepted'
    FROM set_aside AS a JOIN instruction AS i USING (division, fiscal_year, voucher_type, voucher_no)
         JOIN settlement AS s USING (division, fiscal_year, voucher_type, voucher_no)
    WHERE a.ended_at IS NULL
    UNION ALL
    SELECT c.division, c.fiscal_year, c.voucher_type, c.voucher_no, i.agency_code, i.amount_fen, c.at,
           i.instance, 0, NULL, true, NULL, NULL, true, c.held, c.said
    FROM contradicted AS c JOIN instruction AS i USING (division, fiscal_year, voucher_type, voucher_no)
    WHERE c.ended_at IS NULL
          AND NOT EXISTS (
              SELECT FROM set_aside AS a
              WHERE a.division = c.division AND a.fiscal_year = c.fiscal_year
                    AND a.voucher_type = c.voucher_type AND a.voucher_no = c.voucher_no
                    AND a.ended_at IS NULL)
) AS u
WHERE cardinality($2::text[]) = 0 OR u.division = ANY ($2::text[])
ORDER BY operator_task DESC, opened_at, division, fiscal_year, voucher_type, voucher_no
LIMIT $1

-- name: paid_unbooked
-- empty: of all that was settled as paid, and of which the end of its day was told without a debit, the bank's
-- books show one by now. Of each division the newest alerts of a month, each looked up by itself: beside them stand
-- the settlements of years. So many in all as $3, shared out, for where the books stay away each payment has its
-- alert. Of these divisions, or of all if none is named
WITH named AS (
    SELECT division FROM log_head
    WHERE cardinality($2::text[]) = 0 OR division = ANY ($2::text[])
), found AS (
    SELECT s.*, a.raised_on
    FROM named AS h
         CROSS JOIN LATERAL (
             SELECT c.raised_on, string_to_array(c.subject, '/') AS part
             FROM conduct_alert AS c
             WHERE c.division = h.division AND c.policy = 'JL-104'
                   AND c.raised_on >= (now() AT TIME ZONE 'Asia/Shanghai')::date - 31
             ORDER BY c.raised_on DESC
             LIMIT (SELECT greatest($3::bigint / greatest(count(*), 1), 1) FROM named)
         ) AS a
         CROSS JOIN LATERAL (
             SELECT division, fiscal_year, voucher_type, voucher_no, settled_at, evidence
             FROM settlement
             WHERE division = h.division AND fiscal_year = a.part[3]::integer
                   AND voucher_type = a.part[4] AND voucher_no = a.part[5] AND bank = 'accepted'
                   AND NOT EXISTS (
                       SELECT FROM bank_entry AS e
                       WHERE e.division = h.division AND e.fiscal_year = a.part[3]::integer
                             AND e.voucher_type = a.part[4] AND e.voucher_no = a.part[5]
                             AND e.direction = 'debit'
                       OFFSET 0)
             OFFSET 0
         ) AS s
    ORDER BY a.raised_on, s.division, s.fiscal_year, s.voucher_type, s.voucher_no
    LIMIT $1
)
SELECT s.division, s.fiscal_year, s.voucher_type, s.voucher_no, i.agency_code, i.amount_fen,
       s.settled_at, s.evidence, s.raised_on
FROM found AS s
     CROSS JOIN LATERAL (
         SELECT agency_code, amount_fen FROM instruction
         WHERE division = s.division AND fiscal_year = s.fiscal_year
               AND voucher_type = s.voucher_type AND voucher_no = s.voucher_no
         OFFSET 0
     ) AS i
ORDER BY s.raised_on, s.division, s.fiscal_year, s.voucher_type, s.voucher_no

-- name: ended
-- empty: no contradiction has ended since; newest first. Where one act ended what the books showed and
-- what the bank said, the books stand for both
SELECT e.division, e.fiscal_year, e.voucher_type, e.voucher_no, i.agency_code, i.amount_fen,
       e.at AS opened_at, i.instance, 0 AS enquiries, NULL::timestamptz AS first_not_found_at,
       false AS operator_task, true AS contradicted, e.held, e.said, e.ended_at, e.ended_as
FROM (
    SELECT c.division, c.fiscal_year, c.voucher_type, c.voucher_no, c.at, c.held, c.said,
           c.ended_at, c.ended_as
    FROM contradicted AS c
    WHERE c.ended_at >= $1
          AND NOT EXISTS (
              SELECT FROM set_aside AS a
              WHERE a.division = c.division AND a.fiscal_year = c.fiscal_year
                    AND a.voucher_type = c.voucher_type AND a.voucher_no = c.voucher_no
                    AND a.ended_at = c.ended_at)
    UNION ALL
    SELECT a.division, a.fiscal_year, a.voucher_type, a.voucher_no, a.at, s.bank, 'accepted',
           a.ended_at, CASE a.ended_as WHEN 'posted' THEN 'accepted' ELSE s.bank END
    FROM set_aside AS a
         JOIN settlement AS s USING (division, fiscal_year, voucher_type, voucher_no)
    WHERE a.ended_at >= $1
) AS e JOIN instruction AS i USING (division, fiscal_year, voucher_type, voucher_no)
WHERE cardinality($3::text[]) = 0 OR e.division = ANY ($3::text[])
ORDER BY e.ended_at DESC, e.division, e.fiscal_year, e.voucher_type, e.voucher_no
LIMIT $2

-- name: unknown
-- empty: there is no such payment, or it is settled
SELECT division, fiscal_year, voucher_type, voucher_no, agency_code, amount_fen, opened_at,
       instance, enquiries, first_not_found_at, operator_task, asked_at, ask_after
FROM open_payment
WHERE division = $1 AND fiscal_year = $2 AND voucher_type = $3 AND voucher_no = $4
