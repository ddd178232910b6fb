-- name: patience
-- empty: always; reading registers of a million rows between two pages takes longer than others may
SET LOCAL idle_in_transaction_session_timeout = '15min'

-- name: divisions
-- empty: nothing was ever decided or loaded
SELECT division FROM log_head
UNION SELECT division FROM limit_line
UNION SELECT division FROM register_age
ORDER BY division

-- name: today
-- empty: never
SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date AS today

-- name: head
-- empty: nothing was sealed yet
SELECT origin, size FROM log_head WHERE division = $1

-- name: cosigned
-- empty: the bureau has cosigned nothing of this log
SELECT size, cosigned AS note FROM log_checkpoint
WHERE division = $1 AND cosigned IS NOT NULL AND size <= $2
ORDER BY size DESC LIMIT 1

-- name: checkpoint
-- empty: no checkpoint of that size is kept
SELECT size, text AS note FROM log_checkpoint WHERE division = $1 AND size = $2

-- name: records
-- empty: no record in that stretch
SELECT seq, kind, subject, body, leaf_hash, disclosures FROM sealed_record
WHERE division = $1 AND seq >= $2 AND seq < $3
ORDER BY seq

-- name: waiting
-- empty: every record has its number
SELECT kind, subject, body, disclosures FROM (
    SELECT t.kind, t.subject, t.body, t.disclosures, t.batch AS at, t.place
    FROM told_batch AS b JOIN told_record AS t USING (division, batch)
    WHERE b.division = $1
    UNION ALL
    SELECT p.kind, p.subject, p.body, p.disclosures, p.id, 0 FROM pending_record AS p WHERE p.division = $1
) AS waits
ORDER BY at, place

-- name: about
-- empty: no sealed record is about any of these
SELECT r.kind, r.subject, r.body
FROM unnest($2::text[]) AS s (subject)
     CROSS JOIN LATERAL (
         SELECT seq, kind, subject, body FROM sealed_record AS r
         WHERE r.division = $1 AND r.subject = s.subject
         OFFSET 0
     ) AS r
ORDER BY r.seq

-- name: payments
-- empty: none of these was ever decided
SELECT i.fiscal_year, i.voucher_type, i.voucher_no, i.amount_fen, i.decided_at, i.outcome,
       i.agency_code, i.party, i.format, i.digest, i.raw, i.decision, i.limit_kinds, i.limit_ids,
       i.demand_fen, h.how, h.ended_at, h.order_digest, h.decision AS ended_decision, h.limit_kinds AS ended_kinds,
       h.limit_ids AS ended_ids, h.demand_fen AS ended_fen, s.bank,
       s.settled_at, s.bank_reference, s.bank_reason, s.evidence,
       o.amount_fen AS open_amount, o.opened_at, o.limit_kinds AS open_kinds, o.limit_ids AS open_ids,
       o.demand_fen AS open_fen
FROM unnest($2::integer[], $3::text[], $4::text[]) AS k (fiscal_year, voucher_type, voucher_no)
     CROSS JOIN LATERAL (
         SELECT i.* FROM instruction AS i
         WHERE i.division = $1 AND i.fiscal_year = k.fiscal_year
               AND i.voucher_type = k.voucher_type AND i.voucher_no = k.voucher_no
         OFFSET 0
     ) AS i
     LEFT JOIN LATERAL (
         SELECT how, ended_at, order_digest, decision, limit_kinds, limit_ids, demand_fen
         FROM hold_end AS h
         WHERE h.division = $1 AND h.fiscal_year = k.fiscal_year
               AND h.voucher_type = k.voucher_type AND h.voucher_no = k.voucher_no
         OFFSET 0
     ) AS h ON true
     LEFT JOIN LATERAL (
         SELECT bank, settled_at, bank_reference, bank_reason, evidence FROM settlement AS s
         WHERE s.division = $1 AND s.fiscal_year = k.fiscal_year
               AND s.voucher_type = k.voucher_type AND s.voucher_no = k.voucher_no
         OFFSET 0
     ) AS s ON true
     LEFT JOIN LATERAL (
         SELECT amount_fen, opened_at, limit_kinds, limit_ids, demand_fen FROM open_payment AS o
         WHERE o.division = $1 AND o.fiscal_year = k.fiscal_year
               AND o.voucher_type = k.voucher_type AND o.voucher_no = k.voucher_no
         OFFSET 0
     ) AS o ON true

