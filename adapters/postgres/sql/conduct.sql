-- name: entries
-- empty: none of these movements was taken before
SELECT e.division, e.id, e.booked_at, e.account, e.direction, e.amount_fen, e.fiscal_year,
       e.voucher_type, e.voucher_no, e.reference, e.counter_account, e.counter_name
FROM unnest($1::text[], $2::text[]) AS k (division, id)
     CROSS JOIN LATERAL (
         SELECT * FROM bank_entry AS b WHERE b.division = k.division AND b.id = k.id OFFSET 0
     ) AS e

-- name: movements
-- empty: nothing was booked under these numbers before
SELECT e.division, e.id, e.booked_at, e.account, e.direction, e.amount_fen, e.fiscal_year,
       e.voucher_type, e.voucher_no, e.reference, e.counter_account, e.counter_name
FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[]) AS k (division, year, type, no)
     CROSS JOIN LATERAL (
         SELECT * FROM bank_entry AS b
         WHERE b.division = k.division AND b.fiscal_year = k.year AND b.voucher_type = k.type
               AND b.voucher_no = k.no
         LIMIT $5
     ) AS e

-- name: keep_statement
-- empty: a statement of this number is there already
INSERT INTO bank_statement (division, id, received_at, digest, party, signature, raw)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING
RETURNING id

-- name: statement_digest
-- empty: no statement of this number was taken
SELECT digest FROM bank_statement WHERE division = $1 AND id = $2

-- name: keep_entries
-- empty: always; a movement that was taken before is left as it was
INSERT INTO bank_entry (division, id, booked_at, booked_day, account, direction, amount_fen,
                        fiscal_year, voucher_type, voucher_no, reference, counter_account,
                        counter_name)
SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::date[], $5::text[], $6::text[],
                     $7::bigint[], $8::integer[], $9::text[], $10::text[], $11::text[], $12::text[],
                     $13::text[])
ON CONFLICT DO NOTHING

-- name: keep_clearing
-- empty: always
INSERT INTO clearing_total (division, day, account, voucher_no, amount_fen)
SELECT * FROM unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::bigint[])
ON CONFLICT DO NOTHING

-- name: keep_tasks
-- empty: always; a task that is done stays done
INSERT INTO account_task (division, id, kind, agency, account, asked_on, done_on)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::date[],
                     $7::date[])
ON CONFLICT (division, id)
    DO UPDATE SET done_on = coalesce(account_task.done_on, EXCLUDED.done_on)

-- name: raise_alert
-- empty: it was raised before
INSERT INTO conduct_alert (division, policy, subject, raised_at, raised_on, body)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
RETURNING subject

-- name: tell_notice
-- empty: always
INSERT INTO notice (division, created_at, subject, body) VALUES ($1, $2, $3, $4)

