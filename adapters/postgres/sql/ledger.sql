-- name: commit
-- empty: never; all columns NULL when every payment was open and every instruction was admitted
SELECT already, existing, short_slot, short_demand, short_available, moved_slot, moved_ask,
       moved_value
FROM commit_told($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)

-- name: admitted_by
-- empty: that attempt made nothing durable (yet); the emitted message makes this commit durable
SELECT k.division, k.fiscal_year, k.voucher_type, k.voucher_no
FROM unnest($2::text[], $3::integer[], $4::text[], $5::text[])
     AS k (division, fiscal_year, voucher_type, voucher_no)
     CROSS JOIN LATERAL (
         SELECT FROM instruction AS i
         WHERE i.division = k.division AND i.fiscal_year = k.fiscal_year
               AND i.voucher_type = k.voucher_type AND i.voucher_no = k.voucher_no
               AND i.attempt = $1
         OFFSET 0
     ) AS ours
WHERE (SELECT pg_logical_emit_message(true, 'treasury-gateway', '')) IS NOT NULL

-- name: settled_by
-- empty: that attempt made nothing durable (yet); the emitted message makes this commit durable
SELECT k.division, k.fiscal_year, k.voucher_type, k.voucher_no
FROM unnest($2::text[], $3::integer[], $4::text[], $5::text[])
     AS k (division, fiscal_year, voucher_type, voucher_no)
     CROSS JOIN LATERAL (
         SELECT FROM settlement AS s
         WHERE s.division = k.division AND s.fiscal_year = k.fiscal_year
               AND s.voucher_type = k.voucher_type AND s.voucher_no = k.voucher_no
               AND s.attempt = $1
         OFFSET 0
     ) AS ours
WHERE (SELECT pg_logical_emit_message(true, 'treasury-gateway', '')) IS NOT NULL

-- name: standings
-- empty: none of these keys was ever admitted, or none of this agency's; the emitted message makes
-- this commit durable
SELECT k.division, k.fiscal_year, k.voucher_type, k.voucher_no, i.digest, i.party, i.format, i.raw,
       i.signature, i.agency_code, i.outcome, i.decided_at, i.decision, s.bank, s.bank_reference,
       s.bank_reason, s.settled_at, s.overruled, h.ended_at, h.how AS ended_how,
       h.decision AS ended_decision,
       CASE WHEN s.bank IS NOT NULL THEN ARRAY(
           SELECT c.body FROM (
               SELECT r.body, false AS waits, r.seq AS place FROM sealed_record AS r
               WHERE r.division = k.division AND r.kind = 'correction' AND r.subject = concat_ws(
                   '/', k.division, k.fiscal_year, k.voucher_type, k.voucher_no)
               UNION ALL
               SELECT p.body, true, p.id FROM pending_record AS p
               WHERE p.division = k.division AND p.kind = 'correction' AND p.subject = concat_ws(
                   '/', k.division, k.fiscal_year, k.voucher_type, k.voucher_no)
           ) AS c ORDER BY c.waits, c.place) END AS corrections
FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[])
     AS k (division, fiscal_year, voucher_type, voucher_no)
     CROSS JOIN LATERAL (
         SELECT digest, party, format, raw, signature, agency_code, outcome, decided_at, decision
         FROM instruction AS i
         WHERE i.division = k.division AND i.fiscal_year = k.fiscal_year
               AND i.voucher_type = k.voucher_type AND i.voucher_no = k.voucher_no
               AND ($5::text IS NULL OR i.agency_code = $5)
         OFFSET 0
     ) AS i
     LEFT JOIN LATERAL (
         SELECT bank, bank_reference, bank_reason, settled_at, overruled
         FROM settled AS s
         WHERE s.division = k.division AND s.fiscal_year = k.fiscal_year
               AND s.voucher_type = k.voucher_type AND s.voucher_no = k.voucher_no
         OFFSET 0
     ) AS s ON true
     LEFT JOIN LATERAL (
         SELECT ended_at, how, decision
         FROM hold_end AS h
         WHERE i.outcome = 'held' AND h.division = k.division AND h.fiscal_year = k.fiscal_year
               AND h.voucher_type = k.voucher_type AND h.voucher_no = k.voucher_no
         OFFSET 0
     ) AS h ON true
WHERE (SELECT pg_logical_emit_message(true, 'treasury-gateway', '')) IS NOT NULL

-- name: open_payments
-- empty: no passed instruction waits for enquiry; what claims to be opened far ahead was opened by
-- a clock that was wrong, and does not wait until that moment comes
SELECT division, fiscal_year, voucher_type, voucher_no, agency_code, amount_fen, opened_at,
       instance, enquiries, first_not_found_at, operator_task, asked_at, ask_after
FROM open_payment
WHERE (opened_at < $1 OR opened_at > $1 + interval '2 minutes') AND NOT operator_task
ORDER BY enquiries, opened_at, division, fiscal_year, voucher_type, voucher_no
LIMIT $2

-- name: due_tasks
-- empty: no operator's task is due to be asked about. Whose turn came first is asked first, of each division
-- as many; what claims to be due far ahead was put off by a clock that was wrong
SELECT division, fiscal_year, voucher_type, voucher_no, agency_code, amount_fen, opened_at,
       instance, enquiries, first_not_found_at, operator_task, asked_at, ask_after
FROM (
    SELECT *, row_number() OVER (
        PARTITION BY division
        ORDER BY ask_after NULLS FIRST, opened_at, fiscal_year, voucher_type, voucher_no) AS turn
    FROM open_payment
    WHERE operator_task
          AND (ask_after IS NULL OR ask_after <= $1 OR ask_after > $1 + interval '2 hours')
) AS due
ORDER BY turn, ask_after NULLS FIRST, opened_at, division, fiscal_year, voucher_type, voucher_no
LIMIT $2

-- name: note_enquiry
-- empty: always; a payment that was settled meanwhile is left alone
UPDATE open_payment
SET enquiries = enquiries + 1,
    first_not_found_at = CASE WHEN $6::boolean THEN coalesce(first_not_found_at, $5::timestamptz) END,
    operator_task = operator_task OR $7::timestamptz IS NOT NULL,
    asked_at = $5,
    ask_after = $7
WHERE division = $1 AND fiscal_year = $2 AND voucher_type = $3 AND voucher_no = $4

-- name: hand_over
-- empty: always; a payment that was settled meanwhile is left alone
UPDATE open_payment SET operator_task = true
WHERE division = $1 AND fiscal_year = $2 AND voucher_type = $3 AND voucher_no = $4

-- name: record_contradiction
-- empty: never; whether it was written, or why it was not
SELECT contradict_by_word($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: limits
-- empty: none of these limits is in any register that was loaded
SELECT l.kind, l.id, l.granted_fen, l.frozen_fen, l.opening_fen, l.reserved_fen, l.posted_fen
FROM unnest($2::text[], $3::text[]) AS k (kind, id)
     CROSS JOIN LATERAL (
         SELECT * FROM limit_line AS line
         WHERE line.division = $1 AND line.kind = k.kind AND line.id = k.id
         OFFSET 0
     ) AS l