-- name: refunds
-- empty: nothing came back of any of these
SELECT r.of_year AS fiscal_year, r.of_type AS voucher_type, r.of_no AS voucher_no,
       concat_ws('/', r.division, r.fiscal_year, r.voucher_type, r.voucher_no) AS refund,
       r.amount_fen, r.limit_kinds, r.limit_ids, r.back_fen
FROM unnest($2::integer[], $3::text[], $4::text[]) AS k (fiscal_year, voucher_type, voucher_no)
     CROSS JOIN LATERAL (
         SELECT r.* FROM refund AS r
         WHERE r.division = $1 AND r.of_year = k.fiscal_year AND r.of_type = k.voucher_type
               AND r.of_no = k.voucher_no
         OFFSET 0
     ) AS r

-- name: asides
-- empty: nothing was set aside of any of these
SELECT a.fiscal_year, a.voucher_type, a.voucher_no, coalesce(a.ended_as, 'open') AS state,
       a.limit_kinds, a.limit_ids, a.fen
FROM unnest($2::integer[], $3::text[], $4::text[]) AS k (fiscal_year, voucher_type, voucher_no)
     CROSS JOIN LATERAL (
         SELECT a.* FROM set_aside AS a
         WHERE a.division = $1 AND a.fiscal_year = k.fiscal_year
               AND a.voucher_type = k.voucher_type AND a.voucher_no = k.voucher_no
         OFFSET 0
     ) AS a
ORDER BY a.fiscal_year, a.voucher_type, a.voucher_no, a.turn

-- name: entries
-- empty: none of these counts in a window
SELECT w.fiscal_year, w.voucher_type, w.voucher_no, w.window_id, w.window_key, w.day, w.value, w.item
FROM unnest($2::integer[], $3::text[], $4::text[]) AS k (fiscal_year, voucher_type, voucher_no)
     CROSS JOIN LATERAL (
         SELECT w.* FROM window_entry AS w
         WHERE w.division = $1 AND w.fiscal_year = k.fiscal_year
               AND w.voucher_type = k.voucher_type AND w.voucher_no = k.voucher_no
         OFFSET 0
     ) AS w

-- name: notices
-- empty: no further notice
SELECT id, sha256(body) AS digest FROM notice
WHERE division = $1 AND id > $2
ORDER BY id
LIMIT $3

-- name: alerts
-- empty: nothing was ever raised about the bank
SELECT policy, subject, sha256(body) AS digest FROM conduct_alert WHERE division = $1

-- name: swept_away
-- empty: all that is held still is looked at: in the list of holds, and by whoever ends them
SELECT i.fiscal_year, i.voucher_type, i.voucher_no
FROM hold_swept AS s
     JOIN instruction AS i ON i.division = s.division
WHERE s.division = $1 AND i.outcome = 'held' AND i.decided_at < s.before
      AND NOT EXISTS (
          SELECT FROM hold_end AS h
          WHERE h.division = i.division AND h.fiscal_year = i.fiscal_year
                AND h.voucher_type = i.voucher_type AND h.voucher_no = i.voucher_no)
LIMIT $2

-- name: lines
-- empty: no further line
SELECT kind, id, granted_fen, frozen_fen, opening_fen, reserved_fen, posted_fen, ceiling_fen
FROM limit_line
WHERE division = $1 AND (kind, id) > ($2, $3)
ORDER BY kind, id
LIMIT $4

-- name: granting_rows
-- empty: no register was loaded
SELECT register, key, body FROM register_row
WHERE division = $1 AND register = ANY ($2::text[]) AND until IS NULL

-- name: register_strays
-- empty: every row was put and ended by a version that is on record ($2), or will be at once; $3: by those from
-- that one on
SELECT v.version
FROM (
    SELECT since AS version FROM register_row WHERE division = $1 AND since >= $3
    UNION
    SELECT until FROM register_row WHERE division = $1 AND until >= $3
) AS v
WHERE v.version <> ALL ($2::bigint[]) AND NOT EXISTS (
    SELECT FROM register_snapshot AS s
    WHERE s.division = $1 AND s.version = v.version AND NOT s.recorded)