-- name: contradict
-- empty: never; how many contradictions are new
SELECT contradict($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: end_contradiction
-- empty: never; whether it ended by this
SELECT end_contradiction($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- name: move_cursor
-- empty: always
INSERT INTO bank_cursor (source, after) VALUES ($1, $2)
ON CONFLICT (source) DO UPDATE SET after = EXCLUDED.after

-- name: cursor
-- empty: nothing was read from this source yet
SELECT after FROM bank_cursor WHERE source = $1

-- name: unbooked
-- empty: everything that passed in this time was booked, or the bank said that it was not paid
WITH due AS (
    SELECT i.division, i.fiscal_year, i.voucher_type, i.voucher_no, i.agency_code, i.amount_fen,
           i.decided_at
    FROM instruction AS i
    WHERE i.division = $1 AND i.decided_at >= $2 AND i.decided_at < $3 AND i.outcome = 'passed'
    UNION ALL
    SELECT i.division, i.fiscal_year, i.voucher_type, i.voucher_no, i.agency_code, i.amount_fen,
           h.ended_at
    FROM hold_end AS h JOIN instruction AS i USING (division, fiscal_year, voucher_type, voucher_no)
    WHERE h.division = $1 AND h.ended_at >= $2 AND h.ended_at < $3 AND h.how = 'released'
)
SELECT i.division, i.fiscal_year, i.voucher_type, i.voucher_no, i.agency_code, i.amount_fen,
       i.decided_at, s.bank
FROM due AS i
     LEFT JOIN settlement AS s
            ON s.division = i.division AND s.fiscal_year = i.fiscal_year
               AND s.voucher_type = i.voucher_type AND s.voucher_no = i.voucher_no
WHERE (s.bank IS NULL OR s.bank = 'accepted')
      AND NOT EXISTS (
          SELECT FROM bank_entry AS e
          WHERE e.division = i.division AND e.fiscal_year = i.fiscal_year
                AND e.voucher_type = i.voucher_type AND e.voucher_no = i.voucher_no
                AND e.direction = 'debit')
      AND NOT EXISTS (
          SELECT FROM conduct_alert AS a
          WHERE a.division = i.division AND a.policy = 'JL-104' AND a.subject = concat_ws(
              '/', 'payment', i.division, i.fiscal_year, i.voucher_type, i.voucher_no))
ORDER BY i.decided_at
LIMIT $4

-- name: overpaid
-- empty: nothing was paid more than once in these days, or it was told before
SELECT d.fiscal_year, d.voucher_type, d.voucher_no, i.amount_fen, d.booked_fen, d.entries
FROM (
    SELECT e.fiscal_year, e.voucher_type, e.voucher_no, sum(e.amount_fen)::bigint AS booked_fen,
           array_agg(e.id ORDER BY e.booked_at, e.id) AS entries
    FROM bank_entry AS e
    WHERE e.division = $1 AND e.direction = 'debit' AND e.voucher_no IS NOT NULL
          AND (e.fiscal_year, e.voucher_type, e.voucher_no) IN (
              SELECT n.fiscal_year, n.voucher_type, n.voucher_no FROM bank_entry AS n
              WHERE n.division = $1 AND n.booked_day >= $2 AND n.voucher_no IS NOT NULL)
    GROUP BY e.fiscal_year, e.voucher_type, e.voucher_no
    HAVING count(*) > 1
) AS d
     JOIN instruction AS i
       ON i.division = $1 AND i.fiscal_year = d.fiscal_year AND i.voucher_type = d.voucher_type
          AND i.voucher_no = d.voucher_no
WHERE d.booked_fen > i.amount_fen
      AND NOT EXISTS (
          SELECT FROM conduct_alert AS a
          WHERE a.division = $1 AND a.policy = 'JL-100' AND a.subject = concat_ws(
              '/', 'payment', $1, d.fiscal_year, d.voucher_type, d.voucher_no, 'again'))
LIMIT $3

-- name: partly_booked
-- empty: what passed and was booked in these days was booked whole, or it was told what is wrong with it
SELECT i.division, i.fiscal_year, i.voucher_type, i.voucher_no, i.agency_code, i.amount_fen,
       coalesce(h.ended_at, i.decided_at) AS decided_at, s.bank, d.booked_fen
FROM (
    SELECT e.fiscal_year, e.voucher_type, e.voucher_no, sum(e.amount_fen)::bigint AS booked_fen,
           array_agg('entry/' || e.id) AS subjects
    FROM bank_entry AS e
    WHERE e.division = $1 AND e.direction = 'debit' AND e.voucher_no IS NOT NULL
          AND (e.fiscal_year, e.voucher_type, e.voucher_no) IN (
              SELECT n.fiscal_year, n.voucher_type, n.voucher_no FROM bank_entry AS n
              WHERE n.division = $1 AND n.booked_day >= $2 AND n.voucher_no IS NOT NULL)
    GROUP BY e.fiscal_year, e.voucher_type, e.voucher_no
) AS d
     JOIN instruction AS i
       ON i.division = $1 AND i.fiscal_year = d.fiscal_year AND i.voucher_type = d.voucher_type
          AND i.voucher_no = d.voucher_no AND i.amount_fen > d.booked_fen
     LEFT JOIN hold_end AS h
            ON h.division = $1 AND h.fiscal_year = d.fiscal_year AND h.how = 'released'
               AND h.voucher_type = d.voucher_type AND h.voucher_no = d.voucher_no
     LEFT JOIN settlement AS s
            ON s.division = $1 AND s.fiscal_year = d.fiscal_year
               AND s.voucher_type = d.voucher_type AND s.voucher_no = d.voucher_no
WHERE (i.outcome = 'passed' OR h.how IS NOT NULL)
      AND (s.bank IS NULL OR s.bank = 'accepted')
      AND coalesce(h.ended_at, i.decided_at) < $3
      AND d.booked_fen + coalesce((
          SELECT sum(r.amount_fen) FROM refund AS r
          WHERE r.division = $1 AND r.of_year = d.fiscal_year AND r.of_type = d.voucher_type
                AND r.of_no = d.voucher_no), 0) < i.amount_fen
      AND NOT EXISTS (
          SELECT FROM conduct_alert AS a
          WHERE a.division = $1 AND (a.policy = 'JL-101' AND a.subject = ANY (d.subjects)
              OR a.policy = 'JL-104' AND a.subject = concat_ws(
                  '/', 'payment', $1, d.fiscal_year, d.voucher_type, d.voucher_no)))
LIMIT $4

-- name: denied
-- empty: for nothing that was settled as not paid a debit of these days, or one of which an alert was
-- raised, is left without what it took being set aside. Officers have the last word on a payment.
SELECT e.division, e.id, e.booked_at, e.account, e.direction, e.amount_fen, e.fiscal_year,
       e.voucher_type, e.voucher_no, e.reference, e.counter_account, e.counter_name
FROM (
    SELECT n.* FROM bank_entry AS n
    WHERE n.division = $1 AND n.booked_day >= $2 AND n.direction = 'debit'
          AND n.voucher_no IS NOT NULL
    UNION ALL
    SELECT n.* FROM conduct_alert AS c
         JOIN bank_entry AS n ON n.division = c.division
              AND n.id = substr(c.subject, 7, length(c.subject) - 13)
    WHERE c.division = $1 AND c.policy = 'JL-101' AND c.subject LIKE 'entry/%/denied'
          AND n.booked_day < $2
) AS e
     CROSS JOIN LATERAL (
         SELECT s.division, s.fiscal_year, s.voucher_type, s.voucher_no, s.bank
         FROM settlement AS s
         WHERE s.division = e.division AND s.fiscal_year = e.fiscal_year
               AND s.voucher_type = e.voucher_type AND s.voucher_no = e.voucher_no
         OFFSET 0
     ) AS s
WHERE s.bank IN ('rejected', 'not_taken')
      AND NOT EXISTS (
          SELECT FROM set_aside AS a
          WHERE a.division = e.division AND a.fiscal_year = e.fiscal_year
                AND a.voucher_type = e.voucher_type AND a.voucher_no = e.voucher_no
                AND a.ended_as IS DISTINCT FROM 'given_back')
      -- Of the settlement: asked of every movement of two days it would cost the look its deadline.
      AND booked_net(s.division, s.fiscal_year, s.voucher_type, s.voucher_no) > 0
ORDER BY e.booked_at, e.id
LIMIT $3

-- name: taken_back
-- empty: of every contradiction that stands the bank's books have money gone; the newest movement back
SELECT e.division, e.id, e.booked_at, e.account, e.direction, e.amount_fen, e.fiscal_year,
       e.voucher_type, e.voucher_no, e.reference, e.counter_account, e.counter_name,
       i.agency_code, s.bank AS held
FROM set_aside AS a
     JOIN settlement AS s USING (division, fiscal_year, voucher_type, voucher_no)
     JOIN instruction AS i USING (division, fiscal_year, voucher_type, voucher_no)
     CROSS JOIN LATERAL (
         SELECT b.* FROM bank_entry AS b
         WHERE b.division = a.division AND b.fiscal_year = a.fiscal_year
               AND b.voucher_type = a.voucher_type AND b.voucher_no = a.voucher_no
               AND b.direction = 'credit'
         ORDER BY b.booked_at DESC, b.id
         LIMIT 1
     ) AS e
WHERE a.division = $1 AND a.ended_at IS NULL
      AND booked_net(a.division, a.fiscal_year, a.voucher_type, a.voucher_no) <= 0
ORDER BY a.at, a.fiscal_year, a.voucher_type, a.voucher_no
LIMIT $2

-- name: debit
-- empty: the bank's movements show none that names this instruction, or took back what they show
-- (which counts as none, unless $5)
SELECT e.division, e.id, e.booked_at, e.account, e.direction, e.amount_fen, e.fiscal_year,
       e.voucher_type, e.voucher_no, e.reference, e.counter_account, e.counter_name
FROM bank_entry AS e
WHERE e.division = $1 AND e.fiscal_year = $2 AND e.voucher_type = $3 AND e.voucher_no = $4
      AND e.direction = 'debit' AND ($5::boolean OR booked_net($1, $2, $3, $4) > 0)
ORDER BY e.booked_at DESC, e.id
LIMIT 1

-- name: unreturned
-- empty: what the bank agreed to take back in this time has come back, was never paid, or was told
WITH agreed AS (
    SELECT w.fiscal_year, w.voucher_type, w.voucher_no, min(w.said_at) AS agreed_at
    FROM recall_word AS w
    WHERE w.division = $1 AND w.status = 'ACCR' AND w.said_at >= $2 AND w.said_at < $3
    GROUP BY w.fiscal_year, w.voucher_type, w.voucher_no
)
SELECT a.fiscal_year, a.voucher_type, a.voucher_no, i.agency_code, a.agreed_at,
       i.amount_fen - r.back_fen AS left_fen
FROM agreed AS a
     JOIN settled AS s ON s.division = $1 AND s.fiscal_year = a.fiscal_year
          AND s.voucher_type = a.voucher_type AND s.voucher_no = a.voucher_no
          AND s.bank = 'accepted'
     JOIN instruction AS i ON i.division = $1 AND i.fiscal_year = a.fiscal_year
          AND i.voucher_type = a.voucher_type AND i.voucher_no = a.voucher_no
     CROSS JOIN LATERAL (
         SELECT coalesce(sum(f.amount_fen), 0)::bigint AS back_fen FROM refund AS f
         WHERE f.division = $1 AND f.of_year = a.fiscal_year AND f.of_type = a.voucher_type
               AND f.of_no = a.voucher_no
     ) AS r
WHERE i.amount_fen > r.back_fen
      AND NOT EXISTS (
          SELECT FROM conduct_alert AS c
          WHERE c.division = $1 AND c.policy = 'JL-101' AND c.subject = concat_ws(
              '/', 'payment', $1, a.fiscal_year, a.voucher_type, a.voucher_no, 'recalled'))
ORDER BY a.agreed_at
LIMIT $4

-- name: unbacked
-- empty: what the bank told of as come back in this time, its books show come back, or they show nothing of the payment
-- at all, or it was told. What came back names the payment or a return of it; each return is held against
-- all that were told of by then, so that none of them leans on another one's money.
SELECT t.fiscal_year, t.voucher_type, t.voucher_no, t.of_year, t.of_type, t.of_no, i.agency_code,
       t.received_at, t.amount_fen, r.told_fen - b.back_fen AS left_fen
FROM refund AS t
     JOIN instruction AS i ON i.division = t.division AND i.fiscal_year = t.of_year
          AND i.voucher_type = t.of_type AND i.voucher_no = t.of_no
     CROSS JOIN LATERAL (
         SELECT sum(f.amount_fen)::bigint AS told_fen FROM refund AS f
         WHERE f.division = t.division AND f.of_year = t.of_year AND f.of_type = t.of_type
               AND f.of_no = t.of_no AND (f.received_at, f.attempt) <= (t.received_at, t.attempt)
     ) AS r
     CROSS JOIN LATERAL (
         SELECT coalesce(sum(e.amount_fen), 0)::bigint AS back_fen
         FROM (
             SELECT t.of_year AS year, t.of_type AS type, t.of_no AS no
             UNION
             SELECT f.fiscal_year, f.voucher_type, f.voucher_no FROM refund AS f
             WHERE f.division = t.division AND f.of_year = t.of_year AND f.of_type = t.of_type
                   AND f.of_no = t.of_no
         ) AS k
              JOIN bank_entry AS e ON e.division = t.division AND e.fiscal_year = k.year
                   AND e.voucher_type = k.type AND e.voucher_no = k.no AND e.direction = 'credit'
     ) AS b
WHERE t.division = $1 AND t.received_at >= $2 AND t.received_at < $3 AND r.told_fen > b.back_fen
      AND EXISTS (
          SELECT FROM bank_entry AS e
          WHERE e.division = t.division AND e.fiscal_year = t.of_year
                AND e.voucher_type = t.of_type AND e.voucher_no = t.of_no
                AND e.direction = 'debit')
      AND NOT EXISTS (
          SELECT FROM conduct_alert AS c
          WHERE c.division = t.division AND c.policy = 'JL-101' AND c.subject = concat_ws(
              '/', 'return', t.division, t.fiscal_year, t.voucher_type, t.voucher_no, 'unbooked'))
ORDER BY t.received_at
LIMIT $4

-- name: cleared_before
-- empty: none of these clearing vouchers was told before with another amount
SELECT n.place, c.amount_fen
FROM unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::bigint[]) WITH ORDINALITY
         AS n (division, day, account, voucher_no, amount_fen, place)
     JOIN clearing_total AS c ON c.division = n.division AND c.day = n.day
          AND c.account = n.account AND c.voucher_no = n.voucher_no
WHERE c.amount_fen <> n.amount_fen

-- name: days
-- empty: nothing was paid or cleared in these days
SELECT coalesce(b.day, c.day) AS day, coalesce(b.account, c.account) AS account,
       coalesce(b.booked_fen, 0) AS booked_fen, c.cleared_fen
FROM (
    SELECT booked_day AS day, account, sum(amount_fen)::bigint AS booked_fen
    FROM bank_entry WHERE division = $1 AND booked_day >= $2 AND direction = 'debit'
    GROUP BY booked_day, account
) AS b
     FULL JOIN (
    SELECT day, account, sum(amount_fen)::bigint AS cleared_fen
    FROM clearing_total WHERE division = $1 AND day >= $2 AND amount_fen >= 0
    GROUP BY day, account
) AS c ON c.day = b.day AND c.account = b.account
UNION ALL
-- 2302: what was cleared back, below zero, where any was, against what came back to the account.
SELECT r.day, r.account, -coalesce(b.booked_fen, 0), r.cleared_fen
FROM (
    SELECT day, account, sum(amount_fen)::bigint AS cleared_fen
    FROM clearing_total WHERE division = $1 AND day >= $2 AND amount_fen < 0
    GROUP BY day, account
) AS r
     LEFT JOIN LATERAL (
    SELECT sum(amount_fen)::bigint AS booked_fen FROM bank_entry AS e
    WHERE e.division = $1 AND e.booked_day = r.day AND e.account = r.account
          AND e.direction = 'credit'
) AS b ON true
ORDER BY 1, 2

-- name: untold_records
-- empty: the bureau has acknowledged every record that was sealed before that moment
SELECT h.acknowledged_size, c.sealed_at, c.size - h.acknowledged_size AS count
FROM log_head AS h
     CROSS JOIN LATERAL (
         SELECT sealed_at, size FROM log_checkpoint AS l
         WHERE l.division = h.division AND l.size > h.acknowledged_size
         ORDER BY l.size LIMIT 1
     ) AS c
WHERE h.division = $1 AND c.sealed_at < $2

-- name: untold_notices
-- empty: the bureau has acknowledged every interception older than that moment
SELECT subject, created_at FROM notice
WHERE division = $1 AND acknowledged_at IS NULL AND created_at < $2
      AND subject NOT LIKE 'conduct/%'
ORDER BY id
LIMIT $3

-- name: slow_tasks
-- empty: no account task was asked for before that day that is open, or was done since
SELECT division, id, kind, agency, account, asked_on, done_on FROM account_task
WHERE division = $1 AND asked_on < $2 AND (done_on IS NULL OR done_on >= $3)
ORDER BY asked_on, id
LIMIT $4

-- name: alerts
-- empty: none was raised in these days
SELECT policy, subject, raised_at, body FROM conduct_alert
WHERE division = $1 AND raised_on >= $2 AND raised_on <= $3
ORDER BY raised_at, policy, subject

-- name: score
-- empty: never
WITH passed AS (
    SELECT amount_fen FROM instruction
    WHERE division = $1 AND decided_at >= $2 AND decided_at < $3 AND outcome = 'passed'
    UNION ALL
    SELECT i.amount_fen
    FROM hold_end AS h JOIN instruction AS i USING (division, fiscal_year, voucher_type, voucher_no)
    WHERE h.division = $1 AND h.ended_at >= $2 AND h.ended_at < $3 AND h.how = 'released'
)
SELECT (SELECT count(*) FROM passed) AS passed,
       (SELECT coalesce(sum(amount_fen), 0)::bigint FROM passed) AS passed_fen,
       (SELECT count(*) FROM bank_entry
        WHERE division = $1 AND booked_at >= $2 AND booked_at < $3 AND direction = 'debit') AS booked,
       (SELECT coalesce(sum(amount_fen), 0)::bigint FROM bank_entry
        WHERE division = $1 AND booked_at >= $2 AND booked_at < $3 AND direction = 'debit')
           AS booked_fen

-- name: alert_counts
-- empty: none was raised in these days
SELECT policy, count(*) AS count FROM conduct_alert
WHERE division = $1 AND raised_on >= $2 AND raised_on <= $3
GROUP BY policy ORDER BY policy

-- name: has_log
-- empty: never; false where nothing of this division was ever sealed here
SELECT EXISTS (SELECT FROM log_head WHERE division = $1) AS known