ORDER BY v.version
LIMIT $4

-- name: ages
-- empty: nothing was loaded, or a version waits for its record
SELECT register, as_of FROM register_age
WHERE division = $1
      AND NOT EXISTS (SELECT FROM register_snapshot WHERE division = $1 AND NOT recorded)
ORDER BY register

-- name: first_rows
-- empty: no register was ever loaded
SELECT DISTINCT ON (register, key) register, key, body FROM register_row
WHERE division = $1 AND register = ANY ($2::text[])
ORDER BY register, key, since

-- name: planned_first
-- empty: no indicator ever had a plan; each row is an indicator as it stood when it had its first
SELECT DISTINCT ON (i.key) i.key, i.body
FROM (
    SELECT DISTINCT regexp_replace(key, '/[0-9]+$', '') AS scope, since, until FROM register_row
    WHERE division = $1 AND register = 'plans'
) AS p
     CROSS JOIN LATERAL (
         SELECT r.key, r.since, r.until, r.body FROM register_row AS r
         WHERE r.division = $1 AND r.register = 'indicators' AND r.key = p.scope
         OFFSET 0
     ) AS i
WHERE greatest(i.since, p.since) < least(coalesce(i.until, 9223372036854775807),
                                         coalesce(p.until, 9223372036854775807))
ORDER BY i.key, greatest(i.since, p.since)

-- name: counts
-- empty: never; how many rows there are, which are all found about payments on record
SELECT 'instruction' AS what, count(*) AS rows FROM instruction WHERE division = $1
UNION ALL SELECT 'hold_end', count(*) FROM hold_end WHERE division = $1
UNION ALL SELECT 'settlement', count(*) FROM settlement WHERE division = $1
UNION ALL SELECT 'open_payment', count(*) FROM open_payment WHERE division = $1
UNION ALL SELECT 'refund', count(*) FROM refund WHERE division = $1
UNION ALL SELECT 'set_aside', count(*) FROM set_aside WHERE division = $1
UNION ALL SELECT 'window', count(*) FROM window_entry WHERE division = $1

-- name: strays
-- empty: every row belongs to an instruction, and every instruction to a verdict, on record or
-- among those ($3) that wait for their number; a look-up for each row, asked only where counts differ
(SELECT r.what, r.fiscal_year, r.voucher_type, r.voucher_no
 FROM (
     SELECT 'hold_end' AS what, fiscal_year, voucher_type, voucher_no FROM hold_end
     WHERE division = $1
     UNION ALL SELECT 'settlement', fiscal_year, voucher_type, voucher_no FROM settlement
               WHERE division = $1
     UNION ALL SELECT 'open_payment', fiscal_year, voucher_type, voucher_no FROM open_payment
               WHERE division = $1
     UNION ALL SELECT 'refund', of_year, of_type, of_no FROM refund WHERE division = $1
     UNION ALL SELECT 'set_aside', fiscal_year, voucher_type, voucher_no FROM set_aside
               WHERE division = $1
     UNION ALL SELECT 'window', fiscal_year, voucher_type, voucher_no FROM window_entry
               WHERE division = $1
 ) AS r
      LEFT JOIN LATERAL (
          SELECT true AS there FROM instruction AS i
          WHERE i.division = $1 AND i.fiscal_year = r.fiscal_year
                AND i.voucher_type = r.voucher_type AND i.voucher_no = r.voucher_no
          LIMIT 1
      ) AS i ON true
 WHERE i.there IS NULL
 LIMIT $2)
UNION ALL
(SELECT 'instruction', i.fiscal_year, i.voucher_type, i.voucher_no
 FROM instruction AS i
      CROSS JOIN LATERAL (
          SELECT concat_ws('/', i.division, i.fiscal_year, i.voucher_type, i.voucher_no) AS subject
          OFFSET 0
      ) AS named
      LEFT JOIN LATERAL (
          SELECT true AS there FROM log_record AS l
          WHERE l.division = $1 AND l.subject = named.subject AND l.kind = 'verdict'
          LIMIT 1
      ) AS l ON true
 WHERE i.division = $1 AND l.there IS NULL AND named.subject <> ALL ($3::text[])
 LIMIT $2)
